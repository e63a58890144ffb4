"""Pooling: against PyTorch, places, ties, the way back, and what it says of what does not fit."""

import random

import numpy as np
import pytest
from helpers import DEVICES, INF, NAN, assert_close, import_torch, on_device, plain

from hello_dl import Tensor, nn
from hello_dl import functional as F

each_device = pytest.mark.parametrize("where", DEVICES)
rng = np.random.default_rng(13)


def leaf(x, where="cpu", requires_grad=True):
    return Tensor(on_device(np.asarray(x), where), requires_grad)


def numbers(draw, shape):
    """Draw numbers, or few different ones so that they tie, or ones that are none."""
    kind = draw.choice(["normal", "few", "strange"])
    if kind == "normal":
        return rng.standard_normal(shape)
    return rng.choice([0.0, 1.0] if kind == "few" else [NAN, INF, -INF, 0.0, 1.0], shape)


def in_memory(x, draw):
    """Lay pictures out with the batch innermost, as convolution does, or plainly."""
    return np.ascontiguousarray(x.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2) if draw else x


@each_device
@pytest.mark.parametrize("seed", range(40))
def test_any_max_pool_is_as_in_pytorch(seed, where):
    torch, draw = import_torch(), random.Random(seed)
    kernel = draw.randint(1, 4), draw.randint(1, 4)
    options = {
        "kernel_size": kernel,
        "stride": draw.choice([None, (1, 2), (3, 1), (2, 4)]),
        "padding": tuple(draw.randint(0, k // 2) for k in kernel),
        "dilation": draw.choice([1, 1, 2]) if max(kernel) < 4 else 1,
        "ceil_mode": draw.random() < 0.5,
    }
    if options["dilation"] > 1:
        options["padding"] = 0  # else a window may meet nothing, and PyTorch reads beside it
        options["ceil_mode"] = False
    shape = draw.randint(1, 3), draw.randint(1, 2), draw.randint(7, 12), draw.randint(7, 12)
    x = in_memory(numbers(draw, shape), draw.random() < 0.5)
    theirs = torch.tensor(x, requires_grad=True)
    values, places = torch.nn.functional.max_pool2d(theirs, **options, return_indices=True)
    g = rng.standard_normal(tuple(values.shape))
    values.backward(torch.tensor(g))
    for with_places in (False, True):
        ours = leaf(x, where)
        y = F.max_pool2d(ours, **options, return_indices=with_places)
        if with_places:
            assert (plain(y[1]) == places.numpy()).all() and y[1].dtype == "int64"
            y = y[0]
        assert_close(y, values.detach().numpy())
        y.backward(g)
        assert_close(ours.grad, theirs.grad.numpy())


@each_device
def test_the_first_of_several_gets_the_gradient(where):
    x = leaf(np.zeros((1, 1, 4, 4)), where)
    F.max_pool2d(x, 2).sum().backward()
    assert plain(x.grad)[0, 0].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0]] * 2
    above = leaf([[[[0.0, 2.0], [2.0, 0.0]]]], where)  # the right one above, the left one below
    F.max_pool2d(above, 2).sum().backward()
    assert plain(above.grad)[0, 0].tolist() == [[0, 1], [0, 0]]


@each_device
def test_a_gradient_of_any_size_goes_to_one_entry(where):
    x = leaf([[[[1.0, 2.0], [3.0, 4.0]]]], where)
    F.max_pool2d(x, 2).backward(np.array([[[[INF]]]]))
    assert plain(x.grad)[0, 0].tolist() == [[0, 0], [0, INF]]


@each_device
def test_whole_numbers_stay_whole(where):
    x = np.arange(16).reshape(1, 1, 4, 4)
    for dtype in ("int64", "uint8", "int32"):
        y = F.max_pool2d(leaf(x.astype(dtype), where, False), 2, padding=1)
        assert y.dtype == dtype and plain(y)[0, 0].tolist() == [
            [0, 2, 3],
            [8, 10, 11],
            [12, 14, 15],
        ]


@each_device
@pytest.mark.parametrize("axes", [1, 2])
def test_pooling_and_the_way_back(axes, where):
    torch = import_torch()
    shape = (2, 3, 7, 6)[: axes + 2]
    x = rng.standard_normal(shape)
    pool, back = (getattr(nn, f"Max{what}{axes}d")(2) for what in ("Pool", "Unpool"))
    pool.return_indices = True
    ours, theirs = leaf(x, where), torch.tensor(x, requires_grad=True)
    y = back(*pool(ours), output_size=shape)
    functions = torch.nn.functional
    kept = getattr(functions, f"max_pool{axes}d")(theirs, 2, return_indices=True)
    expected = getattr(functions, f"max_unpool{axes}d")(*kept, 2, output_size=shape)
    assert_close(y, expected.detach().numpy())
    g = rng.standard_normal(shape)
    y.backward(g)
    expected.backward(torch.tensor(g))
    assert_close(ours.grad, theirs.grad.numpy())
    assert back(*pool(leaf(x, where))).shape[2:] == (6, 6)[:axes]
    with pytest.raises(ValueError, match=r"output_size \(12,.* must be"):
        back(*pool(leaf(x, where)), output_size=(12, 12)[:axes])


@each_device
@pytest.mark.parametrize("size", [1, (2, 3), (3, 5), (None, 2), (9, 8)])
def test_adaptive_max_pool(size, where):
    torch = import_torch()
    x = rng.standard_normal((2, 3, 7, 6)).round(1)  # some tie
    ours, theirs = leaf(x, where), torch.tensor(x, requires_grad=True)
    y, places = F.adaptive_max_pool2d(ours, size, return_indices=True)
    expected, others = torch.nn.functional.adaptive_max_pool2d(theirs, size, True)
    assert_close(y, expected.detach().numpy())
    assert (plain(places) == others.numpy()).all()
    assert_close(F.adaptive_max_pool2d(ours, size), y)
    y.sum().backward()
    expected.sum().backward()
    assert_close(ours.grad, theirs.grad.numpy())
    line, length = leaf(x[0, :, 0], where), size if isinstance(size, int) else 4
    wanted = torch.nn.functional.adaptive_max_pool1d(torch.tensor(x[0, :, 0]), length)
    assert_close(nn.AdaptiveMaxPool1d(length)(line), wanted.numpy())


@each_device
@pytest.mark.parametrize(
    "pool",
    [
        lambda x: F.max_pool2d(x, 2),
        lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
        lambda x: F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)[:, :, ::2, ::2],
        lambda x: F.avg_pool2d(x, 2, divisor_override=3),
        lambda x: F.adaptive_avg_pool2d(x, (3, 2)),
        lambda x: F.adaptive_max_pool2d(x, (3, 2)),
        lambda x: F.max_pool1d(x[:, :, 0], 2, return_indices=True)[0],
    ],
)
def test_a_batch_of_none(pool, where):
    x = leaf(np.ones((0, 3, 6, 4)), where)
    y = pool(x)
    assert y.shape in ((0, 3, 3, 2), (0, 3, 2))
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_inf_in_one_window_is_no_matter_of_the_others():
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 0, 0] = INF
    for y in (
        F.avg_pool2d(leaf(x), 2),
        F.adaptive_avg_pool2d(leaf(x), 2),
        F.interpolate(leaf(x), 8),
    ):
        assert plain(y)[0, 0, 0, 0] == INF and plain(y)[0, 0, -1].tolist() == [0] * y.shape[3]


WRONG = [
    (lambda x: F.max_pool2d(x, 2, padding=2), "padding=2 is more than half of kernel_size=2"),
    (lambda x: F.max_pool2d(x, 9), "9 x 9 entries and does not fit into 6 x 7"),
    (lambda x: F.max_pool2d(x, 9, return_indices=True), "max_pool2d of .*does not fit into 6 x 7"),
    (lambda x: F.max_pool2d(x[0, 0], 2), r"the shape \(n, channels, height, width\)"),
    (lambda x: F.max_pool1d(x, 2), r"the shape \(n, channels, length\)"),
    (lambda x: F.max_pool2d(x[:, :, :1], (2, 1), padding=(1, 0), dilation=2), "wholly outside"),
    (lambda x: F.max_pool2d(x, 2, padding=2, dilation=2), "more than half of kernel_size=2"),
    (lambda x: F.avg_pool2d(x[..., :0], 2, padding=1), "nothing to pool: height or width is 0"),
    (lambda x: F.adaptive_max_pool2d(x[:, :, :0], 2), "nothing to pool"),
    (lambda x: F.adaptive_avg_pool1d(x[0], -1), "output_size is a whole number from 1 on.*not -1"),
    (lambda x: F.max_unpool2d(x, 50 + x.long(), 1), "indices beyond 6 x 7 entries"),
    (lambda x: F.avg_pool2d(x, 2, divisor_override=0), "divisor_override must not be 0"),
    (lambda x: F.avg_pool2d(x, (2, 2, 2)), "kernel_size is a whole number from 1 on, or 2 of them"),
    (lambda x: F.adaptive_avg_pool2d(x, (1, 2, 3)), "output_size is 2 whole numbers"),
    (lambda x: F.adaptive_max_pool2d(x, 0), "output_size is 2 whole numbers from 1 on"),
    (lambda x: F.max_unpool2d(x, x[:1].long(), 2), "differ in shape"),
]


@pytest.mark.parametrize("call, message", WRONG)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message) as info:
        call(leaf(np.ones((2, 3, 6, 7))))
    assert "\n" not in str(info.value)


MODULES = [
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}),
    ("MaxPool2d", ((2, 3),), {}),
    ("MaxPool1d", (2,), {}),
    ("AvgPool2d", (3,), {"padding": 1, "count_include_pad": False}),
    ("AvgPool1d", (2,), {}),
    ("AdaptiveAvgPool2d", ((3, None),), {}),
    ("AdaptiveAvgPool1d", (4,), {}),
    ("AdaptiveMaxPool2d", (2,), {}),
]


@each_device
@pytest.mark.parametrize("name, arguments, options", MODULES)
def test_modules_are_those_of_pytorch(name, arguments, options, where):
    torch = import_torch()
    x = rng.standard_normal((2, 4, 8) if name.endswith("1d") else (2, 4, 6, 7))
    ours, theirs = (getattr(m, name)(*arguments, **options) for m in (nn, torch.nn))
    y = ours(leaf(x, where))
    assert_close(y, theirs(torch.tensor(x)).numpy())
    assert repr(ours) == repr(theirs)


HALVES = [
    lambda x: F.max_pool2d(x, 2),
    lambda x: F.avg_pool2d(x, 3, 1, 1),
    lambda x: F.adaptive_avg_pool2d(x, 2),
    lambda x: F.adaptive_avg_pool2d(x, (3, 4)),
    lambda x: F.unfold(x, 2),
    lambda x: F.fold(F.unfold(x, 2), (6, 5), 2),
    lambda x: F.interpolate(x, 9, mode="bilinear"),
    lambda x: F.interpolate(x, 9),
    lambda x: F.batch_norm(x, None, None, training=True),
    lambda x: F.instance_norm(x),
]


@each_device
@pytest.mark.parametrize("function", HALVES)
def test_halves_are_computed_in_float32(function, where):
    x = rng.standard_normal((2, 3, 6, 5)).astype("float16")
    half, full = leaf(x, where), leaf(x.astype("float32"), where)
    y, exact = function(half), function(full)
    assert y.dtype == "float16"
    g = rng.standard_normal(y.shape).astype("float16")
    y.backward(g)
    exact.backward(g.astype("float32"))
    assert half.grad.dtype == "float16"
    assert_close(half.grad, plain(full.grad).astype("float16"), rtol=4e-3, atol=4e-3)
