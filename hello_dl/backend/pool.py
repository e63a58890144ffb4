"""Pooling on plain arrays: the largest or the sum of what lies in each window of a picture.

A window is gone through axis by axis: first across, where every row gets the largest of each few
neighbors, then down. That takes kh + kw walks over the numbers, where all entries of the window
would take kh · kw. Pictures are (n, channels, h, w) and may lie in memory in any order, which the
results keep. windows_cuda.py has the kernels of a GPU.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy

from hello_dl.backend import Array, fast, module_of, windows_cuda
from hello_dl.backend.threads import ranges, share, together
from hello_dl.backend.windows import Pair, Windows

PIECE = 2**17  # entries of pictures that are worked on at once

Pull = Callable[[Array], Array]  # from the gradient of a result to that of the pictures


def largest(x: Array, windows: Windows) -> tuple[Array, Pull]:
    """Return the largest entry of every window, and the pull back to where it was found.

    Of entries that tie the first one, row by row, gets the gradient; a nan is larger than anything.
    """
    if module_of(x) is not numpy:
        y, places = windows_cuda.largest(x, windows)
        return y, lambda g: windows_cuda.put_back(g, places, windows, x.shape[2:])
    compiled = fast.kernels(x)
    if compiled and x.transpose(_LYING).flags.c_contiguous and math.prod(windows.kernel) <= 256:
        return _largest_compiled(compiled, x, windows)
    rows = _largest_along(x, windows, 3)  # (n, channels, h, across)
    y = _largest_along(rows, windows, 2)

    def pull(g: Array) -> Array:
        with numpy.errstate(invalid="ignore", over="ignore"):
            finite = math.isfinite(y.sum())
        if not finite:  # -inf may be padding, and nan equals nothing
            return put_back(g, places_of_largest(x, windows), x.shape)
        dx = _blank(x, windows, 3)

        def work(part: tuple[slice, ...]) -> None:
            down = _blank(rows[part], windows, 2)
            _to_winners(g[part], y[part], rows[part], windows, 2, down)
            _to_winners(down, rows[part], x[part], windows, 3, dx[part])

        together(work, _pieces(x), share(x.size * 1.5e-6))
        return dx

    return y, pull


_LYING = 2, 1, 3, 0  # (height, channels, width, n), as conv.py lays pictures out


def _largest_compiled(compiled: Any, x: Array, windows: Windows) -> tuple[Array, Pull]:
    """Do `largest` in one walk that also notes which entry of a window wins, in a byte."""
    rows, (down, across) = x.transpose(_LYING), windows.places(x.shape[2:])
    (_, channels, _, n), before = rows.shape, (windows.padding[0][0], windows.padding[1][0])
    sliding = windows.kernel, windows.stride, before, windows.dilation
    y = numpy.empty((down, channels, across, n), x.dtype)
    winners = numpy.empty(y.shape, "uint8")
    milliseconds = y.size * math.prod(windows.kernel) * 0.3e-6

    def forward(first: int, end: int) -> None:
        compiled.largest(rows, *sliding, y, winners, first, end)

    ranges(forward, channels, milliseconds)

    def pull(g: Array) -> Array:
        apart = _are_apart(windows, 2) and _are_apart(windows, 3)
        dx = _blank(x, windows, 2, 3)
        slopes = numpy.ascontiguousarray(g.transpose(_LYING))

        def backward(first: int, end: int) -> None:
            compiled.hand_to_winners(
                slopes, winners, *sliding, not apart, dx.transpose(_LYING), first, end
            )

        ranges(backward, channels, milliseconds)
        return dx

    return y.transpose(3, 1, 0, 2), pull


def places_of_largest(x: Array, windows: Windows) -> Array:
    """Return where in its picture the largest entry of every window stands: row · width + column.

    Of several it is the first one, and of several nan the last one, as PyTorch has it.
    """
    if module_of(x) is not numpy:
        return windows_cuda.largest(x, windows)[1].astype("int64")
    height, width = x.shape[2:]
    down, across = windows.places((height, width))
    best = numpy.empty((*x.shape[:2], down, across), x.dtype)
    found = numpy.full(best.shape, -1)
    numbers = numpy.arange(height * width).reshape(height, width)
    for i in range(windows.kernel[0]):
        rows, here_down = windows.met(i, 0, height, down)
        for j in range(windows.kernel[1]):
            columns, here_across = windows.met(j, 1, width, across)
            entries, here = (..., rows, columns), (..., here_down, here_across)
            better = (x[entries] > best[here]) | (x[entries] != x[entries]) | (found[here] < 0)
            best[here] = numpy.where(better, x[entries], best[here])
            found[here] = numpy.where(better, numbers[entries], found[here])
    return found


def put_back(g: Array, places: Array, shape: tuple[int, ...]) -> Array:
    """Add up numbers at their places in pictures of this shape: (n, channels, h, w)."""
    xp, (n, channels, height, width) = module_of(g), shape
    x = xp.zeros((n * channels, height * width), g.dtype)
    lines = xp.arange(n * channels)[:, None]
    numbers = (n * channels, math.prod(places.shape[2:]))
    xp.add.at(x, (lines, places.reshape(numbers)), g.reshape(numbers))
    return x.reshape(shape)


def added(x: Array, windows: Windows) -> Array:
    """Return the sum of every window."""
    if module_of(x) is not numpy:
        return windows_cuda.added(x, windows)
    rows = _combined(x, windows, 3, numpy.add, 0)
    return _combined(rows, windows, 2, numpy.add, 0)


def spread(g: Array, windows: Windows, size: Pair) -> Array:
    """Give every entry of pictures of this size the sum of the numbers of the windows it is in."""
    if module_of(g) is not numpy:
        return windows_cuda.spread(g, windows, size)
    return _spread_along(_spread_along(g, windows, size[0], 2), windows, size[1], 3)


# Along one axis, 2 (down) or 3 (across).


def _met(windows: Windows, axis: int, length: int) -> tuple[int, list[tuple[Any, Any]]]:
    """Count the places; for each entry of the kernel: which entries it meets, at which places."""
    count = windows.places((length, length))[axis - 2]
    before = (slice(None),) * axis
    met = [windows.met(tap, axis - 2, length, count) for tap in range(windows.kernel[axis - 2])]
    return count, [((*before, entries), (*before, places)) for entries, places in met]


def _pieces(x: Array) -> list[tuple[slice, ...]]:
    """Cut pictures into pieces, between examples or channels, that fit into the nearest caches."""
    axis = 0 if x.strides[0] > x.strides[1] else 1
    size = max(PIECE * x.shape[axis] // max(x.size, 1), 1)
    before = (slice(None),) * axis
    return [(*before, slice(start, start + size)) for start in range(0, x.shape[axis], size)]


def _is_whole(places: tuple[slice, ...], count: int) -> bool:
    return places[-1] == slice(0, count)


def _combined(x: Array, windows: Windows, axis: int, combine: numpy.ufunc, nothing: float) -> Array:
    """Combine all entries of a window along an axis; beyond the borders there is `nothing`."""
    count, met = _met(windows, axis, x.shape[axis])
    met.sort(key=lambda tap: not _is_whole(tap[1], count))  # first those that are never outside
    whole = sum(_is_whole(places, count) for _, places in met)
    if whole == len(met) == 1:
        return x[met[0][0]]
    if whole > 1:
        y = combine(x[met[0][0]], x[met[1][0]])
        met = met[2:]
    else:
        shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
        y = numpy.full_like(x, nothing, shape=shape)
    for entries, places in met:
        combine(y[places], x[entries], out=y[places])
    return y


def _largest_along(x: Array, windows: Windows, axis: int) -> Array:
    lowest = -numpy.inf if x.dtype.kind == "f" else numpy.iinfo(x.dtype).min
    return _combined(x, windows, axis, numpy.maximum, lowest)


def _to_winners(g: Array, y: Array, x: Array, windows: Windows, axis: int, dx: Array) -> None:
    """Hand g down to the first entry of x in each window that is as large as y, along an axis.

    It is written to dx where no entry is in two windows, and else added. Bit by bit: g xor what was
    handed out is what is left, which is g or 0, and exact for any g.
    """
    count, met = _met(windows, axis, x.shape[axis])
    bits = numpy.dtype(f"int{8 * g.itemsize}")
    apart = _are_apart(windows, axis)
    left = g.view(bits)
    for tap, (entries, places) in enumerate(met):
        if tap == len(met) - 1 and _is_whole(places, count):
            won = left
        else:
            won = (x[entries] == y[places]).astype(bits)
            numpy.negative(won, out=won)  # all bits of an entry are 1, or all 0
            won &= left[places]
            if _is_whole(places, count):
                left = left ^ won
            else:
                left = left.copy("K")
                rest = left[places]
                rest ^= won
        if apart:
            dx[entries] = won.view(g.dtype)
        else:
            dx[entries] += won.view(g.dtype)


def _are_apart(windows: Windows, axis: int) -> bool:
    """Tell whether no entry along an axis can be in two windows."""
    reach = (windows.kernel[axis - 2] - 1) * windows.dilation[axis - 2] + 1
    return windows.stride[axis - 2] >= reach


def _blank(x: Array, windows: Windows, *axes: int) -> Array:
    """Make room for what is handed down to x: zeros, if not every entry is written to anyway."""
    for axis in axes:
        size, side_by_side = windows.kernel[axis - 2], windows.dilation[axis - 2] == 1
        covered = side_by_side and windows.stride[axis - 2] == size and x.shape[axis] % size == 0
        if not covered or windows.padding[axis - 2] != (0, 0):
            return numpy.zeros_like(x)
    return numpy.empty_like(x)


def _spread_along(g: Array, windows: Windows, length: int, axis: int) -> Array:
    """Give every entry along an axis the sum of the numbers of the windows it is in."""
    _, met = _met(windows, axis, length)
    shape = (*g.shape[:axis], length, *g.shape[axis + 1 :])
    x = numpy.zeros_like(g, shape=shape)
    for entries, places in met:
        x[entries] += g[places]
    return x
