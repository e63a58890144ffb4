"""Operations that look for entries: the largest, the one in the middle, all of them in order.

They take two steps: find the places, which has no gradient, and gather the entries there, whose
gradient goes back to where they come from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hello_dl.backend import Array, as_array, device_of, is_array, is_half, kernels, module_of
from hello_dl.ops import shape
from hello_dl.ops.arguments import also_named
from hello_dl.ops.axes import axis_of
from hello_dl.ops.elementwise import maximum, minimum
from hello_dl.ops.elementwise import where as chosen
from hello_dl.ops.index import gather
from hello_dl.ops.mask import nonzero_places
from hello_dl.ops.reduce import amax, amin
from hello_dl.ops.rule import Block, explained, rule
from hello_dl.ops.untracked import plain


class Found(NamedTuple):
    """Entries along an axis, and the places there where they were found."""

    values: Any
    indices: Any


def _found(
    op: str, input: Any, dim: int, find: Callable[[Array, int], Array], keepdim: bool = True
) -> Found:
    """Gather the entries at the places that `find(x, axis)` gives; without `keepdim` it is one."""
    x = as_array(plain(input))
    if is_half(x.dtype):
        x = x.astype("float32")  # the same order, and sorted faster
    try:
        axis = axis_of(dim, x.ndim)
        indices = find(x, axis) if x.ndim else find(x.reshape(1), 0).reshape(())
    except (ValueError, TypeError, IndexError) as error:
        raise explained(op, [x], error) from None
    values = gather(input, indices, dim=axis)
    if not keepdim and x.ndim:
        values, indices = shape.squeeze(values, axis), indices.squeeze(axis)
    return Found(values, _block(indices))


def _block(array: Array) -> Any:
    """Make a Tensor of an array, where that is."""
    return Block.result_class(array, device=device_of(array))


# The largest and the smallest.


@also_named
def max(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """Largest entry; with `dim` a pair (values, indices) along that axis.

    With another block in its place, the larger of the two entries, as `maximum` has it. `amax`
    takes several axes and returns values alone.
    """
    return _extreme("max", (amax, maximum), input, dim, keepdim, other)


@also_named
def min(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """Smallest entry; with `dim` a pair (values, indices) along that axis.

    With another block in its place, the smaller of the two entries, as `minimum` has it. `amin`
    takes several axes and returns values alone.
    """
    return _extreme("min", (amin, minimum), input, dim, keepdim, other)


def _extreme(
    op: str, rules: tuple[Any, Any], input: Any, dim: Any, keepdim: bool, other: Any
) -> Any:
    """Do what max and min do with all entries, along an axis, or with two blocks."""
    of_all, of_two = rules
    if isinstance(dim, list | tuple):
        raise TypeError(f"{op}: {dim} are several axes: use a{op}, which returns the values alone")
    if other is not None or isinstance(dim, Block | float) or is_array(dim):
        return of_two(input, dim if other is None else other)
    if dim is None:
        return of_all(input)
    return _found(op, input, dim, lambda x, i: getattr(x, f"arg{op}")(i, keepdims=True), keepdim)


# The middle, and others of a given rank.


@rule
def middle(x: Array):
    """The entry in the middle of all, the lower one of two; nan if one of them is nan.

    Entries that tie for it share its gradient evenly.
    """
    entries = x.reshape(-1)
    found = entries[_middle(entries, 0)].reshape(())

    def pull(g):
        winners = (x == found) | ((x != x) & (found != found))
        return winners * (g / winners.sum())

    return found, pull


@also_named
def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """Middle entry, the lower one of two; with `dim` a pair (values, indices) along that axis."""
    return middle(input) if dim is None else _found("median", input, dim, _middle, keepdim)


def _middle(x: Array, axis: int) -> Array:
    """Find the place of the middle entry along an axis, or of the first nan there."""
    place = _of_rank(x, (x.shape[axis] - 1) // 2, axis)
    top = x.max(axis, keepdims=True)  # nan if there is one; it is the largest then
    return kernels.where(top != top, x.argmax(axis, keepdims=True), place)


@also_named
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Found:
    """Find the k-th smallest entry along an axis, k = 1 for the smallest: (values, indices)."""

    def find(x: Array, axis: int) -> Array:
        _check(k, 1, x.shape[axis])
        return _of_rank(x, k - 1, axis)

    return _found("kthvalue", input, dim, find, keepdim)


def _of_rank(x: Array, rank: int, axis: int) -> Array:
    """Find the place of the entry that is at `rank` when the axis is in order; nan is last."""
    return _part(x.argpartition(rank, axis), rank, rank + 1, axis)


# In order.


@rule
def argsort(x: Array, *, dim: int = -1, descending: bool = False, stable: bool = False):
    """Return the places that the entries along `dim` come from when they are put in order.

    Equal entries keep their order, as if `stable` were always True, and nan counts as largest.
    """
    axis = axis_of(dim, x.ndim)
    return _order(x, axis, descending) if x.ndim else module_of(x).zeros((), "int64"), None


@also_named
def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Found:
    """Put the entries along an axis in order: (values, the indices where they come from).

    Equal entries keep their order, as if `stable` were always True, and nan counts as largest.
    """
    return _found("sort", input, dim, lambda x, axis: _order(x, axis, descending))


@also_named
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Found:
    """Find the k largest entries along an axis, or the smallest, best first: (values, indices).

    Which of equal entries are taken is left open.
    """

    def find(x: Array, axis: int) -> Array:
        n = x.shape[axis]
        _check(k, 0, n)
        first = n - k if largest else 0
        border = first if largest else k - 1  # the worst one that is taken
        places = x.argpartition(border, axis) if 0 <= border < n else _order(x, axis)
        places = _part(places, first, first + k, axis)
        if not sorted:
            return places
        along = module_of(x).take_along_axis
        return along(places, _order(along(x, places, axis), axis, largest), axis)

    return _found("topk", input, dim, find)


def _order(x: Array, axis: int, descending: bool = False) -> Array:
    """Return the places of the entries in order, equal ones as they come."""
    xp = module_of(x)
    if not descending:
        return xp.argsort(x, axis, kind="stable")
    # Turned around, the last of equal entries comes first; turned back, it is the last again.
    return x.shape[axis] - 1 - xp.flip(xp.argsort(xp.flip(x, axis), axis, kind="stable"), axis)


def _part(x: Array, start: int, end: int, axis: int) -> Array:
    """Return a stretch of an axis."""
    return x[(slice(None),) * axis + (slice(start, end),)]


def _check(k: int, least: int, n: int) -> None:
    """Raise ValueError unless k entries of n can be taken."""
    if not least <= k <= n:
        raise ValueError(f"k = {k} is not among {least} to {n}, the length of the axis")


# Where a condition holds.


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """Take the entries of `input` where the condition is true and those of `other` elsewhere.

    With the condition alone, return the places where it is true, axis by axis.
    """
    if input is None and other is None:
        return nonzero_places(condition, as_tuple=True)
    return chosen(condition, input, other)


# Sets and counts, without gradients.


@also_named
def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Return each of the different entries once, in order; with `dim` the different slices.

    `return_inverse` adds the place of every entry among them, `return_counts` how often each comes.
    """
    x = as_array(plain(input))
    numbers = x.view("uint8") if x.dtype.kind == "b" else x  # cupy cannot sort bools, or bfloat16
    numbers = x.astype("float32") if is_half(x.dtype) else numbers
    found = module_of(x).unique(
        numbers, return_inverse=return_inverse, return_counts=return_counts, axis=dim,
        equal_nan=False,
    )  # fmt: skip
    parts = list(found) if isinstance(found, tuple) else [found]
    parts[0] = parts[0].astype(x.dtype, copy=False)
    if return_inverse:
        parts[1] = parts[1].reshape(x.shape if dim is None else -1)
    blocks = tuple(_block(part) for part in parts)
    return blocks if len(blocks) > 1 else blocks[0]


@rule(halves=True)
def bincount(x: Array, weights: Array | None = None, *, minlength: int = 0):
    """Count how often each whole number comes, from 0 on; or add up the weights where it comes."""
    if x.dtype.kind not in "iu" or x.ndim != 1:
        raise ValueError("whole numbers in a row can be counted, shape (n,)")
    counts = module_of(x).bincount(x, weights, minlength)
    return counts if weights is None else counts.astype(weights.dtype, copy=False), None


@rule
def searchsorted(
    sorted_sequence: Array, values: Array, *, right: bool = False, side: str | None = None
):
    """Find where each value belongs in a sequence in order, (n,) or (..., n): before its equals.

    With `right=True` or `side="right"` after its equals.
    """
    after = right or side == "right"
    if sorted_sequence.ndim == 1:
        places = module_of(values).searchsorted(
            sorted_sequence, values, side="right" if after else "left"
        )
        return places, None
    if sorted_sequence.shape[:-1] != values.shape[:-1]:
        raise ValueError("the axes before the last must agree")
    rows, columns = sorted_sequence[..., None, :], values[..., :, None]
    return (rows <= columns if after else rows < columns).sum(-1, dtype="int64"), None


def bucketize(input: Any, boundaries: Any, *, right: bool = False) -> Any:
    """Find the bucket of every entry, 0 below the first of the boundaries."""
    return searchsorted(boundaries, input, right=right)
