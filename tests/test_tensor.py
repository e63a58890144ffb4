"""Tensor's own: what its methods make of the rules, what goes in and out, and what is refused."""

import itertools
import warnings

import numpy as np
import pytest
from helpers import assert_close, import_torch, made_up_rule, tensor_leaf

import hello_dl
from hello_dl import Tensor, Value, backend, check
from hello_dl import functional as F

X = np.random.default_rng(4).standard_normal((2, 3, 4))
ROW = X[:1, :, 0]  # (1, 3)

# ---------------------------------------------------------------------------------- methods

METHODS = [  # what a Tensor says, what numpy says
    (lambda t: t.reshape(4, 6), X.reshape(4, 6)),
    (lambda t: t.reshape((4, -1)), X.reshape(4, 6)),
    (lambda t: t.reshape([24]), X.reshape(24)),
    (lambda t: t.reshape(np.int64(6), 4), X.reshape(6, 4)),
    (lambda t: t.view(3, 8), X.reshape(3, 8)),
    (lambda t: t.flatten(), X.reshape(24)),
    (lambda t: t.flatten(1), X.reshape(2, 12)),
    (lambda t: t.flatten(0, -2), X.reshape(6, 4)),
    (lambda t: t[0, 0, 0].flatten(), X[0, 0, :1]),
    (lambda t: t.permute(2, 0, 1), X.transpose(2, 0, 1)),
    (lambda t: t.permute((-1, 1, 0)), X.transpose(2, 1, 0)),
    (lambda t: t.transpose(0, 2), X.swapaxes(0, 2)),
    (lambda t: t.transpose(-1, -2), X.swapaxes(1, 2)),
    (lambda t: t.T, X.T),
    (lambda t: t[:1].squeeze(), X[0]),
    (lambda t: t[:1, :, :1].squeeze(-1), X[:1, :, 0]),
    (lambda t: t.squeeze(0), X),
    (lambda t: t.unsqueeze(0), X[None]),
    (lambda t: t.unsqueeze(-1), X[..., None]),
    (lambda t: t.unsqueeze(2), X[:, :, None]),
    (lambda t: t.sum(1), X.sum(1)),
    (lambda t: t.sum(axis=(0, 2), keepdims=True), X.sum((0, 2), keepdims=True)),
    (lambda t: t.mean(dim=-1, keepdim=True), X.mean(-1, keepdims=True)),
    (lambda t: t.max(), X.max()),
    (lambda t: t.amax(0), X.max(0)),
    (lambda t: t.min(-1, True).values, X.min(-1, keepdims=True)),
    (lambda t: t.amin(), X.min()),
    (lambda t: t.split(3, -1)[0], X[..., :3]),
    (lambda t: t.split(3, dim=2)[1], X[..., 3:]),
    (lambda t: t.split([1, 0, 2], 1)[2], X[:, 1:]),
    (lambda t: t.clone() * t, X * X),
    (lambda t: F.softmax(t, 1), F.softmax(Tensor(X), dim=1).data),
    (lambda t: F.log_softmax(t, 1), F.log_softmax(Tensor(X), dim=1).data),
    (lambda t: F.leaky_relu(t, 0.2), np.where(X > 0, X, 0.2 * X)),
    (lambda t: t.leaky_relu(0.2), np.where(X > 0, X, 0.2 * X)),
    (lambda t: t.softmax(1).log(), F.log_softmax(Tensor(X), dim=1).data),
    (lambda t: t.log_softmax(), F.log_softmax(Tensor(X)).data),
    (lambda t: abs(-t), abs(X)),
    (lambda t: t @ t.transpose(1, 2), X @ X.swapaxes(1, 2)),
    (lambda t: t.matmul(np.ones((4, 1))), X.sum(-1, keepdims=True)),
    (lambda t: sum(iter(t)), X[0] + X[1]),
    (lambda t: t[t > 0], X[X > 0]),
    (lambda t: t[:, Tensor([0, 0, 2])], X[:, [0, 0, 2]]),
    (lambda t: t[Tensor([1, 0]), ..., 1], X[[1, 0], ..., 1]),
    (lambda t: F.linear(t, np.ones((2, 4)), [1.0, 2.0]), X.sum(-1, keepdims=True) + [1, 2]),
    # numbers, lists and numpy's arrays and numbers, on either side
    (lambda t: 2 - t / 4, 2 - X / 4),
    (lambda t: np.float64(2) * t + np.int64(1), 2 * X + 1),
    (lambda t: X * t - t * X + X / t, X / X),
    (lambda t: np.ones((5, 3)) @ t, np.ones((5, 3)) @ X),
    (lambda t: [1.0, 2.0, 3.0, 4.0] + t, X + [1, 2, 3, 4]),
    (lambda t: t - (1, 2, 3, 4), X - [1, 2, 3, 4]),
    (lambda t: True + t, X + 1),
]  # fmt: skip


@pytest.mark.parametrize("method, expected", METHODS)
def test_methods_are_those_of_numpy_and_have_gradients(method, expected):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing here is near a pole
        assert isinstance(method(Tensor(X)), Tensor)
        assert_close(method(Tensor(X)), expected)
        check.gradients(method, X)


def test_what_a_tensor_says_of_itself():
    t = Tensor(X)
    assert (t.shape, t.ndim, t.numel(), len(t), t.device) == ((2, 3, 4), 3, 24, 2, "cpu")
    assert t.dtype == np.float64 and Tensor(3.0).shape == () and Tensor(3.0).ndim == 0
    assert t.argmax().item() == X.argmax() and t.argmax().dtype == np.int64
    assert t.argmax(1).data.tolist() == t.argmax(axis=1).data.tolist() == X.argmax(1).tolist()
    assert t.argmax(-1, keepdim=True).shape == (2, 3, 1)
    assert not tensor_leaf(X).argmax().requires_grad
    assert t.size() == t.shape and (t.size(1), t.size(-1)) == (3, 4)
    assert t.tolist() == X.tolist() and Tensor(3).tolist() == 3


@pytest.mark.parametrize(
    "size, dim, length",
    [(2, 0, 5), (5, 0, 5), (9, 0, 5), (3, 1, 0), ([2, 3], 0, 5), ([0, 5], -2, 5), ((1, 4), 0, 5)],
)
def test_split_cuts_as_pytorch_does(size, dim, length):
    shape = (length, 2) if dim in (0, -2) else (2, length)
    x = np.arange(2.0 * length).reshape(shape)
    expected = import_torch().tensor(x).split(list(size) if type(size) is tuple else size, dim)
    ours = Tensor(x).split(size, dim)
    assert type(ours) is tuple
    for one, other in zip(ours, expected, strict=True):
        assert_close(one, other.numpy())


def test_a_clone_has_numbers_of_its_own():
    x = tensor_leaf([1.0, 2.0])
    y = x.clone()
    assert y.data is not x.data and not np.shares_memory(y.data, x.data) and y.parents == (x,)


def test_one_hot_is_a_block_of_whole_numbers():
    assert F.one_hot([2, 0]).data.tolist() == [[0, 0, 1], [1, 0, 0]]
    assert F.one_hot(Tensor([1]), 4).tolist() == [[0, 1, 0, 0]]
    assert F.one_hot([1]).dtype == np.int64


def test_an_empty_batch_goes_through():
    x = Tensor(np.zeros((0, 2, 3), "float32"), requires_grad=True)
    y = F.linear(x.flatten(1), np.ones((4, 6), "float32")).relu()
    assert y.shape == (0, 4)
    y.sum().backward()
    assert x.grad.shape == (0, 2, 3)


def test_comparisons_give_bools_without_a_graph():
    t = tensor_leaf([1.0, 2.0, 3.0])
    for one, numpy in [
        (t == 2, [0, 1, 0]), (t != 2, [1, 0, 1]), (t < Tensor([2.0]), [1, 0, 0]),
        (2 < t, [0, 0, 1]), (t <= 2, [1, 1, 0]), (2.0 >= t, [1, 1, 0]), (t >= 2, [0, 1, 1]),
        (np.array([1.0, 3.0, 3.0]) == t, [1, 0, 1]), (t > np.zeros(3), [1, 1, 1]),
    ]:  # fmt: skip
        assert isinstance(one, Tensor) and one.dtype == bool and not one.requires_grad
        assert one.data.tolist() == [bool(x) for x in numpy]
    assert len({t, Tensor([1.0, 2.0, 3.0])}) == 2
    assert (t == None) is False and (t == "a") is False and t != "a"  # noqa: E711
    assert (t == np.array(2.0)).tolist() == [False, True, False]


# ---------------------------------------------------------------------------------- numbers in, out


@pytest.mark.parametrize(
    "data, dtype, shape",
    [
        (1.5, "float32", ()), (3, "int64", ()), (True, "bool", ()),
        ([1, 2.5], "float32", (2,)), ([[1, 2]], "int64", (1, 2)), ([True, False], "bool", (2,)),
        (np.float64(1), "float64", ()), (np.float32(1), "float32", ()),
        (np.ones(2), "float64", (2,)), (np.ones(2, "uint8"), "uint8", (2,)),
        (Tensor([1.0]), "float32", (1,)), ([Tensor(1.0), Tensor(2.0)], "float32", (2,)),
    ],
)  # fmt: skip
def test_dtypes_of_what_goes_in(data, dtype, shape):
    t = Tensor(data)
    assert isinstance(t.data, np.ndarray) and t.dtype == dtype and t.shape == shape
    assert Tensor(data, dtype="float64").dtype == np.float64


def test_arrays_are_taken_as_they_are():
    x = np.ones(3)
    assert Tensor(x).data is x and Tensor(x).detach().data is x and Tensor(x).numpy() is x
    assert Tensor(x, dtype="float32").data is not x


def test_numbers_out():
    t = Tensor([[2.5]])
    assert t.item() == float(t) == 2.5 and int(t) == 2 and bool(t) and not Tensor(0.0)
    assert type(Tensor(3).item()) is int and type(Tensor(True).item()) is bool
    assert np.asarray(t).tolist() == [[2.5]] and np.array(t, dtype="float64").dtype == np.float64
    copy = np.array(t)
    copy[0, 0] = 0
    assert t.item() == 2.5
    assert t.cpu().data is t.data


def test_repr():
    assert repr(Tensor([1.0, 2.5])) == "Tensor([1. , 2.5])"
    assert repr(Tensor(3)) == "Tensor(3)"
    leaf = tensor_leaf([[1.0], [2.0]], name="w")
    assert repr(leaf) == (
        "Tensor([[1.],\n        [2.]], dtype=float64, requires_grad=True, name='w')"
    )


def test_to_another_dtype_and_back():
    x = Tensor([1.5, 2.5], requires_grad=True)
    y = x.to("float64") * np.array([1.0, 1e-3])
    assert y.dtype == np.float64
    y.sum().backward()
    assert x.grad.dtype == np.float32
    assert_close(x.grad, np.array([1.0, 1e-3], "float32"))


def test_setting_data_keeps_it_an_array():
    """An update by hand, `w.data = w.data - lr * w.grad`, is a bare number in numpy if w is ()."""
    w = Tensor(3.0, requires_grad=True)
    (w * w).backward()
    w.data = w.data - 0.5 * w.grad
    assert isinstance(w.data, np.ndarray) and w.item() == 0 and w.dtype == np.float32
    for new in (2.5, Tensor(2.5), np.float64(2.5)):
        w.data = new
        assert isinstance(w.data, np.ndarray) and w.item() == 2.5
    with pytest.raises(ValueError, match="int64"):
        w.data = [1, 2]


def test_writing_entries():
    t = Tensor(np.zeros((2, 3), "float32"))
    t[0] = 1
    t[1, 1:] = [2.0, 3.0]
    t[t == 0] = Tensor(9.0)
    assert t.data.tolist() == [[1, 1, 1], [9, 2, 3]] and t.dtype == np.float32
    w = Tensor([1.0, 2.0], requires_grad=True)
    w[0] = 5.0  # a leaf: its numbers are its owner's
    (w * w).sum().backward()
    assert w.grad.tolist() == [10, 4]


# ---------------------------------------------------------------------------------- float32

WIDENING = [
    lambda t: t * 2.0, lambda t: np.float64(2) * t, lambda t: 2**t, lambda t: t**2.0,
    lambda t: t ** Tensor([2.0, 3.0]), lambda t: t * Tensor([1, 2]), lambda t: t - np.array([1, 2]),
    lambda t: t + [1, 2], lambda t: t * (t > 1), lambda t: t.to("int64").mean(),
    lambda t: t.to("uint8") / 255, lambda t: t.to("int64").exp(), lambda t: 0.5 * t.to("int64"),
    lambda t: (t > 1).mean(), lambda t: F.mse_loss(t, [1, 2]), lambda t: t.to("int64") @ t,
    lambda t: F.linear(t.to("int64"), t.reshape(1, 2), [1.0]),
    lambda t: t * np.array(2.0), lambda t: t * Tensor(np.float64(2)), lambda t: np.array(2.0) - t,
    lambda t: tensor_leaf(2.0) ** t, lambda t: Tensor([1, 2]) * t.sum(),
    lambda t: t / tensor_leaf(3),
    lambda t: (t > 1).tanh(), lambda t: t.to("uint8").exp(), lambda t: (t * 9).to("uint8").sqrt(),
    lambda t: t.to("uint8").leaky_relu(), lambda t: t.to("bool").softmax(),
]  # fmt: skip


@pytest.mark.parametrize("function", WIDENING)
def test_float64_does_not_creep_in(function):
    """Numpy makes float64 of whole numbers and of its own scalars; a net would be half as fast."""
    t = Tensor([1.5, 2.0], requires_grad=True)
    result = function(t)
    assert result.dtype == np.float32
    if result.requires_grad:
        result.sum().backward()
        assert t.grad.dtype == np.float32


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int32", "int64"])
def test_functions_of_whole_numbers_are_those_of_float32(dtype):
    """Numpy takes the smallest float that holds the type: float16 for uint8, where e¹² is inf."""
    x = np.array([0, 1, 12, 2], dtype)
    for name in "exp sqrt sin cos tanh sigmoid gelu softmax log_softmax mean".split():
        expected = getattr(Tensor(x.astype("float32")), name)()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            ours = getattr(Tensor(x), name)()
        assert ours.dtype == np.float32
        assert_close(ours, expected, rtol=1e-6, atol=1e-7)
    if dtype != "bool":  # a slope of 0.3 is not cut down to 0
        assert_close(Tensor(-x.astype("int64")).leaky_relu(0.3), (x * -0.3).astype("float32"), 1e-6)
    assert Tensor(x).sum().dtype == np.int64 or dtype == "int32"


def test_a_single_number_takes_on_the_dtype_of_a_block():
    torch = import_torch()
    dtypes = ["float16", "float32", "float64", "int64"]
    for one, other in itertools.product(dtypes, dtypes):
        block, number = np.ones(2, one), np.ones((), other)
        expected = torch.tensor(block) * torch.tensor(number)
        for ours in (Tensor(block) * Tensor(number), Tensor(number) * Tensor(block)):
            assert str(ours.dtype) == str(expected.dtype).removeprefix("torch."), (one, other)
    number = tensor_leaf(3.0)
    (Tensor([1.0, 2.0]) * number).sum().backward()
    assert number.grad == 3 and number.grad.dtype == np.float64


def test_float16_losses_do_not_overflow_in_their_sum():
    torch = import_torch()
    x = np.full(400, 20, "float16")
    expected = torch.nn.functional.mse_loss(torch.tensor(x), torch.zeros(400).half())
    ours = F.mse_loss(Tensor(x), np.zeros_like(x))
    assert ours.item() == expected.item() == 400 and ours.dtype == np.float16


def test_float32_gelu_is_as_near_as_that_of_pytorch():
    torch = import_torch()
    x = np.linspace(-12, 12, 2001, dtype="float32")
    exact = torch.nn.functional.gelu(torch.tensor(x).double()).numpy()
    theirs = torch.nn.functional.gelu(torch.tensor(x)).numpy()
    ours = Tensor(x).gelu().data
    assert abs(ours - exact).max() <= abs(theirs - exact).max()
    assert abs(ours - exact)[x < -6].max() <= 1e-8


def test_float64_stays_where_it_is_asked_for():
    t = Tensor([1.5, 2.0])
    assert (t * np.ones(2)).dtype == np.float64
    assert t.to("int64").to("float64").dtype == np.float64
    assert (Tensor(2.0, dtype="float64") * 3).dtype == np.float64


def test_whole_numbers_stay_whole():
    assert (Tensor([1, 2]) * 3 + 1).data.tolist() == [4, 7]
    assert (Tensor([1, 2]) + 1).dtype == np.int64
    assert Tensor([True, True]).sum().item() == 2


# ---------------------------------------------------------------------------------- bad input

T = Tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
BAD = [
    (lambda: F.linear(T, np.ones((4, 2))), ValueError, "3 features arrive, and the weight takes 2"),
    (lambda: np.ones((2, 1, 3)) @ Tensor(np.ones((3, 3, 1))), ValueError,
     r"matmul of .*before the last two, \(2,\) and \(3,\), do not broadcast"),
    (lambda: T < Tensor([1.0, 2.0]), ValueError, r"lt of \(2, 3\) float32, \(2,\) float32"),
    (lambda: T == Tensor([1.0, 2.0]), ValueError, r"eq of \(2, 3\)"),
    (lambda: T < None, TypeError, "not supported between"),
    (lambda: T < Value(1.0), TypeError, "lt: a Value and a Tensor do not mix"),
    (lambda: T.clone().__setitem__(0, [1.0, 2.0]), ValueError, r"setitem of \(2, 3\).*\(2,\)"),
    (lambda: T.__setitem__(0, "a"), TypeError, "setitem: expected a Tensor.*'a'"),
    (lambda: T.__setitem__(5, 0.0), IndexError, r"setitem of \(2, 3\).*index 5"),
    (lambda: T.flatten(1, 0), ValueError, "start_dim 1 comes after end_dim 0"),
    (lambda: T.reshape(2.7, 3), TypeError, "'float' object cannot be interpreted as an integer"),
    (lambda: tensor_leaf(3.0).sum(1), IndexError, r"sum of \(\) .*axis 1"),
    (lambda: T.split(0), ValueError, "pieces of 0 do not make up the length 2"),
    (lambda: T.split([1, 1], 1), ValueError, r"\[1, 1\] do not make up the length 3"),
    (lambda: T.split([3, -1]), ValueError, "do not make up"),
    (lambda: F.softmax(T, 1, None, 2), TypeError, "softmax: too many positional arguments"),
    (lambda: F.softmax(T, 1, dim=1), TypeError, "softmax: multiple values for argument 'dim'"),
    (lambda: F.relu(T, 1), TypeError, "relu: too many positional arguments"),
    (lambda: F.one_hot([1.0]), ValueError, "one_hot of .*integers, not float32"),
    (lambda: F.one_hot([3], 3), ValueError, "one_hot of .*class 3 .* 3 classes"),
    (lambda: F.one_hot([-1]), ValueError, "one_hot of .*class -1"),
    (lambda: F.mse_loss([1, 2], [1, 3]), ValueError, "mse_loss of .*floating"),
    (lambda: F.cross_entropy([[1, 2]], [1]), ValueError, "cross_entropy of .*floating.*int64"),
    (lambda: T + Tensor([1.0, 2.0]), ValueError, r"add of \(2, 3\) float32, \(2,\) float32"),
    (lambda: T @ T, ValueError, r"matmul of \(2, 3\).*\(2, 3\).*\(3\).*\(2\) differ"),
    (lambda: T @ 2, ValueError, r"matmul .* 2: .*use \* to scale"),
    (lambda: F.linear(T, np.ones((4, 2), "float32")), ValueError, r"linear of \(2, 3\).*\(4, 2\)"),
    (lambda: F.linear(T, T, [1.0]), ValueError, r"linear of \(2, 3\).*\(1,\).*bias \(out,\)"),
    (lambda: F.linear(T, T, T), ValueError, r"linear of .*bias \(out,\)"),
    (lambda: T.reshape(4, -1), ValueError, r"reshape of \(2, 3\).*\(4,"),
    (lambda: T[2], IndexError, r"getitem of \(2, 3\).*index 2 is out of bounds"),
    (lambda: T.sum(2), IndexError, r"sum of \(2, 3\).*axis 2"),
    (lambda: T.sum(axes=1), TypeError, "sum: got an unexpected keyword argument 'axes'"),
    (lambda: T.permute(0, 0), ValueError, r"permute of \(2, 3\)"),
    (lambda: T.transpose(0, 2), IndexError, "no axis 2: use -2 to 1"),
    (lambda: T.unsqueeze(4), IndexError, "no axis 4: use -3 to 2"),
    (lambda: T.flatten(1, 7), IndexError, "no axis 7"),
    (lambda: T + "a", TypeError, "add: expected a Tensor, an array or a number, got 'a'"),
    (lambda: T * None, TypeError, "mul"),
    (lambda: T.item(), ValueError, r"exactly one entry.*\(2, 3\)"),
    (lambda: bool(T), ValueError, "neither true nor false: ask .any"),
    (lambda: len(Tensor(1.0)), TypeError, "no length"),
    (lambda: T.to("gpu"), ValueError, "unknown dtype 'gpu'.*float32.*device, cpu or cuda"),
    (lambda: Tensor(None), TypeError, "expected numbers.*None"),
    (lambda: Tensor("abc"), TypeError, "expected numbers.*'abc'"),
    (lambda: Tensor(np.array(["a"])), TypeError, "expected numbers"),
    (lambda: Tensor([1j]), TypeError, "expected numbers"),
    (lambda: Tensor([1.0], dtype="float31"), ValueError, "unknown dtype 'float31'.*float32"),
    (lambda: Tensor([1.0], device="tpu"), ValueError, "unknown device 'tpu'.*cpu, cuda"),
    (lambda: F.mse_loss(T, 1.0), ValueError, r"mse_loss of \(2, 3\) float32, \(\) .*same shape"),
    (lambda: F.mse_loss(T, T[0]), ValueError, r"mse_loss of .*\(3,\).*same shape"),
    (lambda: F.mse_loss(T, T, reduction="avg"), ValueError, "mse_loss .*'avg'.*'mean', 'sum'"),
    (lambda: F.cross_entropy(T, [0, 3]), ValueError, "cross_entropy .*class 3 .* 3 classes 0 to 2"),
    (lambda: F.cross_entropy(T, [0, -1]), ValueError, "cross_entropy .*class -1"),
    (lambda: F.cross_entropy(T, [0.0, 1.0]), ValueError, "cross_entropy .*integers, not float32"),
    (lambda: F.cross_entropy(T, [True, False]), ValueError, "cross_entropy .*integers, not bool"),
    (lambda: F.cross_entropy(T, [0]), ValueError, r"cross_entropy of \(2, 3\).*\(1,\).*shape \(n,"),
    (lambda: F.cross_entropy(T[0], [0]), ValueError, r"cross_entropy of \(3,\).*\(n, classes\)"),
    (lambda: F.cross_entropy(T, [[1, 0, 1], [0, 1, 1]]), ValueError, "cross_entropy of"),
    (lambda: F.cross_entropy(T, 1), ValueError, r"cross_entropy of \(2, 3\) float32, \(\) int64"),
    (lambda: F.cross_entropy(T, [0, 1], reduction="?"), ValueError, "cross_entropy .*'\\?'"),
]  # fmt: skip


@pytest.mark.parametrize("mistake, kind, message", BAD)
def test_errors_name_the_operation_and_the_shapes(mistake, kind, message):
    with pytest.raises(kind, match=message) as caught:
        mistake()
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200


def test_a_pull_of_a_wrong_shape_names_its_rule():
    def halved(x):
        return x / 2, lambda g: g.sum() / 2

    with made_up_rule(halved) as operation:
        with pytest.raises(ValueError, match=r"pull of halved .*\(\) for an input of shape \(3,\)"):
            operation(tensor_leaf([1.0, 2.0, 3.0])).sum().backward()


# ---------------------------------------------------------------------------------- far-off logits


def test_losses_of_far_off_logits_are_finite():
    """The largest logit is taken off before exp: nothing overflows, and no warning is printed."""
    logits = Tensor([[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4]], requires_grad=True)
    with np.errstate(all="raise", under="ignore"):
        for function in (
            lambda x: F.cross_entropy(x, [1, 0]),
            lambda x: x.log_softmax().sum(),
            lambda x: (x.softmax() * x).sum(),
            lambda x: x.sigmoid().sum() + x.tanh().sum(),
        ):
            logits.zero_grad()
            value = function(logits)
            value.backward()
            assert np.isfinite(value.data) and np.isfinite(logits.grad).all()
        logits.zero_grad()
        loss = F.cross_entropy(logits, [1, 0])
        loss.backward()
    assert loss.item() == 2e4
    assert logits.grad.tolist() == [[0.5, -0.5, 0], [-0.5, 0, 0.5]]


def test_results_on_the_cpu_stay_there_whatever_the_default_device(monkeypatch):
    """Numpy gives bare numbers for blocks of shape (): they must not count as new blocks."""
    x = Tensor(np.ones(3), requires_grad=True)
    monkeypatch.setattr(backend, "_current", "cuda")
    loss = (x * x).sum()
    loss.backward()
    assert loss.device == "cpu" and x.grad.tolist() == [2, 2, 2]
    assert {y.device for y in (x.detach(), x > 0, x.argmax(), x.to("int64"), x[0])} == {"cpu"}


def test_everything_public_is_reachable_from_the_package():
    assert all(hasattr(hello_dl, name) for name in hello_dl.__all__)
    assert all(callable(getattr(F, name)) for name in F.__all__)
