"""Some of the entries: picked by number, by slice, by mask, or by another block's numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hello_dl.backend import (
    DEFAULT_FLOAT,
    Array,
    device_of,
    is_array,
    is_half,
    kernels,
    module_of,
    to_device,
)
from hello_dl.ops import shape
from hello_dl.ops.axes import axis_of, broadcast_shapes
from hello_dl.ops.rule import rule, sum_to

# x[index]


@rule(halves=True)
def getitem(x: Array, *, index: Any):
    """Pick entries: integers, slices, lists of integers, boolean masks, None for a new axis."""
    steps, once = read_index(x, index)

    def pull(g):
        gradient = module_of(x).zeros(x.shape, x.dtype) if once else zeros_to_add_to(x)
        view = gradient[steps[0]] if len(steps) > 1 else gradient
        if once:
            view[steps[-1]] = g
        else:  # an entry that was picked twice gets the gradients of both picks
            kernels.add_at(view, steps[-1], g)
        return gradient

    y = x[steps[0]]
    if not is_array(y):  # one entry, which numpy copies: PyTorch's is a view, as blocks are
        y = x[(*steps[0], ...)]
    return y[steps[1]] if len(steps) > 1 else y, pull


def read_index(x: Array, index: Any) -> tuple[tuple[Any, ...], bool]:
    """Return an index as numpy needs it, in one step or two; and whether it picks nothing twice.

    Plain integers go first, as in PyTorch: x[0, :, [1, 2]] is x[0][:, [1, 2]]. To numpy the 0
    would be a list of one, and two lists apart from each other put their axis in front.
    """
    given = index if isinstance(index, tuple) else (index,)
    if _LOOKS.issuperset(map(type, given)):
        return (given,), True
    parts = tuple([_part(x, p) for p in given])
    arrays = [p for p in parts if is_array(p)]
    if not arrays:
        return (parts,), True
    once = all(p.dtype.kind == "b" for p in arrays)
    if len(parts) == 1 or not any(_is_integer(p) for p in parts):
        return (parts,), once
    first: list[Any] = []
    for p in parts:
        if _is_integer(p) or p is Ellipsis:
            first.append(p)
        elif p is not None:
            masks = p.ndim if is_array(p) and p.dtype.kind == "b" else 1
            first += [slice(None)] * masks
    return (tuple(first), tuple(p for p in parts if not _is_integer(p))), once


_LOOKS = {int, slice, type(None), type(Ellipsis)}  # what an index mostly consists of


def _part(x: Array, p: Any) -> Any:
    """Make an array of a list of picks, and a plain number of an array that holds just one."""
    if isinstance(p, list | tuple | range):
        p = module_of(x).asarray(p)
        p = p if p.size else p.astype("int64")
    if isinstance(p, float) or (is_array(p) and p.dtype.kind not in "biu"):  # cupy would round
        wrong = p.dtype if is_array(p) else p
        raise IndexError(f"an index holds whole numbers or bools, not {wrong}: use .long()")
    if is_array(p):
        return to_device(p, device_of(x)) if p.ndim else p.item()
    return p


def _is_integer(p: Any) -> bool:
    return not isinstance(p, bool) and not is_array(p) and hasattr(p, "__index__")


def zeros_to_add_to(x: Array) -> Array:
    """Make room for a gradient that is added up; two-byte floats would lose too many digits."""
    return module_of(x).zeros(x.shape, DEFAULT_FLOAT if is_half(x.dtype) else x.dtype)


# Along one axis, by numbers in another block.


@rule(halves=True)
def gather(x: Array, index: Array, *, dim: int):
    """Pick along an axis: the entry [i][j] of the result is x[index[i][j]][j], for dim=0."""
    places = _places(x, dim, index)

    def pull(g):
        gradient = zeros_to_add_to(x)
        kernels.add_at(gradient.reshape(-1), places.reshape(-1), g.reshape(-1))
        return gradient, None

    return x.reshape(-1)[places], pull


@rule(halves=True)
def scatter(x: Array, index: Array, src: Array, *, dim: int):
    """Copy x and write into it: src[i][j] goes to [index[i][j]][j], for dim=0."""
    places, y = _places(x, dim, index), x.copy()
    source, back = _source(src, index, x.dtype)
    y.reshape(-1)[places] = source

    def pull(g):
        kept = g.reshape(-1).copy()
        kept[places] = 0
        return kept.reshape(x.shape), None, back(g.reshape(-1)[places])

    return y, pull


@rule(halves=True)
def scatter_add(x: Array, index: Array, src: Array, *, dim: int):
    """Copy x and add into it: src[i][j] goes to [index[i][j]][j], for dim=0."""
    places, y = _places(x, dim, index), zeros_to_add_to(x)
    source, back = _source(src, index, y.dtype)
    y[...] = x
    kernels.add_at(y.reshape(-1), places.reshape(-1), source.reshape(-1))
    return y.astype(x.dtype, copy=False), lambda g: (g, None, back(g.reshape(-1)[places]))


def _source(src: Array, index: Array, dtype: Any) -> tuple[Array, Callable[[Array], Array]]:
    """Return what is written, in the shape of the index; and the way back of its gradient."""
    xp = module_of(index)
    if not src.ndim:  # one number for all places
        return xp.broadcast_to(src.astype(dtype), index.shape), lambda g: sum_to(g, ())
    part = tuple(slice(n) for n in index.shape)
    if src.ndim != index.ndim or any(n > m for n, m in zip(index.shape, src.shape)):
        raise ValueError(f"the index {index.shape} does not fit into the source {src.shape}")

    def back(g: Array) -> Array:
        gradient = xp.zeros(src.shape, g.dtype)
        gradient[part] = g
        return gradient

    return src[part].astype(dtype, copy=False), back


def _places(x: Array, dim: int, index: Array) -> Array:
    """Say which entries of the flattened block an index along one axis means."""
    axis = axis_of(dim, x.ndim)
    lengths = x.shape or (1,)
    if (index.ndim or 1) != len(lengths):
        raise ValueError("the index must have as many axes as the block")
    checked_picks(index, lengths[axis])
    if not x.ndim:
        return index
    places = index.astype("int64") * math.prod(lengths[axis + 1 :])
    for other, n in enumerate(index.shape):
        if n > lengths[other] and other != axis:
            raise ValueError(f"the index is longer than the block along axis {other}")
        if other != axis:
            step = math.prod(lengths[other + 1 :])
            line = module_of(x).arange(n) * step
            places += line.reshape(-1, *(1,) * (index.ndim - other - 1))
    return places


@rule(halves=True)
def index_select(x: Array, index: Array, *, dim: int):
    """Pick entries of an axis by their numbers: rows 0, 0 and 3, say."""
    axis = axis_of(dim, x.ndim)
    checked_line(x, index, axis)
    xp, row = module_of(x), index.reshape(-1)
    if not x.ndim:
        return x.copy(), lambda g: (g, None)

    def pull(g):  # with the axis in front: then whole rows are added up
        gradient = zeros_to_add_to(xp.moveaxis(x, axis, 0))
        kernels.add_at(gradient, row, xp.moveaxis(g, axis, 0))
        return xp.moveaxis(gradient, 0, axis), None

    return x.take(row, axis), pull


@rule(halves=True)
def index_add(x: Array, index: Array, source: Array, *, dim: int, alpha: float = 1):
    """Copy x and add to entries of an axis: row i of the source to row index[i]."""
    axis, xp = axis_of(dim, x.ndim), module_of(x)
    checked_line(x, index, axis)
    fitting = (*x.shape[:axis], index.size, *x.shape[axis + 1 :])
    if source.shape != fitting:
        raise ValueError(f"the source must have the shape {fitting}, and has {source.shape}")
    row = index.reshape(-1)
    lines = zeros_to_add_to(xp.moveaxis(x, axis, 0))  # with the axis in front
    lines[...] = xp.moveaxis(x, axis, 0)
    addend = xp.moveaxis(source, axis, 0)
    kernels.add_at(lines, row, addend if alpha == 1 else addend * alpha)
    y = xp.moveaxis(lines, 0, axis).astype(x.dtype, copy=False)
    return y, lambda g: (g, None, g.take(row, axis) * alpha)


def checked_line(x: Array, index: Array, axis: int) -> None:
    """Raise an error unless the index is a row of places along an axis of x."""
    if index.ndim > 1:
        raise ValueError("the index is a row of numbers: it has one axis")
    checked_picks(index, x.shape[axis] if x.ndim else 1)


def checked_picks(index: Array, length: int) -> None:
    """Raise TypeError unless these are whole numbers, and IndexError for one out of range.

    On a GPU only the dtype is checked: to look at the numbers would make the CPU wait for it.
    """
    if index.dtype.kind not in "iu":
        raise TypeError(f"an index holds whole numbers, not {index.dtype}")
    if device_of(index) == "cpu" and index.size:
        low, high = int(index.min()), int(index.max())
        if low < 0 or high >= length:
            wrong = low if low < 0 else high
            raise IndexError(f"index {wrong} is out of range: use 0 to {length - 1}")


def gathered(input: Any, dim: int, index: Any) -> Any:
    """Pick along an axis: the entry [i][j] of the result is input[index[i][j]][j], for dim=0."""
    return gather(input, index, dim=dim)


def scattered(
    input: Any, dim: int, index: Any, src: Any = None, *, value: float | None = None
) -> Any:
    """Copy the block and write into it: src[i][j] or `value`, at [index[i][j]][j] for dim=0."""
    return scatter(input, index, value if src is None else src, dim=dim)


def scatter_added(input: Any, dim: int, index: Any, src: Any) -> Any:
    """Copy the block and add into it: src[i][j], at [index[i][j]][j] for dim=0."""
    return scatter_add(input, index, src, dim=dim)


def index_selected(input: Any, dim: int, index: Any) -> Any:
    """Pick entries of an axis by their numbers: rows 0, 0 and 3, say."""
    return index_select(input, index, dim=dim)


def index_added(input: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    """Copy the block and add to entries of an axis: row i of the source to row index[i]."""
    return index_add(input, index, source, dim=dim, alpha=alpha)


def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """Pick along an axis by what argsort and the like give; the other axes are stretched."""
    if dim is None:
        return gather(shape.ravel(input), shape.ravel(indices), dim=0)
    axis = axis_of(dim, len(input.shape))
    if len(input.shape) != len(indices.shape):
        raise ValueError(f"take_along_dim: {input.shape} and {indices.shape} differ in their axes")
    around = [(*s[:axis], 1, *s[axis + 1 :]) for s in (input.shape, indices.shape)]
    sizes = [list(broadcast_shapes(*around)) for _ in range(2)]
    sizes[0][axis], sizes[1][axis] = input.shape[axis], indices.shape[axis]
    input, indices = shape.expand(input, size=sizes[0]), shape.expand(indices, size=sizes[1])
    return gather(input, indices, dim=axis)


def take(input: Any, index: Any) -> Any:
    """Pick entries of the flattened block by their numbers."""
    return getitem(shape.ravel(input), index=index._data if hasattr(index, "_data") else index)
