"""Vision: pictures in another size, another order, with a border, and cut into windows."""

import inspect
import random

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, plain

from hello_dl import Tensor, nn
from hello_dl import functional as F

each_device = pytest.mark.parametrize("where", DEVICES)
rng = np.random.default_rng(15)


def leaf(x, where="cpu", requires_grad=True):
    return Tensor(on_device(np.asarray(x), where), requires_grad)


def hold_to_pytorch(call, x, where, tolerance=1e-9):
    """Compare value and gradient of `call(functions, x)`; where PyTorch refuses, so must we."""
    torch = import_torch()
    ours, theirs = leaf(x, where), torch.tensor(x, requires_grad=True)
    try:
        expected = call(torch.nn.functional, theirs)
    except (RuntimeError, ValueError, TypeError, NotImplementedError):
        with pytest.raises((ValueError, TypeError)) as info:
            call(F, ours)
        assert "\n" not in str(info.value)
        return
    y = call(F, ours)
    assert_close(y, expected.detach().numpy(), tolerance, tolerance)
    g = rng.standard_normal(y.shape)
    y.backward(g)
    expected.backward(torch.tensor(g))
    assert_close(ours.grad, theirs.grad.numpy(), tolerance, tolerance)


# ------------------------------------------------------------------------------- another size


@each_device
@pytest.mark.parametrize("seed", range(40))
def test_any_interpolation_is_as_in_pytorch(seed, where):
    draw = random.Random(seed)
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
    hold_to_pytorch(lambda f, x: f.interpolate(x, **options), x, where)


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
    if len(shape) > 3:
        dealt = torch.channel_shuffle(torch.tensor(x), 2 if shape[1] % 2 == 0 else 3)
        groups = 2 if shape[1] % 2 == 0 else 3
        assert_close(F.channel_shuffle(leaf(x, where), groups), dealt.numpy())


def test_channel_shuffle_deals_out():
    x = leaf(np.arange(6.0).reshape(1, 6, 1))
    assert plain(F.channel_shuffle(x, 2)).reshape(-1).tolist() == [0, 3, 1, 4, 2, 5]


# ------------------------------------------------------------------------------ windows, borders


@each_device
@pytest.mark.parametrize("seed", range(20))
def test_any_unfolding_is_as_in_pytorch_and_folds_back(seed, where):
    draw = random.Random(seed)
    kernel = draw.randint(1, 3), draw.randint(1, 3)
    options = {
        "dilation": (draw.randint(1, 2), draw.randint(1, 2)),
        "padding": (draw.randint(0, 2), draw.randint(0, 2)),
        "stride": (draw.randint(1, 3), draw.randint(1, 3)),
    }
    shape = draw.randint(0, 2), draw.randint(1, 3), draw.randint(3, 7), draw.randint(3, 7)
    x = rng.standard_normal(shape[1:] if shape[0] == 1 else shape)

    def there_and_back(functions, x):
        columns = functions.unfold(x, kernel, **options)
        return functions.fold(columns * columns, tuple(x.shape[-2:]), kernel, **options)

    hold_to_pytorch(there_and_back, x, where)


@each_device
def test_folding_adds_up_what_unfolding_has_taken_apart(where):
    x = rng.standard_normal((2, 3, 6, 5))
    back = F.fold(F.unfold(leaf(x, where), 3, padding=1), (6, 5), 3, padding=1)
    seen = F.fold(F.unfold(leaf(np.ones(x.shape), where), 3, padding=1), (6, 5), 3, padding=1)
    assert_close(back, x * plain(seen))
    assert plain(seen)[0, 0, 0, 0] == 4 and plain(seen)[0, 0, 2, 2] == 9


@each_device
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("seed", range(8))
def test_any_padding_is_as_in_pytorch(seed, mode, where):
    draw = random.Random(f"{seed}{mode}")
    axes = draw.choice([1, 2, 2])
    pads = tuple(draw.randint(0, 4) for _ in range(2 * axes))
    x = rng.standard_normal((2, 2, *(draw.randint(2, 6) for _ in range(axes))))
    hold_to_pytorch(lambda f, x: f.pad(x, pads, mode), x, where)
    hold_to_pytorch(lambda f, x: f.pad(x, pads, mode), x[0], where)


@each_device
def test_negative_padding_takes_entries_away(where):
    x = rng.standard_normal((1, 2, 5, 6))
    for pads, mode in (((-1, 2, 0, -2), "constant"), ((-1, 2), "circular"), ((2, -1), "replicate")):
        hold_to_pytorch(lambda f, x, p=pads, m=mode: f.pad(x, p, m), x[0], where)
    assert F.pad(leaf(x[:0], where), (1, 1), "reflect").shape == (0, 2, 5, 8)


# -------------------------------------------------------------------------------------- modules

MODULES = [
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
    ("ZeroPad1d", ((0, 3),), {}),
    ("ReflectionPad1d", (2,), {}),
    ("ReplicationPad2d", ((0, 3, 1, 0),), {}),
    ("CircularPad1d", ((2, 1),), {}),
    ("Upsample", (), {"scale_factor": (1.5, 2.0), "mode": "bicubic", "align_corners": True}),
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


KINDS = ("Conv", "Pool", "Pad", "Norm", "Dropout", "Upsampl", "Shuffle", "Unshuffle", "old")


@pytest.mark.parametrize("name", [n for n in nn.__all__ if any(kind in n for kind in KINDS)])
def test_arguments_and_defaults_are_those_of_pytorch(name):
    torch = import_torch()
    ours, theirs = (inspect.signature(getattr(m, name)).parameters for m in (nn, torch.nn))
    assert [(p.name, p.default) for p in ours.values()] == [
        (p.name, p.default) for p in theirs.values()
    ]


# ---------------------------------------------------------------------------------- what it says

WRONG = [
    (lambda x: F.fold(x[0], 4, 2), "have 9 windows of 4 entries"),
    (lambda x: F.interpolate(x), "size or scale_factor"),
    (lambda x: F.interpolate(x, 3, 2), "size or scale_factor"),
    (lambda x: F.interpolate(x, 0), "interpolate: size is a whole number from 1 on"),
    (lambda x: F.interpolate(x, scale_factor=0.1), r"scale_factor=0.1 makes a size of \(0, 0\)"),
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
    (lambda x: F.channel_shuffle(x[0, 0], 2), r"the shape \(n, c, ...\), not \(6, 7\)"),
    (lambda x: F.unfold(x, 9), "9 x 9 entries and does not fit into 6 x 7"),
    (lambda x: F.unfold(x[0, 0], 2), r"the shape \(n, channels, height, width\)"),
    (lambda x: F.pad(x, (7, 0), "reflect"), "reflect finds no 7 entries in an axis of length 7"),
    (lambda x: F.pad(x, (-7, 0), "replicate"), "-7 and 0 leave nothing of an axis of length 7"),
    (lambda x: F.pad(x, (1,)), "must be pairs, one for each of the last axes of 4"),
    (lambda x: F.pad(x, (1, 1), "zeros"), "unknown mode 'zeros': use constant, reflect"),
    (lambda x: F.pad(x, (1, 1), "reflect", 3), "mode 'reflect' takes no value"),
    (lambda x: nn.ZeroPad2d((1, 2))(x), "one number or 4, one for each side"),
]


@pytest.mark.parametrize("call, message", WRONG)
def test_errors_say_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message) as info:
        call(leaf(np.ones((2, 3, 6, 7))))
    assert "\n" not in str(info.value)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: F.interpolate(x, 2.5), "interpolate: size takes whole numbers, not"),
        (lambda x: F.interpolate(x, scale_factor="a"), "must be one number|takes numbers"),
        (lambda x: F.pad(x, (1.5, 1)), "pad takes whole numbers, not"),
        (lambda x: F.unfold(x, 2, padding="same"), "padding takes whole numbers, not 'same'"),
        (lambda x: F.pixel_shuffle(x, 2.0), "pixel_shuffle: the factor takes a whole number"),
        (lambda x: F.channel_shuffle(x, 1.0), "channel_shuffle: groups takes a whole number"),
    ],
)
def test_numbers_that_are_not_whole(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call(leaf(np.ones((2, 4, 6, 7))))
