"""Picking and filling by masks, which are blocks of bools."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, is_array, is_floating, module_of
from hello_dl.ops import shape
from hello_dl.ops.axes import axis_of
from hello_dl.ops.index import getitem, index_add
from hello_dl.ops.rule import rule
from hello_dl.ops.untracked import plain


@rule(broadcasts=True, halves=True)
def masked_fill(x: Array, mask: Array, value: Array):
    """Put `value` where the mask is True."""
    if not is_array(mask) or mask.dtype.kind != "b":
        raise TypeError("a mask holds bools: write x > 0, or x.bool()")
    if is_array(value) and value.ndim:
        raise ValueError(f"one number is filled in, and it has the shape {value.shape}: use where")
    if not is_floating(x.dtype) and not is_array(value) and value - value != 0:
        raise ValueError(f"whole numbers have no {value}")
    xp = module_of(mask)
    fill = value if is_array(value) else xp.asarray(value, x.dtype)

    def pull(g):
        return xp.where(mask, 0, g), None, xp.where(mask, g, 0)

    return xp.where(mask, fill, x), pull


@rule
def nonzero(x: Array):
    """Return the places of all entries but zeros, one in a row: (how many, axes) int64."""
    xp = module_of(x)
    places = xp.stack(xp.nonzero(x.reshape(x.shape or (1,))))  # (axes, how many)
    return places[: x.ndim].T.astype("int64", copy=False), None


def masked_select(input: Any, mask: Any) -> Any:
    """Return the entries where the mask is True, in one row."""
    if mask.dtype.kind != "b":
        raise TypeError(f"masked_select: a mask holds bools, not {mask.dtype}: write x > 0")
    input, mask = shape.broadcast_tensors(input, mask)
    return getitem(input, index=mask._data)


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Any:
    """Put one number into entries of an axis, such as rows 0 and 3."""
    return masked_fill(input, _at(input, dim, index), value)


def index_copy(input: Any, dim: int, index: Any, source: Any) -> Any:
    """Put the entries of another block into an axis: row i of the source becomes row index[i]."""
    return index_add(index_fill(input, dim, index, 0), index, source, dim=dim)


def _at(input: Any, dim: int, index: Any) -> Array:
    """Make a mask of the entries of an axis that an index names."""
    axis, xp = axis_of(dim, len(input.shape)), module_of(input._data)
    length = input.shape[axis] if input.shape else 1
    picks, chosen = xp.asarray(plain(index)), xp.zeros(length, bool)
    if picks.ndim > 1 or picks.dtype.kind not in "iu":
        raise TypeError(f"an index is a row of whole numbers, not {picks.shape} {picks.dtype}")
    chosen[picks] = True
    return chosen.reshape(-1, *(1,) * (len(input.shape) - axis - 1)) if input.shape else chosen[0]


def nonzero_places(input: Any, *, as_tuple: bool = False) -> Any:
    """Return the places of all entries but zeros: in rows, or axis by axis as an index."""
    places = nonzero(input)
    if not as_tuple:
        return places
    return tuple(places[:, i] for i in range(len(input.shape))) or (
        nonzero(shape.ravel(input))[:, 0],
    )
