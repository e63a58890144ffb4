"""Where blocks live, in what dtype, with which random numbers, and the kernels of our own."""

import math
import subprocess
import sys

import numpy as np
import pytest
from helpers import on_device

import hello_dl
from hello_dl import Tensor, backend, manual_seed
from hello_dl.backend import as_array, cpu, curves, kernels, random

# ---------------------------------------------------------------------------------- arrays, devices


@pytest.mark.parametrize(
    "x, dtype, expected",
    [
        (1, None, "int64"), (1.0, None, "float32"), (True, None, "bool"),
        ([1, 2.0], None, "float32"), ((1, 2), None, "int64"), ([], None, "float32"),
        (1, "float64", "float64"), ([0.1], "float64", "float64"), ([True], "float32", "float32"),
        (np.float64(0.1), None, "float64"), (np.int32(1), None, "int32"),
        (np.zeros(2), None, "float64"), (np.zeros(2, "float16"), None, "float16"),
        (np.zeros(2, "uint8"), "float32", "float32"),
    ],
)  # fmt: skip
def test_as_array_makes_float32_of_python_and_keeps_arrays(x, dtype, expected):
    array = as_array(x, dtype)
    assert isinstance(array, np.ndarray) and array.dtype == expected
    assert (array == np.asarray(x, expected)).all(), "no digit is lost on the way"
    if isinstance(x, np.ndarray) and dtype is None:
        assert array is x


def test_names_of_dtypes_and_devices():
    assert backend.dtype_of(np.float32) == backend.dtype_of("float32") == np.dtype("float32")
    valid = "float16, float32, float64, bfloat16, int32, int64, uint8, bool"
    for wrong in ("flaot32", "complex64", "U3", object):
        with pytest.raises(ValueError, match=f"unknown dtype .*use one of {valid}"):
            backend.dtype_of(wrong)
    for use in (hello_dl.device, backend.check_device, lambda name: Tensor([1.0], device=name)):
        with pytest.raises(ValueError, match="unknown device 'gpu': use one of cpu, cuda"):
            use("gpu")


def test_a_device_for_a_while_or_from_now_on():
    assert backend.current_device() == "cpu"
    with hello_dl.device("cpu") as device:
        assert repr(device) == "device('cpu')" and Tensor([1.0]).device == "cpu"
    with pytest.raises(ValueError), hello_dl.device("tpu"):
        raise AssertionError("unreachable")
    assert backend.current_device() == "cpu"
    hello_dl.device("cpu")
    assert backend.current_device() == "cpu"


def test_a_device_ends_with_its_block_after_an_error_too(monkeypatch):
    monkeypatch.setattr(backend, "check_device", lambda name: name)
    with pytest.raises(ZeroDivisionError), hello_dl.device("cuda"):
        assert backend.current_device() == "cuda"
        raise ZeroDivisionError
    assert backend.current_device() == "cpu"


def test_without_cupy_numpy_is_used_and_a_warning_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", None)  # any import of it now fails
    backend.cuda_trouble.cache_clear()
    with pytest.warns(
        UserWarning, match=r"no device 'cuda'.*numpy .*pip install 'cupy-cuda13x\[ctk\]'"
    ):
        assert Tensor([1.0]).to("cuda").device == "cpu"
    assert Tensor([1.0]).to("cpu").device == "cpu"


@pytest.mark.gpu
def test_blocks_move_to_the_gpu_and_back_with_their_gradients():
    x = Tensor(np.arange(3.0), requires_grad=True)
    y = (x.to("cuda") ** 2).sum()
    assert y.device == "cuda" and y.dtype == np.float64
    y.backward()
    assert isinstance(x.grad, np.ndarray) and x.grad.tolist() == [0, 2, 4]
    with hello_dl.device("cuda"):
        assert Tensor([1.0]).device == "cuda" and Tensor(np.ones(1)).device == "cuda"
        assert Tensor(np.ones(1), device="cpu").device == "cpu" and x.detach().device == "cpu"
        assert Tensor(np.ones(3), device="cpu").sum().device == "cpu"
    with pytest.raises(TypeError, match="add of .* on cuda"):
        x + x.to("cuda")


# ---------------------------------------------------------------------------------- random numbers


@pytest.mark.parametrize("draw", [random.uniform, random.normal])
def test_the_same_seed_gives_the_same_numbers(draw):
    manual_seed(7)
    first, second = draw((5,)), draw((5,))
    assert (first != second).any()
    manual_seed(7)
    assert (draw((5,)) == first).all() and (draw((5,)) == second).all()
    manual_seed(8)
    assert (draw((5,)) != first).any()


def test_the_spread_of_random_numbers():
    manual_seed(0)
    x = random.uniform((10_000,), -2, 3)
    assert x.dtype == np.float32 and x.min() >= -2 and x.max() <= 3
    assert x.mean() == pytest.approx(0.5, abs=0.05)
    x = random.normal((100, 100), mean=2, std=0.5, dtype="float64")
    assert x.dtype == np.float64 and x.shape == (100, 100)
    assert (x.mean(), x.std()) == pytest.approx((2, 0.5), abs=0.02)


def test_a_seed_of_numpy_is_that_number():
    manual_seed(np.int64(7))
    first = random.uniform((5,))
    manual_seed(7)
    assert (random.uniform((5,)) == first).all()


@pytest.mark.parametrize("seed", [-1, np.int64(-1), 1.5, np.bool_(True), "1", True, None])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(ValueError, match="seed is a whole number"):
        manual_seed(seed)


# ---------------------------------------------------------------------------------- the processor


def halved(x):
    return float((np.full(8, x, "float32") * np.float32(0.5))[0])


@pytest.mark.skipif(not cpu.flush_denormals._known, reason="Linux on x86-64 only")
def test_denormals_are_flushed_within_a_block_only():
    assert halved(1e-40) > 0
    with cpu.flush_denormals():
        assert halved(1e-40) == 0 and halved(1e-30) > 0
        with cpu.flush_denormals():
            assert halved(1e-40) == 0
        assert halved(1e-40) == 0
    assert halved(1e-40) > 0
    with pytest.raises(ZeroDivisionError), cpu.flush_denormals():
        raise ZeroDivisionError
    assert halved(1e-40) > 0


@pytest.mark.skipif(not cpu._IS_GLIBC, reason="Linux with glibc only")
def test_freed_memory_is_used_again():
    """In a process of its own, since the tests before have made holes in the memory."""
    program = """if True:
        import resource, numpy, hello_dl
        def page_faults():
            return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        def use():
            [numpy.ones(200_000) for _ in range(8)]  # of 400 pages each
        use()
        before = page_faults()
        for _ in range(10):
            use()
        print(page_faults() - before)
        """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(done.stdout) < 1000  # 31,000 where every pass gets new memory


def test_elsewhere_nothing_is_flushed_and_nothing_fails(monkeypatch):
    monkeypatch.setattr(cpu.flush_denormals, "_libm", None)
    with cpu.flush_denormals():
        assert halved(1e-40) > 0
    monkeypatch.setattr(cpu, "_IS_GLIBC", False)
    assert cpu.keep_freed_memory() is False


# ---------------------------------------------------------------------------------- kernels


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-13), ("float32", 1e-6)])
def test_erf(dtype, tolerance, device):
    x = np.concatenate([np.linspace(-9, 9, 2001), [0.0, 1e-300, 5.999999, 6.0, 1e300]])
    with np.errstate(over="ignore"):  # 1e300 is inf in float32
        x = x.astype(dtype)
        y = on_device(curves.erf(on_device(x, device)), "cpu")
    assert y.dtype == dtype
    assert abs(y - np.vectorize(math.erf)(x.astype("float64"))).max() <= tolerance
    far = abs(x) > (4 if dtype == "float32" and device == "cpu" else 6.5)
    assert (y[far] == np.sign(x[far])).all(), "exactly 1, far out"
    ends = curves.erf(on_device(np.array([np.inf, -np.inf, np.nan], dtype), device))
    np.testing.assert_array_equal(on_device(ends, "cpu"), np.array([1, -1, np.nan], dtype))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
@pytest.mark.parametrize("shape", [(300,), (300, 4), (300, 2, 3)])
@pytest.mark.parametrize("picks", [(), (0,), (50,), (4, 6)])
def test_numbers_are_added_as_often_as_they_are_picked(shape, picks, dtype):
    """Against the slow way, one pick at a time."""
    rng = np.random.default_rng(3)
    index = rng.integers(0 if dtype == "uint8" else -3, 5, picks).astype(dtype)
    array, numbers = rng.standard_normal(shape), rng.standard_normal(picks + shape[1:])
    expected = array.copy()
    for place in np.ndindex(picks):
        expected[index[place]] += numbers[place]
    for order in "CF":
        added = array.copy(order)
        kernels.add_at(added, index, numbers)
        np.testing.assert_allclose(added, expected, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_indices_are_checked(dtype):
    kernels.check_indices(np.array([0, 2], dtype), 3)
    kernels.check_indices(np.array([], dtype), 3)
    with pytest.raises(ValueError, match="class 3 is not among the 3 classes 0 to 2"):
        kernels.check_indices(np.array([0, 3, 1], dtype), 3)
    if dtype != "uint8":
        with pytest.raises(ValueError, match="class -1 is not among"):
            kernels.check_indices(np.array([0, -1], dtype), 3)
    with pytest.raises(ValueError, match="integers, not float32"):
        kernels.check_indices(np.array([0.0], "float32"), 3)
