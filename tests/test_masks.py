"""Comparisons and masks, choices between blocks, and the kernels that they are made of."""

import itertools
import math

import numpy as np
import pytest
from helpers import DEVICES, EXTREMES, INF, NAN, assert_close, import_torch, on_device, plain

import hello_dl
from hello_dl import Tensor
from hello_dl import functional as F
from hello_dl.backend import curves, kernels

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning")]  # inf and nan are wanted here
each_device = pytest.mark.parametrize("device", DEVICES)
X = np.array([[-2.0, -0.5, 0.0], [0.5, 1.0, 3.0]])


@pytest.fixture(params=DEVICES)
def t(request):
    return Tensor(on_device(X, request.param), requires_grad=True)


# ---------------------------------------------------------------------------------- masks


def test_masks_are_made_and_combined(t):
    low, high = t > -1, t < 1
    for mask, expected in [
        (low & high, (X > -1) & (X < 1)),
        (low | high, (X > -1) | (X < 1)),
        (low ^ high, (X > -1) ^ (X < 1)),
        (~low, X <= -1),
        (True & low, X > -1),
        (low.logical_not(), X <= -1),
        ((t.eq(0) | t.ne(0)), np.ones_like(X, bool)),
        (t.ge(0.5) & t.le(1.0), (X >= 0.5) & (X <= 1)),
        (hello_dl.lt(1, t), X > 1),
        (t.logical_and(1.0), X != 0),
    ]:
        assert mask.dtype == bool and not mask.requires_grad and mask.parents == ()
        np.testing.assert_array_equal(plain(mask), expected)
    count = (low & high).sum()
    assert count.item() == 3 and count.dtype == np.int64
    assert low.any().item() is True and low.all().item() is False
    assert low.all(1).tolist() == [False, True] and high.any(0).tolist() == [True, True, True]
    assert t[low & high].tolist() == [-0.5, 0.0, 0.5]


def test_bits_of_whole_numbers():
    n = Tensor(np.array([5, 6], "uint8"))
    assert (
        (n & 3).tolist() == [1, 2] and (n | 8).tolist() == [13, 14] and (~n).tolist() == [250, 249]
    )
    assert (n ^ n).dtype == np.uint8 and n.bitwise_and(4).tolist() == [4, 4]


@each_device
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_a_number_is_compared_as_an_entry_of_the_block(dtype, device):
    pytest.importorskip("ml_dtypes")
    x = Tensor(on_device(np.array([0.1, 0.3, NAN]), device)).to(dtype)
    assert (x == 0.1).tolist() == [True, False, False]
    assert (x != 0.1).tolist() == [False, True, True]
    assert (0.1 < x).tolist() == (x > 0.1).tolist() == [False, True, False]
    assert (x <= x).tolist() == [True, True, False] and x.isnan().tolist() == [False, False, True]


def test_whole_numbers_of_any_size_compare():
    n = Tensor(np.array([1, 200], "uint8"))
    assert (n < 300).tolist() == [True, True] and (n == -1).tolist() == [False, False]
    assert (n > 1.5).tolist() == [False, True]


def test_equality_of_blocks():
    a, b = Tensor([1.0, NAN]), Tensor([1.0 + 1e-7, NAN])
    assert a.equal(a) is False and Tensor([1.0]).equal(Tensor([1.0])) is True
    assert hello_dl.equal(Tensor([1.0]), Tensor([[1.0]])) is False
    assert hello_dl.allclose(a, b) is False and a.allclose(b, equal_nan=True) is True
    assert a[:1].allclose(Tensor([1.1]), rtol=0.2) is True
    assert a[:1].allclose([1.1], 0, 0.01) is False
    assert a.isclose(b).tolist() == [True, False]


# ---------------------------------------------------------------------------------- choices


def test_where_as_a_function_and_as_a_method(t):
    for chosen in (hello_dl.where(t > 0, t, -1.0), t.where(t > 0, -1.0)):
        assert_close(chosen, np.where(X > 0, X, -1))
    chosen.sum().backward()
    assert_close(t.grad, (X > 0) * 1.0)
    rows, columns = hello_dl.where(t > 0.7)
    assert rows.tolist() == [1, 1] and columns.tolist() == [1, 2]
    assert hello_dl.where(t > 0, 1, 0).dtype == np.int64
    assert hello_dl.where(t > 0, 1.0, 0.0).dtype == np.float32
    whole = hello_dl.where(t > 0, Tensor(on_device(np.arange(3), t.device)), 7)
    assert whole.tolist() == [[7, 7, 7], [0, 1, 2]]


def test_where_lets_no_inf_and_no_nan_through_to_the_other_side():
    x = Tensor(X, requires_grad=True)
    y = hello_dl.where(x > 0, x, Tensor(0.0))
    y.backward(np.where(X > 0, 1.0, NAN))
    assert_close(x.grad, (X > 0) * 1.0)


def test_clamp_takes_limits_of_any_kind(t):
    for limited in (
        t.clamp(-1, 1), t.clip(min=-1, max=1), hello_dl.clamp(t, max=1.0, min=-1.0),
        t.clamp(Tensor(on_device(np.full(3, -1.0), t.device)), 1), t.clamp_min(-1).clamp_max(1),
    ):  # fmt: skip
        assert_close(limited, np.clip(X, -1, 1))
    low = Tensor(on_device(np.array([-1.0]), t.device), requires_grad=True)
    t.clamp(low).sum().backward()
    assert low.grad.tolist() == [1.0] and t.grad.tolist() == [[0, 1, 1], [1, 1, 1]]


def test_arithmetic_as_methods_and_in_place(t):
    y = Tensor(on_device(np.full(3, 2.0), t.device))
    assert_close(t.add(y, alpha=3), X + 6)
    assert_close(t.sub(1), X - 1)
    assert_close(hello_dl.sub(t, y, alpha=0.5), X - 1)
    assert_close(hello_dl.multiply(t, 2) - t.subtract(t), X * 2)
    assert_close(t % 2, X % 2)
    assert_close(3.5 % y, np.full(3, 1.5))
    assert_close(t // 2, X // 2)
    assert_close(7 // y, np.full(3, 3.0))
    assert_close(t.div(2, rounding_mode="trunc"), np.trunc(X / 2))
    assert_close(abs(t).rsqrt().pow(2), 1 / abs(X))
    same = y
    y //= 2
    y %= 2
    y **= 3
    assert y is same and y.tolist() == [1.0, 1.0, 1.0]
    assert y.clamp_(max=0.5) is y and y.tolist() == [0.5, 0.5, 0.5]
    n = Tensor(np.array([7, -7]))
    assert (n // 2).tolist() == [3, -4] and (n % 3).tolist() == [1, 2]
    assert n.div(2, rounding_mode="trunc").tolist() == [3, -3] and (n / 2).dtype == np.float32


@pytest.mark.parametrize("n", [-3, -2, -1, 0, 0.5, 1, 2, 2.5, 3, 4, 5, 10, 11])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_powers_of_negative_numbers_too(n, dtype):
    torch = import_torch()
    x = np.array([*EXTREMES, -1.7, 2.3], dtype)
    x = x[~((x == 0) & np.signbit(x))] if n in (0.5, 2.5) else x  # libraries differ at -0.0
    rtol = 1e-6 if dtype == "float32" else 1e-13
    expected = torch.tensor(x) ** n
    assert_close(Tensor(x) ** n, expected.numpy(), rtol=rtol)
    assert (Tensor(x) ** n).dtype == dtype


# ---------------------------------------------------------------------------------- activations


@each_device
def test_glu_gates_one_half_with_the_other(device):
    torch = import_torch()
    for dim, shape in ((-1, (3, 4)), (0, (4, 3)), (1, (2, 6, 2)), (0, (2,))):
        x = np.random.default_rng(1).standard_normal(shape)
        ours, theirs = Tensor(on_device(x, device), True), torch.tensor(x, requires_grad=True)
        one, other = F.glu(ours, dim), torch.nn.functional.glu(theirs, dim)
        assert_close(one, other.detach().numpy())
        one.sum().backward()
        other.sum().backward()
        assert_close(ours.grad, theirs.grad.numpy())


def test_activations_take_inplace_and_compute_anew():
    x = Tensor([-1.0, 2.0])
    for y in (
        F.relu(x, inplace=True),
        F.leaky_relu(x, 0.0, inplace=True),
        F.relu6(x, inplace=True),
    ):
        assert y.tolist() == [0.0, 2.0] and x.tolist() == [-1.0, 2.0]


def test_float32_sigmoid_and_normal_cdf_are_exact_in_the_tails():
    x = np.linspace(-20, 20, 4001, dtype="float32")
    exact = 1 / (1 + np.exp(-x.astype("float64")))
    assert_close(Tensor(x).sigmoid().data / exact, np.ones_like(exact), rtol=4e-7)
    x = x[abs(x) < 5]
    exact = np.array([0.5 * math.erfc(-value * math.sqrt(0.5)) for value in x.astype("float64")])
    assert abs(curves.normal_cdf(x) - exact).max() <= 1.5e-7


# ---------------------------------------------------------------------------------- kernels


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int32", "int64", "uint8", "bool"]
)
def test_a_blend_of_bits_is_numpys_where(dtype):
    rng = np.random.default_rng(2)
    x, y = (rng.integers(-9, 9, (4, 6)).astype(dtype) for _ in range(2))
    if x.dtype.kind == "f":
        x[0], y[1] = [0.0, -0.0, INF, -INF, NAN, 1e-7], NAN
    mask = rng.random((4, 6)) < 0.5
    blocks = (x, x.T.copy().T, x[:, ::-1], np.broadcast_to(x[0], x.shape))
    for one, other, m in itertools.product(blocks, (y, y[:1], y[0, 0]), (mask, mask[:, :1])):
        np.testing.assert_array_equal(kernels.where(m, one, other), np.where(m, one, other))
        assert kernels.where(m, one, other).dtype == dtype
    for m in (mask, mask[:, :1], np.bool_(True)):
        np.testing.assert_array_equal(kernels.masked(x, m), np.where(m, x, np.zeros((), dtype)))
    assert kernels.where(mask, x, 1).dtype == np.where(mask, x, 1).dtype


@pytest.mark.parametrize("curve", [curves.sigmoid, curves.erf, curves.normal_cdf])
def test_a_curve_in_stretches_is_the_curve(curve, monkeypatch):
    """Whatever the order in which the entries lie in memory, which the result keeps."""
    x = np.random.default_rng(3).standard_normal((5, 6, 7))
    expected = curve(x)
    monkeypatch.setattr(curves, "STRETCH", 16)
    for axes in itertools.permutations(range(3)):
        turned = np.ascontiguousarray(x.transpose(axes)).transpose(np.argsort(axes))
        np.testing.assert_array_equal(curve(turned), expected)
        assert curve(turned).strides == turned.strides
    for part in (np.s_[::2], np.s_[:, ::-1], np.s_[..., 1:3], np.s_[:0], np.s_[0, 0, 0]):
        np.testing.assert_array_equal(curve(x[part]), expected[part])
    np.testing.assert_array_equal(
        curve(np.broadcast_to(x[0], x.shape)), np.broadcast_to(expected[0], x.shape)
    )


# ---------------------------------------------------------------------------------- mistakes

T = Tensor(X)
BAD = [
    (lambda: (T > 0) & T, TypeError, r"bitwise_and of .*compare first.*\(x > 0\) & \(y < 1\)"),
    (lambda: T | 1, TypeError, "bitwise_or of .*compare first"),
    (lambda: ~T, TypeError, "bitwise_not of .*compare first"),
    (lambda: T.where(T, T), TypeError, "where of .*a block of bools, such as x > 0, not float64"),
    (lambda: T.clamp(), ValueError, "clamp of .*at least one of min and max"),
    (lambda: T.div(2, rounding_mode="up"), ValueError, "div of .*'up' is unknown: use 'floor'"),
    (lambda: F.gelu(T, "erf"), ValueError, "gelu of .*'erf' is unknown: use 'none' or 'tanh'"),
    (lambda: F.glu(T), ValueError, "glu: the length 3 of the axis -1 does not halve"),
    (lambda: F.prelu(T, Tensor([1.0, 2.0])), ValueError, r"prelu of .*shape \(1,\) or \(3,\)"),
    (lambda: -(T > 0), TypeError, "neg of .*bool"),
    (lambda: F.relu(T, place=1), TypeError, "relu: .*unexpected keyword argument 'place'"),
]  # fmt: skip


@pytest.mark.parametrize("mistake, kind, message", BAD)
def test_errors_say_what_to_do(mistake, kind, message):
    with pytest.raises(kind, match=message) as caught:
        mistake()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200
