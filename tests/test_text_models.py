"""Language models: one contract, causality, caches, GPT against one spelled in PyTorch, writing."""

from contextlib import nullcontext

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, plain

from hello_dl import Tensor, manual_seed, nn, no_grad, optim
from hello_dl.models.text import GPT, Bigram, Cache, GPTConfig, TextMLP, TextRNN
from hello_dl.text.generate import draw, generate, probabilities

each_device = pytest.mark.parametrize("device", DEVICES)
rng = np.random.default_rng(5)
SMALL = {"block_size": 16, "n_layer": 2, "n_head": 4, "n_embd": 16}
MODELS = {
    "bigram": lambda: Bigram(11),
    "mlp": lambda: TextMLP(11, context=4, embedding_dim=6, hidden_size=16),
    **{kind: lambda kind=kind: TextRNN(11, kind, 6, 12, 2) for kind in ("rnn", "gru", "lstm")},
    **{
        f"gpt-{positions}": lambda p=positions: GPT(GPTConfig(11, **SMALL, positions=p))
        for positions in ("learned", "sinusoidal", "rotary", "none")
    },
    "gpt-shared": lambda: GPT(GPTConfig(11, **SMALL, n_kv_head=2)),
    "gpt-no-bias": lambda: GPT(GPTConfig(11, **SMALL, bias=False)),
}
each_model = pytest.mark.parametrize("name", MODELS)


def made(name, device="cpu"):
    manual_seed(1)
    model = MODELS[name]()
    if name == "bigram":  # which knows nothing at first: all of its scores are equal
        nn.init.normal_(model.table.weight)
    return model.to(device)


def block(tokens, device="cpu"):
    return Tensor(on_device(np.asarray(tokens), device))


@each_device
@each_model
def test_one_contract(name, device):
    model, tokens = made(name, device), rng.integers(0, 11, (3, 9))
    logits, loss = model(block(tokens, device))
    assert logits.shape == (3, 9, 11) and loss is None
    targets = rng.integers(0, 11, (3, 9))
    logits, loss = model(block(tokens, device), block(targets, device))
    scores = plain(logits).astype(np.float64)
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    picked = np.take_along_axis(p, targets[..., None], -1)
    assert_close(loss, -np.log(picked).mean(), rtol=1e-5)
    loss.backward()
    assert all(p.grad is not None for p in model.parameters())


@each_device
@each_model
def test_a_later_token_changes_no_earlier_score_by_a_bit(name, device):
    model, tokens = made(name, device).eval(), rng.integers(0, 11, (2, 16))
    other = tokens.copy()
    other[:, 9:] = (tokens[:, 9:] + 1 + rng.integers(0, 10, (2, 7))) % 11
    with no_grad():
        a, b = (plain(model(block(x, device))[0]) for x in (tokens, other))
    assert (a[:, :9] == b[:, :9]).all() and (a[:, 9:] != b[:, 9:]).any()


@each_device
@each_model
def test_with_a_cache_the_scores_are_the_same(name, device):
    model, tokens = made(name, device).eval(), rng.integers(0, 11, (2, 16))
    with no_grad():
        whole, cache, parts = plain(model(block(tokens, device))[0]), Cache(), []
        for first, end in ((0, 5), (5, 6), (6, 7), (7, 12), (12, 16)):
            parts.append(plain(model(block(tokens[:, first:end], device), cache=cache)[0]))
            assert cache.length == end
    assert_close(np.concatenate(parts, 1), whole, rtol=1e-4, atol=1e-5)


@each_device
@each_model
def test_written_text_is_the_same_with_and_without_a_cache(name, device):
    model = made(name, device)
    with_cache, without = (
        list(generate(model, [1, 2, 3], 60, temperature=0, use_cache=use)) for use in (True, False)
    )
    assert with_cache == without and len(without) == 60
    drawn = [list(generate(model, [1], 30, seed=seed)) for seed in (3, 3, 4)]
    assert drawn[0] == drawn[1] != drawn[2]


@each_device
def test_one_token_takes_the_short_way_and_a_hook_is_called_all_the_same(device, monkeypatch):
    from hello_dl.models.text import gpt

    model, short = made("gpt-learned", device).eval(), []
    real = gpt.next_logits
    monkeypatch.setattr(gpt, "next_logits", lambda *given: short.append(1) or real(*given))

    def read(model, track=False):
        cache, short[:] = Cache(), []
        with no_grad():
            model(block([[1, 2]], device), cache=cache)
        with no_grad() if not track else nullcontext():
            return plain(model(block([[3]], device), cache=cache)[0])

    straight = read(model)
    assert short
    assert_close(read(model, track=True), straight, rtol=1e-4, atol=1e-5)
    assert not short
    called = []
    parts = model.h[0].attn.c_proj, model.h[1], model.h[1].mlp, model.h[1].mlp.dropout, model.drop
    for layer in parts:
        handle = layer.register_forward_hook(lambda layer, given, y: called.append(layer))
        assert_close(read(model), straight, rtol=1e-4, atol=1e-5)
        assert called == [layer, layer]
        called.clear()
        handle.remove()
    model.h[0].mlp.dropout.train()
    assert_close(read(model), straight, rtol=1e-4, atol=1e-5)  # p is 0
    assert not short
    model.h[0].mlp.dropout.eval()
    model.h[0].mlp.c_fc = nn.Sequential(model.h[0].mlp.c_fc)
    assert_close(read(model), straight, rtol=1e-4, atol=1e-5)
    assert short
    model.h[0].ln_2 = nn.Identity()
    assert not np.allclose(read(model), straight)


@each_model
def test_each_learns_a_little_song(name):
    """A song with a period of 5, in which every token but one says what follows it."""
    manual_seed(2)
    model, song = made(name), np.array([1, 2, 3, 2, 4] * 20)
    optimizer = optim.Adam(model.parameters(), lr={"bigram": 0.2, "lstm": 0.03}.get(name, 0.01))
    draws = np.random.default_rng(7)
    for _ in range(150):
        starts = draws.integers(0, 80, 8)
        windows = song[starts[:, None] + np.arange(17)]
        loss = model(block(windows[:, :-1]), block(windows[:, 1:]))[1]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ambiguous = 0.4 * np.log(2)  # after a 2 comes a 3 or a 4, for who sees no more than the 2
    if name == "bigram":
        assert abs(loss.item() - ambiguous) < 0.1
    else:
        assert loss.item() < 0.1
        assert list(generate(model, [1, 2, 3, 2], 6, temperature=0)) == [4, 1, 2, 3, 2, 4]


# ----------------------------------------------------------------------------------------- GPT


def test_gpt_is_one_spelled_in_pytorch():
    torch = import_torch()
    F = torch.nn.functional
    model = GPT(GPTConfig(11, **SMALL))
    state = {name: torch.tensor(plain(x)) for name, x in model.state_dict().items()}
    for name in state:  # norms and biases away from 1 and 0, so that they matter
        state[name] += 0.1 * torch.randn(state[name].shape)
    model.load_state_dict({name: x.numpy() for name, x in state.items()})

    def reference(tokens):
        x = state["wte.weight"][tokens] + state["wpe.rows.weight"][: tokens.shape[1]]
        for i in range(2):
            p = {k.removeprefix(f"h.{i}."): v for k, v in state.items() if k.startswith(f"h.{i}.")}
            y = F.layer_norm(x, (16,), p["ln_1.weight"], p["ln_1.bias"])
            y = F.linear(y, p["attn.c_attn.weight"], p["attn.c_attn.bias"])
            q, k, v = (z.unflatten(2, (4, 4)).transpose(1, 2) for z in y.split(16, 2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            y = y.transpose(1, 2).flatten(2)
            x = x + F.linear(y, p["attn.c_proj.weight"], p["attn.c_proj.bias"])
            y = F.layer_norm(x, (16,), p["ln_2.weight"], p["ln_2.bias"])
            y = F.gelu(F.linear(y, p["mlp.c_fc.weight"], p["mlp.c_fc.bias"]), approximate="tanh")
            x = x + F.linear(y, p["mlp.c_proj.weight"], p["mlp.c_proj.bias"])
        return (
            F.layer_norm(x, (16,), state["ln_f.weight"], state["ln_f.bias"]) @ state["wte.weight"].T
        )

    tokens = rng.integers(0, 11, (2, 16))
    assert_close(model(block(tokens))[0], reference(torch.tensor(tokens)).numpy(), 1e-5, 1e-5)


def test_gpt_counts_and_begins_as_gpt2():
    manual_seed(0)
    model = GPT(GPTConfig(65, bias=False))
    c, t, v, n = 128, 64, 65, 4
    assert (
        sum(p.numel() for p in model.parameters()) == v * c + t * c + n * (12 * c * c + 2 * c) + c
    )
    assert abs(plain(model.wte.weight).std() - 0.02) < 0.001
    assert abs(plain(model.h[0].mlp.c_fc.weight).std() - 0.02) < 0.001
    assert abs(plain(model.h[0].mlp.c_proj.weight).std() - 0.02 / np.sqrt(2 * n)) < 0.0005
    tokens = rng.integers(0, v, (4, t))
    loss = model(block(tokens), block(np.roll(tokens, 1)))[1]
    assert abs(loss.item() - np.log(v)) < 0.15, "at first every token is as probable"


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: GPTConfig(65, n_head=3), "n_embd=128 does not fall into n_head=3 heads"),
        (lambda: GPTConfig(65, n_kv_head=3), "cannot share n_kv_head=3"),
        (lambda: GPTConfig(0), "vocab_size must be 1 or more"),
        (lambda: GPTConfig(65, positions="odd"), "not 'odd'"),
        (lambda: GPTConfig(65, dropout=1), "dropout is a probability below 1"),
        (lambda: TextRNN(65, "tcn"), "there is no kind 'tcn'"),
        (
            lambda: made("gpt-learned")(block(np.zeros((1, 17), int))),
            "17 tokens are more than block_size=16",
        ),
        (lambda: made("bigram")(block([1, 2])), r"\(n, length\), not \(2,\)"),
        (lambda: next(generate(made("bigram"), [], 3)), "the prompt is empty"),
        (lambda: next(generate(made("bigram"), [1], 3, temperature=-1)), "temperature must be"),
        (lambda: next(generate(made("bigram"), [1], 3, top_k=0)), "top_k must be 1 or more"),
        (
            lambda: next(generate(made("bigram"), [1], 3, top_p=1.5)),
            "top_p must be above 0 and at most 1",
        ),
    ],
)
def test_bad_input_is_one_clear_line(call, says):
    with pytest.raises(ValueError, match=says) as error:
        call()
    assert "\n" not in str(error.value)


def read_on(tokens):
    """Let a GPT go on with tokens after it has read three."""
    model, cache = made("gpt-learned").eval(), Cache()
    with no_grad():
        model(block([[1, 2, 3]]), cache=cache)
        return model(block(tokens), cache=cache)


@pytest.mark.parametrize(
    "tokens, says",
    [
        ([[-1]], "row -1 is not among the 11"),
        ([[11]], "row 11 is not among the 11"),
        ([[0.5]], "row numbers must be integers"),
        ([[1], [1]], "the cache has n=1 texts, and n=2 go on"),
        ([[1, 2], [1, 2]], "the cache has n=1 texts, and n=2 go on"),
    ],
)
def test_a_gpt_that_goes_on_is_as_careful_as_one_that_begins(tokens, says):
    with pytest.raises(ValueError, match=says):
        read_on(tokens)
    assert read_on([[4]])[0].shape == (1, 1, 11)


# ------------------------------------------------------------------------------------ sampling


def test_probabilities_after_all_settings():
    scores = np.log(np.array([0.1, 0.5, 0.15, 0.25]))
    assert_close(probabilities(scores), [0.1, 0.5, 0.15, 0.25])
    cold = probabilities(scores, temperature=0.5)
    assert_close(cold, np.array([0.1, 0.5, 0.15, 0.25]) ** 2 / 0.345)
    assert_close(probabilities(scores, top_k=2), [0, 2 / 3, 0, 1 / 3])
    assert_close(probabilities(scores, top_p=0.6), [0, 2 / 3, 0, 1 / 3])
    assert_close(probabilities(scores, top_p=0.5), [0, 1, 0, 0])
    assert_close(probabilities(scores, top_p=1.0), [0.1, 0.5, 0.15, 0.25])
    chance = np.random.default_rng(0)
    assert draw(scores, 0, None, None, chance) == 1
    counts = np.bincount([draw(scores, 1.0, None, None, chance) for _ in range(4000)], minlength=4)
    assert abs(counts / 4000 - np.exp(scores)).max() < 0.03


def test_writing_leaves_the_model_in_its_mode():
    model = made("gru")
    tokens = generate(model, [1], 5, seed=0)
    next(tokens)
    tokens.close()
    assert model.training and all(m.training for m in model.modules())
