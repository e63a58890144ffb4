"""Diagonals and triangles of matrices: picked, or filled and the rest put to zero."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.ops import reduce
from hello_dl.ops.axes import axis_of
from hello_dl.ops.convert import clone
from hello_dl.ops.rule import rule


@rule(halves=True)
def tril(x: Array, *, diagonal: int = 0):
    """Keep the lower triangle of matrices (..., m, n), up to a diagonal, and put 0 elsewhere."""
    xp = _matrices(x)
    kept = xp.tril(x, diagonal).astype(x.dtype, copy=False)  # cupy widens bfloat16
    return kept, lambda g: xp.tril(g, diagonal)


@rule(halves=True)
def triu(x: Array, *, diagonal: int = 0):
    """Keep the upper triangle of matrices (..., m, n), from a diagonal on, and put 0 elsewhere."""
    xp = _matrices(x)
    kept = xp.triu(x, diagonal).astype(x.dtype, copy=False)  # cupy widens bfloat16
    return kept, lambda g: xp.triu(g, diagonal)


def _matrices(x: Array) -> Any:
    if x.ndim < 2:
        raise ValueError("a triangle is of matrices: two axes or more")
    return module_of(x)


@rule(halves=True)
def diagonal(x: Array, *, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """Pick the entries where the places along two axes agree; they become the last axis.

    A diagonal above the main one has a positive offset.
    """
    axes = _two_axes(dim1, dim2, x.ndim)

    def pull(g):
        gradient = module_of(g).zeros(x.shape, g.dtype)
        _write(gradient, g, offset, axes)
        return gradient

    return x.diagonal(offset, *axes), pull


@rule(halves=True)
def diag_embed(x: Array, *, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """Make matrices that are 0 but for a diagonal, which is the last axis of x."""
    axes = _two_axes(dim1, dim2, x.ndim + 1)
    side = x.shape[-1] + abs(offset)
    shape = list(x.shape[:-1])
    for axis in sorted(axes):
        shape.insert(axis, side)
    y = module_of(x).zeros(shape, x.dtype)
    _write(y, x, offset, axes)
    return y, lambda g: g.diagonal(offset, *axes)


def _two_axes(dim1: int, dim2: int, ndim: int) -> tuple[int, int]:
    if ndim < 2:
        raise ValueError("a diagonal lies between two axes, and there are fewer")
    axes = axis_of(dim1, ndim), axis_of(dim2, ndim)
    if axes[0] == axes[1]:
        raise ValueError(f"a diagonal lies between two axes, and {dim1} and {dim2} are the same")
    return axes


def _write(matrices: Array, entries: Array, offset: int, axes: tuple[int, int]) -> None:
    """Write entries (..., k) into a diagonal of matrices."""
    xp = module_of(matrices)
    last = xp.moveaxis(matrices, axes, (-2, -1))
    k = xp.arange(entries.shape[-1])
    last[..., k + max(-offset, 0), k + max(offset, 0)] = entries


def diag(input: Any, diagonal: int = 0) -> Any:
    """Make a matrix of its diagonal, or pick the diagonal of a matrix."""
    if len(input.shape) not in (1, 2):
        raise ValueError(f"diag takes a vector or a matrix, and the shape is {input.shape}")
    if len(input.shape) == 1:
        return diag_embed(input, offset=diagonal)
    return clone(_diagonal(input, offset=diagonal))


_diagonal = diagonal


def trace(input: Any) -> Any:
    """Sum of the diagonal of a matrix."""
    if len(input.shape) != 2:
        raise ValueError(f"trace is of a matrix, and the shape is {input.shape}")
    return reduce.sum(_diagonal(input))
