"""Operations that rearrange or pick entries and compute nothing."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, device_of, is_array, module_of
from hello_dl.backend import to_device as move
from hello_dl.ops.rule import rule


@rule
def reshape(x: Array, *, shape: tuple[int, ...]):
    """Read the same entries in another shape; one length may be -1, for what is left."""
    return x.reshape(shape), lambda g: g.reshape(x.shape)


@rule
def permute(x: Array, *, dims: tuple[int, ...]):
    """Put the axes in another order: axis i of the result is axis dims[i] of x."""
    y = x.transpose(dims)
    back = [0] * len(dims)
    for i, dim in enumerate(dims):
        back[dim] = i
    return y, lambda g: g.transpose(back)


@rule
def getitem(x: Array, *, index: Any):
    """Pick entries: integers, slices, lists of integers, boolean masks, as numpy has it."""

    def pull(g):
        gradient = module_of(x).zeros_like(x)
        if _picks_once(index):
            gradient[index] = g
        else:  # an entry that was picked twice gets the gradients of both picks
            module_of(x).add.at(gradient, index, g)
        return gradient

    return x[index], pull


def _picks_once(index: Any) -> bool:
    """Tell whether no entry can be picked twice: no lists or arrays of integers in the index."""
    parts = index if isinstance(index, tuple) else (index,)
    return not any(is_array(p) and p.dtype != bool or isinstance(p, list) for p in parts)


@rule
def astype(x: Array, *, dtype: Any):
    """Convert the entries to another dtype; the gradient comes back in the old one."""
    return x.astype(dtype), lambda g: g


@rule
def to_device(x: Array, *, device: str):
    """Copy to another device; the gradient comes back to where x lives."""
    home = device_of(x)
    return move(x, device), lambda g: move(g, home)
