"""What walks along sequences, and attention."""

import numpy as np
from rule_cases import Row, case, normal

# References: one number at a time where that is bearable. PyTorch's own layers are compared with in
# test_recurrent.py and test_attention.py; here it spells each step in its small operations.


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def walk(step, x, states, batch_sizes, reverse):
    """Go through packed steps; returns the states after each of them, (states, rows, h)."""
    ends = np.cumsum(batch_sizes)
    states = [s.copy() for s in states]
    shown = np.empty((len(states), len(x), states[0].shape[1]))
    for t in range(len(batch_sizes))[:: -1 if reverse else 1]:
        b, rows = batch_sizes[t], slice(ends[t] - batch_sizes[t], ends[t])
        for state, new, out in zip(states, step(x[rows], *(s[:b] for s in states)), shown):
            state[:b] = out[rows] = new
    return shown


def said(state, weight, bias):
    return state @ weight.T + (0 if bias is None else bias)


def rnn(x, state, weight, bias=None, *, batch_sizes, reverse=False, nonlinearity="tanh"):
    bend = np.tanh if nonlinearity == "tanh" else lambda x: np.maximum(x, 0)
    return walk(lambda x, h: [bend(x + said(h, weight, bias))], x, [state], batch_sizes, reverse)[0]


def gru(x, state, weight, bias=None, *, batch_sizes, reverse=False):
    def step(x, h):
        (xr, xz, xn), (mr, mz, mn) = np.split(x, 3, 1), np.split(said(h, weight, bias), 3, 1)
        r, z = sigmoid(xr + mr), sigmoid(xz + mz)
        return [(1 - z) * np.tanh(xn + r * mn) + z * h]

    return walk(step, x, [state], batch_sizes, reverse)[0]


def lstm(x, state, cell, weight, bias=None, *, batch_sizes, reverse=False):
    def step(x, h, c):
        i, f, g, o = np.split(x + said(h, weight, bias), 4, 1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        return [sigmoid(o) * np.tanh(c), c]

    return walk(step, x, [state, cell], batch_sizes, reverse)


def torch_walk(t, step, x, states, batch_sizes, reverse):
    states, shown, parts = list(states), {}, t.split(x, list(batch_sizes))
    for i in range(len(parts))[:: -1 if reverse else 1]:
        b = len(parts[i])
        new = step(parts[i], *(s[:b] for s in states))
        states = [t.cat([n, s[b:]]) for n, s in zip(new, states)]
        shown[i] = new
    return [t.cat([shown[i][k] for i in sorted(shown)]) for k in range(len(states))]


def torch_rnn(t, x, h, w, b=None, batch_sizes=(), reverse=False, nonlinearity="tanh"):
    b = t.zeros(len(w), dtype=w.dtype) if b is None else b
    bend = getattr(t, nonlinearity)
    return torch_walk(t, lambda x, h: [bend(x + h @ w.T + b)], x, [h], batch_sizes, reverse)[0]


def torch_gru(t, x, h, w, b=None, batch_sizes=(), reverse=False):
    one = t.eye(len(w), dtype=w.dtype)  # what the inputs say comes as it is
    return torch_walk(
        t, lambda x, h: [t.gru_cell(x, h, one, w, None, b)], x, [h], batch_sizes, reverse
    )[0]


def torch_lstm(t, x, h, c, w, b=None, batch_sizes=(), reverse=False):
    one = t.eye(len(w), dtype=w.dtype)
    step = lambda x, *state: t.lstm_cell(x, state, one, w, None, b)  # noqa: E731
    return t.stack(torch_walk(t, step, x, [h, c], batch_sizes, reverse))


def attention(q, k, v, *, scale, mask=None, is_causal=False, dropout_p=0.0):
    y = np.zeros((*q.shape[:2], v.shape[2]))
    for b, i in np.ndindex(*q.shape[:2]):
        s = k[b] @ q[b, i] * scale
        if mask is not None:
            s = s + np.broadcast_to(mask, (len(q), q.shape[1], k.shape[1]))[b, i]
        if is_causal:
            s[i + 1 :] = -np.inf
        if np.isfinite(s).any():
            p = np.exp(s - s.max())
            y[b, i] = p / p.sum() @ v[b]
    return y


def torch_attention(t, q, k, v, scale, mask=None, is_causal=False, dropout_p=0.0):
    mask = None if mask is None else t.tensor(np.asarray(mask))
    return t.nn.functional.scaled_dot_product_attention(
        q, k, v, mask, is_causal=is_causal, scale=scale
    )


def rotate(x, *, cos, sin):
    half = x.shape[-1] // 2
    turned = (x[..., :half] + 1j * x[..., half:]) * (cos + 1j * sin)
    return np.concatenate([turned.real, turned.imag], -1)


def torch_rotate(t, x, cos, sin):
    left, right = x.chunk(2, -1)
    cos, sin = t.tensor(np.asarray(cos)), t.tensor(np.asarray(sin))
    return t.cat([left * cos - right * sin, right * cos + left * sin], -1)


def walks(gates, states=1):
    """Cases: equal lengths, different ones, one step, backwards, without a bias."""
    wide = 3 * gates
    begin, parameters = [(4, 3)] * states, [(wide, 3), (wide,)]
    return [
        case((8, wide), *begin, *parameters, batch_sizes=(4, 4)),
        case((8, wide), *begin, *parameters, batch_sizes=(4, 3, 1)),
        case((8, wide), *begin, *parameters, batch_sizes=(4, 3, 1), reverse=True),
        case((8, wide), *begin, (wide, 3), batch_sizes=(4, 2, 2), reverse=True),
        case((4, wide), *begin, *parameters, batch_sizes=(4,)),
    ]


mask = np.where(np.random.default_rng(3).random((2, 3, 4)) < 0.6, 0.0, -np.inf)
mask[:, :, 0] = 0
blind = np.array([[[0.0, -np.inf], [-np.inf, -np.inf]]])
angles = normal(3, 2)

ROWS: dict[str, Row] = {
    "rnn_steps": Row(
        rnn, torch_rnn, walks(1),
        [case((4, 3), (2, 3), (3, 3), batch_sizes=(2, 2), nonlinearity="relu")],
    ),
    "gru_steps": Row(gru, torch_gru, walks(3)),
    "lstm_steps": Row(lstm, torch_lstm, walks(4, states=2)),
    "attention": Row(
        attention,
        torch_attention,
        [
            case((2, 3, 5), (2, 4, 5), (2, 4, 2), scale=0.4),
            case((2, 4, 5), (2, 4, 5), (2, 4, 5), scale=0.4, is_causal=True),
            case((1, 3, 2), (1, 5, 2), (1, 5, 3), scale=1.0, is_causal=True),
            case((2, 3, 5), (2, 4, 5), (2, 4, 2), scale=0.4, mask=mask),
            case((2, 3, 5), (2, 4, 5), (2, 4, 2), scale=0.4, mask=mask[:1]),
            case((2, 3, 5), (2, 4, 5), (2, 4, 2), scale=0.4, mask=mask[:1, :1]),
        ],
        [
            case((1, 2, 3), (1, 2, 3), (1, 2, 3), scale=1.0, mask=blind),
            case((0, 2, 3), (0, 2, 3), (0, 2, 3), scale=1.0),
        ],
    ),
    "rotate_pairs": Row(
        rotate, torch_rotate,
        [case((2, 3, 4), cos=np.cos(angles), sin=np.sin(angles))],
    ),
}  # fmt: skip
