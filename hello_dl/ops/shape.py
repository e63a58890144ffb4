"""Operations that rearrange or pick entries and compute nothing."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from hello_dl.backend import Array, device_of, is_array, kernels, module_of
from hello_dl.backend import to_device as move
from hello_dl.ops.rule import rule


@rule(halves=True)
def reshape(x: Array, *, shape: tuple[int, ...]):
    """Read the same entries in another shape; one length may be -1, for what is left."""
    return x.reshape(shape), lambda g: g.reshape(x.shape)


@rule(halves=True)
def permute(x: Array, *, dims: tuple[int, ...]):
    """Put the axes in another order: axis i of the result is axis dims[i] of x."""
    y = x.transpose(dims)
    back = [0] * len(dims)
    for i, dim in enumerate(dims):
        back[dim] = i
    return y, lambda g: g.transpose(back)


@rule(halves=True)
def getitem(x: Array, *, index: Any):
    """Pick entries: integers, slices, lists of integers, boolean masks, as numpy has it."""

    def pull(g):
        gradient = module_of(x).zeros_like(x)
        if _picks_once(index):
            gradient[index] = g
        else:  # an entry that was picked twice gets the gradients of both picks
            kernels.add_at(gradient, index, g)
        return gradient

    return x[index], pull


def _picks_once(index: Any) -> bool:
    """Tell whether no entry can be picked twice: an index of single numbers, slices and masks."""
    return all(
        p.dtype == bool
        if is_array(p)
        else p is None or p is Ellipsis or isinstance(p, slice) or hasattr(p, "__index__")
        for p in (index if isinstance(index, tuple) else (index,))
    )


@rule(halves=True)
def clone(x: Array):
    """Copy the entries; the gradient goes back to x as it comes."""
    return x.copy(), lambda g: g


@rule(halves=True)
def astype(x: Array, *, dtype: Any):
    """Convert the entries to another dtype; the gradient comes back in the old one."""
    return x.astype(dtype), lambda g: g


@rule(halves=True)
def to_device(x: Array, *, device: str):
    """Copy to another device; the gradient comes back to where x lives."""
    home = device_of(x)
    return move(x, device), lambda g: move(g, home)


# What follows is spelled with the operations above; x is a Tensor. They are its methods.


def reshaped(x: Any, *sizes: Any) -> Any:
    """Read the same entries in another shape: `reshape(2, -1)` or `reshape((2, -1))`."""
    return reshape(x, shape=_sequence(sizes))


def permuted(x: Any, *dims: Any) -> Any:
    """Put the axes in another order: axis i of the result is axis dims[i]."""
    return permute(x, dims=_sequence(dims))


def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Make one axis of the axes from `start_dim` to `end_dim`."""
    if not x.shape:
        return reshape(x, shape=(1,))
    first, last = _axis(start_dim, len(x.shape)), _axis(end_dim, len(x.shape))
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    length = math.prod(x.shape[first : last + 1])
    return reshape(x, shape=(*x.shape[:first], length, *x.shape[last + 1 :]))


def split(x: Any, split_size: int | Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Cut along an axis: into pieces of one length, the last may be shorter, or of given ones."""
    axis = _axis(dim, len(x.shape))
    length = x.shape[axis]
    if isinstance(split_size, Sequence):
        sizes = list(split_size)
    else:
        size = operator.index(split_size)
        sizes = [min(size, length - i) for i in range(0, length, max(size, 1))] or [0]
    if sum(sizes) != length or min(sizes, default=0) < 0:
        raise ValueError(f"split: pieces of {split_size} do not make up the length {length}")
    before = (slice(None),) * axis
    pieces = zip(sizes, accumulate(sizes))
    return tuple(getitem(x, index=(*before, slice(end - n, end))) for n, end in pieces)


def transpose(x: Any, dim0: int, dim1: int) -> Any:
    """Swap two axes."""
    dims = list(range(len(x.shape)))
    i, j = _axis(dim0, len(dims)), _axis(dim1, len(dims))
    dims[i], dims[j] = dims[j], dims[i]
    return permute(x, dims=tuple(dims))


def squeeze(x: Any, dim: int | None = None) -> Any:
    """Drop the axes of length 1, or only the axis `dim` if it has length 1."""
    axes = range(len(x.shape)) if dim is None else [_axis(dim, len(x.shape))]
    return reshape(x, shape=tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in axes))


def unsqueeze(x: Any, dim: int) -> Any:
    """Put in an axis of length 1 at position `dim`."""
    at = _axis(dim, len(x.shape) + 1)
    return reshape(x, shape=(*x.shape[:at], 1, *x.shape[at:]))


def _axis(dim: int, ndim: int) -> int:
    """Count an axis from the front: -1 is the last of `ndim`."""
    dim = operator.index(dim)
    if not -ndim <= dim < ndim:
        raise IndexError(f"there is no axis {dim}: use {-ndim} to {ndim - 1}")
    return dim % ndim


def _sequence(sizes: Sequence[Any]) -> tuple[int, ...]:
    """Read `(2, 3)` and `((2, 3),)` alike."""
    if len(sizes) == 1 and isinstance(sizes[0], tuple | list):
        sizes = sizes[0]
    return tuple(operator.index(n) for n in sizes)
