"""One row for each registered rule: what it should be equal to, and the inputs to try it with.

`cases` are inputs where the rule is smooth, so that nudging can check its gradients. `edges` are
inputs where it is not (kinks, ties, infinities, nan): there PyTorch is the only judge.
References are written for float64 arrays, with the options of the rule.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from helpers import EXTREMES, INF, NAN

rng = np.random.default_rng(20)


class Case(NamedTuple):
    inputs: tuple  # arrays; plain numbers and None are handed to the rule as they are
    options: dict


class Row(NamedTuple):
    numpy: Callable  # value(*arrays, **options)
    torch: (
        Callable | str
    )  # (torch, *tensors, **options), or the name of a function that is the same
    cases: list[Case]
    edges: list[Case] = []
    keeps_dtype: bool = True  # float32 in, float32 out


def case(*inputs: Any, **options: Any) -> Case:
    """An input is an array or a list; a tuple is a shape, to be filled with normal numbers."""
    arrays = [normal(*x) if isinstance(x, tuple) else x for x in inputs]
    return Case(tuple(np.array(x) if isinstance(x, list) else x for x in arrays), options)


def normal(*shape):
    return np.array(rng.standard_normal(shape))


def positive(*shape):
    return np.array(rng.uniform(0.3, 3, shape))


def off_zero(*shape):
    """Normal numbers that are not near the kink at 0."""
    x = rng.standard_normal(shape)
    return np.array(x + np.copysign(0.1, x))


def distinct(*shape):
    """Numbers at least 0.5 apart, so that nudging does not change which one is the largest."""
    return np.array(rng.permutation(math.prod(shape)).reshape(shape) / 2.0)


extremes = case(np.array(EXTREMES))
pairs = case(np.repeat(EXTREMES, len(EXTREMES)), np.tile(EXTREMES, len(EXTREMES)))

SHAPES_OF_ONE = [(), (1,), (3, 4), (2, 3, 2), (0, 3)]
SHAPES_OF_TWO = [
    ((), ()),
    ((3, 4), (3, 4)),
    ((3, 4), (4,)),
    ((3, 1), (1, 4)),
    ((), (2, 3)),
    ((2, 1, 3), (4, 1)),
    ((1,), (2, 2)),
    ((0, 3), (3,)),
]


def ones(draw=normal):
    return [case(draw(*shape)) for shape in SHAPES_OF_ONE]


def twos(left=normal, right=normal):
    """Both inputs as arrays, in shapes that broadcast either way, and each as a plain number."""
    shapes = [case(left(*a), right(*b)) for a, b in SHAPES_OF_TWO]
    return [*shapes, case(left(3), 2), case(left(2, 2), 0.5), case(2.5, right(3)), case(3, right())]


ROWS: dict[str, Row] = {
    "add": Row(np.add, "add", twos(), [pairs]),
    "sub": Row(np.subtract, "sub", twos(), [pairs]),
    "mul": Row(np.multiply, "mul", twos(), [pairs]),
    "div": Row(np.divide, "div", twos(right=off_zero), [pairs]),
    "pow": Row(
        np.power,
        "pow",
        [*twos(left=positive), case(off_zero(4), 3), case(off_zero(4), -2), case(off_zero(4), 0)],
        [
            case([0.0, 0.0, 0.0, 2.0, 2.0, 0.0], [0.0, 1.0, 2.0, 0.0, -INF, 0.5]),
            case([0.0, 1.0, INF], 2),
            case([0.0, 2.0], 0),
            case([0.0, 4.0, INF], 0.5),
        ],
    ),
    "neg": Row(np.negative, "neg", ones(), [extremes]),
    "exp": Row(np.exp, "exp", ones(), [extremes, case([709.7, 709.79, -745.0])]),
    "log": Row(np.log, "log", ones(positive), [extremes]),
    "sqrt": Row(np.sqrt, "sqrt", ones(positive), [extremes]),
    # At nan the slope of abs is nan, numpy's sign; PyTorch says 0.
    "abs": Row(np.abs, "abs", ones(off_zero), [case(np.array(EXTREMES[:-1]))]),
    "sin": Row(np.sin, "sin", ones(), [case([0.0, -0.0, 100.0, INF, -INF, NAN])]),
    "cos": Row(np.cos, "cos", ones(), [case([0.0, -0.0, 100.0, INF, -INF, NAN])]),
    "tanh": Row(np.tanh, "tanh", ones(), [extremes]),
    "sigmoid": Row(
        lambda x: np.where(x > 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x))),
        "sigmoid",
        ones(),
        [case([0.0, 30.0, -30.0, 800.0, -800.0, NAN])],
    ),
    "relu": Row(lambda x: np.where(x < 0, 0.0, x), "relu", ones(off_zero), [extremes]),
    "leaky_relu": Row(
        lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
        "nn.functional.leaky_relu",
        [*ones(off_zero), case(off_zero(3, 4), negative_slope=0.3)],
        [extremes, Case(extremes.inputs, {"negative_slope": 0.5})],
    ),
    "gelu": Row(
        lambda x: x * 0.5 * (1 + np.vectorize(math.erf, [float])(x * math.sqrt(0.5))),
        "nn.functional.gelu",
        ones(),
        [case([0.0, -0.0, 8.4, 8.6, -8.4, -8.6, 40.0, -40.0, 1e4, -1e4, 1e150, -1e150, NAN])],
    ),
}


# Rules that make fewer numbers out of many. `dim` is numpy's axis.

ALONG = [
    ((3, 4), {}),
    ((3, 4), {"dim": 0}),
    ((3, 4), {"dim": -1, "keepdim": True}),
    ((2, 3, 4), {"dim": (0, 2)}),
    ((2, 3, 4), {"dim": [-1, 0], "keepdim": True}),
    ((2, 3), {"keepdim": True}),
    ((), {}),
    ((), {"dim": 0}),
    ((), {"dim": -1, "keepdim": True}),
    ((1, 3), {"dim": 0}),
    ((2, 3), {"dim": np.int64(1)}),
]


def reduction(name, draw, edges=()):
    def numpy(x, dim=None, keepdim=False):
        dim = tuple(dim) if isinstance(dim, list) else dim if x.ndim else None
        return getattr(np, name)(x, dim, keepdims=keepdim)

    def torch(library, x, dim=None, keepdim=False):
        every = tuple(range(x.ndim))
        return getattr(library, name)(x, dim=every if dim is None else dim, keepdim=keepdim)

    return Row(numpy, torch, [case(draw(*shape), **options) for shape, options in ALONG], edges)


ROWS |= {
    "sum": reduction("sum", positive, [case([1e308, 1e308]), case([INF, -INF]), case((0, 3))]),
    "mean": reduction("mean", positive, [case([1.0, INF]), case([NAN, 0.0])]),
    "amax": reduction(
        "amax",
        distinct,
        [
            case([2.0, 2.0, 1.0, 2.0]),
            case([[1.0, 1.0], [0.0, 3.0]], dim=1),
            case([[1.0, 1.0], [1.0, 1.0]], dim=0, keepdim=True),
            case([-INF, INF, 0.0]),
            case([1.0, NAN]),
        ],
    ),
    "amin": reduction(
        "amin",
        distinct,
        [
            case([2.0, 1.0, 1.0, 2.0]),
            case([[1.0, 1.0], [0.0, 3.0]], dim=1),
            case([[1.0, 1.0], [1.0, 1.0]], dim=0, keepdim=True),
            case([-INF, INF, 0.0]),
            case([1.0, NAN]),
        ],
    ),
}


# Softmax and the losses.


def probabilities(x, dim=-1):
    unscaled = np.exp(x - x.max(dim, keepdims=True))
    return unscaled / unscaled.sum(dim, keepdims=True)


def log_probabilities(x, dim=-1):
    shifted = x - x.max(dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))


def reduced(losses, reduction):
    return losses if reduction == "none" else getattr(losses, reduction)()


def cross_entropy(logits, targets, reduction="mean"):
    right = [log_probabilities(row)[target] for row, target in zip(logits, targets)]
    return reduced(-np.array(right), reduction)


ALONG_ONE = [case((3, 4)), case((5,)), case((3, 4), dim=0), case((2, 3, 4), dim=1), case((2, 1))]
FAR_APART = [
    case([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4 - 1]]),
    case([[-INF, 0.0, 1.0]]),
    case([[INF, 0.0], [NAN, 0.0]]),
]
TARGETS = [0, 2, 2, 1]

ROWS |= {
    "log_softmax": Row(
        log_probabilities, lambda t, x, dim=-1: t.log_softmax(x, dim), ALONG_ONE, FAR_APART
    ),
    "softmax": Row(probabilities, lambda t, x, dim=-1: t.softmax(x, dim), ALONG_ONE, FAR_APART),
    "cross_entropy": Row(
        cross_entropy,
        "nn.functional.cross_entropy",
        [
            case((4, 3), TARGETS),
            case((1, 5), np.array([4], dtype=np.uint8)),
            case((4, 3), TARGETS, reduction="sum"),
            case((4, 3), TARGETS, reduction="none"),
        ],
        [
            case([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4 - 1]], [1, 0, 2]),
            case([[-INF, 0.0, 1.0]], [2]),
        ],
    ),
    "mse_loss": Row(
        lambda x, y, reduction="mean": reduced((x - y) ** 2, reduction),
        "nn.functional.mse_loss",
        [case((3, 4), (3, 4)), case((), ()), case((2, 3, 2), (2, 3, 2), reduction="sum")]
        + [case((5,), (5,), reduction="none")],
        [case([1.0, INF, NAN], [1.0, 0.0, 0.0])],
    ),
    "one_hot": Row(
        lambda labels, num_classes=-1: np.eye(max(labels.max() + 1, num_classes))[labels],
        "nn.functional.one_hot",
        [],  # no number to nudge
        [case([2, 0, 2]), case([[1, 0], [3, 1]]), case([1, 0], num_classes=4)]
        + [case(np.array(2, "uint8")), case([0], num_classes=1)],
    ),
}


# Products of matrices.

PRODUCTS = [
    ((3, 4), (4, 2)),
    ((4,), (4,)),
    ((4,), (4, 2)),
    ((3, 4), (4,)),
    ((5, 3, 4), (5, 4, 2)),
    ((5, 3, 4), (4, 2)),
    ((3, 4), (5, 4, 2)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((4,), (5, 4, 2)),
    ((5, 3, 4), (4,)),
    ((0, 4), (4, 2)),
    ((3, 0), (0, 2)),
]

ROWS |= {
    "matmul": Row(np.matmul, "matmul", [case(a, b) for a, b in PRODUCTS]),
    "linear": Row(
        lambda x, weight, bias=None: np.dot(x, weight.T) + (0 if bias is None else bias),
        "nn.functional.linear",
        [
            case((5, 4), (3, 4), (3,)),
            case((5, 4), (3, 4)),
            case((5, 4), (3, 4), None),
            case((4,), (3, 4), (3,)),
            case((2, 3, 4), (1, 4), (1,)),
            case((0, 4), (3, 4), (3,)),
        ],
    ),
}


# Rules that rearrange or pick, and compute nothing.

MASK = np.array([[True, False, True], [False, False, True]])
INDICES = [
    ((4,), 1),
    ((4, 3), -1),
    ((4, 3), (slice(None, None, 2), 1)),
    ((4, 3), (..., None, slice(1, None))),
    ((4, 3), [0, 0, 3, 0]),
    ((4, 3), (np.array([0, 1, 0]), np.array([2, 2, 2]))),
    ((4, 3), (slice(None), np.array([[0, 2], [2, 2]]))),
    ((4, 3), np.array([[0, -1, 0], [3, 3, 3]])),
    ((4, 3, 2), [-4, 2, 0]),
    ((4, 3), np.array([], int)),
    ((5,), [0, -5, 1]),
    ((5,), ((0, 0, 1),)),  # a tuple within a tuple picks as a list does
    ((4, 3), ((0, 0), slice(None))),
    ((4, 3), (slice(None), (2, 2))),
    ((4, 3), (np.int64(1), np.array(2))),
    ((4, 3), ([True, False, True, False],)),
    ((2, 3), MASK),
    ((2, 3), (1, np.array([True, False, True]))),
    ((2, 3), (slice(1, 1),)),
    ((), ()),
]

ROWS |= {
    "reshape": Row(
        lambda x, shape: x.reshape(shape),
        "reshape",
        [case((3, 4), shape=s) for s in [(12,), (2, 6), (2, -1), (2, 1, 2, 3)]]
        + [case((), shape=(1, 1)), case((0, 3), shape=(3, 0))],
    ),
    "permute": Row(
        lambda x, dims: x.transpose(dims),
        "permute",
        [case((2, 3, 4), dims=d) for d in [(1, 2, 0), (2, 1, 0), (0, 1, 2), (-1, 0, 1)]]
        + [case((), dims=())],
    ),
    "getitem": Row(
        lambda x, index: x[index],
        lambda t, x, index: x[index],
        [case(shape, index=index) for shape, index in INDICES],
    ),
    "clone": Row(np.copy, "clone", ones(), [extremes]),
    "astype": Row(
        lambda x, dtype: x.astype(dtype),
        lambda t, x, dtype: x.to(getattr(t, dtype)),
        [case((3, 4), dtype="float64"), case((), dtype="float64")],
        [case((3, 4), dtype="float32")],
        keeps_dtype=False,
    ),
    "to_device": Row(
        lambda x, device: x, lambda t, x, device: x.clone(), [case((3, 4), device="cpu")]
    ),
}
