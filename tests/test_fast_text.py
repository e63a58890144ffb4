"""The compiled kernels of a GPT against what they stand for: exp, gelu, layer norm, attention."""

import math

import numpy as np
import pytest
from helpers import INF, NAN, assert_close

from hello_dl import Tensor
from hello_dl import functional as F
from hello_dl.backend import attention, gelu, layer_norm, threads, use_fast

pytestmark = pytest.mark.usefixtures("eager_kernels")

each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
CLOSE = {"float32": (2e-5, 2e-6), "float64": (1e-12, 1e-13)}


@pytest.fixture(params=[1, 3])
def several(request, monkeypatch):
    """Share work among so many threads, however small it is."""
    monkeypatch.setattr(threads, "share", lambda milliseconds: request.param)
    monkeypatch.setattr(attention, "share", lambda milliseconds: request.param)


def draw(*shape, dtype="float64", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def both(compute):
    """Compute with kernels, then without."""
    use_fast(True)
    ours = compute()
    use_fast(False)
    return ours, compute()


@each_dtype
def test_exp_is_exact_to_the_last_digits_in_sums_too(dtype):
    """Shares are summed up by a loop that may add in any order: exp must not be touched by it."""
    x = np.linspace(-80, 0, 1001).astype(dtype)
    s = np.stack([x, x[::-1]])[None].copy()
    attention.soften(s, 1.0, None, x.size)
    exact = np.exp(x.astype("float64"))
    assert_close(s[0, 0], exact / exact.sum(), 2e-6 if dtype == "float32" else 1e-13, 0)
    assert_close(s[0, 1], s[0, 0, ::-1], 1e-6 if dtype == "float32" else 1e-14, 0)


@each_dtype
@pytest.mark.filterwarnings("ignore:invalid value")
def test_gelu(dtype, several):
    x = np.concatenate([draw(9_999, dtype=dtype), np.array([NAN, INF, -INF, 0, -90, 90], dtype)])
    (y, slope), (expected, expected_slope) = both(lambda: gelu.by_tanh(x.copy()))
    finite = np.isfinite(x)
    assert_close(y[finite], expected[finite], *CLOSE[dtype])
    assert_close(slope[finite], expected_slope[finite], *CLOSE[dtype])
    assert np.isnan(y[-6]) and y[-5] == INF
    strided = draw(50, 40, dtype=dtype).T
    assert_close(*(way[1] for way in both(lambda: gelu.by_tanh(strided))), *CLOSE[dtype])


@each_dtype
@pytest.mark.parametrize("given", ["weight, bias", "weight", "bias", ""])
@pytest.mark.parametrize("shape", [(40, 7), (3, 130), (1, 1), (5, 64)])
def test_layer_norm(dtype, given, shape, several):
    x, g = draw(*shape, dtype=dtype) + 3, draw(*shape, dtype=dtype, seed=1)
    blocks = {name: draw(shape[1], dtype=dtype, seed=2) for name in given.split(", ") if name}
    assert layer_norm.normalized(x, blocks.get("weight"), blocks.get("bias"), 1e-5)

    def compute():
        inputs = {name: Tensor(b, requires_grad=True) for name, b in ({"x": x} | blocks).items()}
        y = F.layer_norm(inputs.pop("x"), shape[1:], **inputs)
        leaves = [node for node in y.parents]
        y.backward(g)
        return [y.numpy(), *(leaf.grad for leaf in leaves)]

    ours, expected = both(compute)
    assert len(ours) == len(expected) == 2 + len(blocks)
    for one, other in zip(ours, expected):
        assert_close(one, other, *CLOSE[dtype])


SHAPES = {  # batch, tokens of query and of key, features of key and of value
    "even": ((2, 3), 64, 64, 16, 16),
    "odd": ((1, 2), 70, 70, 5, 3),
    "more keys": ((2, 1), 70, 90, 8, 8),
    "more queries": ((2, 1), 90, 70, 8, 4),
    "no heads": ((3,), 9, 9, 4, 4),
    "no batch": ((), 9, 9, 4, 4),
    "one token": ((2, 2), 1, 1, 8, 8),
    "long": ((1, 1), 150, 150, 4, 4),
}


def attend(q, k, v, g, **options):
    leaves = [Tensor(x, requires_grad=True) for x in (q, k, v)]
    y = F.scaled_dot_product_attention(*leaves, **options)
    y.backward(g)
    return [y.numpy(), *(leaf.grad for leaf in leaves)]


@each_dtype
@pytest.mark.parametrize("is_causal", [True, False])
@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_attention(dtype, is_causal, keeps, shape, several, monkeypatch):
    monkeypatch.setattr(attention, "FEW", 10**9 if keeps else 0)
    batch, length, size, e, f = SHAPES[shape]
    sizes = (length, e), (size, e), (size, f), (length, f)
    q, k, v, g = (draw(*batch, *s, dtype=dtype, seed=i) for i, s in enumerate(sizes))
    assert attention.attended(q, k, v, 1.0, is_causal) is not None
    ours, expected = both(lambda: attend(q, k, v, g, is_causal=is_causal, scale=0.3))
    for one, other in zip(ours, expected, strict=True):
        assert_close(one, other, *CLOSE[dtype])


def test_attention_takes_heads_as_they_lie():
    """Of one block with all heads, as a GPT has it; and what is stretched, or lies otherwise."""
    qkv = draw(2, 9, 3, 4, 8)
    laid = [qkv[:, :, i].transpose(0, 2, 1, 3) for i in range(3)]
    g = draw(2, 9, 4, 8, seed=1).transpose(0, 2, 1, 3)
    ours, expected = attend(*laid, g), attend(*map(np.ascontiguousarray, (*laid, g)))
    for one, other in zip(ours, expected, strict=True):
        assert_close(one, other, 1e-13, 1e-14)
    backwards = [x[..., ::-1] for x in laid]
    assert_close(attend(*backwards, g[..., ::-1])[0], expected[0][..., ::-1], 1e-13, 1e-14)
    one_for_all = np.broadcast_to(laid[1][:1, :1], laid[1].shape)
    ours, expected = both(lambda: attend(laid[0], one_for_all, laid[2], g))
    for one, other in zip(ours, expected, strict=True):
        assert_close(one, other, 1e-12, 1e-13)


@each_dtype
def test_what_is_not_finite_stays_with_its_token(dtype, several):
    q, k, v, g = (draw(1, 3, 70, 8, dtype=dtype, seed=i) for i in range(4))
    clean = attend(q, k, v, g, is_causal=True)
    k[0, 1, 50] = NAN
    hurt = attend(q, k, v, g, is_causal=True)
    assert np.isnan(hurt[0][0, 1, 50:]).all()
    np.testing.assert_array_equal(hurt[0][0, 1, :50], clean[0][0, 1, :50])
    for one, other in zip(hurt, clean, strict=True):  # and with its head
        np.testing.assert_array_equal(one[0, ::2], other[0, ::2])


def test_a_later_token_never_changes_an_earlier_one():
    q, k, v, _ = (draw(2, 2, 100, 16, dtype="float32", seed=i) for i in range(4))
    before = F.scaled_dot_product_attention(q, k, v, is_causal=True).numpy()
    for x in (q, k, v):
        x[:, :, 60:] = draw(2, 2, 40, 16, dtype="float32", seed=9) * 100
    after = F.scaled_dot_product_attention(q, k, v, is_causal=True).numpy()
    np.testing.assert_array_equal(after[:, :, :60], before[:, :, :60])
    assert not np.array_equal(after[:, :, 60:], before[:, :, 60:])


@each_dtype
@pytest.mark.parametrize("ahead", [0, 1, 5, 40])
def test_softmax_of_scores_both_ways(dtype, ahead):
    """With a row that sees nothing, where `ahead` is 0."""
    scores, g = draw(2, 20, 40, dtype=dtype), draw(2, 20, 40, dtype=dtype, seed=1)

    def compute():
        p, slope = scores.copy(), g.copy()
        attention.soften(p, 0.5, None, ahead)
        attention.soften_back(slope, p, 0.5, ahead)
        return p, slope

    (p, slope), (expected, expected_slope) = both(compute)
    assert_close(p, expected, *CLOSE[dtype])
    assert_close(slope, expected_slope, *CLOSE[dtype])
    seen = min(ahead + 3, 40)
    assert math.isclose(p[0, 3].sum(), 1, rel_tol=1e-5) and not p[0, 3, seen:].any()
    assert p[0, 0].any() == (ahead > 0)


def test_a_change_of_the_sources_is_a_change_of_the_folder(monkeypatch, tmp_path):
    """numba looks at the file of a kernel only, and not at those of the kernels that it calls."""
    from hello_dl.backend import fast_jit

    for name in ("fast_jit.py", "fast_one.py", "fast_two.py"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(fast_jit, "__file__", str(tmp_path / "fast_jit.py"))
    folders = []
    for content in ("fast_two.py", "other"):
        (tmp_path / "fast_two.py").write_text(content)
        fast_jit._cache_folder.cache_clear()
        folders.append(fast_jit._cache_folder("/somewhere"))
    fast_jit._cache_folder.cache_clear()
    assert folders[0] != folders[1] and folders[0].startswith("/somewhere")
