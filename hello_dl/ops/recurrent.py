"""Recurrent layers over time: a state walks along a sequence, and every step can change it.

What the inputs say does not depend on the state, so it is computed for all steps at once, in one
product of matrices, before the walk begins; these rules get its result. In the walk there is one
product for each step, and the way back through time is a walk in the other direction. Where there
are compiled kernels (backend/walks.py), one call of them does what the loops over steps here say.

Sequences may differ in length. They lie packed: longest first, and all rows of step 0 (one for each
sequence), then those of step 1, and so on; `batch_sizes` says how many rows each step has.
"""

from __future__ import annotations

from collections.abc import Sequence

from hello_dl.backend import Array, device_of, gates, module_of, walks
from hello_dl.backend.gemm import matmul
from hello_dl.ops.rule import rule

LONG = 16  # steps; a walk that is as long repays a copy of the weight


@rule(floats=True)
def rnn_steps(
    x: Array,
    state: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    batch_sizes: Sequence[int],
    reverse: bool = False,
    nonlinearity: str = "tanh",
):
    """Walk with the simplest cell: state = tanh(x + weight @ state + bias) (Elman 1990).

    x      (rows, h) what the inputs say, in the order of `batch_sizes`
    state  (b, h) at the beginning; weight (h, h), bias (h,)

    Returns the state after every step (rows, h). With `reverse` the walk goes from the end to the
    beginning.
    """
    xp, walk = module_of(x), steps(batch_sizes, reverse)
    check(x, state, weight, bias, 1, batch_sizes)
    relu, compiled = nonlinearity == "relu", walks.kernels(x, state, weight, bias)
    befores, y = (xp.empty(x.shape, x.dtype) for _ in range(2))
    state = state.copy()
    if compiled:
        shift = _shift(bias, x)
        walks.apart(compiled.rnn, walk, weight.T, x, shift, state, befores, y, relu)
    else:
        turned = _turned(weight, walk)
        for rows, b in walk:
            befores[rows] = state[:b]
            out = y[rows]
            matmul(befores[rows], turned, out=out)
            out += x[rows]
            if bias is not None:
                out += bias
            xp.maximum(out, 0, out=out) if relu else xp.tanh(out, out=out)
            state[:b] = out

    def pull(g):
        carry = xp.zeros(state.shape, state.dtype)
        if compiled:
            slopes = xp.empty(x.shape, x.dtype)
            walks.apart(compiled.rnn_back, walk, weight, g, y, carry, slopes, relu)
        else:
            slopes = (y > 0).astype(y.dtype) if relu else 1 - y * y
            for rows, b in reversed(walk):
                arriving = carry[:b]
                arriving += g[rows]
                slopes[rows] *= arriving
                matmul(slopes[rows], weight, out=arriving)
        return _gradients(slopes, carry, slopes, befores, bias)

    return y, pull


@rule(floats=True)
def gru_steps(
    x: Array,
    state: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    batch_sizes: Sequence[int],
    reverse: bool = False,
):
    """Walk with a gated recurrent unit (Cho et al. 2014), in PyTorch's order of gates, r z n.

    r = sigmoid(x_r + m_r), z = sigmoid(x_z + m_z), n = tanh(x_n + r * m_n), where m = weight @
    state + bias; then state = (1 - z) * n + z * state.

    x (rows, 3h), state (b, h), weight (3h, h), bias (3h,); else as `rnn_steps`.
    """
    xp, walk = module_of(x), steps(batch_sizes, reverse)
    size = check(x, state, weight, bias, 3, batch_sizes)
    compiled = walks.kernels(x, state, weight, bias)
    opened = xp.empty(x.shape, x.dtype)
    befores, said, y = (xp.empty((len(x), size), x.dtype) for _ in range(3))
    state = state.copy()
    if compiled:
        blocks = befores, opened, said, y
        walks.apart(compiled.gru, walk, weight.T, x, _shift(bias, x), state, *blocks)
    else:
        turned, memory = _turned(weight, walk), xp.empty((len(state), 3 * size), x.dtype)
        for rows, b in walk:
            befores[rows] = state[:b]
            matmul(befores[rows], turned, out=memory[:b])
            if bias is not None:
                memory[:b] += bias
            gates.gru_step(x[rows], memory[:b], befores[rows], opened[rows], said[rows], y[rows])
            state[:b] = y[rows]

    def pull(g):
        slopes, through = xp.empty_like(opened), xp.empty_like(opened)
        carry = xp.zeros(state.shape, state.dtype)
        if compiled:
            blocks = befores, opened, said, carry, slopes, through
            walks.apart(compiled.gru_back, walk, weight, g, *blocks)
        else:
            gates.gru_slopes(opened, befores, said, slopes)
            for rows, b in reversed(walk):
                arriving = carry[:b]
                arriving += g[rows]
                gates.gru_step_back(arriving, opened[rows], slopes[rows], through[rows])
                arriving += matmul(through[rows], weight)
        return _gradients(slopes, carry, through, befores, bias)

    return y, pull


@rule(floats=True)
def lstm_steps(
    x: Array,
    state: Array,
    cell: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    batch_sizes: Sequence[int],
    reverse: bool = False,
):
    """Walk with long short-term memory (Hochreiter and Schmidhuber 1997), gates i f g o.

    With m = x + weight @ state + bias: i, f and o are sigmoid(m_i), sigmoid(m_f), sigmoid(m_o), and
    g = tanh(m_g); then cell = f * cell + i * g, and state = o * tanh(cell).

    x (rows, 4h), state and cell (b, h), weight (4h, h), bias (4h,). Returns (2, rows, h): the
    states, and the cells; else as `rnn_steps`.
    """
    xp, walk = module_of(x), steps(batch_sizes, reverse)
    size = check(x, state, weight, bias, 4, batch_sizes)
    compiled = walks.kernels(x, state, cell, weight, bias)
    opened, y = xp.empty(x.shape, x.dtype), xp.empty((2, len(x), size), x.dtype)
    befores, cells, shown = (xp.empty((len(x), size), x.dtype) for _ in range(3))
    state, cell = state.copy(), cell.copy()
    if compiled:
        blocks = state, cell, befores, cells, opened, shown, y
        walks.apart(compiled.lstm, walk, weight.T, x, _shift(bias, x), *blocks)
    else:
        turned = _turned(weight, walk)
        for rows, b in walk:
            befores[rows], cells[rows] = state[:b], cell[:b]
            said = opened[rows]
            matmul(befores[rows], turned, out=said)
            said += x[rows]
            if bias is not None:
                said += bias
            gates.lstm_step(said, cells[rows], y[1, rows], shown[rows], y[0, rows])
            state[:b], cell[:b] = y[0, rows], y[1, rows]

    def pull(g):
        slopes = xp.empty_like(opened)
        carry, of_cell = (xp.zeros(state.shape, state.dtype) for _ in range(2))
        if compiled:
            blocks = cells, opened, shown, carry, of_cell, slopes
            walks.apart(compiled.lstm_back, walk, weight, g, *blocks)
        else:
            seen = gates.lstm_slopes(opened, cells, shown, slopes)
            for rows, b in reversed(walk):
                arriving = carry[:b]
                arriving += g[0, rows]
                of_cell[:b] += g[1, rows]
                gates.lstm_step_back(arriving, of_cell[:b], seen[rows], opened[rows], slopes[rows])
                matmul(slopes[rows], weight, out=arriving)
        dx, dstate, *rest = _gradients(slopes, carry, slopes, befores, bias)
        return dx, dstate, of_cell, *rest

    return y, pull


def _turned(weight: Array, walk: Sequence[tuple[slice, int]]) -> Array:
    """Return the weight's transpose; laid out anew where a CPU needs it for many products."""
    long = device_of(weight) == "cpu" and len(walk) >= LONG
    return weight.T.copy() if long else weight.T


def _shift(bias: Array | None, x: Array) -> Array:
    return module_of(x).zeros(x.shape[1], x.dtype) if bias is None else bias


def _gradients(
    slopes: Array, carry: Array, through: Array, befores: Array, bias: Array | None
) -> tuple[Array, ...]:
    """Return the gradients of x, the state at the beginning, the weight and the bias."""
    of_bias = () if bias is None else (through.sum(0),)
    return slopes, carry, matmul(through.T, befores), *of_bias


def steps(batch_sizes: Sequence[int], reverse: bool) -> list[tuple[slice, int]]:
    """Return for every step its rows, and how many these are, in the order of the walk."""
    walk, start = [], 0
    for b in batch_sizes:
        walk.append((slice(start, start + b), b))
        start += b
    return walk[::-1] if reverse else walk


def check(
    x: Array,
    state: Array,
    weight: Array,
    bias: Array | None,
    gates: int,
    batch_sizes: Sequence[int],
) -> int:
    """Return h, the size of the state; ValueError where shapes do not fit together."""
    b, size = state.shape if state.ndim == 2 else (0, 0)
    wide = gates * size
    if weight.shape != (wide, size) or (bias is not None and bias.shape != (wide,)):
        raise ValueError(
            f"for a state (b, {size}) the weight is {(wide, size)}, the bias {(wide,)}"
        )
    if x.shape != (sum(batch_sizes), wide):
        raise ValueError(f"the inputs say ({sum(batch_sizes)}, {wide}) numbers to the gates")
    falling = all(a >= b > 0 for a, b in zip(batch_sizes, [*batch_sizes[1:], 1]))
    if not falling or (batch_sizes and batch_sizes[0] != b):
        raise ValueError(f"batch sizes fall from {b} to 1 or more, and these are {batch_sizes}")
    return size
