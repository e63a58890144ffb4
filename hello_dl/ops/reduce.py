"""Operations that make fewer numbers out of many: along some axes, or along all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.ops.rule import rule

Axes = int | Sequence[int] | None  # one axis, several, or all


@rule
def sum(x: Array, *, dim: Axes = None, keepdim: bool = False):
    """Sum of the entries along `dim`."""
    total = x.sum(_axes(dim), keepdims=keepdim)
    return total, lambda g: _spread(g, x, dim)


@rule
def mean(x: Array, *, dim: Axes = None, keepdim: bool = False):
    """Mean of the entries along `dim`."""
    average = x.mean(_axes(dim), keepdims=keepdim)
    share = math.prod(average.shape) / (x.size or 1)  # of one entry in its mean
    return average, lambda g: _spread(g * share, x, dim)


@rule
def amax(x: Array, *, dim: Axes = None, keepdim: bool = False):
    """Largest entry along `dim`. Entries that tie for it share its gradient evenly."""
    largest = x.max(_axes(dim), keepdims=keepdim)

    def pull(g):
        winners = x == _spread(largest, x, dim)
        return winners * _spread(g, x, dim) / winners.sum(_axes(dim), keepdims=True)

    return largest, pull


def options(dim: Axes, keepdim: bool, numpy_names: dict[str, Any]) -> dict[str, Any]:
    """Read the options of a reduction under PyTorch's names or under numpy's."""
    dim = numpy_names.pop("axis", dim)
    keepdim = numpy_names.pop("keepdims", keepdim)
    if numpy_names:
        raise TypeError(f"unknown option {next(iter(numpy_names))!r}: use dim and keepdim")
    return {"dim": dim, "keepdim": keepdim}


def _axes(dim: Axes) -> int | tuple[int, ...] | None:
    return dim if dim is None or isinstance(dim, int) else tuple(dim)


def _spread(g: Array, x: Array, dim: Axes) -> Array:
    """Repeat the gradient of a reduction over all entries of x that it was made from."""
    axes = range(x.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    reduced = {axis % x.ndim for axis in axes}
    kept = [1 if axis in reduced else n for axis, n in enumerate(x.shape)]
    return module_of(x).broadcast_to(g.reshape(kept), x.shape)
