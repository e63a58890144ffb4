"""Convolution on plain arrays: forwards, and back to the input and to the weight.

`correlate` slides kernels over pictures. It is linear in both, so each gradient is a sum of
products of the same kind: `correlate_input` brings numbers back to where the kernels have read,
which is also what a transposed convolution computes, and `correlate_weight` adds up for each number
of a kernel what it was multiplied with. Here is the way of a CPU; conv_cuda.py has that of a GPU.

In memory the pictures lie as (height, channels, width, n), the batch innermost; outside, everybody
sees a view (n, channels, height, width). So the rows under a kernel are one stretch of memory. If
every row is written down three times, shifted by 0, 1 and 2, then this stretch is, as it lies, the
matrix that kernels of 3 x 3 are multiplied with, all places across and all pictures at once:

    (out, 3 rows · channels · 3 shifts) @ (3 rows · channels · 3 shifts, width · n)

The usual way (im2col) writes down every picture 9 times for that, this one 3 times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy
from numpy.lib.stride_tricks import as_strided

from hello_dl.backend import Array, conv_cuda, module_of
from hello_dl.backend.windows import Pair, Windows

BAND = 2**22  # numbers, shifted rows or what comes of them, that are worked on at once
SMALL = 10**6  # multiplications in a product: up to here OpenBLAS has a quicker way for it


def correlate(x: Array, weight: Array, windows: Windows, groups: int = 1) -> Array:
    """Slide kernels over pictures: (n, channels, h, w) by (out, channels / groups, kh, kw)."""
    if module_of(x) is not numpy:
        return conv_cuda.correlate(x, weight, windows, groups)
    rows, (down, across) = laid_out(x), windows.places(x.shape[2:])
    matrix = _grouped(weight, groups).transpose(0, 3, 2, 4, 1)  # (groups, kh, c, kw, out)
    matrix = matrix.reshape(groups, -1, len(weight) // groups).swapaxes(1, 2)[:, None]
    y = numpy.empty((down, len(weight), across, len(x)), x.dtype)
    for first, end in _bands(down, rows.shape[1] * windows.kernel[1] * across * len(x)):
        under = _under_kernels(rows, windows, across, first, end, groups)
        parts = _parts(matrix[0, 0].size, across, len(x))
        out = y[first:end].reshape(end - first, groups, matrix.shape[2], under.shape[3])
        numpy.matmul(matrix, _split(under, parts), out=_split(out, parts))
    return seen(y)


def correlate_weight(g: Array, x: Array, windows: Windows, groups: int = 1) -> Array:
    """Return the gradient of the weight, from that of the output: (n, out, height, width)."""
    if module_of(x) is not numpy:
        return conv_cuda.correlate_weight(g, x, windows, groups)
    rows, slopes = laid_out(x), laid_out(g)
    (down, out, across, n), (kh, kw) = slopes.shape, windows.kernel
    per_group = rows.shape[1] // groups
    total = numpy.zeros((groups, kh * per_group * kw, out // groups), x.dtype)
    for first, end in _bands(down, rows.shape[1] * kw * across * n):
        under = _under_kernels(rows, windows, across, first, end, groups)
        above = slopes[first:end].reshape(end - first, groups, out // groups, across * n)
        parts = _parts(total[0].size, across, n)
        products = _split(under, parts) @ _split(above, parts).swapaxes(-1, -2)
        total += products.sum((0, 2))
    total = total.reshape(groups, kh, per_group, kw, out // groups)
    return total.transpose(0, 4, 2, 1, 3).reshape(out, per_group, kh, kw)


def correlate_input(
    g: Array, weight: Array, windows: Windows, size: Pair, groups: int = 1
) -> Array:
    """Return the gradient of pictures of this size, from that of the output.

    With a stride of 2 down, the first row of a kernel only ever meets every other row of the
    picture, and the second row meets those between. So rows are worked on in as many `phases`: row
    number p of the padded picture meets the rows i of the kernel for which p - i · dilation is a
    multiple of the stride, at the place (p - i · dilation) / stride.
    """
    if module_of(g) is not numpy:
        return conv_cuda.correlate_input(g, weight, windows, size, groups)
    stride, above = windows.stride[0], windows.padding[0][0]
    slopes, lead = _with_borders(laid_out(g), windows, size[0])
    across, n = slopes.shape[2:]
    x = numpy.zeros((size[0], weight.shape[1] * groups, size[1], n), g.dtype)
    for phase in range(stride):
        at = [(phase - i * windows.dilation[0]) for i in range(windows.kernel[0])]
        taps = [i for i, place in enumerate(at) if place % stride == 0][::-1]
        if not taps:
            continue
        matrix = _grouped(weight, groups)[:, :, :, taps].transpose(0, 2, 4, 3, 1)
        matrix = matrix.reshape(groups, -1, len(taps) * matrix.shape[-1])
        start = at[taps[0]] // stride + lead
        spacing = (at[taps[-1]] - at[taps[0]]) // stride // max(len(taps) - 1, 1)
        begin, stop = -((phase - above) // stride), -((phase - above - size[0]) // stride)
        for first, end in _bands(stop - begin, x.shape[1] * windows.kernel[1] * across * n):
            first, end = first + begin, end + begin
            over = _stacked(slopes[start + first :], end - first, 1, len(taps), spacing, groups)
            shifted = (end - first, x.shape[1], windows.kernel[1], across, n)
            parts = numpy.matmul(matrix, over).reshape(shifted)
            rows = x[first * stride + phase - above :: stride][: end - first]
            for tap in range(windows.kernel[1]):
                entries, places = windows.met(tap, 1, size[1], across)
                rows[:, :, entries] += parts[:, :, tap, places]
    return seen(x)


def laid_out(x: Array) -> Array:
    """See (n, channels, h, w) as (h, channels, w, n), in one piece; copies what lies otherwise."""
    return numpy.ascontiguousarray(x.transpose(2, 1, 3, 0))


def seen(rows: Array) -> Array:
    """See (h, channels, w, n) as everybody else does: (n, channels, h, w)."""
    return rows.transpose(3, 1, 0, 2)


def _grouped(weight: Array, groups: int) -> Array:
    """See a weight as (groups, out / groups, channels / groups, kh, kw)."""
    return weight.reshape(groups, -1, *weight.shape[1:])


def _bands(count: int, size: int) -> Iterator[tuple[int, int]]:
    """Cut so many rows of this size into bands that do not take too much memory: (first, end)."""
    band = max(BAND // max(size, 1), 1)
    for first in range(0, count, band):
        yield first, min(first + band, count)


def _under_kernels(
    rows: Array, windows: Windows, across: int, first: int, end: int, groups: int
) -> Array:
    """Gather what lies under the kernels at their places number first to end - 1 down.

    Returns (end - first, groups, kh · channels / groups · kw, across · n).
    """
    height, channels, _, n = rows.shape
    (kh, kw), (stride, dilation) = windows.kernel, (windows.stride[0], windows.dilation[0])
    top = first * stride - windows.padding[0][0]  # the first row, of the picture or above it
    count = (end - 1 - first) * stride + (kh - 1) * dilation + 1
    begin = min(max(-top, 0), count)
    inside = slice(begin, max(min(height - top, count), begin))
    if windows == Windows(windows.kernel) and kw == 1:  # nothing is shifted
        shifts = rows[top : top + count, :, None]
    else:
        shifts = numpy.empty((count, channels, kw, across, n), rows.dtype)
        shifts[: inside.start] = shifts[inside.stop :] = 0
        source = rows[max(top, 0) : max(top + inside.stop, 0)]
        for tap in range(kw):
            entries, places = windows.met(tap, 1, rows.shape[2], across)
            shifts[inside, :, tap, : places.start] = 0
            shifts[inside, :, tap, places.stop :] = 0
            shifts[inside, :, tap, places] = source[:, :, entries]
    return _stacked(shifts, end - first, stride, kh, dilation, groups)


def _stacked(rows: Array, count: int, step: int, taps: int, spacing: int, groups: int) -> Array:
    """Put rows of a block (h, channels, ...) under each other, in each group of channels.

    Number i consists of the rows i·step, i·step + spacing, ..., as many as there are taps. Returns
    (count, groups, taps · the rest, last axes); a view, where these rows follow each other.
    """
    lines, length = math.prod(rows.shape[1:-2]) // groups, rows.shape[-2] * rows.shape[-1]
    row, group, line, number = rows.reshape(len(rows), groups, lines, length).strides
    shape = (count, taps, groups, lines, length)
    under = as_strided(rows, shape, (step * row, spacing * row, group, line, number))
    return under.swapaxes(1, 2).reshape(count, groups, taps * lines, length)


def _with_borders(slopes: Array, windows: Windows, height: int) -> tuple[Array, int]:
    """Put rows of 0 around, for kernels that reach over the borders of a picture of this height.

    Returns the rows and how many there are now before the first.
    """
    stride, above = windows.stride[0], windows.padding[0][0]
    lead = max(-((above - (windows.kernel[0] - 1) * windows.dilation[0]) // stride), 0)
    tail = max((above + height - 1) // stride - len(slopes) + 1, 0)
    if not lead and not tail:
        return slopes, 0
    padded = numpy.zeros((lead + len(slopes) + tail, *slopes.shape[1:]), slopes.dtype)
    padded[lead : lead + len(slopes)] = slopes
    return padded, lead


def _parts(size: int, across: int, n: int) -> int:
    """Say into how many products to cut one by a matrix of this size, for `across` · n columns."""
    for parts in range(1, across + 1):
        columns = across // parts * n
        if columns < 512:
            break
        if across % parts == 0 and size * columns <= SMALL:
            return parts
    return 1


def _split(x: Array, parts: int) -> Array:
    """Cut columns into parts: (rows, groups, m, columns) to (rows, groups, parts, m, columns')."""
    return x.reshape(*x.shape[:3], parts, x.shape[3] // parts).swapaxes(2, 3)
