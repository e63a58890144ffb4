"""Pooling to a given size: the windows are made so that there are as many as asked for.

Window number i of m along an axis of n entries goes from n·i/m, rounded down, to n·(i + 1)/m,
rounded up. If m does not divide n, neighbors overlap by an entry.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from hello_dl.backend import Array, as_array, module_of
from hello_dl.backend.windows import Windows
from hello_dl.ops.pool import check_entries, picked, scaled_sums
from hello_dl.ops.rule import explained, rule
from hello_dl.ops.sliding import arriving, lifted, lowered
from hello_dl.ops.untracked import plain

Size = int | None | Sequence[int | None]  # None: as many as there are entries


@rule(floats=True)
def adaptive_avg_pool2d(x: Array, *, output_size: Size):
    """Take means so that pictures (n, channels, height, width) get this size; 1 is the mean of all.

    None for the height or the width leaves it as it is.
    """
    return _means(2, x, output_size)


@rule(floats=True)
def adaptive_avg_pool1d(x: Array, *, output_size: Size):
    """Take means so that lines (n, channels, length) get this length."""
    return _means(1, x, output_size)


def _means(axes: int, x: Array, output_size: Size):
    pictures = lifted(x, axes)
    windows = _windows(pictures, axes, output_size)
    (height, width), (down, across) = pictures.shape[2:], map(len, windows)
    if not height % down and not width % across and pictures.size:  # windows of one size
        kernel = height // down, width // across
        same = Windows(kernel, stride=kernel)
        return scaled_sums(axes, x, same, 1 / (kernel[0] * kernel[1]))
    y = pictures
    for axis in (3, 2):
        y = _mean_along(y, axis, windows[axis - 2])

    def pull(g):
        g = arriving(g, x, axes)
        for axis in (2, 3):
            g = _spread_along(g, axis, windows[axis - 2], pictures.shape[axis])
        return lowered(g, axes, x.ndim)

    return lowered(y, axes, x.ndim), pull


def adaptive_max_pool2d(input: Any, output_size: Size, return_indices: bool = False) -> Any:
    """Keep the largest entries so that pictures (n, channels, height, width) get this size.

    With `return_indices` a pair: these, and where in its picture each stands, row · width + column.
    """
    values, places = _largest(2, input, output_size)
    return (values, places) if return_indices else values


def adaptive_max_pool1d(input: Any, output_size: Size, return_indices: bool = False) -> Any:
    """Keep the largest entries so that lines (n, channels, length) get this length."""
    values, places = _largest(1, input, output_size)
    return (values, places) if return_indices else values


def _largest(axes: int, input: Any, output_size: Size) -> tuple[Any, Any]:
    x = as_array(plain(input))
    try:
        pictures = lifted(x, axes)
        down, across = _windows(pictures, axes, output_size)
    except (ValueError, TypeError) as error:
        raise explained(f"adaptive_max_pool{axes}d", [x], error) from None
    xp, width = module_of(x), pictures.shape[3]
    columns = xp.stack([pictures[..., w].argmax(3) + w.start for w in across], 3)
    rows = xp.take_along_axis(pictures, columns, 3)  # the largest of each row, in each window
    lines = xp.stack([rows[:, :, w].argmax(2) + w.start for w in down], 2)
    places = lines * width + xp.take_along_axis(columns, lines, 2)
    return picked(input, lowered(places, axes, x.ndim), axes)


def _windows(pictures: Array, axes: int, output_size: Size) -> list[list[slice]]:
    """Return the windows down and across."""
    check_entries(pictures)
    asked = output_size if isinstance(output_size, Sequence) else (output_size,) * axes
    try:
        kept = zip(asked, pictures.shape[-axes:], strict=True)
        sizes = [n if m is None else operator.index(m) for m, n in kept]
    except (TypeError, ValueError):
        sizes = [0]
    if min(sizes) < 1:
        many = "a whole number" if axes == 1 else f"{axes} whole numbers"
        raise ValueError(f"output_size is {many} from 1 on, or None, not {output_size!r:.60}")
    sizes = [1] * (2 - axes) + sizes
    return [
        [slice(n * i // m, -(-n * (i + 1) // m)) for i in range(m)]
        for n, m in zip(pictures.shape[2:], sizes)
    ]


def _mean_along(x: Array, axis: int, windows: list[slice]) -> Array:
    """Return the mean of each window along an axis."""
    xp, before = module_of(x), (slice(None),) * axis
    return xp.stack([x[(*before, window)].mean(axis) for window in windows], axis)


def _spread_along(g: Array, axis: int, windows: list[slice], length: int) -> Array:
    """Give every entry along an axis its share of what came of the windows it is in."""
    before = (slice(None),) * axis
    x = module_of(g).zeros((*g.shape[:axis], length, *g.shape[axis + 1 :]), g.dtype)
    for i, window in enumerate(windows):
        x[(*before, window)] += g[(*before, slice(i, i + 1))] / (window.stop - window.start)
    return x
