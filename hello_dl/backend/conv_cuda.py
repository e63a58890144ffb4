"""Convolution on a GPU: every window becomes a column of a matrix, which is multiplied by weights.

That is im2col, the plain way: (out, channels · kh · kw) @ (channels · kh · kw, places) for every
picture, in one call of the batched product. Pictures and their gradients are (n, channels, h, w),
in one piece. conv_direct_cuda.py has another way, for small layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from hello_dl.backend import Array, _cupy, gemm
from hello_dl.backend import conv_direct_cuda as direct
from hello_dl.backend.windows import Pair, Windows
from hello_dl.backend.windows_cuda import columns, from_columns

BAND = 2**27  # numbers in the columns of the pictures that are worked on at once


def correlate(x: Array, weight: Array, windows: Windows, groups: int, bias: Array | None) -> Array:
    """Slide kernels over pictures: (n, channels, h, w) by (out, channels / groups, kh, kw)."""
    places = windows.places(x.shape[2:])
    if direct.is_small(len(x), weight.shape, places):
        return direct.correlate(x, _in_one_piece(weight), windows, groups, bias)
    matrix = _as_matrix(weight, groups)
    y = _cupy().empty((len(x), len(weight), *places), x.dtype)
    for part in _bands(x, windows):
        under = _by_group(columns(x[part], windows), groups)  # (n, groups, c·kh·kw, places)
        gemm.matmul(matrix, under, _by_group(_flat(y[part]), groups))
    if bias is not None:
        y += bias.reshape(-1, 1, 1)
    return y


def correlate_weight(g: Array, x: Array, windows: Windows, groups: int) -> Array:
    """Return the gradient of the weight, from that of the output: (n, out, height, width)."""
    out, per_group = g.shape[1], x.shape[1] // groups
    if direct.is_small(len(x), (out, per_group, *windows.kernel), g.shape[2:]):
        return direct.correlate_weight(g, x, windows, groups)
    total = None
    for part in _bands(x, windows):
        under = _by_group(columns(x[part], windows, g.shape[2:]), groups)
        each = gemm.matmul(_by_group(_flat(g[part]), groups), under.swapaxes(-1, -2))
        total = each.sum(0) if total is None else total + each.sum(0)
    if total is None:
        return _cupy().zeros((out, per_group, *windows.kernel), x.dtype)
    return total.reshape(out, per_group, *windows.kernel)


def correlate_input(g: Array, weight: Array, windows: Windows, size: Pair, groups: int) -> Array:
    """Return the gradient of pictures of this size, from that of the output."""
    if direct.is_small(len(g), weight.shape, g.shape[2:]):
        return direct.correlate_input(g, _in_one_piece(weight), windows, size, groups)
    matrix = _as_matrix(weight, groups).swapaxes(-1, -2)
    x = _cupy().empty((len(g), weight.shape[1] * groups, *size), g.dtype)
    for part in _bands(x, windows):
        under = gemm.matmul(matrix, _by_group(_flat(g[part]), groups))
        under = under.reshape(len(under), -1, under.shape[-1])
        pictures = from_columns(under, windows, size, g.shape[2:])
        if len(pictures) == len(x):
            return pictures
        x[part] = pictures
    return x


def channel_sums(x: Array) -> Array:
    """Return the sum of each channel of (n, channels, h, w)."""
    if x.size <= 2**17 * x.shape[1]:
        return direct.channel_sums(x)
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:])).sum(2).sum(0)


def _in_one_piece(x: Array) -> Array:
    return x if x.flags.c_contiguous else _cupy().ascontiguousarray(x)


def _as_matrix(weight: Array, groups: int) -> Array:
    """See kernels as a matrix (out, numbers of a kernel), or one for each of several groups."""
    weight = _in_one_piece(weight)
    size = math.prod(weight.shape[1:])
    return weight.reshape(-1, size) if groups == 1 else weight.reshape(groups, -1, size)


def _flat(y: Array) -> Array:
    """See (n, out, height, width) as (n, out, places)."""
    return y.reshape(*y.shape[:2], math.prod(y.shape[2:]))


def _by_group(x: Array, groups: int) -> Array:
    """See (n, lines, places) as (n, groups, lines / groups, places) if there are several groups."""
    if groups == 1:
        return x
    return x.reshape(len(x), groups, x.shape[1] // groups, x.shape[2])


def _bands(x: Array, windows: Windows) -> Iterator[slice]:
    """Cut a batch into bands whose columns do not take too much memory."""
    size = x.shape[1] * math.prod(windows.kernel) * math.prod(windows.places(x.shape[2:]))
    band = max(BAND // max(size, 1), 1)
    for first in range(0, len(x), band):
        yield slice(first, min(first + band, len(x)))
