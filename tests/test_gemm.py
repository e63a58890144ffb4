"""Matrix products as they lie in memory: transposed, repeated, cut out, in every dtype."""

import numpy as np
import pytest
from helpers import DEVICES, assert_close, on_device

from hello_dl.backend import dtype_of, gemm, module_of, to_device
from hello_dl.backend.threads import cut

each_device = pytest.mark.parametrize("device", DEVICES)


def maker(dtype, device):
    """Return what makes blocks of random numbers, on the device before they are cut or turned."""
    rng, scale = np.random.default_rng(3), 8 if dtype == "int64" else 1

    def x(*shape):
        numbers = (scale * rng.standard_normal(shape)).astype(dtype_of(dtype))
        return on_device(numbers, device)

    return x


def stretched(x, count):
    return module_of(x).broadcast_to(x, (count, *x.shape))


LAYOUTS = {
    "plain": lambda x: (x(3, 4), x(4, 5)),
    "left transposed": lambda x: (x(4, 3).T, x(4, 5)),
    "right transposed": lambda x: (x(3, 4), x(5, 4).T),
    "both transposed": lambda x: (x(4, 3).T, x(5, 4).T),
    "every other row and column": lambda x: (x(6, 8)[::2, ::2], x(8, 5)[::2]),
    "a stripe": lambda x: (x(3, 9)[:, 2:6], x(4, 9)[:, 3:8]),
    "backwards": lambda x: (x(3, 4)[::-1], x(4, 5)[:, ::-1]),
    "one column": lambda x: (x(3, 1), x(1, 5)),
    "one row": lambda x: (x(1, 4), x(4, 1)),
    "a row of a column": lambda x: (x(1, 7)[:, :1], x(9, 1).T[:1]),
    "batch": lambda x: (x(2, 3, 4), x(2, 4, 5)),
    "batch and transposed": lambda x: (x(2, 4, 3).swapaxes(1, 2), x(2, 5, 4).swapaxes(1, 2)),
    "one for many": lambda x: (x(2, 3, 4), x(4, 5)),
    "many with one": lambda x: (x(3, 4), x(2, 4, 5)),
    "two axes of a batch": lambda x: (x(2, 3, 4, 5), x(2, 3, 5, 6)),
    "batches that broadcast": lambda x: (x(2, 1, 3, 4), x(6, 4, 5)),
    "repeated along the inner axis": lambda x: (x(2, 1, 3, 4), x(2, 5, 4, 2)),
    "heads": lambda x: (x(2, 7, 3, 4).swapaxes(1, 2), x(2, 7, 3, 4).transpose(0, 2, 3, 1)),
    "stretched": lambda x: (stretched(x(3, 4), 5), x(5, 4, 2)),
    "nothing to add up": lambda x: (x(3, 0), x(0, 5)),
    "no rows": lambda x: (x(0, 4), x(4, 5)),
    "no batch": lambda x: (x(0, 3, 4), x(4, 5)),
}


@each_device
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "bfloat16", "int64"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_product_is_that_of_numpy(layout, dtype, device):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    a, b = LAYOUTS[layout](maker(dtype, device))
    product = gemm.matmul(a, b)
    assert product.dtype == a.dtype and type(product) is type(a)
    wide = "float64" if dtype != "int64" else "int64"
    result, left, right = (to_device(x, "cpu").astype(wide) for x in (product, a, b))
    tolerance = {"float32": 1e-5, "float16": 2e-3, "bfloat16": 2e-2}.get(dtype, 1e-12)
    assert_close(result, left @ right, tolerance, 4 * tolerance)


@pytest.mark.parametrize("into", ["new", "given"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_product_is_the_same_when_threads_share_it(layout, into, monkeypatch):
    a, b = LAYOUTS[layout](maker("float64", "cpu"))
    expected, parts = a @ b, []
    monkeypatch.setattr(gemm, "FEW", -1)
    monkeypatch.setattr(gemm, "are_products_undivided", lambda: True)
    monkeypatch.setattr(gemm, "share", lambda milliseconds: 2)
    monkeypatch.setattr(gemm, "cut", lambda *sizes: parts.extend(cut(*sizes)) or parts)
    out = expected * 0 if into == "given" else None
    product = gemm.matmul(a, b, out=out)
    assert parts and (out is None or product is out)
    assert_close(product, expected, 1e-12)


@each_device
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_product_goes_where_it_is_wanted(dtype, device):
    a, b = LAYOUTS["plain"](maker(dtype, device))
    wanted = gemm.matmul(a, b)
    for out in (wanted * 0, on_device(np.zeros((5, 3), dtype), device).T):
        assert gemm.matmul(a, b, out=out) is out
        assert (out == wanted).all()


@each_device
def test_half_precision_adds_up_in_float32(device):
    """4,096 times 1 is 4,096; float16 that adds up in float16 stops at 2,048."""
    ones = on_device(np.ones((2, 4096), "float16"), device)
    assert (gemm.matmul(ones, ones.T) == 4096).all()


def test_the_precision_has_a_name():
    assert gemm.get_float32_matmul_precision() == "highest"
    with pytest.raises(ValueError, match="unknown precision 'fast': use 'highest' or 'high'"):
        gemm.set_float32_matmul_precision("fast")


@pytest.mark.gpu
def test_tensor_cores_are_less_exact_and_used_only_if_allowed():
    a = maker("float32", "cuda")(64, 512)
    exact = a.astype("float64") @ a.astype("float64").T

    def error():
        return float(abs(gemm.matmul(a, a.T) - exact).max())

    highest = error()
    try:
        gemm.set_float32_matmul_precision("high")
        assert highest < 1e-4 < error() < 0.1
    finally:
        gemm.set_float32_matmul_precision("highest")
