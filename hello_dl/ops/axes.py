"""How operations read axes and shapes: `dim` from front or back, sizes one by one or in a tuple."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from hello_dl.backend import Array, module_of

Axes = int | Sequence[int] | None  # one axis, several, or all


def axis_of(dim: int, ndim: int) -> int:
    """Count an axis from the front: -1 is the last of `ndim`. A single number has the axis 0.

    IndexError for an axis that is not there.
    """
    axis, count = operator.index(dim), ndim or 1
    if not -count <= axis < count:
        raise IndexError(f"there is no axis {axis}: use {-count} to {count - 1}")
    return axis % count


def axes_of(dim: int | Sequence[int], ndim: int) -> tuple[int, ...]:
    """Count one axis or several from the front; ValueError for an axis that is named twice."""
    axes = tuple(axis_of(axis, ndim) for axis in (dim if isinstance(dim, Sequence) else (dim,)))
    if len(set(axes)) < len(axes):
        raise ValueError(f"an axis appears twice among {dim}")
    return axes


def sizes_of(sizes: Sequence[Any]) -> tuple[int, ...]:
    """Read `(2, 3)` and `((2, 3),)` alike."""
    if len(sizes) == 1 and isinstance(sizes[0], Sequence):
        sizes = sizes[0]
    return tuple(operator.index(n) for n in sizes)


def broadcast_shapes(*shapes: Sequence[int]) -> tuple[int, ...]:
    """Return the shape to which blocks of these shapes can be stretched."""
    result: list[int] = []
    for shape in map(list, shapes):
        longer, shorter = sorted((result, shape), key=len, reverse=True)
        shorter = [1] * (len(longer) - len(shorter)) + shorter
        pairs = list(zip(longer, shorter))
        if any(m != n and 1 not in (m, n) for m, n in pairs):
            raise ValueError(f"the shapes {', '.join(map(str, shapes))} do not broadcast")
        result = [n if m == 1 else m for m, n in pairs]
    return tuple(result)


def by_place(operation: Callable[..., Any], option: str) -> Callable[..., Any]:
    """Let sizes or axes be given one by one: `permute(x, 1, 0)` for `permute(x, dims=(1, 0))`."""

    @wraps(operation)
    def spread(x: Any, *sizes: Any, **options: Any) -> Any:
        if sizes or option not in options:
            options[option] = sizes_of(sizes)
        return operation(x, **options)

    return spread


# Of a reduction. Its axes are counted from the front; None means all of them.


def reduced_axes(x: Array, dim: Axes) -> tuple[int, ...] | None:
    """Read `dim`: None and () mean all axes. A single number has none, and 0 passes for one."""
    if dim is None or (isinstance(dim, Sequence) and not dim):
        return None
    axes = axes_of(dim, x.ndim)
    return axes if x.ndim else None


def count_along(x: Array, axes: tuple[int, ...] | None) -> int:
    """Count the entries of x that make one of a reduction."""
    return x.size if axes is None else math.prod(x.shape[axis] for axis in axes)


def spread(g: Array, x: Array, axes: tuple[int, ...] | None) -> Array:
    """Repeat the gradient of a reduction over all entries of x that it was made from."""
    kept = [1 if axes is None or axis in axes else n for axis, n in enumerate(x.shape)]
    return module_of(x).broadcast_to(g.reshape(kept), x.shape)
