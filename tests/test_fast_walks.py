"""Recurrent layers by compiled kernels against the loops over steps that they stand for."""

import importlib
import math

import numpy as np
import pytest
from helpers import INF, NAN, assert_close, plain

from hello_dl import Tensor, nn
from hello_dl.backend import fast, threads, use_fast, walks
from hello_dl.ops import recurrent
from hello_dl.ops.recurrent import gru_steps, lstm_steps, rnn_steps

pytestmark = pytest.mark.usefixtures("eager_kernels")

KINDS = {
    "tanh": (rnn_steps, 1, 1, {}),
    "relu": (rnn_steps, 1, 1, {"nonlinearity": "relu"}),
    "gru": (gru_steps, 3, 1, {}),
    "lstm": (lstm_steps, 4, 2, {}),
}
SIZES = {
    "equal": (9,) * 5,
    "ragged": (11, 11, 7, 2, 2, 1),
    "one sequence": (1,) * 7,
    "one step": (4,),
    "many": (70, 40, 40),
    "grouped": (17, 16, 8, 7),
}
CLOSE = {"float32": (5e-5, 5e-6), "float64": (1e-12, 1e-12)}
each_kind = pytest.mark.parametrize("kind", KINDS)
each_dtype = pytest.mark.parametrize("dtype", CLOSE)


def drawn(kind, sizes, dtype="float32", h=6, bias=True, seed=0):
    """Draw the inputs of a walk: x, states, weight, bias."""
    _, gates, states, _ = KINDS[kind]
    rng, wide = np.random.default_rng(seed), gates * h
    shapes = [(sum(sizes), wide), *[(sizes[0], h)] * states, (wide, h), (wide,)]
    drawn = [rng.normal(size=shape) for shape in shapes[: None if bias else -1]]
    drawn[states + 1] /= math.sqrt(h)  # the weight: else what is rounded would grow with each step
    return [x.astype(dtype) for x in drawn]


def walked(kind, inputs, sizes, wanted, reverse=False):
    """Return what comes out, and the gradients of all inputs from a random one."""
    operation, _, _, options = KINDS[kind]
    use_fast(wanted)
    leaves = [Tensor(x, requires_grad=True) for x in inputs]
    y = operation(*leaves, batch_sizes=sizes, reverse=reverse, **options)
    g = np.random.default_rng(1).normal(size=y.shape).astype(y.dtype.name)
    (y * Tensor(g)).sum().backward()
    return [plain(y), *[plain(leaf.grad) for leaf in leaves]]


def both(kind, inputs, sizes, monkeypatch, **options):
    """Walk with the kernels, of which both must have been used, and without."""
    calls, apart = [], walks.apart

    def counted(kernel, *arguments):
        calls.append(kernel)
        return apart(kernel, *arguments)

    monkeypatch.setattr(walks, "apart", counted)
    ours = walked(kind, inputs, sizes, True, **options)
    assert len(calls) == 2, "once forwards and once back"
    loops = walked(kind, inputs, sizes, False, **options)
    assert len(calls) == 2, "though it is turned off"
    return ours, loops


@each_dtype
@each_kind
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_values_and_gradients(kind, sizes, reverse, dtype, monkeypatch):
    for bias in (True, False):
        inputs = drawn(kind, sizes, dtype, bias=bias)
        before = [x.copy() for x in inputs]
        ours, loops = both(kind, inputs, sizes, monkeypatch, reverse=reverse)
        for i, (one, other) in enumerate(zip(ours, loops, strict=True)):
            assert one.dtype == dtype and one.shape == other.shape
            assert_close(one, other, *CLOSE[dtype], what=f"number {i}")
        for x, same in zip(inputs, before, strict=True):
            np.testing.assert_array_equal(x, same, "an input was overwritten")


@each_kind
@pytest.mark.parametrize("h", [1, 5, 64, 150, 300])
def test_sizes_that_do_not_fill_blocks_or_lanes(kind, h, monkeypatch):
    for sizes in ((3, 3, 2), (40, 33, 1)):
        inputs = drawn(kind, sizes, "float64", h)
        for one, other in zip(*both(kind, inputs, sizes, monkeypatch), strict=True):
            assert_close(one, other, 1e-11, 1e-11)


@each_kind
@pytest.mark.parametrize("many", [2, 3, 16])
@pytest.mark.parametrize("group", [1, 8])
def test_threads_change_nothing(kind, many, group, monkeypatch):
    """Also where there are more of them than sequences."""
    monkeypatch.setattr(walks, "GROUP", group)
    for sizes in (SIZES["ragged"], SIZES["many"]):
        inputs = drawn(kind, sizes, "float64")
        monkeypatch.setattr(threads, "count", lambda: 1)
        alone = walked(kind, inputs, sizes, True)
        monkeypatch.setattr(threads, "count", lambda: many)
        monkeypatch.setattr(threads, "WORTH", 1e-9)
        for one, other in zip(walked(kind, inputs, sizes, True), alone, strict=True):
            assert_close(one, other, 1e-13, 1e-13)


@each_kind
@pytest.mark.parametrize("number", [NAN, INF, -INF])
def test_nan_and_inf_stay_in_their_sequence(kind, number, monkeypatch):
    sizes = (6, 6, 6, 5)
    for place in ("x", "state"):
        clean = drawn(kind, sizes)
        inputs = [x.copy() for x in clean]
        inputs[0 if place == "x" else 1][2 + (6 if place == "x" else 0), 3] = number  # sequence 2
        with np.errstate(all="ignore"):
            ours, loops = both(kind, inputs, sizes, monkeypatch)
        assert_close(ours[0], loops[0], *CLOSE["float32"])
        assert_close(ours[1], loops[1], *CLOSE["float32"])
        same, of_sequence = walked(kind, clean, sizes, True), np.r_[0:6, 0:6, 0:6, 0:5]
        for one, other in zip(ours[:2], same[:2], strict=True):
            others = of_sequence != 2
            assert_close(one[..., others, :], other[..., others, :], *CLOSE["float32"])


@each_kind
def test_a_nan_is_not_lost(kind):
    sizes = (3, 3, 3)
    inputs = drawn(kind, sizes)
    inputs[0][1] = NAN
    y = walked(kind, inputs, sizes, True)[0].reshape(-1, 9, 6)[0]
    assert np.isnan(y[1::3]).all() and np.isfinite(np.delete(y, [1, 4, 7], 0)).all()


@each_kind
def test_what_does_not_lie_in_rows(kind, monkeypatch):
    """Views, blocks by columns, a gradient that is one number everywhere."""
    sizes = SIZES["ragged"]
    inputs = drawn(kind, sizes, "float64")
    lying = [np.asfortranarray(x) if i % 2 else np.repeat(x, 2, -1)[..., ::2]
             for i, x in enumerate(inputs)]  # fmt: skip
    lying[0].setflags(write=False)
    ours, loops = both(kind, lying, sizes, monkeypatch)
    straight = walked(kind, inputs, sizes, False)
    for one, other, same in zip(ours, loops, straight, strict=True):
        assert_close(one, other, 1e-12, 1e-12)
        assert_close(one, same, 1e-12, 1e-12)
    leaves = [Tensor(x, requires_grad=True) for x in lying]
    use_fast(True)
    KINDS[kind][0](*leaves, batch_sizes=sizes, **KINDS[kind][3]).sum().backward()
    assert all(np.isfinite(plain(leaf.grad)).all() for leaf in leaves)


@each_kind
def test_going_back_twice_gives_the_same_twice(kind):
    sizes = SIZES["ragged"]
    leaves = [Tensor(x, requires_grad=True) for x in drawn(kind, sizes, "float64")]
    loss = (KINDS[kind][0](*leaves, batch_sizes=sizes, **KINDS[kind][3]) ** 2).sum()
    loss.backward(retain_graph=True)
    once = [plain(leaf.grad).copy() for leaf in leaves]
    loss.backward()
    for leaf, grad in zip(leaves, once, strict=True):
        assert_close(leaf.grad, 2 * grad, 1e-13, 1e-13)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_whole_layers_both_ways(kind):
    """Two layers in both directions, from a state that is given."""
    layer = getattr(nn, kind)(3, 10, 2, bidirectional=True, dtype="float64")
    rng = np.random.default_rng(0)
    x, begin = rng.normal(size=(6, 9, 3)), rng.normal(size=(4, 9, 10))
    seen = []
    for wanted in (True, False):
        use_fast(wanted)
        layer.zero_grad()
        leaf, state = (Tensor(a, requires_grad=True) for a in (x, begin))
        y, last = layer(leaf, (state, state) if kind == "LSTM" else state)
        last = last[1] if kind == "LSTM" else last
        ((y * y).sum() + last.sum()).backward()
        seen.append([y, last, leaf.grad, state.grad, *[p.grad for p in layer.parameters()]])
    for one, other in zip(*seen, strict=True):
        assert_close(one, other.data, 1e-11, 1e-11)


# -------------------------------------------------------------------------------- the curves


def test_curves_in_float32_keep_their_digits_however_small_x_is():
    small = np.logspace(-37, 1.5, 20000)
    x = np.concatenate([small, -small, np.linspace(-90, 90, 20001)]).astype("float32")
    from hello_dl.backend.fast_gates import kernel, sigmoid, tanh

    @kernel
    def compute(x, bent, open_):
        for i in range(len(x)):
            bent[i] = tanh(x[i])
            open_[i] = sigmoid(x[i])

    bent, open_, wide = np.empty_like(x), np.empty_like(x), x.astype("float64")
    compute(x, bent, open_)
    assert_close(bent, np.tanh(wide), 4e-7, 0)
    assert_close(open_, 1 / (1 + np.exp(-wide)), 4e-7, 1e-37)
    extreme = np.array([INF, -INF, NAN, 0, 1e30, -1e30], "float32")
    bent, open_ = np.empty_like(extreme), np.empty_like(extreme)
    compute(extreme, bent, open_)
    np.testing.assert_array_equal(bent, np.array([1, -1, NAN, 0, 1, -1], "float32"))
    np.testing.assert_array_equal(open_, np.array([1, 0, NAN, 0.5, 1, 0], "float32"))


# -------------------------------------------------------------------------- whether it is used


def test_small_walks_halves_and_mixed_dtypes_are_left_to_numpy(monkeypatch):
    x, state, weight, bias = drawn("gru", (4, 4), "float64")
    assert walks.kernels(x, state, weight, bias) and walks.kernels(x, state, weight, None)
    assert walks.kernels(x, state.astype("float32"), weight, bias) is None
    halves = [a.astype("float16") for a in (x, state, weight, bias)]
    assert walks.kernels(*halves) is None
    monkeypatch.setattr(fast, "LEAST", x.size + 1)
    assert walks.kernels(x, state, weight, bias) is None


def test_without_numba_or_without_a_blas_that_is_known(monkeypatch, capsys):
    inputs, sizes = drawn("gru", (4, 4, 3), "float64"), (4, 4, 3)
    expected = walked("gru", inputs, sizes, True)
    from hello_dl.backend import fast_blas

    with monkeypatch.context() as patch:
        patch.setattr(fast, "_wanted", None)
        patch.setattr(fast, "is_installed", lambda: False)
        assert walks.kernels(*inputs) is None
    fast._compiled.cache_clear()
    monkeypatch.setattr(threads, "blas_paths", lambda: [])
    monkeypatch.setattr(fast.importlib, "import_module", lambda name: importlib.reload(fast_blas))
    try:
        assert walks.kernels(*inputs) is None
        for one, other in zip(walked("gru", inputs, sizes, True), expected, strict=True):
            assert_close(one, other, 1e-12, 1e-12)
    finally:
        monkeypatch.undo()
        fast._compiled.cache_clear()
        importlib.reload(fast_blas)
    assert capsys.readouterr().err == ""


def test_a_long_walk_in_numpy_lays_out_the_weight_once(monkeypatch):
    """BLAS takes a weight by rows more quickly; the numbers stay the same."""
    for sizes in ((3,) * (recurrent.LONG - 1), (3,) * recurrent.LONG):
        weight = drawn("gru", sizes)[2]
        turned = recurrent._turned(weight, recurrent.steps(sizes, False))
        assert turned.flags.c_contiguous == (len(sizes) == recurrent.LONG)
        np.testing.assert_array_equal(turned, weight.T)
    for kind in KINDS:
        inputs = drawn(kind, sizes, "float64")
        long = walked(kind, inputs, sizes, False)
        monkeypatch.setattr(recurrent, "LONG", 10**6)
        for one, other in zip(long, walked(kind, inputs, sizes, False), strict=True):
            assert_close(one, other, 1e-12, 1e-12)
        monkeypatch.undo()
        monkeypatch.setattr(fast, "_wanted", False)
