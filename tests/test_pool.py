"""Pooling, and what brings pictures to another size: places, ties, the way back, what it says."""

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
    (lambda x: F.avg_pool2d(x, 2, divisor_override=0), "divisor_override must not be 0"),
    (lambda x: F.avg_pool2d(x, (2, 2, 2)), "kernel_size is a whole number from 1 on, or 2 of them"),
    (lambda x: F.adaptive_avg_pool2d(x, (1, 2, 3)), "output_size is 2 whole numbers"),
    (lambda x: F.adaptive_max_pool2d(x, 0), "output_size is 2 whole numbers from 1 on"),
    (lambda x: F.max_unpool2d(x, x[:1].long(), 2), "differ in shape"),
    (lambda x: F.fold(x[0], 4, 2), "have 9 windows of 4 entries"),
    (lambda x: F.interpolate(x), "size or scale_factor"),
    (lambda x: F.interpolate(x, 3, 2), "size or scale_factor"),
    (lambda x: F.interpolate(x, 0), "must be 1 or more"),
    (lambda x: F.interpolate(x, (1, 2, 3)), "must be one number, or 2"),
    (
        lambda x: F.interpolate(x, 3, mode="linear"),
        "unknown mode 'linear' here: use one of nearest",
    ),
    (lambda x: F.interpolate(x, 3, align_corners=True), "align_corners has no meaning"),
    (lambda x: F.interpolate(x, 3, antialias=True), "antialias is for bilinear and bicubic"),
    (lambda x: F.interpolate(x[0, 0], 3), "interpolate takes"),
    (lambda x: F.interpolate(x.long(), 3, mode="bilinear"), "computes with floating numbers"),
    (lambda x: F.pixel_shuffle(x, 2), "3 channels are no multiple of 2² = 4"),
    (lambda x: F.pixel_unshuffle(x, 4), "6 x 7 is no multiple of 4"),
    (lambda x: F.pixel_shuffle(x, 0), "whole number from 1 on"),
    (lambda x: F.channel_shuffle(x, 2), "3 channels do not fall into 2 groups"),
]


@pytest.mark.parametrize("call, message", WRONG)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message) as info:
        call(leaf(np.ones((2, 3, 6, 7))))
    assert "\n" not in str(info.value)


# ------------------------------------------------------------------------------- another size


@each_device
@pytest.mark.parametrize("seed", range(40))
def test_any_interpolation_is_as_in_pytorch(seed, where):
    torch, draw = import_torch(), random.Random(seed)
    axes = draw.choice([1, 2, 2])
    mixing = ["linear"] if axes == 1 else ["bilinear", "bicubic"]
    mode = draw.choice(["nearest", "nearest-exact", "area", *mixing])
    options = {"mode": mode}
    if mode in mixing:
        options["align_corners"] = draw.choice([None, True, False])
        options["antialias"] = axes == 2 and draw.random() < 0.5
    if draw.random() < 0.5:
        options["size"] = tuple(draw.randint(2, 15) for _ in range(axes))
    else:
        options["scale_factor"] = draw.choice([2, 0.5, 1.7, 2.5, (3.0, 0.6)[:axes]])
        options["recompute_scale_factor"] = draw.choice([None, True, False])
    x = rng.standard_normal((2, 2, *(draw.randint(4, 12) for _ in range(axes))))
    ours, theirs = leaf(x, where), torch.tensor(x, requires_grad=True)
    y, expected = F.interpolate(ours, **options), torch.nn.functional.interpolate(theirs, **options)
    assert_close(y, expected.detach().numpy(), rtol=1e-8, atol=1e-9)
    g = rng.standard_normal(y.shape)
    y.backward(g)
    expected.backward(torch.tensor(g))
    assert_close(ours.grad, theirs.grad.numpy(), rtol=1e-8, atol=1e-9)


@each_device
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32"])
def test_the_nearest_entries_are_copies(dtype, where):
    x = np.arange(6).astype(dtype).reshape(1, 1, 2, 3)
    y = F.interpolate(leaf(x, where, False), scale_factor=2)
    assert y.dtype == dtype
    assert (plain(y) == x.repeat(2, 2).repeat(2, 3)).all()


@each_device
@pytest.mark.parametrize("shape", [(2, 8, 3, 5), (8, 3, 5), (2, 3, 12, 2, 4)])
def test_shuffles(shape, where):
    torch = import_torch()
    x = rng.standard_normal(shape)
    y = F.pixel_shuffle(leaf(x, where), 2)
    assert_close(y, torch.nn.functional.pixel_shuffle(torch.tensor(x), 2).numpy())
    assert_close(F.pixel_unshuffle(y, 2), x)
    dealt = F.channel_shuffle(leaf(x[None] if x.ndim == 3 else x, where), shape[0] // 2 or 1)
    assert sorted(plain(dealt).reshape(-1)) == sorted(x.reshape(-1))
    wanted = torch.channel_shuffle(torch.tensor(rng.standard_normal((2, 6, 3, 3))), 3)
    assert wanted.shape == (2, 6, 3, 3)


def test_channel_shuffle_deals_out():
    x = leaf(np.arange(6.0).reshape(1, 6, 1))
    assert plain(F.channel_shuffle(x, 2)).reshape(-1).tolist() == [0, 3, 1, 4, 2, 5]


MODULES = [
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}),
    ("MaxPool2d", ((2, 3),), {}),
    ("MaxPool1d", (2,), {}),
    ("AvgPool2d", (3,), {"padding": 1, "count_include_pad": False}),
    ("AvgPool1d", (2,), {}),
    ("AdaptiveAvgPool2d", ((3, None),), {}),
    ("AdaptiveAvgPool1d", (4,), {}),
    ("AdaptiveMaxPool2d", (2,), {}),
    ("Unfold", (2,), {"stride": 2}),
    ("Fold", ((8, 9), 2), {"stride": 1}),
    ("Upsample", (), {"scale_factor": 2.0, "mode": "bilinear"}),
    ("Upsample", (), {"size": (5, 4)}),
    ("UpsamplingNearest2d", (), {"scale_factor": 3.0}),
    ("UpsamplingBilinear2d", (), {"size": 11}),
    ("PixelShuffle", (2,), {}),
    ("PixelUnshuffle", (2,), {}),
    ("ChannelShuffle", (2,), {}),
    ("ZeroPad2d", (2,), {}),
    ("ConstantPad2d", ((1, 2, 0, 1), 2.5), {}),
    ("ConstantPad1d", (1, 2.5), {}),
    ("ReflectionPad2d", ((1, 2, 0, 1),), {}),
    ("ReplicationPad1d", ((1, 2),), {}),
    ("CircularPad2d", (1,), {}),
]


@each_device
@pytest.mark.parametrize("name, arguments, options", MODULES)
def test_modules_are_those_of_pytorch(name, arguments, options, where):
    torch = import_torch()
    shape = {"1d": (2, 4, 8), "Fold": (2, 12, 56), "PixelUnshuffle": (1, 2, 6, 8)}
    x = rng.standard_normal(shape.get(name, shape.get(name[-2:], (2, 4, 6, 7))))
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
