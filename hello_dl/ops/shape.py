"""The same entries in another shape: nothing is computed, and mostly nothing is copied."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.ops.axes import axes_of, axis_of, broadcast_shapes, by_place, sizes_of
from hello_dl.ops.rule import Block, rule, sum_to


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
def expand(x: Array, *, size: tuple[int, ...]):
    """Stretch axes of length 1 without copying them; -1 keeps a length, new axes come first."""
    added = len(size) - x.ndim
    if added < 0 or -1 in size[:added]:
        raise ValueError(f"the size {size} must have a length for every axis of {x.shape}")
    if min(size, default=0) < -1:
        raise ValueError(f"the size {size} has a negative length: only -1, which keeps one, can be")
    for old, new in zip(x.shape, size[added:]):
        if new not in (old, -1) and old != 1:
            raise ValueError(f"to {size}: an axis of length {old} cannot become {new}, only 1 can")
    full = [x.shape[i - added] if n == -1 else n for i, n in enumerate(size)]
    return module_of(x).broadcast_to(x, full), lambda g: sum_to(g, x.shape)


# What follows is spelled with the operations above, on Tensors. They are methods too.


reshaped = by_place(reshape, "shape")
permuted = by_place(permute, "dims")
expanded = by_place(expand, "size")


def reshape_as(input: Any, other: Any) -> Any:
    """Read the same entries in the shape of another block."""
    return reshape(input, shape=other.shape)


def expand_as(input: Any, other: Any) -> Any:
    """Stretch to the shape of another block."""
    return expand(input, size=other.shape)


def broadcast_to(input: Any, shape: Sequence[int]) -> Any:
    """Stretch axes of length 1, and put new ones in front, to a shape."""
    return expand(input, size=sizes_of((shape,)))


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """Stretch blocks to the shape that they have in common."""
    shape = broadcast_shapes(*(x.shape for x in tensors))
    return tuple(expand(x, size=shape) for x in tensors)


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """Make one axis of the axes from `start_dim` to `end_dim`."""
    first, last = axis_of(start_dim, len(input.shape)), axis_of(end_dim, len(input.shape))
    if first > last:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}")
    length = math.prod(input.shape[first : last + 1])
    return reshape(input, shape=(*input.shape[:first], length, *input.shape[last + 1 :]))


def ravel(input: Any) -> Any:
    """Put all entries in one row."""
    return reshape(input, shape=(-1,) if math.prod(input.shape) else (0,))


def unflatten(input: Any, dim: int, sizes: Sequence[int]) -> Any:
    """Make several axes of one: of 12 entries 3 rows of 4, say. One size may be -1."""
    axis, sizes = axis_of(dim, len(input.shape)), list(sizes_of((sizes,)))
    length = input.shape[axis]
    if sizes.count(-1) == 1 and (known := -math.prod(sizes)):
        sizes[sizes.index(-1)] = length // known
    if not sizes or min(sizes) < 0 or math.prod(sizes) != length:
        raise ValueError(f"unflatten: the sizes {tuple(sizes)} do not make up the length {length}")
    return reshape(input, shape=(*input.shape[:axis], *sizes, *input.shape[axis + 1 :]))


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Swap two axes."""
    dims = list(range(len(input.shape)))
    i, j = axis_of(dim0, len(dims)), axis_of(dim1, len(dims))
    if dims:
        dims[i], dims[j] = dims[j], dims[i]
    return permute(input, dims=tuple(dims))


def t(input: Any) -> Any:
    """Transpose a matrix; a vector or a single number stays what it is."""
    if len(input.shape) > 2:
        raise ValueError(
            f"t() is for matrices, and the shape is {input.shape}: use transpose or .mT"
        )
    return permute(input, dims=tuple(reversed(range(len(input.shape)))))


def movedim(input: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """Move axes to other places; the rest keep their order."""
    ndim = len(input.shape)
    sources, targets = axes_of(source, ndim), axes_of(destination, ndim)
    if len(sources) != len(targets):
        raise ValueError(f"movedim: {source} and {destination} are not equally many axes")
    dims = [axis for axis in range(ndim) if axis not in sources]
    for target, axis in sorted(zip(targets, sources)):
        dims.insert(target, axis)
    return permute(input, dims=tuple(dims[:ndim]))


def squeeze(input: Any, dim: int | Sequence[int] | None = None) -> Any:
    """Drop the axes of length 1, or only those of `dim` that have length 1."""
    axes = range(len(input.shape)) if dim is None else axes_of(dim, len(input.shape))
    return reshape(
        input, shape=tuple(n for i, n in enumerate(input.shape) if n != 1 or i not in axes)
    )


def unsqueeze(input: Any, dim: int) -> Any:
    """Put in an axis of length 1 at position `dim`."""
    at = axis_of(dim, len(input.shape) + 1)
    return reshape(input, shape=(*input.shape[:at], 1, *input.shape[at:]))


def atleast_1d(*tensors: Any) -> Any:
    """Give single numbers an axis."""
    return _each(tensors, lambda x: reshape(x, shape=x.shape or (1,)))


def atleast_2d(*tensors: Any) -> Any:
    """Make one row of vectors and single numbers."""
    return _each(tensors, lambda x: reshape(x, shape=(1, 1, *x.shape)[min(len(x.shape), 2) :]))


def _each(tensors: Any, change: Any) -> Any:
    """Apply to one Tensor, or to each of several, given one by one or in a list."""
    if len(tensors) == 1:
        if isinstance(tensors[0], Block):
            return change(tensors[0])
        tensors = tensors[0]
    return tuple(map(change, tensors))
