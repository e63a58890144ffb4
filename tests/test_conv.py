"""Convolution: against PyTorch in odd geometries, what it skips, and what it says."""

import random

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, plain

from hello_dl import Tensor, nn, no_grad
from hello_dl import functional as F
from hello_dl.backend import conv as backend
from hello_dl.backend import conv_cuda, conv_direct_cuda, device

each_device = pytest.mark.parametrize("where", DEVICES)
rng = np.random.default_rng(11)


def leaf(x, where="cpu", requires_grad=True):
    return Tensor(on_device(np.asarray(x), where), requires_grad)


def upstream(shape):
    return np.random.default_rng(12).standard_normal(shape)


def results(function, inputs, where, **options):
    """Return the value and the gradients of all inputs."""
    leaves = [leaf(x, where) for x in inputs]
    y = function(*leaves, **options)
    y.backward(upstream(y.shape))
    return [y, *(x.grad for x in leaves)]


def torch_results(function, inputs, **options):
    torch = import_torch()
    leaves = [torch.tensor(x, requires_grad=True) for x in inputs]
    y = function(*leaves, **options)
    y.backward(torch.tensor(upstream(tuple(y.shape))))
    return [y.detach().numpy(), *(x.grad.numpy() for x in leaves)]


# ------------------------------------------------------------------------------ against PyTorch


def geometry(draw, transposed=False):
    """Draw sizes and options at random; PyTorch's rules for what is allowed hold."""
    groups = draw.choice([1, 1, 2, 3])
    channels, out = groups * draw.randint(1, 3), groups * draw.randint(1, 3)
    kernel = draw.randint(1, 4), draw.randint(1, 4)
    options = {
        "stride": (draw.randint(1, 4), draw.randint(1, 3)),
        "dilation": (draw.choice([1, 1, 2, 3]), draw.choice([1, 1, 2])),
        "padding": (draw.randint(0, 4), draw.randint(0, 3)),
        "groups": groups,
    }
    reach = [d * (k - 1) + 1 for d, k in zip(options["dilation"], kernel)]
    least = [max(1, r - 2 * p) for r, p in zip(reach, options["padding"])]
    if transposed:
        pads = [min(p, (r - 1) // 2) for p, r in zip(options["padding"], reach)]
        steps = zip(options["stride"], options["dilation"])
        more = [draw.randrange(max(pair)) for pair in steps]
        options |= {"padding": tuple(pads), "output_padding": tuple(more)}
    size = [n + draw.randint(0, 5) for n in least]
    x = rng.standard_normal((draw.randint(1, 3), channels, *size))
    shape = (channels, out // groups) if transposed else (out, channels // groups)
    return [x, rng.standard_normal((*shape, *kernel)), rng.standard_normal(out)], options


@each_device
@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d"])
def test_any_geometry_is_as_in_pytorch(name, seed, where, monkeypatch):
    torch, draw = import_torch(), random.Random(seed)
    monkeypatch.setattr(backend, "BAND", draw.choice([backend.BAND, 60]))  # several bands
    monkeypatch.setattr(backend, "SMALL", draw.choice([backend.SMALL, 10**9]))
    monkeypatch.setattr(conv_cuda, "BAND", draw.choice([conv_cuda.BAND, 60]))
    monkeypatch.setattr(conv_direct_cuda, "SMALL", draw.choice([conv_direct_cuda.SMALL, 0]))
    inputs, options = geometry(draw, transposed=name != "conv2d")
    ours = results(getattr(F, name), inputs, where, **options)
    for one, other in zip(
        ours, torch_results(getattr(torch.nn.functional, name), inputs, **options)
    ):
        assert_close(one, other, rtol=1e-9, atol=1e-10, what=f"{options}")


@pytest.mark.parametrize("columns", [40, 512, 2048])
def test_a_product_that_is_cut_into_parts_is_the_same(columns):
    inputs = [rng.standard_normal((columns, 1, 6, 6)), rng.standard_normal((3, 1, 3, 3))]
    assert backend._parts(27, 4, 4 * columns) >= 1
    expected = np.einsum(
        "nchwij,ocij->nohw",
        np.lib.stride_tricks.sliding_window_view(inputs[0], (3, 3), (2, 3)),
        inputs[1],
    )
    assert_close(F.conv2d(*map(leaf, inputs)), expected)


def test_large_products_are_cut_into_parts():
    assert backend._parts(150, 28, 256) > 1, "a LeNet's first layer, with a batch of 256"
    assert backend._parts(64 * 288, 28, 32) == 1


# --------------------------------------------------------------------- what it skips, and keeps


def test_gradients_that_nobody_needs_are_not_computed(monkeypatch):
    def never(*_):
        raise AssertionError("nobody has asked for this gradient")

    x, weight = np.ones((2, 1, 5, 5)), np.ones((3, 1, 3, 3))
    with monkeypatch.context() as patched:
        patched.setattr("hello_dl.ops.conv.correlate_input", never)
        pictures, kernels = leaf(x, requires_grad=False), leaf(weight)
        F.conv2d(pictures, kernels).sum().backward()
        assert kernels.grad.shape == weight.shape and pictures.grad is None
    with monkeypatch.context() as patched:
        patched.setattr("hello_dl.ops.conv.correlate_weight", never)
        pictures, kernels = leaf(x), leaf(weight, requires_grad=False)
        F.conv2d(pictures, kernels).sum().backward()
        assert pictures.grad.shape == x.shape and kernels.grad is None


def test_the_first_layer_of_a_net_gives_no_gradient_to_pictures(monkeypatch):
    """Counted: of three layers two bring gradients back, and all three have a weight to change."""
    counts = {"correlate_input": 0, "correlate_weight": 0}

    def counting(name):
        kernel = getattr(backend, name)

        def counted(*arguments):
            counts[name] += 1
            return kernel(*arguments)

        return counted

    for name in counts:
        monkeypatch.setattr(f"hello_dl.ops.conv.{name}", counting(name))
    layers = [nn.Conv2d(c, 2, 3, padding=1) for c in (1, 2, 2)]
    pictures = leaf(np.ones((2, 1, 6, 6), "float32"), requires_grad=False)
    nn.Sequential(*layers)(pictures).sum().backward()
    assert counts == {"correlate_input": 2, "correlate_weight": 3} and pictures.grad is None
    layers[1].weight.requires_grad = False  # one that is frozen lets gradients through all the same
    nn.Sequential(*layers)(pictures).sum().backward()
    assert counts == {"correlate_input": 4, "correlate_weight": 5}


def test_pictures_stay_as_they_lie_from_layer_to_layer():
    """With the batch innermost in memory no layer has to copy what the one before has made."""

    def lies_well(y):
        return y.data.transpose(2, 1, 3, 0).flags.c_contiguous

    x = leaf(rng.standard_normal((4, 2, 9, 9)).astype("float32"))
    first = F.conv2d(x, leaf(rng.standard_normal((3, 2, 3, 3)).astype("float32")))
    layers = [first, first.relu(), F.max_pool2d(first, 2), F.avg_pool2d(first, 3, 1, 1)]
    layers.append(F.batch_norm(first, None, None, training=True))
    assert all(map(lies_well, layers))
    last = layers[-1].relu()
    last.sum().backward()
    assert first.grad.transpose(2, 1, 3, 0).flags.c_contiguous


@each_device
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_dtype_stays(dtype, where):
    inputs = [rng.standard_normal(s).astype(dtype) for s in ((2, 2, 5, 5), (3, 2, 3, 3), (3,))]
    y, *gradients = results(F.conv2d, inputs, where, padding=1)
    assert {plain(block).dtype for block in (y, *gradients)} == {np.dtype(dtype)}
    exact = results(F.conv2d, [x.astype("float64") for x in inputs], where, padding=1)
    assert_close(
        y,
        exact[0],
        rtol=2e-3 if dtype == "float16" else 1e-5,
        atol=1e-2 if dtype == "float16" else 1e-5,
    )


@each_device
def test_inputs_that_lie_in_memory_in_another_order(where):
    x, weight = rng.standard_normal((5, 6, 3, 4)), rng.standard_normal((3, 3, 2, 4))
    turned = leaf(x, where).permute(3, 2, 0, 1)[:, :, ::-1, ::2] if where == "cpu" else None
    straight = leaf(np.ascontiguousarray(x.transpose(3, 2, 0, 1)[:, :, ::-1, ::2]), where)
    kernels = leaf(weight, where).permute(1, 0, 2, 3)
    again = leaf(np.ascontiguousarray(weight.swapaxes(0, 1)), where)
    expected = F.conv2d(straight, again[..., :2])
    assert_close(F.conv2d(straight, kernels[..., :2]), expected)
    if turned is not None:
        assert_close(F.conv2d(turned, kernels[..., :2]), expected)


@each_device
def test_a_gradient_that_is_one_number_stretched(where):
    inputs = [rng.standard_normal((2, 2, 5, 5)), rng.standard_normal((3, 2, 3, 3))]
    by_sum, by_ones = [leaf(x, where) for x in inputs], [leaf(x, where) for x in inputs]
    F.conv2d(*by_sum).sum().backward()
    y = F.conv2d(*by_ones)
    y.backward(np.ones(y.shape))
    for one, other in zip(by_sum, by_ones):
        assert_close(one.grad, other.grad)


# ---------------------------------------------------------------------------------- what it says

PICTURES, KERNELS = np.ones((2, 3, 8, 8)), np.ones((4, 3, 3, 3))
WRONG = [
    (PICTURES[:, :1], KERNELS, {}, "has 1 channels, and the weight takes 3"),
    (PICTURES, KERNELS, {"groups": 2}, "takes 3 in each of groups=2"),
    (PICTURES, np.ones((4, 1, 3, 3)), {"groups": 3}, "4 kernels do not fall into groups=3"),
    (PICTURES[0, 0], KERNELS, {}, r"the shape \(n, channels, height, width\)"),
    (PICTURES, KERNELS[0], {}, r"weight has 4 axes: \(out"),
    (PICTURES, np.ones((4, 3, 9, 9)), {}, "9 x 9 entries and does not fit into 8 x 8"),
    (PICTURES, np.ones((4, 3, 11, 3)), {"padding": 1}, "into 8 x 8 with its padding"),
    (PICTURES, KERNELS, {"stride": 0}, "stride is a whole number from 1 on"),
    (PICTURES, KERNELS, {"stride": (1, 2, 3)}, "stride is a whole number"),
    (PICTURES, KERNELS, {"padding": -1}, "padding is a whole number from 0 on"),
    (PICTURES, KERNELS, {"padding": "some"}, "unknown padding 'some': use 'same', 'valid'"),
    (PICTURES, KERNELS, {"padding": "same", "stride": 2}, "padding='same' needs stride=1"),
    (PICTURES, KERNELS, {"dilation": 0}, "dilation is a whole number from 1 on"),
    (PICTURES, KERNELS, {"groups": 0}, "groups is a whole number from 1 on, not 0"),
    (PICTURES[:, :0], KERNELS[:, :0], {}, "the kernels have no numbers"),
]


@pytest.mark.parametrize("x, weight, options, message", WRONG)
def test_errors_say_what_is_wrong(x, weight, options, message):
    with pytest.raises(ValueError, match=message) as info:
        F.conv2d(leaf(x), leaf(weight), **options)
    assert str(info.value).startswith("conv2d of ") and "\n" not in str(info.value)


def test_more_errors():
    with pytest.raises(ValueError, match=r"bias has the shape \(4,\)"):
        F.conv2d(leaf(PICTURES), leaf(KERNELS), leaf(np.ones(3)))
    with pytest.raises(TypeError, match="stride takes whole numbers, not 1.5"):
        F.conv2d(leaf(PICTURES), leaf(KERNELS), stride=1.5)
    with pytest.raises(TypeError, match="groups takes a whole number, not 1.0"):
        F.conv2d(leaf(PICTURES), leaf(KERNELS), groups=1.0)
    with pytest.raises(TypeError, match="padding takes whole numbers, not 'same'"):
        F.conv_transpose2d(leaf(PICTURES), leaf(np.ones((3, 1, 2, 2))), padding="same")
    with pytest.raises(ValueError, match="output_padding=2 must be below the stride"):
        F.conv_transpose2d(leaf(PICTURES), leaf(np.ones((3, 1, 2, 2))), output_padding=2)
    with pytest.raises(ValueError, match="padding=5 leaves nothing"):
        F.conv_transpose2d(leaf(PICTURES), leaf(np.ones((3, 1, 2, 2))), padding=5)
    with pytest.raises(ValueError, match="3 channels, the weight takes 4"):
        F.conv_transpose2d(leaf(PICTURES), leaf(np.ones((4, 1, 2, 2))))


def test_arguments_by_place_and_by_name():
    x, weight = leaf(PICTURES), leaf(KERNELS)
    by_place = F.conv2d(x, weight, None, 2, 1, 2, 1)
    by_name = F.conv2d(input=x, weight=weight, stride=(2,), padding=1, dilation=2)
    assert_close(by_place, by_name)
    up = F.conv_transpose2d(x, leaf(np.ones((3, 1, 2, 2))), None, 3, 1, 2, 1, 2)
    assert up.shape == (2, 1, 24, 24)


# -------------------------------------------------------------------------------------- modules

CONVS = [
    ("Conv2d", (3, 4, 3), {"padding": 1}),
    ("Conv2d", (4, 6, (3, 2)), {"stride": 2, "groups": 2, "bias": False, "dilation": (1, 2)}),
    ("Conv2d", (3, 2, 3), {"padding": (1, 2), "padding_mode": "reflect"}),
    ("Conv2d", (3, 2, 3), {"padding": "same", "padding_mode": "circular"}),
    ("Conv2d", (3, 2, 4), {"padding": "same", "padding_mode": "replicate", "dilation": 2}),
    ("Conv1d", (3, 2, 3), {"padding": 1, "padding_mode": "reflect"}),
    ("Conv1d", (4, 4, 5), {"stride": 2, "groups": 4}),
    ("ConvTranspose2d", (3, 4, 3), {"stride": 2, "padding": 1, "output_padding": 1}),
    ("ConvTranspose2d", (4, 4, (2, 3)), {"groups": 2, "bias": False, "dilation": 2}),
    ("ConvTranspose1d", (3, 2, 4), {"stride": 3}),
]


@each_device
@pytest.mark.parametrize("name, arguments, options", CONVS)
def test_modules_are_those_of_pytorch(name, arguments, options, where):
    torch = import_torch()
    theirs = getattr(torch.nn, name)(*arguments, **options).double()
    with device(where):
        ours = getattr(nn, name)(*arguments, **options, dtype="float64")
    assert repr(ours) == repr(theirs)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    axes = 1 if "1d" in name else 2
    x = rng.standard_normal((2, arguments[0], 9, 8)[: axes + 2])
    y, expected = ours(leaf(x, where)), theirs(torch.tensor(x))
    assert_close(y, expected.detach().numpy())
    y.backward(upstream(y.shape))
    expected.backward(torch.tensor(upstream(y.shape)))
    for parameter, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(parameter.grad, other.grad.numpy(), atol=1e-11)


def test_parameters_start_as_in_pytorch():
    net = nn.Conv2d(50, 40, (5, 4), groups=2)
    bound = (25 * 5 * 4) ** -0.5
    for numbers in (net.weight.data, net.bias.data):
        assert abs(numbers).max() <= bound and abs(numbers).max() > 0.9 * bound
    up = nn.ConvTranspose2d(40, 50, 5)
    assert abs(up.weight.data).max() == pytest.approx((50 * 25) ** -0.5, rel=0.01)


def test_output_size_of_a_transposed_convolution():
    torch = import_torch()
    ours, theirs = (m.ConvTranspose2d(1, 1, 3, stride=2, padding=1) for m in (nn, torch.nn))
    small = np.ones((1, 1, 4, 4), "float32")
    for size in ((7, 8), (1, 1, 8, 7)):
        y = ours(Tensor(small), output_size=size)
        assert y.shape == tuple(theirs(torch.tensor(small), output_size=size).shape)
    with pytest.raises(ValueError, match="must lie between"):
        ours(Tensor(small), output_size=(6, 8))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "in_channels=3 do not fall into groups=2"),
        (lambda: nn.Conv2d(0, 4, 3), "in_channels is a whole number from 1 on, not 0"),
        (lambda: nn.Conv2d(3, 4, 0), "kernel_size is a whole number from 1 on"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), "unknown padding_mode 'mirror'"),
        (lambda: nn.ConvTranspose2d(3, 4, 3, padding_mode="reflect"), "use one of zeros"),
    ],
)
def test_modules_say_what_is_wrong(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@each_device
@pytest.mark.parametrize("name", ["conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d"])
def test_a_batch_of_none_and_one_picture_alone(name, where):
    axes = 1 if name.endswith("1d") else 2
    weight, bias = rng.standard_normal((2, 2, 3, 3)[: axes + 2]), rng.standard_normal(2)
    x = rng.standard_normal((3, 2, 6, 7)[: axes + 2])
    convolve = getattr(F, name)
    y, *gradients = results(convolve, [x[:0], weight, bias], where, stride=2, padding=1)
    batch = results(convolve, [x, weight, bias], where, stride=2, padding=1)
    assert y.shape == (0, *batch[0].shape[1:])
    assert [g.shape for g in gradients] == [x[:0].shape, weight.shape, bias.shape]
    assert not any(plain(g).any() for g in gradients)
    alone = convolve(*(leaf(a, where) for a in (x[1], weight, bias)), stride=2, padding=1)
    assert_close(alone, plain(batch[0])[1])


def test_no_gradients_no_graph():
    with no_grad():
        y = nn.Conv2d(1, 2, 3)(Tensor(np.ones((1, 1, 5, 5), "float32")))
    assert not y.requires_grad and y.is_leaf
