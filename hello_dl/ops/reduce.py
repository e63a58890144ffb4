"""Operations that make fewer numbers out of many: along some axes, or along all of them."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

from hello_dl.backend import Array, module_of
from hello_dl.ops.rule import rule

Axes = int | Sequence[int] | None  # one axis, several, or all


@rule
def sum(x: Array, *, dim: Axes = None, keepdim: bool = False):
    """Sum of the entries along `dim`."""
    axes = _axes(x, dim)
    total = x.sum(axes, dtype="int64" if x.dtype.kind in "bu" else None, keepdims=keepdim)
    return total, lambda g: _spread(g, x, axes)


@rule(floats=True)
def mean(x: Array, *, dim: Axes = None, keepdim: bool = False):
    """Mean of the entries along `dim`."""
    axes = _axes(x, dim)
    average = x.mean(axes, keepdims=keepdim)
    share = math.prod(average.shape) / (x.size or 1)  # of one entry in its mean
    return average, lambda g: _spread(g * share, x, axes)


@rule
def amax(x: Array, *, dim: Axes = None, keepdim: bool = False):
    """Largest entry along `dim`. Entries that tie for it share its gradient evenly."""
    axes = _axes(x, dim)
    largest = x.max(axes, keepdims=keepdim)
    return largest, lambda g: _to_winners(g, largest, x, axes)


@rule
def amin(x: Array, *, dim: Axes = None, keepdim: bool = False):
    """Smallest entry along `dim`. Entries that tie for it share its gradient evenly."""
    axes = _axes(x, dim)
    smallest = x.min(axes, keepdims=keepdim)
    return smallest, lambda g: _to_winners(g, smallest, x, axes)


@rule
def argmax(x: Array, *, dim: int | None = None, keepdim: bool = False):
    """Index of the largest entry along `dim`, or in the flattened block: int64, no gradient."""
    return x.argmax(dim, keepdims=keepdim), None


def _to_winners(g: Array, extreme: Array, x: Array, axes: tuple[int, ...] | None) -> Array:
    """Share the gradient of an extreme among the entries that are equal to it."""
    winners = x == _spread(extreme, x, axes)
    return winners * _spread(g, x, axes) / winners.sum(axes, keepdims=True)


def _axes(x: Array, dim: Axes) -> tuple[int, ...] | None:
    """Read `dim`; None means all axes. A single number has none, and 0 and -1 pass for one."""
    if dim is None:
        return None
    axes = tuple(map(operator.index, dim if isinstance(dim, Sequence) else (dim,)))
    return None if not x.ndim and set(axes) <= {0, -1} else axes


def _spread(g: Array, x: Array, axes: tuple[int, ...] | None) -> Array:
    """Repeat the gradient of a reduction over all entries of x that it was made from."""
    reduced = range(x.ndim) if axes is None else {axis % x.ndim for axis in axes}
    kept = [1 if axis in reduced else n for axis, n in enumerate(x.shape)]
    return module_of(x).broadcast_to(g.reshape(kept), x.shape)
