"""Windows written down as columns, which makes a matrix product of a convolution (im2col)."""

from __future__ import annotations

import math

import numpy

from hello_dl.backend import Array, module_of, windows_cuda
from hello_dl.backend.windows import Pair, Windows


def columns(x: Array, windows: Windows) -> Array:
    """Write down every window of (n, channels, h, w): (n, channels · kh · kw, places)."""
    if module_of(x) is not numpy:
        return windows_cuda.columns(x, windows)
    (n, channels, height, width), (kh, kw) = x.shape, windows.kernel
    down, across = windows.places((height, width))
    out = numpy.zeros((n, channels, kh, kw, down, across), x.dtype)
    for i in range(kh):
        rows, here_down = windows.met(i, 0, height, down)
        for j in range(kw):
            entries, here = windows.met(j, 1, width, across)
            out[:, :, i, j, here_down, here] = x[:, :, rows, entries]
    return out.reshape(n, channels * kh * kw, down * across)


def from_columns(columns: Array, windows: Windows, size: Pair) -> Array:
    """Add the columns up where they come from, in pictures of this size."""
    if module_of(columns) is not numpy:
        return windows_cuda.from_columns(columns, windows, size)
    (kh, kw), (height, width) = windows.kernel, size
    down, across = windows.places(size)
    n, channels = len(columns), columns.shape[1] // math.prod(windows.kernel)
    parts = columns.reshape(n, channels, kh, kw, down, across)
    x = numpy.zeros((n, channels, height, width), columns.dtype)
    for i in range(kh):
        rows, here_down = windows.met(i, 0, height, down)
        for j in range(kw):
            entries, here = windows.met(j, 1, width, across)
            x[:, :, rows, entries] += parts[:, :, i, j, here_down, here]
    return x
