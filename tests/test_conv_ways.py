"""Three ways to a convolution, and the fused one: equal values and gradients, equal refusals."""

import random

import numpy as np
import pytest
from helpers import DEVICES, assert_close, on_device, plain

from hello_dl import Tensor
from hello_dl import functional as F
from hello_dl.ops.columns import conv2d_by_columns
from hello_dl.ops.conv import conv2d_composed
from hello_dl.ops.winograd import conv2d_by_winograd

each_device = pytest.mark.parametrize("where", DEVICES)
each_way = pytest.mark.parametrize("way", [conv2d_composed, conv2d_by_columns, conv2d_by_winograd])
rng = np.random.default_rng(11)


def results(function, inputs, where, **options):
    """Return the value and the gradients of all inputs."""
    leaves = [Tensor(on_device(x, where), True) for x in inputs]
    y = function(*leaves, **options)
    y.backward(np.random.default_rng(12).standard_normal(y.shape))
    return [y, *(x.grad for x in leaves)]


SIZES = [
    ((2, 3, 7, 6), {}),
    ((1, 1, 3, 3), {"padding": 1}),
    ((3, 2, 8, 9), {"stride": 2, "padding": (1, 0)}),
    ((2, 1, 5, 11), {"stride": (3, 2), "padding": (2, 3)}),
    ((1, 2, 4, 5), {"stride": (1, 3)}),
    ((2, 2, 5, 4), {"padding": "same"}),
    ((2, 2, 5, 4), {"padding": "valid", "stride": 2}),
    ((0, 2, 5, 4), {"padding": 1}),
    ((1, 1, 1, 1), {"padding": (1, 2), "stride": 5}),
]


@each_device
@pytest.mark.parametrize("shape, options", SIZES)
@each_way
def test_every_way_is_the_same(way, shape, options, where):
    inputs = [rng.standard_normal(s) for s in (shape, (4, shape[1], 3, 3), (4,))]
    expected = results(F.conv2d, inputs, where, **options)
    for one, other in zip(results(way, inputs, where, **options), expected):
        assert_close(one, other, atol=1e-11)
    without = results(way, inputs[:2], where, **options)
    assert_close(without[0], plain(expected[0]) - inputs[2].reshape(-1, 1, 1), atol=1e-11)


@pytest.mark.parametrize("seed", range(30))
@each_way
def test_every_way_is_the_same_in_any_geometry(way, seed):
    draw = random.Random(seed)
    kernel = [draw.randint(1, 4), draw.randint(1, 4)] if way is not conv2d_by_winograd else [3, 3]
    padding = draw.randint(0, 3), draw.randint(0, 3)
    size = [max(k - 2 * p, 1) + draw.randint(0, 6) for k, p in zip(kernel, padding)]
    channels, out = draw.randint(1, 3), draw.randint(1, 3)
    inputs = [(draw.randint(1, 3), channels, *size), (out, channels, *kernel), (out,)]
    inputs = [rng.standard_normal(shape) for shape in inputs]
    options = {"stride": (draw.randint(1, 4), draw.randint(1, 4)), "padding": padding}
    expected = results(F.conv2d, inputs, "cpu", **options)
    for one, other in zip(results(way, inputs, "cpu", **options), expected):
        assert_close(one, other, atol=1e-11, what=f"{options}")


@each_way
@pytest.mark.parametrize(
    "x, weight, options, message",
    [
        ((1, 1, 5, 5), (2, 3, 3, 3), {}, r"not \(1, 1, 5, 5\) with \(2, 3, 3, 3\)"),
        ((1, 3, 5, 5), (2, 1, 3, 3), {}, r"not \(1, 3, 5, 5\) with \(2, 1, 3, 3\)"),
        ((3, 5, 5), (2, 3, 3, 3), {}, r"not \(3, 5, 5\) with"),
        ((1, 1, 2, 5), (2, 1, 3, 3), {}, "3 x 3 entries and does not fit into 2 x 5"),
        ((1, 1, 5, 5), (2, 1, 3, 3), {"stride": 0}, "stride is a whole number from 1 on"),
        ((1, 1, 5, 5), (2, 1, 3, 3), {"padding": -1}, "padding is a whole number from 0 on"),
        ((1, 1, 5, 5), (2, 1, 3, 3), {"padding": "same", "stride": 2}, "needs stride=1"),
    ],
)
def test_every_way_refuses_what_does_not_go_together(way, x, weight, options, message):
    with pytest.raises(ValueError, match=message):
        way(Tensor(np.ones(x)), Tensor(np.ones(weight)), **options)


def test_winograd_is_for_kernels_of_three():
    for size in ((5, 5), (1, 1), (3, 2)):
        with pytest.raises(ValueError, match=r"kernels of 3 x 3, and the weight has \(1, 1, "):
            conv2d_by_winograd(Tensor(np.ones((1, 1, 5, 5))), Tensor(np.ones((1, 1, *size))))
