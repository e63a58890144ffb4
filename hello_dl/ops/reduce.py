"""Operations that make fewer numbers out of many: along some axes, or along all of them."""

from __future__ import annotations

import math
from typing import Any

from hello_dl.backend import (
    DEFAULT_FLOAT,
    Array,
    dtype_of,
    is_floating,
    is_half,
    kernels,
    module_of,
)
from hello_dl.ops.axes import Axes, axis_of, count_along, reduced_axes, spread
from hello_dl.ops.rule import rule

# Sums and products.


@rule(halves=True)
def sum(x: Array, *, dim: Axes = None, keepdim: bool = False, dtype: Any = None):
    """Sum of the entries along `dim`; of whole numbers as int64."""
    axes = reduced_axes(x, dim)
    numbers, result = _ready(x, dtype)
    total = _as(result, numbers.sum(axes, keepdims=keepdim))
    return total, (lambda g: spread(g, x, axes)) if is_floating(result) else None


@rule(halves=True)
def mean(x: Array, *, dim: Axes = None, keepdim: bool = False, dtype: Any = None):
    """Mean of the entries along `dim`; of whole numbers as float32."""
    axes = reduced_axes(x, dim)
    if dtype is None and not is_floating(x.dtype):
        dtype = DEFAULT_FLOAT
    numbers, result = _ready(x, dtype)
    count = count_along(x, axes) or math.nan
    average = _as(result, numbers.sum(axes, keepdims=keepdim) / count)
    return average, lambda g: spread(g / count, x, axes)


@rule(halves=True)
def prod(x: Array, *, dim: Axes = None, keepdim: bool = False, dtype: Any = None):
    """Product of the entries along `dim`; of whole numbers as int64."""
    axes = reduced_axes(x, dim)
    numbers, result = _ready(x, dtype)
    product = _as(result, numbers.prod(axes, keepdims=keepdim))

    def pull(g):
        """The slope of an entry is the product of the others, which is 0 if one of them is."""
        zero = numbers == 0
        zeros = zero.sum(axes, keepdims=True)
        filled = kernels.where(zero, 1, numbers)
        others = filled.prod(axes, keepdims=True)
        of_zero, of_other = kernels.masked(others, zeros == 1), kernels.masked(others, zeros == 0)
        return kernels.where(zero, of_zero, of_other / filled) * spread(g, x, axes)

    return product, pull if is_floating(result) else None


@rule(halves=True)
def cumsum(x: Array, *, dim: int, dtype: Any = None):
    """Sums of the entries up to each place along `dim`; of whole numbers as int64."""
    axis = axis_of(dim, x.ndim)
    numbers, result = _ready(x, dtype)
    sums = _as(result, _along(numbers, "cumsum", axis))
    if not is_floating(result):
        return sums, None
    return sums, lambda g: _sums_from(_as(numbers.dtype, g), axis)


@rule(halves=True)
def cumprod(x: Array, *, dim: int, dtype: Any = None):
    """Products of the entries up to each place along `dim`; of whole numbers as int64."""
    axis = axis_of(dim, x.ndim)
    numbers, result = _ready(x, dtype)
    products = _along(numbers, "cumprod", axis)

    def pull(g):
        """An entry is a factor of all products from its place on.

        Before the first zero it can be divided out of them, and after that they are all 0. The
        slope of the zero itself comes from the products without it.
        """
        zero = numbers == 0
        zeros = _along(zero, "cumsum", axis)  # up to each place
        first = zero & (zeros == 1)
        without = kernels.where(first, 1, numbers)
        there = _sums_from(g * _along(without, "cumprod", axis), axis)
        before = _sums_from(g * products, axis) / kernels.where(zero, 1, numbers)
        return kernels.where(zeros == 0, before, first * there)

    return _as(result, products), pull if is_floating(result) else None


def _ready(x: Array, dtype: Any) -> tuple[Array, Any]:
    """Convert to the dtype in which to add up; also return the one that the result is to have."""
    if dtype is not None:
        result = dtype_of(dtype)
    else:
        result = dtype_of("int64") if x.dtype.kind in "biu" else x.dtype
    return _as(DEFAULT_FLOAT if is_half(result) else result, x), result


def _as(dtype: Any, x: Array) -> Array:
    """Convert to a dtype, where that is another one."""
    return x if x.dtype == dtype else x.astype(dtype)


def _along(x: Array, run: str, axis: int) -> Array:
    """Return the sums or products up to each place of an axis; a single number is its own."""
    return getattr(x, run)(axis) if x.ndim else x.copy()


def _sums_from(g: Array, axis: int) -> Array:
    """Return the sums from each place to the end of an axis."""
    flip = module_of(g).flip
    return flip(flip(g, axis).cumsum(axis), axis) if g.ndim else g


@rule(floats=True)
def logsumexp(x: Array, *, dim: Axes = None, keepdim: bool = False):
    """Logarithm of the sum of exp(x) along `dim`, which does not overflow on the way."""
    xp = module_of(x)
    axes = reduced_axes(x, dim)
    top = x.max(axes, keepdims=True) if x.size else xp.zeros((), x.dtype)
    top = kernels.masked(top, xp.isfinite(top))  # inf - inf would be nan
    powers = xp.exp(x - top)
    total = powers.sum(axes, keepdims=True)
    kept = xp.log(total) + top
    value = kept if keepdim else kept.squeeze(axes)
    return value, lambda g: powers * (g.reshape(total.shape) / total)


# The largest, the smallest.


@rule
def amax(x: Array, *, dim: Axes = None, keepdim: bool = False):
    """Largest entry along `dim`. Entries that tie for it share its gradient evenly."""
    axes = reduced_axes(x, dim)
    largest = x.max(axes, keepdims=keepdim)
    return largest, lambda g: to_winners(g, largest, x, axes)


@rule
def amin(x: Array, *, dim: Axes = None, keepdim: bool = False):
    """Smallest entry along `dim`. Entries that tie for it share its gradient evenly."""
    axes = reduced_axes(x, dim)
    smallest = x.min(axes, keepdims=keepdim)
    return smallest, lambda g: to_winners(g, smallest, x, axes)


@rule
def argmax(x: Array, *, dim: int | None = None, keepdim: bool = False):
    """Index of the largest entry along `dim`, or in the flattened block: int64, no gradient."""
    return x.argmax(None if dim is None else axis_of(dim, x.ndim), keepdims=keepdim), None


@rule
def argmin(x: Array, *, dim: int | None = None, keepdim: bool = False):
    """Index of the smallest entry along `dim`, or in the flattened block: int64, no gradient."""
    return x.argmin(None if dim is None else axis_of(dim, x.ndim), keepdims=keepdim), None


# Of masks; any number but 0 counts as true.


@rule
def any(x: Array, *, dim: Axes = None, keepdim: bool = False):
    """Tell whether any entry along `dim` is true."""
    return (x != 0).any(reduced_axes(x, dim), keepdims=keepdim), None


@rule
def all(x: Array, *, dim: Axes = None, keepdim: bool = False):
    """Tell whether all entries along `dim` are true."""
    return (x != 0).all(reduced_axes(x, dim), keepdims=keepdim), None


@rule
def count_nonzero(x: Array, *, dim: Axes = None):
    """Count the entries along `dim` that are not 0."""
    xp = module_of(x)
    return xp.asarray(xp.count_nonzero(x, reduced_axes(x, dim)), "int64"), None


def to_winners(g: Array, extreme: Array, x: Array, axes: tuple[int, ...] | None) -> Array:
    """Share the gradient of an extreme along `axes` among the entries that are equal to it."""
    winners = x == spread(extreme, x, axes)
    return winners * spread(g / winners.sum(axes).reshape(g.shape), x, axes)
