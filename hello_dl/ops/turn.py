"""Blocks turned round: the same entries in another order along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.ops.axes import axes_of, axis_of, by_place, sizes_of
from hello_dl.ops.rule import rule
from hello_dl.ops.shape import transpose


@rule(halves=True)
def flip(x: Array, *, dims: tuple[int, ...]):
    """Turn axes round: the last entry comes first."""
    axes = axes_of(dims, x.ndim)
    back = tuple(slice(None, None, -1 if axis in axes else 1) for axis in range(x.ndim))
    return x[back].copy(), lambda g: g[back]  # a view would let y[0] = 5 change x


@rule(halves=True)
def roll(x: Array, *, shifts: Any, dims: Any = None):
    """Move entries along axes; what leaves at the end comes in at the start.

    Without `dims` the block is moved as one row.
    """
    xp = module_of(x)
    shifts = sizes_of((shifts,))
    if dims is None and len(shifts) == 1:
        return xp.roll(x, shifts[0]), lambda g: xp.roll(g, -shifts[0])
    axes = () if dims is None else tuple(axis_of(dim, x.ndim) for dim in sizes_of((dims,)))
    if len(shifts) != len(axes):
        raise ValueError(f"{len(shifts)} shifts for {len(axes)} axes: give one for each")
    back = tuple(-shift for shift in shifts)
    return xp.roll(x, shifts, axes), lambda g: xp.roll(g, back, axes)


flipped = by_place(flip, "dims")


def fliplr(input: Any) -> Any:
    """Turn the columns of a matrix round: left becomes right."""
    if len(input.shape) < 2:
        raise ValueError(f"fliplr turns the second axis round, and the shape is {input.shape}")
    return flip(input, dims=(1,))


def flipud(input: Any) -> Any:
    """Turn the rows of a matrix round: up becomes down."""
    if not input.shape:
        raise ValueError("flipud turns the first axis round, and a single number has none")
    return flip(input, dims=(0,))


def rot90(input: Any, k: int = 1, dims: Sequence[int] = (0, 1)) -> Any:
    """Turn by a right angle, `k` times, from the first of two axes towards the second."""
    if len(dims) != 2:
        raise ValueError(f"rot90 turns a plane, which has two axes, not {tuple(dims)}")
    first, second = axes_of(dims, len(input.shape))
    if k % 4 == 2:
        return flip(input, dims=(first, second))
    if k % 2:
        turned = transpose(input, first, second)
        return flip(turned, dims=(first if k % 4 == 1 else second,))
    return flip(input, dims=())
