"""Blocks put together, cut up, and their entries repeated or moved."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

from hello_dl.backend import Array, common_float, is_array, module_of
from hello_dl.graph import recording
from hello_dl.ops import shape
from hello_dl.ops.arguments import also_named
from hello_dl.ops.axes import axis_of, by_place
from hello_dl.ops.convert import clone, contiguous
from hello_dl.ops.index import getitem, index_select
from hello_dl.ops.rule import Block, rule, sum_to

# Together.


@rule(halves=True)
def cat(*blocks: Array, dim: int = 0):
    """Put blocks one behind the other along an axis; their other lengths must agree."""
    axis = axis_of(dim, blocks[0].ndim)
    if not blocks[0].ndim:
        raise ValueError("single numbers have no axis to go along: use stack")
    if len({(*x.shape[:axis], *x.shape[axis + 1 :], x.ndim) for x in blocks}) > 1:
        raise ValueError(f"the lengths along all axes but {axis} must agree")
    ends = list(accumulate(x.shape[axis] for x in blocks))

    def pull(g):
        before = (slice(None),) * axis
        parts = [g[(*before, slice(e - x.shape[axis], e))] for x, e in zip(blocks, ends)]
        return parts if len(blocks) > 1 else parts[0]

    return module_of(blocks[0]).concatenate(_of_one_dtype(blocks), axis), pull


@rule(halves=True)
def stack(*blocks: Array, dim: int = 0):
    """Put blocks of one shape side by side along a new axis."""
    axis = axis_of(dim, blocks[0].ndim + 1)

    def pull(g):
        parts = tuple(module_of(g).moveaxis(g, axis, 0))
        return parts if len(blocks) > 1 else parts[0]

    return module_of(blocks[0]).stack(_of_one_dtype(blocks), axis), pull


def _of_one_dtype(blocks: Sequence[Array]) -> Sequence[Array]:
    """Let whole numbers become the floats beside them; numpy would make float64 of both."""
    dtype = common_float([x.dtype for x in blocks])
    return blocks if dtype is None else [x.astype(dtype, copy=False) for x in blocks]


@also_named
def cat_list(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Put blocks one behind the other along an axis: `cat([a, b], dim=1)`.

    An empty row counts as nothing, as in `rows = cat([rows, row])` that starts from `tensor([])`.
    """
    tensors = _listed("cat", tensors)
    like = next((x.shape for x in tensors if x.shape != (0,)), (0,))
    if len(like) > 1:
        axis = axis_of(dim, len(like))
        nothing = (*like[:axis], 0, *like[axis + 1 :])
        tensors = [shape.reshape(x, shape=nothing) if x.shape == (0,) else x for x in tensors]
    return cat(*tensors, dim=dim)


@also_named
def stack_list(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Put blocks of one shape side by side along a new axis: `stack([a, b])`."""
    return stack(*_listed("stack", tensors), dim=dim)


def hstack(tensors: Sequence[Any]) -> Any:
    """Put blocks side by side: along the second axis, rows of numbers along the only one."""
    tensors = shape.atleast_1d(_listed("hstack", tensors))
    return cat(*tensors, dim=0 if len(tensors[0].shape) == 1 else 1)


def vstack(tensors: Sequence[Any]) -> Any:
    """Put blocks below each other: along the first axis."""
    return cat(*shape.atleast_2d(_listed("vstack", tensors)))


def dstack(tensors: Sequence[Any]) -> Any:
    """Put blocks behind each other: along the third axis."""
    blocks = [_three_axes(x) for x in _listed("dstack", tensors)]
    return cat(*blocks, dim=2)


def _three_axes(x: Any) -> Any:
    x = shape.atleast_2d(x)
    return shape.unsqueeze(x, 2) if len(x.shape) == 2 else x


def column_stack(tensors: Sequence[Any]) -> Any:
    """Make a matrix whose columns are given: vectors, or matrices of several."""
    columns = shape.atleast_1d(_listed("column_stack", tensors))
    return cat(*(shape.unsqueeze(x, 1) if len(x.shape) == 1 else x for x in columns), dim=1)


def _listed(op: str, tensors: Iterable[Any]) -> list[Any]:
    """Read the blocks to put together; an array counts as one."""
    if isinstance(tensors, Block) or is_array(tensors):
        raise TypeError(f"{op} takes a list of Tensors, such as {op}([a, b]), not one Tensor")
    listed = list(tensors)
    if not listed:
        raise ValueError(f"{op} needs at least one Tensor, and the list is empty")
    return [x if isinstance(x, Block) else Block.result_class(x) for x in listed]


# Apart.


@rule(halves=True)
def pieces(x: Array):
    """Hand a block over to those who each take a piece of it; they put its gradient together."""
    return x, lambda g: g


def _apart(x: Any, indices: Sequence[Any]) -> tuple[Any, ...]:
    """Pick several pieces that do not overlap.

    Each for itself would make a gradient as large as x, zeros but for its own part, and then they
    would all have to be added. So they write into one, which belongs to a node between x and them.
    """
    if not x.requires_grad or recording.path is None:
        return tuple(getitem(x, index=index) for index in indices)
    whole = pieces(x)

    def piece(index: Any) -> Any:
        def pull(g: Array) -> None:
            if whole.grad is None:
                whole.grad = module_of(g).zeros_like(whole._data, g.dtype)  # lies as whole does
            whole.grad[index] = g

        part = getitem(whole, index=index)
        part.pulls = pull
        return part

    return tuple(map(piece, indices))


def split(input: Any, split_size: int | Sequence[int], dim: int = 0) -> tuple[Any, ...]:
    """Cut along an axis: into pieces of one length, the last may be shorter, or of given ones."""
    axis = axis_of(dim, len(input.shape))
    length = _length(input, axis)
    if isinstance(split_size, Sequence):
        sizes = list(split_size)
    else:
        size = operator.index(split_size)
        sizes = [min(size, length - i) for i in range(0, length, max(size, 1))] or [0]
    if sum(sizes) != length or min(sizes, default=0) < 0:
        raise ValueError(f"split: pieces of {split_size} do not make up the length {length}")
    before = (slice(None),) * axis
    ends = accumulate(sizes)
    return _apart(input, [(*before, slice(end - n, end)) for n, end in zip(sizes, ends)])


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """Cut into `chunks` pieces of one length; the last may be shorter, or there are fewer."""
    if operator.index(chunks) < 1:
        raise ValueError(f"chunk: {chunks} pieces are none: ask for at least 1")
    length = _length(input, axis_of(dim, len(input.shape)))
    return split(input, -(-length // chunks), dim) if length else split(input, [0] * chunks, dim)


def tensor_split(
    input: Any, indices_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Any, ...]:
    """Cut into pieces that differ by 1 at most in length, or before the given places."""
    length = _length(input, axis_of(dim, len(input.shape)))
    if isinstance(indices_or_sections, Sequence):  # any places: the pieces may overlap
        before = (slice(None),) * axis_of(dim, len(input.shape))
        cuts = [0, *indices_or_sections, length]
        return tuple(getitem(input, index=(*before, slice(a, b))) for a, b in zip(cuts, cuts[1:]))
    sections = operator.index(indices_or_sections)
    if sections < 1:
        raise ValueError(f"tensor_split: {sections} pieces are none: ask for at least 1")
    return split(
        input, [length // sections + (i < length % sections) for i in range(sections)], dim
    )


def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """Take an axis apart into its entries, which have it no more."""
    axis = axis_of(dim, len(input.shape))
    before = (slice(None),) * axis
    return _apart(input, [(*before, i) for i in range(_length(input, axis))])


def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """Take `length` entries of an axis from `start` on."""
    axis = axis_of(dim, len(input.shape))
    first = axis_start = operator.index(start)
    if first < 0:
        first += _length(input, axis)
    if not 0 <= first <= first + length <= _length(input, axis):
        raise IndexError(f"narrow: {length} entries from {axis_start} on are not in {input.shape}")
    return getitem(input, index=(*(slice(None),) * axis, slice(first, first + length)))


def select(input: Any, dim: int, index: int) -> Any:
    """Take one entry of an axis, which is then gone."""
    axis = axis_of(dim, len(input.shape))
    _length(input, axis)
    return getitem(input, index=(*(slice(None),) * axis, operator.index(index)))


def _length(x: Any, axis: int) -> int:
    if not x.shape:
        raise ValueError("a single number has no axis to cut: give it one with reshape(1)")
    return x.shape[axis]


# Repeated.


@rule(halves=True)
def repeat(x: Array, *, repeats: tuple[int, ...]):
    """Lay the block side by side `repeats` times along each axis; new axes come first."""
    added = len(repeats) - x.ndim
    if added < 0 or min(repeats, default=0) < 0:
        raise ValueError(f"the counts {repeats} must be one for every axis, of at least 0")
    lengths = (1,) * added + x.shape
    apart = [n for pair in zip(repeats, lengths) for n in pair]  # (times, length, times, length...)
    together = [n for length in lengths for n in (1, length)]
    y = module_of(x).tile(x, repeats)
    return y, lambda g: sum_to(g.reshape(apart), tuple(together)).reshape(x.shape)


repeated = by_place(repeat, "repeats")


def tile(input: Any, dims: tuple[int, ...]) -> Any:
    """Lay the block side by side; with fewer counts than axes, along the last ones."""
    return repeat(input, repeats=(1,) * (len(input.shape) - len(dims)) + tuple(dims))


tiled = by_place(tile, "dims")


def repeat_interleave(input: Any, repeats: Any, dim: int | None = None) -> Any:
    """Repeat every entry of an axis, or of the flattened block: once for all, or each its own."""
    if dim is None:
        input, dim = shape.ravel(input), 0
    axis = axis_of(dim, len(input.shape))
    length = _length(input, axis)
    counts: Any = repeats.tolist() if hasattr(repeats, "tolist") else repeats
    if isinstance(counts, Sequence):
        if len(counts) not in (1, length) or min(counts, default=0) < 0:
            raise ValueError(f"repeat_interleave: the counts {counts} do not fit {length} entries")
        counts = list(counts) * (length // len(counts) if counts else 1)
        picks = [i for i, count in enumerate(counts) for _ in range(count)]
        return index_select(input, picks, dim=axis)
    if operator.index(counts) < 0:
        raise ValueError(f"repeat_interleave: {counts} times are less than none")
    if counts == 1:
        return clone(input)
    once = shape.unsqueeze(input, axis + 1)
    sizes = (*input.shape[: axis + 1], operator.index(counts), *input.shape[axis + 1 :])
    return contiguous(shape.flatten(shape.expand(once, size=sizes), axis, axis + 1))


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """Stretch rows of coordinates over the grid that they span, one block for each.

    With "ij" the first counts along the first axis, with "xy" along the second.
    """
    if indexing not in ("ij", "xy"):
        raise ValueError(f"meshgrid: unknown indexing {indexing!r}: use 'ij' or 'xy'")
    rows = shape.atleast_1d(_listed("meshgrid", tensors[0] if len(tensors) == 1 else tensors))
    if any(len(x.shape) > 1 for x in rows):
        raise ValueError("meshgrid takes rows of numbers: one axis each")
    order = [1, 0, *range(2, len(rows))] if indexing == "xy" and len(rows) > 1 else range(len(rows))
    sizes = tuple(len(rows[i]) for i in order)
    grids = []
    for i, x in enumerate(rows):
        ones = [1] * len(rows)
        ones[order[i]] = len(x)
        grids.append(shape.expand(shape.reshape(x, shape=tuple(ones)), size=sizes))
    return tuple(grids)
