"""Pooling: of each window of a picture keep one number, the largest or the mean."""

from __future__ import annotations

import math
from typing import Any

from hello_dl.backend import Array, as_array, device_of, module_of, pool
from hello_dl.backend.windows import Pair, Windows
from hello_dl.ops.index import gather
from hello_dl.ops.rule import Block, explained, rule
from hello_dl.ops.shape import flatten, reshape
from hello_dl.ops.sliding import (
    Sizes,
    arriving,
    as_pair,
    lifted,
    lowered,
    per_axis,
    places_in,
    windows_of,
)
from hello_dl.ops.untracked import plain


@rule
def max_pool2d(
    x: Array,
    *,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
):
    """Keep the largest entry of every window of pictures (n, channels, height, width).

    A stride of None is that of windows side by side. Padding is -inf. With `ceil_mode` a last
    window may reach over the border, as long as it starts within the picture or the padding.
    """
    return _largest(2, x, kernel_size, stride, padding, dilation, ceil_mode)


@rule
def max_pool1d(
    x: Array,
    *,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
):
    """Keep the largest entry of every window of lines (n, channels, length); as `max_pool2d`."""
    return _largest(1, x, kernel_size, stride, padding, dilation, ceil_mode)


def _largest(axes: int, x: Array, *sliding: Any):
    pictures = lifted(x, axes)
    windows = pooling_windows(pictures, axes, *sliding)
    y, back = pool.largest(pictures, windows)
    return lowered(y, axes, x.ndim), lambda g: lowered(back(arriving(g, x, axes)), axes, x.ndim)


def pooling_windows(
    pictures: Array,
    axes: int,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
) -> Windows:
    """Make the windows of a pooling; with `ceil_mode` padded behind, for the last ones."""
    windows = windows_of(kernel_size, axes, stride, padding, dilation)
    check_entries(pictures)
    if any(2 * pad > n for (pad, _), n in zip(windows.padding, windows.kernel)):
        raise ValueError(f"padding={padding} is more than half of kernel_size={kernel_size}")
    reach = [d * (n - 1) + 1 for d, n in zip(windows.dilation, windows.kernel)]
    if ceil_mode:
        pads = []
        for n, step, (pad, _), r in zip(pictures.shape[2:], windows.stride, windows.padding, reach):
            count = -((r - n - 2 * pad) // step) + 1
            if (count - 1) * step >= n + pad:  # it would start behind the picture
                count -= 1
            pads.append((pad, max((count - 1) * step + r - n - pad, pad)))
        windows = windows._replace(padding=(pads[0], pads[1]))
    counts = places_in(windows, pictures)
    for axis, (n, count) in enumerate(zip(pictures.shape[2:], counts)):
        if windows.dilation[axis] == 1:
            continue
        met = [windows.met(tap, axis, n, count)[1] for tap in range(windows.kernel[axis])]
        if len({place for places in met for place in range(count)[places]}) < count:
            raise ValueError(f"with dilation={dilation} a window stands wholly outside, on padding")
    return windows


def check_entries(pictures: Array) -> None:
    """Raise ValueError for pictures (n, channels, h, w) without height or width."""
    if not all(pictures.shape[2:]):
        raise ValueError("there is nothing to pool: height or width is 0")


@rule(floats=True)
def avg_pool2d(
    x: Array,
    *,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
):
    """Take the mean of every window of pictures (n, channels, height, width).

    Padding is 0 and counts as entries unless `count_include_pad` is False; what a last window, with
    `ceil_mode`, has beyond the padding never counts. `divisor_override` divides the sum instead.
    """
    sliding = kernel_size, stride, padding, 1, ceil_mode
    return _mean(2, x, sliding, padding, count_include_pad, divisor_override)


@rule(floats=True)
def avg_pool1d(
    x: Array,
    *,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
):
    """Take the mean of every window of lines (n, channels, length); options as `avg_pool2d`."""
    sliding = kernel_size, stride, padding, 1, ceil_mode
    return _mean(1, x, sliding, padding, count_include_pad, None)


def _mean(
    axes: int,
    x: Array,
    sliding: tuple[Any, ...],
    padding: Sizes,
    count_include_pad: bool,
    divisor: int | None,
):
    if divisor == 0:
        raise ValueError("divisor_override must not be 0")
    pictures = lifted(x, axes)
    windows = pooling_windows(pictures, axes, *sliding)
    counted = as_pair(per_axis(padding, axes, "padding", 0), 0) if count_include_pad else (0, 0)
    share: Any = 1 / divisor if divisor else _shares(pictures, windows, counted)
    return scaled_sums(axes, x, windows, share)


def scaled_sums(axes: int, x: Array, windows: Windows, share: Any):
    """Return the sum of every window times its share, and the pull of that."""
    pictures = lifted(x, axes)
    y = pool.added(pictures, windows) * share

    def pull(g):
        gradient = pool.spread(arriving(g, x, axes) * share, windows, pictures.shape[2:])
        return lowered(gradient, axes, x.ndim)

    return lowered(y, axes, x.ndim), pull


def _shares(pictures: Array, windows: Windows, counted: Pair) -> Any:
    """Return 1 / (number of entries) for each window: (down, across), or one number for all.

    `counted` is how much of the padding counts.
    """
    lengths = []
    for axis, n in enumerate(pictures.shape[2:]):
        step, (pad, _), kernel = windows.stride[axis], windows.padding[axis], windows.kernel[axis]
        starts = range(-pad, -pad + windows.places(pictures.shape[2:])[axis] * step, step)
        most, least = n + counted[axis], -counted[axis]
        lengths.append([min(start + kernel, most) - max(start, least) for start in starts])
    down, across = lengths
    if len({*down}) == len({*across}) == 1:
        return 1 / (down[0] * across[0])
    xp = module_of(pictures)
    return xp.asarray([[1 / (a * b) for b in across] for a in down], pictures.dtype)


def max_pooled2d(
    input: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Keep the largest entry of every window of pictures (n, channels, height, width).

    With `return_indices` a pair: these, and where in its picture each stands, row · width + column.
    """
    sliding = kernel_size, stride, padding, dilation, ceil_mode
    return _found(2, input, sliding) if return_indices else max_pool2d(input, *sliding)


def max_pooled1d(
    input: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    dilation: Sizes = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Keep the largest entry of every window of lines (n, channels, length); as `max_pool2d`."""
    sliding = kernel_size, stride, padding, dilation, ceil_mode
    return _found(1, input, sliding) if return_indices else max_pool1d(input, *sliding)


def _found(axes: int, input: Any, sliding: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the largest entries, and their places."""
    op, x = f"max_pool{axes}d", as_array(plain(input))
    try:
        pictures = lifted(x, axes)
        windows = pooling_windows(pictures, axes, *sliding)
        places = lowered(pool.places_of_largest(pictures, windows), axes, x.ndim)
    except (ValueError, TypeError) as error:
        raise explained(op, [x], error) from None
    return picked(input, places, axes)


def picked(input: Any, places: Array, axes: int) -> tuple[Any, Any]:
    """Pick entries of pictures, or of lines, by their places there; return both."""
    before = places.ndim - axes
    lines = places.reshape(*places.shape[:before], math.prod(places.shape[before:]))
    values = gather(flatten(input, before, -1), lines, dim=before)
    block = Block.result_class(places, device=device_of(places))
    return reshape(values, shape=places.shape), block
