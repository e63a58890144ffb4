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
from collections.abc import Callable
from typing import Any

import numpy

from hello_dl.backend import Array, conv_cuda, fast, module_of
from hello_dl.backend.threads import PIECES, ranges, share, together
from hello_dl.backend.windows import Pair, Windows

BAND = 2**22  # numbers, shifted rows or what comes of them, that are worked on at once
NEAR = 2**18  # the same where no band needs rows of the next one, so that it fits into the caches
DEEP = 48  # numbers that are added up for each column of a kernel
FEW = 10**6  # numbers that are worked on in one band where this is easier
SMALL = 10**6  # multiplications in a product: up to here OpenBLAS has a quicker way for it


def correlate(
    x: Array, weight: Array, windows: Windows, groups: int = 1, bias: Array | None = None
) -> Array:
    """Slide kernels over pictures: (n, channels, h, w) by (out, channels / groups, kh, kw).

    A bias (out,) is added.
    """
    if module_of(x) is not numpy:
        return conv_cuda.correlate(x, weight, windows, groups, bias)
    rows, (down, across) = laid_out(x), windows.places(x.shape[2:])
    if _is_quicker_spread(x, weight, windows):
        return seen(_spread(rows, *_turned(weight, windows, groups), (down, across), groups, bias))
    matrix = _grouped(weight, groups).transpose(0, 3, 2, 4, 1)  # (groups, kh, c, kw, out)
    matrix = matrix.reshape(groups, -1, len(weight) // groups).swapaxes(1, 2)[:, None]
    y = numpy.empty((down, len(weight), across, len(x)), x.dtype)
    parts = _parts(matrix[0, 0].size, across, len(x))

    def work(band: Pair) -> None:
        under = _under_kernels(rows, windows, across, band, groups)
        out = y[slice(*band)].reshape(len(under), groups, matrix.shape[2], under.shape[3])
        numpy.matmul(matrix, _split(under, parts), out=_split(out, parts))
        if bias is not None:
            out += bias.reshape(groups, -1, 1)

    numbers = rows.shape[1] * windows.kernel[1] * across * len(x)
    _by_bands(work, numbers, weight.size * across * len(x), 0, down)
    return seen(y)


def correlate_weight(g: Array, x: Array, windows: Windows, groups: int = 1) -> Array:
    """Return the gradient of the weight, from that of the output: (n, out, height, width)."""
    if module_of(x) is not numpy:
        return conv_cuda.correlate_weight(g, x, windows, groups)
    rows, slopes = laid_out(x), laid_out(g)
    (down, out, across, n), (kh, kw) = slopes.shape, windows.kernel
    per_group = rows.shape[1] // groups
    parts = _parts(kh * per_group * kw * (out // groups), across, n)

    def work(band: Pair) -> Array:
        under = _under_kernels(rows, windows, across, band, groups)
        above = slopes[slice(*band)].reshape(len(under), groups, out // groups, across * n)
        products = _split(under, parts) @ _split(above, parts).swapaxes(-1, -2)
        return products.sum((0, 2))

    numbers = rows.shape[1] * kw * across * n
    total: Any = sum(_by_bands(work, numbers, out * per_group * kh * kw * across * n, 0, down))
    total = total.reshape(groups, kh, per_group, kw, out // groups)
    return total.transpose(0, 4, 2, 1, 3).reshape(out, per_group, kh, kw)


def correlate_input(
    g: Array, weight: Array, windows: Windows, size: Pair, groups: int = 1
) -> Array:
    """Return the gradient of pictures of this size, from that of the output."""
    if module_of(g) is not numpy:
        return conv_cuda.correlate_input(g, weight, windows, size, groups)
    return seen(_spread(laid_out(g), weight, windows, size, groups))


def _is_quicker_spread(x: Array, weight: Array, windows: Windows) -> bool:
    """Tell whether to compute a convolution as the gradient of another one.

    So nothing is written down three times. But three times as much comes of the products, which
    takes a compiled loop to add up, and for few channels it is more than what went in.
    """
    plain = windows.stride == (1, 1) and windows.kernel[1] > 1
    deep = weight.shape[1] * windows.kernel[0] >= DEEP
    return plain and deep and fast.kernels(x, weight) is not None


def _turned(weight: Array, windows: Windows, groups: int) -> tuple[Array, Windows]:
    """Return kernels and windows whose `correlate_input` is the `correlate` of these, of stride 1.

    What a place collects with a kernel, the entries hand out with a kernel that is turned around.
    """
    turned = _grouped(weight, groups)[..., ::-1, ::-1].swapaxes(1, 2)
    (down, across), (above, left) = windows.dilation, (pads[0] for pads in windows.padding)
    (kh, kw), nothing = windows.kernel, 0  # what is behind a picture, its size says
    around = ((kh - 1) * down - above, nothing), ((kw - 1) * across - left, nothing)
    return turned.reshape(-1, len(weight) // groups, kh, kw), windows._replace(padding=around)


def _spread(
    slopes: Array,
    weight: Array,
    windows: Windows,
    size: Pair,
    groups: int,
    start_from: Array | None = None,
) -> Array:
    """Do `correlate_input` for rows (h, channels, w, n); `start_from` (c,) is there already.

    With a stride of 2 down, the first row of a kernel only ever meets every other row of the
    padded picture, and the second row meets those between. So rows are worked on in as many
    `phases`: row phase + stride · m meets row i of the kernel at place m + offset, if the offset
    (phase - i · dilation) / stride is a whole number.
    """
    stride, above = windows.stride[0], windows.padding[0][0]
    x = numpy.empty((size[0], weight.shape[1] * groups, size[1], slopes.shape[3]), slopes.dtype)
    x[...] = 0 if start_from is None else start_from[:, None, None]
    for phase in range(stride):
        steps = [phase - i * windows.dilation[0] for i in range(windows.kernel[0])]
        taps = [i for i, step in enumerate(steps) if step % stride == 0][::-1]
        if taps:
            matrix = _grouped(weight, groups)[:, :, :, taps].transpose(0, 2, 4, 3, 1)
            matrix = matrix.reshape(groups, -1, len(taps) * matrix.shape[-1])
            first = (phase - above) % stride  # the first row of the picture in this phase
            start = (first + above - phase) // stride  # its m
            offsets = [start + steps[i] // stride for i in taps]
            _bring_back(slopes, matrix, offsets, windows, x[first::stride])
    return x


def _bring_back(
    slopes: Array, matrix: Array, offsets: list[int], windows: Windows, rows: Array
) -> None:
    """Add to row number m of a picture what comes from the rows m + offset of the output."""
    (_, channels, width, n), (down, _, across, _) = rows.shape, slopes.shape
    groups, (low, high), count = len(matrix), (offsets[0], offsets[-1]), len(rows)
    spacing = (high - low) // max(len(offsets) - 1, 1)
    begin = min(max(-low, 0), count)  # from here on, until `end`, no row lies outside
    end = min(max(down - high, begin), count)
    compiled = fast.kernels(rows) if rows.flags.c_contiguous else None

    def work(band: Pair) -> None:
        needed = _rows(slopes, band[0] + low, band[1] + high)
        under = _stacked(needed, band[1] - band[0], 1, len(offsets), spacing, groups)
        shape = (len(under), channels, windows.kernel[1], across, n)
        parts = numpy.matmul(matrix, under).reshape(shape)
        if compiled:
            sliding = n, windows.stride[1], windows.padding[1][0], windows.dilation[1]
            lines = rows[slice(*band)].reshape(len(under), channels, width * n)
            compiled.add_shifted(parts.reshape(*shape[:3], -1), *sliding, lines, 0, len(under))
            return
        for tap in range(windows.kernel[1]):
            entries, places = windows.met(tap, 1, width, across)
            target = rows[slice(*band), :, entries]
            target += parts[:, :, tap, places]

    numbers = channels * windows.kernel[1] * across * n
    _by_bands(work, numbers, matrix.size * across * n, 0, begin, end, count, most=NEAR)


def laid_out(x: Array) -> Array:
    """See (n, channels, h, w) as (h, channels, w, n), in one piece; copies what lies otherwise."""
    rows = x.transpose(2, 1, 3, 0)
    if rows.flags.c_contiguous:
        return rows
    copy = numpy.empty(rows.shape, rows.dtype)

    def work(first: int, end: int) -> None:
        copy[first:end] = rows[first:end]

    ranges(work, len(rows), rows.size / 10**6)
    return copy


def arranged(x: Array) -> Array:
    """Return (n, channels, h, w) in the order in memory that is used here; a copy if need be."""
    if module_of(x) is not numpy:
        return x if x.flags.c_contiguous else module_of(x).ascontiguousarray(x)
    return seen(laid_out(x))


def channel_sums(x: Array) -> Array:
    """Return the sum of each channel of (n, channels, h, w)."""
    if module_of(x) is not numpy:
        return conv_cuda.channel_sums(x)
    rows = laid_out(x)  # (h, channels, w, n)
    lines = rows.reshape(*rows.shape[:2], rows.shape[2] * rows.shape[3])
    return (lines @ numpy.ones(lines.shape[2], x.dtype)).sum(0)


def seen(rows: Array) -> Array:
    """See (h, channels, w, n) as everybody else does: (n, channels, h, w)."""
    return rows.transpose(3, 1, 0, 2)


def _grouped(weight: Array, groups: int) -> Array:
    """See a weight as (groups, out / groups, channels / groups, kh, kw)."""
    return weight.reshape(groups, -1, *weight.shape[1:])


def _by_bands(
    work: Callable[[Pair], Any], numbers: int, products: int, *cuts: int, most: int = 0
) -> list[Any]:
    """Do `work((first, end))` for all rows in bands, by several threads if it pays.

    For each row it makes so many numbers, and multiplies so often. Of the `cuts` the first and the
    last are where the rows begin and end; the others are good places to cut.
    """
    count = cuts[-1] - cuts[0]
    threads = share(count * (numbers / 10**6 + products / (5 * 10**7)))  # milliseconds
    band, bands = max((most or BAND) // max(numbers, 1), 1), []
    pieces = PIECES * threads
    if count * numbers < FEW:
        cuts, pieces = (cuts[0], cuts[-1]), threads
    for begin, stop in zip(cuts, cuts[1:]):
        step = min(band, max(-((begin - stop) // pieces), 1)) if threads > 1 else band
        bands += [(first, min(first + step, stop)) for first in range(begin, stop, step)]
    return together(work, bands, threads)


def _under_kernels(rows: Array, windows: Windows, across: int, band: Pair, groups: int) -> Array:
    """Gather what lies under the kernels in a band of their places down: number first to end - 1.

    Returns (end - first, groups, kh · channels / groups · kw, across · n).
    """
    (first, end), (height, channels, _, n) = band, rows.shape
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
    strides = (step * row, spacing * row, group, line, number)
    under: Array = numpy.ndarray(shape, rows.dtype, rows, 0, strides)
    return under.swapaxes(1, 2).reshape(count, groups, taps * lines, length)


def _rows(rows: Array, first: int, end: int) -> Array:
    """Return rows first to end - 1 of a block; those outside of it are 0."""
    if first >= 0 and end <= len(rows):
        return rows[first:end]
    padded = numpy.zeros((end - first, *rows.shape[1:]), rows.dtype)
    inside = slice(max(first, 0), min(end, len(rows)))
    if inside.start < inside.stop:
        padded[inside.start - first : inside.stop - first] = rows[inside]
    return padded


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
