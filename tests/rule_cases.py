"""What a row of the table of rules is made of: cases, references, and numbers to try with.

`cases` are inputs where the rule is smooth, so that nudging can check its gradients. `edges` are
inputs where it is not (kinks, ties, infinities, nan): there PyTorch is the only judge.
References are written for float64 arrays, with the options of the rule.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from helpers import EXTREMES

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
