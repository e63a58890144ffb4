"""The compiled kernels of the extra `fast` against the array versions that they stand for."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import INF, NAN, assert_close

from hello_dl.backend import batch_norm, conv, fast, gelu, kernels, pool, threads, use_fast
from hello_dl.backend.windows import Windows

needs_numba = pytest.mark.skipif(not fast.is_installed(), reason="numba is not installed")
dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])


@pytest.fixture
def both(monkeypatch):
    """Compute something in the compiled way, which must have been used, and in the other one."""
    if not fast.is_installed():
        pytest.skip("numba is not installed")
    monkeypatch.setattr(fast, "LEAST", 0)
    monkeypatch.setattr(fast, "_wanted", None)

    def ways(compute, used):
        import hello_dl.backend.fast_kernels as compiled

        calls = []

        def counted(*arguments):
            calls.append(used)
            return kernel(*arguments)

        kernel = getattr(compiled, used)
        monkeypatch.setattr(compiled, used, counted)
        use_fast(True)
        ours = compute()
        assert calls, f"{used} was not called"
        use_fast(False)
        before = len(calls)
        array = compute()
        assert len(calls) == before, f"{used} was called though it is turned off"
        monkeypatch.setattr(compiled, used, kernel)
        return ours, array

    return ways


def pictures(n, channels, height, width, dtype, seed=0):
    """Pictures as conv.py lays them out, with ties in them."""
    draw = np.random.default_rng(seed)
    rows = draw.integers(-3, 4, (height, channels, width, n)) / 2
    return conv.seen(rows.astype(dtype))


def with_extremes(x):
    """Put nan, inf and -0.0 in some places of a copy."""
    x = x.copy("K")
    draw = np.random.default_rng(7)
    for number in (NAN, INF, -INF, -0.0):
        chosen = draw.random(x.shape) < 0.08
        x[chosen] = number
    return x


SLIDING = {
    "side by side": Windows((2, 2), (2, 2)),
    "a rest is left": Windows((3, 2), (3, 2)),
    "overlapping": Windows((3, 3), (2, 2), ((1, 1), (1, 1))),
    "every place": Windows((2, 3)),
    "gaps": Windows((1, 2), (2, 3)),
    "dilated": Windows((2, 2), (1, 2), ((0, 0), (1, 1)), (2, 3)),
    "ceil mode": Windows((2, 2), (2, 2), ((0, 1), (0, 1))),
    "one entry": Windows((1, 1)),
}
sliding = pytest.mark.parametrize("windows", SLIDING.values(), ids=SLIDING)


@dtypes
@sliding
@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.parametrize("shape", [(5, 3, 7, 9), (1, 1, 7, 7), (17, 2, 4, 5)])
def test_max_pooling(both, dtype, windows, extreme, shape):
    x = pictures(*shape, dtype)
    x = with_extremes(x) if extreme else x
    g = pictures(*shape[:2], *windows.places(shape[2:]), dtype, seed=1)

    def compute():
        y, pull = pool.largest(x, windows)
        return y, pull(g), pull(np.ascontiguousarray(g)), pool.places_of_largest(x, windows)

    (y, dx, same, _), (expected, slopes, *_) = both(compute, "largest")
    assert y.dtype == dx.dtype == dtype
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(dx, slopes, 1e-6)
    np.testing.assert_array_equal(dx, same)


@dtypes
def test_a_gradient_of_inf_or_nan_goes_to_the_winner_alone(both, dtype):
    x, windows = pictures(6, 2, 4, 4, dtype), SLIDING["side by side"]
    g = with_extremes(pictures(6, 2, 2, 2, dtype, seed=1))
    ours, array = both(lambda: pool.largest(x, windows)[1](g), "hand_to_winners")
    np.testing.assert_array_equal(ours, array)


def test_what_does_not_lie_as_convolution_leaves_it_is_pooled_too(both, monkeypatch):
    monkeypatch.setattr(fast, "LEAST", 0)
    x = np.ascontiguousarray(pictures(5, 3, 6, 6, "float32"))
    windows = SLIDING["side by side"]
    use_fast(True)
    y = pool.largest(x, windows)[0]
    np.testing.assert_array_equal(y, x.reshape(5, 3, 3, 2, 3, 2).max((3, 5)))


@dtypes
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_relu(both, dtype, order):
    x = with_extremes(pictures(3, 5, 7, 4, dtype)[:, :, :, 1]).copy("C").transpose(order)
    ours, array = both(lambda: kernels.positive_part(x), "rectify")
    np.testing.assert_array_equal(ours, array)
    assert ours.strides == array.strides
    g = with_extremes(np.arange(1.0, x.size + 1, dtype=dtype).reshape(x.shape[::-1]).T)
    g = g if order == (2, 0, 1) else np.empty_like(x) * 0 + g  # in the order of x, or in another
    gate = ours
    use_fast(True)
    compiled = kernels.passed(g, gate)
    use_fast(False)
    np.testing.assert_array_equal(compiled, kernels.passed(g, gate))


@dtypes
def test_relu_lets_the_gradient_through_where_it_let_numbers_through(both, dtype):
    gate, g = np.array([[0, 1, NAN, INF, -0.0]] * 3, dtype), np.full((3, 5), 7, dtype)
    ours, array = both(lambda: kernels.passed(g, gate), "pass_on")
    np.testing.assert_array_equal(ours, array)
    assert ours[0].tolist() == [0, 7, 7, 7, 0]


@dtypes
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("shape", [(20, 3, 5, 7), (33, 4), (2, 5, 1, 40)])
@pytest.mark.parametrize("lying", [True, False])
def test_batch_norm(both, monkeypatch, dtype, affine, shape, lying):
    monkeypatch.setattr(batch_norm, "LONG", 1)
    draw = np.random.default_rng(3)
    x = (draw.standard_normal(shape) * 3 + 5).astype(dtype)
    g = draw.standard_normal(shape).astype(dtype)
    if lying and len(shape) == 4:
        x = conv.arranged(x)
    weight, bias = draw.standard_normal((2, shape[1])).astype(dtype) if affine else (None, None)

    def compute():
        running = np.zeros(shape[1], dtype), np.ones(shape[1], dtype)
        y, mean, scale = batch_norm.normalized(x, weight, bias, 1e-5, running, 0.1)
        trained = batch_norm.slopes(g, x, mean, scale, weight, True)
        fixed = batch_norm.slopes(g, x, mean, scale, weight, False)
        alone = batch_norm.scaled(x, mean, scale, weight, bias)
        return [y, mean, scale, *running, *trained, *fixed, alone]

    rtol, atol = (2e-4, 2e-4) if dtype == "float32" else (1e-9, 1e-10)
    for kernel in ("normalize", "batch_slopes", "stretch"):
        for one, other in zip(*both(compute, kernel)):
            assert one.dtype == dtype
            assert_close(one, other, rtol, atol)


@dtypes
def test_batch_norm_of_a_constant_and_of_nan(both, monkeypatch, dtype):
    monkeypatch.setattr(batch_norm, "LONG", 1)
    x = np.ones((8, 3, 4), dtype)
    x[:, 1, 2] = NAN
    x[0, 2, 0] = INF
    with np.errstate(invalid="ignore"):
        ours, array = both(lambda: batch_norm.normalized(x, None, None, 1e-5)[0], "normalize")
    np.testing.assert_array_equal(ours, array)


CONVOLUTIONS = {
    "plain": (Windows((3, 3)), 1),
    "padded": (Windows((3, 3), padding=((1, 1), (1, 1))), 1),
    "wide padding": (Windows((2, 2), padding=((3, 2), (4, 3))), 1),
    "higher padding": (Windows((2, 3), padding=((5, 6), (0, 0))), 1),
    "across 2": (Windows((3, 3), (1, 2), ((1, 1), (1, 1))), 1),
    "dilated": (Windows((2, 3), (1, 1), ((2, 1), (0, 3)), (2, 2)), 1),
    "groups": (Windows((3, 5), (1, 3), ((1, 1), (2, 2))), 2),
}


@dtypes
@pytest.mark.parametrize(("windows", "groups"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
@pytest.mark.parametrize("n", [1, 6])
def test_convolution_back_to_its_input(both, dtype, windows, groups, n):
    draw = np.random.default_rng(5)
    size = 8, 9
    weight = draw.standard_normal((4, 6 // groups, *windows.kernel)).astype(dtype)
    g = draw.standard_normal((n, 4, *windows.places(size))).astype(dtype)
    ours, array = both(
        lambda: conv.correlate_input(g, weight, windows, size, groups), "add_shifted"
    )
    rtol = 1e-5 if dtype == "float32" else 1e-12
    assert_close(ours, array, rtol, rtol)


@dtypes
@pytest.mark.parametrize(("windows", "groups"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
@pytest.mark.parametrize(("biased", "few"), [(True, 10**6), (False, 1), (True, 2000)])
def test_convolution_as_the_gradient_of_another(
    both, monkeypatch, dtype, windows, groups, biased, few
):
    monkeypatch.setattr(conv, "DEEP", 1)
    monkeypatch.setattr(conv, "FEW", few)
    monkeypatch.setattr(conv, "NEAR", few)
    if windows.stride != (1, 1):
        windows = windows._replace(stride=(1, 1))
    draw = np.random.default_rng(6)
    x = draw.standard_normal((3, 6, 8, 9)).astype(dtype)
    weight = draw.standard_normal((4, 6 // groups, *windows.kernel)).astype(dtype)
    bias = draw.standard_normal(4).astype(dtype) if biased else None
    ours, array = both(lambda: conv.correlate(x, weight, windows, groups, bias), "add_shifted")
    rtol = 1e-5 if dtype == "float32" else 1e-12
    assert ours.dtype == dtype
    assert_close(ours, array, rtol, rtol)


@needs_numba
def test_shares_of_several_threads_make_the_same(both, monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: 3)
    monkeypatch.setattr(threads, "WORTH", 1e-9)
    x, windows = pictures(5, 7, 9, 9, "float64"), SLIDING["overlapping"]
    g = pictures(5, 7, 5, 5, "float64", seed=2)

    def compute():
        y, pull = pool.largest(x, windows)
        y, mean, scale = batch_norm.normalized(kernels.positive_part(y), None, None, 1e-5)
        return y, pull(kernels.passed(g, y)), *batch_norm.slopes(g, y, mean, scale, None, True)

    for one, other in zip(*both(compute, "largest")):
        assert_close(one, other)


# -------------------------------------------------------------------------- whether it is used


@needs_numba
def test_new_shapes_are_not_compiled_anew(monkeypatch):
    import hello_dl.backend.fast_kernels as compiled

    monkeypatch.setattr(fast, "LEAST", 0)
    monkeypatch.setattr(fast, "_wanted", True)
    for shape in ((2, 3, 4, 4), (5, 1, 6, 8), (1, 2, 2, 2)):
        x = pictures(*shape, "float32")
        y, pull = pool.largest(x, SLIDING["side by side"])
        pull(y)
    assert len(compiled.largest.signatures) <= 2 >= len(compiled.hand_to_winners.signatures)


@pytest.mark.parametrize("x", [np.ones(2**16, "float16"), np.ones(2**16, int), np.ones(8)])
def test_other_dtypes_and_small_arrays_are_left_to_numpy(monkeypatch, x):
    monkeypatch.setattr(fast, "_wanted", True)
    assert fast.kernels(x) is None
    assert fast.kernels(np.ones(2**16), x) is None or x.size == 8


def test_the_environment_and_a_call_turn_it_off(monkeypatch):
    monkeypatch.setattr(fast, "_wanted", None)
    monkeypatch.setattr(fast, "is_installed", lambda: True)
    monkeypatch.delenv("HELLO_DL_FAST", raising=False)
    assert fast.is_fast()
    monkeypatch.setenv("HELLO_DL_FAST", "0")
    assert not fast.is_fast() and fast.kernels(np.ones(2**16)) is None
    use_fast()
    assert fast.is_fast()
    use_fast(False)
    assert not fast.is_fast()


def test_without_numba(monkeypatch):
    monkeypatch.setattr(fast, "_wanted", None)
    monkeypatch.setattr(fast, "is_installed", lambda: False)
    assert fast.kernels(np.ones(2**16)) is None
    with pytest.raises(ImportError, match=r"hello_dl\[fast\]"):
        use_fast()
    assert kernels.positive_part(np.linspace(-1, 1, 2**16)).min() == 0


@pytest.mark.parametrize("when", ["imported", "called"])
def test_a_numba_that_does_not_work_is_said_once_and_done_without(when, monkeypatch, capsys):
    def fail(*arguments):
        raise ImportError("Numba needs NumPy 1.0 or less.\nGot 2.4")

    def broken(name):
        return SimpleNamespace(try_out=fail) if when == "called" else fail()

    monkeypatch.setattr(fast, "_wanted", True)
    monkeypatch.setattr(fast.importlib, "import_module", broken)
    fast._compiled.cache_clear()
    fast._tell.cache_clear()
    try:
        for _ in range(2):
            assert kernels.positive_part(np.ones(2**16)).sum() == 2**16
            assert gelu.by_tanh(np.ones(2**16))[0].sum() > 2**15
    finally:
        fast._compiled.cache_clear()
    said = capsys.readouterr().err
    assert said.splitlines() == [
        "numba cannot be used, numpy is used alone: Numba needs NumPy 1.0 or less."
    ]


@needs_numba
def test_where_nothing_can_be_kept_on_disk_it_compiles_all_the_same(monkeypatch):
    from hello_dl.backend import fast_jit

    real = fast_jit.numba.njit

    def njit(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(fast_jit.numba, "njit", njit)
    assert fast_jit.kernel(lambda x: x + 1)(1.0) == 2


STEP = """
import sys
import numpy as np
from hello_dl import nn, Tensor
nn.Linear(20, 20)(Tensor(np.ones((64, 20), "float32"))).relu().sum().backward()
assert "numba" not in sys.modules
Tensor(np.ones((64, 2000), "float32")).relu()
assert "numba" in sys.modules
"""


@needs_numba
def test_numba_is_imported_late_and_compiling_is_announced_once(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "HELLO_DL_FAST": "1"}
    said = []
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "-c", STEP], env=environment, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stderr
        said.append(run.stderr)
    assert len(said[0].splitlines()) == 1 and "compiling" in said[0]
    assert said[1] == "" and list(tmp_path.rglob("*.nbc"))
