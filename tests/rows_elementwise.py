"""Arithmetic, comparisons and masks: rules that treat every entry alike."""

import numpy as np
from helpers import INF, NAN
from rule_cases import Case, Row, case, extremes, normal, off_zero, ones, pairs, positive, twos

HALVES = [0.0, 0.5, 1.0, -0.5, -1.5, 2.5, -7.5, 3.0, 6.0, -6.0]
quotients = case(np.repeat(HALVES, 4), np.tile([2.0, -2.0, 0.5, -3.0], len(HALVES)))
ties = case([1.0, 2.0, -0.0, NAN, 3.0, NAN], [1.0, 3.0, 0.0, 1.0, NAN, NAN])
MASK = np.array([[True, False, True], [False, False, True]])
LIMITS = [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0, NAN, INF, -INF]


def between(*shape):
    """Numbers that are well between two whole ones."""
    return np.array(np.round(2 * normal(*shape)) + 0.3)


def with_numbers(name):
    """PyTorch's function of two blocks, which takes no plain numbers."""
    return lambda t, a, b: getattr(t, name)(*(t.as_tensor(x, dtype=t.float64) for x in (a, b)))


def clamp(x, min=None, max=None):
    return np.clip(x, min, max)


def without_slope(name):
    """PyTorch's function of inputs that want no gradient."""
    return lambda t, *inputs, **options: getattr(t, name)(*(x.detach() for x in inputs), **options)


def divided(a, b, rounding_mode=None):
    return {None: lambda x: x, "floor": np.floor, "trunc": np.trunc}[rounding_mode](a / b)


def of_two(function, name, *more):
    """A rule that gives bools."""
    ints = case(np.array([0, 1, 2, 3]), np.array([1, 1, 0, 3]))
    numbers = case([1.0, 2.0, -0.0, NAN, INF], 1.0)
    return Row(function, name, [], [ties, pairs, ints, numbers, case((2, 1, 3), (4, 1)), *more])


def of_bits(function, name):
    masks = case(MASK, np.array([True, True, False]))
    return Row(function, name, [], [masks, case(np.array([5, 6, -1]), np.array([3, 3, 3]))])


def of_one(function, name):
    return Row(function, name, [], [extremes, case(np.array([0, 1, 2])), case(()), case((0, 3))])


ARITHMETIC: dict[str, Row] = {
    "add": Row(
        lambda a, b, alpha=1: a + alpha * b,
        "add",
        [*twos(), case((3, 4), (4,), alpha=-2.5)],
        [pairs],
    ),
    "sub": Row(
        lambda a, b, alpha=1: a - alpha * b,
        "sub",
        [*twos(), case((3, 4), (4,), alpha=-2.5)],
        [pairs],
    ),
    "mul": Row(np.multiply, "mul", twos(), [pairs]),
    "div": Row(
        divided,
        "div",
        [*twos(right=off_zero), case(between(3, 4), 1.0, rounding_mode="floor")],
        [
            pairs,
            Case(quotients.inputs, {"rounding_mode": "floor"}),
            Case(quotients.inputs, {"rounding_mode": "trunc"}),
            case(np.array([-7, 7, -6, 5]), np.array([2, -2, 3, 3]), rounding_mode="trunc"),
        ],
    ),
    "floor_divide": Row(
        np.floor_divide,
        without_slope("floor_divide"),
        [],
        [quotients, case(np.array([-7, 7, -6]), np.array([2, -2, 3]))],
    ),
    "remainder": Row(
        np.remainder,
        "remainder",
        [case(between(3, 4), np.array([2.0, -3.0, 2.0, 5.0])), case(between(2, 3), 2)],
        [quotients, case(np.array([-7, 7, -6]), np.array([2, -2, 3]))],
    ),
    "pow": Row(
        np.power,
        "pow",
        [*twos(left=positive), *(case(off_zero(4), n) for n in (-3, -2, -1, 0, 1, 2, 3, 4, 5))],
        [
            case([0.0, 0.0, 0.0, 2.0, 2.0, 0.0, 0.0, -0.0], [0.0, 1, 2, 0, -INF, 0.5, -1, -2]),
            case([0.0, 1.0, INF], 2),
            case([0.0, 2.0], 0),
            case([0.0, 4.0, INF], 0.5),
            case([0.0, -0.0, INF, -INF, NAN], 3),
            case([0.0, -0.0, INF, -INF, NAN], -3),
            case([0.0, -0.0, INF, -INF, NAN], 4.0),
        ],
    ),
    "neg": Row(np.negative, "neg", ones(), [extremes]),
    "square": Row(np.square, "square", ones(), [extremes]),
    "reciprocal": Row(np.reciprocal, "reciprocal", ones(off_zero), [extremes]),
    "minimum": Row(np.minimum, with_numbers("minimum"), twos(), [ties, pairs]),
    "maximum": Row(np.maximum, with_numbers("maximum"), twos(), [ties, pairs]),
    "clamp": Row(
        clamp,
        "clamp",
        [
            case(between(3, 4), -1, 1),
            case(between(3, 4), None, 0.0),
            case(between(3, 4), 1.0),
            case(between(3, 4), np.round(normal(4)), np.round(normal(3, 1)) + 3),
            case(between(3, 4), None, np.round(normal(4))),
        ],
        [
            case(LIMITS, -1.0, 1.0),
            case(LIMITS, 1.0, -1.0),
            case(LIMITS, [-1.0] * 8 + [NAN], [1.0] * 9),
            case([0.0, 3.0, 1.5], [2.0, 2.0, 2.0], [1.0, 1.0, 1.0]),
        ],
    ),
    "where": Row(
        np.where,
        "where",
        [
            case(MASK, (2, 3), (2, 3)),
            case(MASK, (3,), (2, 1)),
            case(MASK[0], (2, 3), 0.5),
            case(MASK[:, :1], 2, (3,)),
            case(np.array(True), (), (2,)),
        ],
        [case(MASK, [[NAN, INF, 1.0]], -INF), case(MASK, np.array([1, 2, 3]), 7)],
    ),
}

COMPARISONS: dict[str, Row] = {
    "eq": of_two(np.equal, "eq"),
    "ne": of_two(np.not_equal, "ne"),
    "lt": of_two(np.less, "lt"),
    "le": of_two(np.less_equal, "le"),
    "gt": of_two(np.greater, "gt"),
    "ge": of_two(np.greater_equal, "ge"),
    "logical_and": of_two(np.logical_and, lambda t, a, b: (a != 0) & (b != 0)),
    "logical_or": of_two(np.logical_or, lambda t, a, b: (a != 0) | (b != 0)),
    "logical_xor": of_two(np.logical_xor, lambda t, a, b: (a != 0) ^ (b != 0)),
    "bitwise_and": of_bits(np.bitwise_and, "bitwise_and"),
    "bitwise_or": of_bits(np.bitwise_or, "bitwise_or"),
    "bitwise_xor": of_bits(np.bitwise_xor, "bitwise_xor"),
    "bitwise_not": Row(
        np.invert, "bitwise_not", [], [case(MASK), case(np.array([0, 5, -1])), case(np.array(True))]
    ),
    "isclose": Row(
        np.isclose,
        "isclose",
        [],
        [
            pairs,
            case([1.0, 1.0, 1.0], [1 + 1e-6, 1 + 1e-4, 1.1], rtol=1e-3),
            case([0.0, 0.0], [1e-7, 1e-3], atol=1e-5),
            case([NAN, INF], [NAN, INF], equal_nan=True),
        ],
    ),
    "isnan": of_one(np.isnan, "isnan"),
    "isinf": of_one(np.isinf, "isinf"),
    "isfinite": of_one(np.isfinite, "isfinite"),
    "logical_not": of_one(np.logical_not, "logical_not"),
}

ROWS = ARITHMETIC | COMPARISONS
