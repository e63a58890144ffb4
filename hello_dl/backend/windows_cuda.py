"""Windows on a GPU: a kernel of CUDA for each way to read pictures through them, or to write.

Pictures are (n, channels, h, w), in one piece. Where an entry lies in several windows it is a
thread for each entry that adds them up: so no two threads write to the same place, and the result
is the same every time.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy

from hello_dl.backend import Array, _cupy
from hello_dl.backend.windows import Pair, Windows

THREADS = 256  # of a block


def columns(x: Array, windows: Windows) -> Array:
    """Write down every window as a column: (n, channels · kh · kw, places). Known as im2col."""
    (n, channels, *size), kernel = x.shape, windows.kernel
    if windows == Windows(windows.kernel) and kernel == (1, 1):
        return _cupy().ascontiguousarray(x).reshape(n, channels, math.prod(size))
    down, across = windows.places(x.shape[2:])
    out = _cupy().empty((n, channels * math.prod(kernel), down * across), x.dtype)
    _launch("columns", n * channels * down * across, x.shape[2:], windows, x, out)
    return out


def from_columns(columns: Array, windows: Windows, size: Pair) -> Array:
    """Add the columns up where they come from, pictures of this size. Known as col2im."""
    n, channels = len(columns), columns.shape[1] // math.prod(windows.kernel)
    x = _cupy().empty((n, channels, *size), columns.dtype)
    if windows == Windows(windows.kernel) and windows.kernel == (1, 1):
        return columns.reshape(x.shape)
    _launch("from_columns", x.size, size, windows, columns, x)
    return x


def largest(x: Array, windows: Windows) -> tuple[Array, Array]:
    """Return the largest entry of every window, and its place: row · width + column (int32)."""
    shape = (*x.shape[:2], *windows.places(x.shape[2:]))
    y, places = _cupy().empty(shape, x.dtype), _cupy().empty(shape, "int32")
    _launch("largest", y.size, x.shape[2:], windows, x, y, places)
    return y, places


def put_back(g: Array, places: Array, windows: Windows, size: Pair) -> Array:
    """Add up, for each entry of pictures of this size, what came of the windows it was largest in.

    `places` are those that `largest` has returned.
    """
    x = _cupy().empty((*g.shape[:2], *size), g.dtype)
    _launch("put_back", x.size, size, windows, g, x, places)
    return x


def added(x: Array, windows: Windows) -> Array:
    """Return the sum of every window."""
    y = _cupy().empty((*x.shape[:2], *windows.places(x.shape[2:])), x.dtype)
    _launch("added", y.size, x.shape[2:], windows, x, y)
    return y


def spread(g: Array, windows: Windows, size: Pair) -> Array:
    """Give every entry of pictures of this size the sum of the numbers of the windows it is in."""
    x = _cupy().empty((*g.shape[:2], *size), g.dtype)
    _launch("spread", x.size, size, windows, g, x)
    return x


def _launch(
    name: str, count: int, size: Pair, windows: Windows, source: Array, target: Array, *more: Array
) -> None:
    """Run a kernel with `count` threads; `size` is that of the pictures."""
    if not count:
        target.fill(0)
        return
    (kh, kw), (sy, sx), ((py, _), (px, _)), (dy, dx) = windows
    numbers = (*size, *windows.places(size), kh, kw, sy, sx, py, px, dy, dx)
    slide = numpy.array(numbers, numpy.int32).view(f"V{4 * len(numbers)}")[0]
    arrays = (_cupy().ascontiguousarray(source), target, *more)
    blocks = (-(-count // THREADS),)
    _kernel(name, source.dtype.name)(blocks, (THREADS,), (numpy.int64(count), slide, *arrays))


@cache
def _kernel(name: str, dtype: str) -> Any:
    lowest = "-1.0 / 0.0" if dtype.startswith("float") else "0"
    head = f"typedef {_C[dtype]} T;\n#define LOWEST T({lowest})\n"
    return _cupy().RawKernel(head + _SOURCE, name)


_C = {
    "float32": "float", "float64": "double", "int8": "signed char", "uint8": "unsigned char",
    "int16": "short", "int32": "int", "int64": "long long", "bool": "bool",
}  # fmt: skip

_SOURCE = r"""
typedef long long i64;

// Sizes of a picture, places of the kernel, and the kernel: its size, stride, padding, dilation.
struct Slide { int height, width, down, across, kh, kw, sy, sx, py, px, dy, dx; };

// A thread has one place of the kernel: which picture (and channel), which row, which column.
#define AT_PLACE                                                         \
    i64 at = blockIdx.x * (i64)blockDim.x + threadIdx.x;                 \
    if (at >= count) return;                                             \
    int top = at / s.across % s.down * s.sy - s.py;                      \
    int left = at % s.across * s.sx - s.px;                              \
    i64 plane = at / s.across / s.down;                                  \
    const T* picture = source + plane * s.height * s.width;

// A thread has one entry of a picture. Counted with the padding, it is in row y and column x.
#define AT_ENTRY                                                         \
    i64 at = blockIdx.x * (i64)blockDim.x + threadIdx.x;                 \
    if (at >= count) return;                                             \
    int y = at / s.width % s.height + s.py, x = at % s.width + s.px;     \
    i64 plane = at / s.width / s.height, places = (i64)s.down * s.across;

// Go through what the kernel meets at a place: the entry in this row and column of the picture.
#define FOR_ENTRIES                                                      \
    for (int i = 0; i < s.kh; i++)                                       \
        for (int j = 0; j < s.kw; j++)                                   \
            if (int row = top + i * s.dy, column = left + j * s.dx; true)
#define INSIDE (0 <= row && row < s.height && 0 <= column && column < s.width)

// Go through the places at which something of the kernel meets an entry.
#define FOR_PLACES                                                       \
    for (int i = 0; i < s.kh; i++)                                       \
        for (int j = 0; j < s.kw; j++)                                   \
            if (int down = y - i * s.dy, across = x - j * s.dx;          \
                down >= 0 && across >= 0 && down % s.sy == 0 && across % s.sx == 0 &&       \
                (down /= s.sy) < s.down && (across /= s.sx) < s.across)

extern "C" __global__ void columns(i64 count, Slide s, const T* source, T* target) {
    AT_PLACE
    i64 places = (i64)s.down * s.across;
    T* out = target + plane * s.kh * s.kw * places + at % places;
    FOR_ENTRIES {
        *out = INSIDE ? picture[row * s.width + column] : T(0);
        out += places;
    }
}

extern "C" __global__ void from_columns(i64 count, Slide s, const T* source, T* target) {
    AT_ENTRY
    source += plane * s.kh * s.kw * places;
    T sum = 0;
    FOR_PLACES sum += source[(i * s.kw + j) * places + down * s.across + across];
    target[at] = sum;
}

extern "C" __global__ void largest(i64 count, Slide s, const T* source, T* target, int* found) {
    AT_PLACE
    T best = LOWEST;
    int place = -1;
    FOR_ENTRIES if (INSIDE) {
        T entry = picture[row * s.width + column];
        if (entry > best || entry != entry || place < 0) {
            best = entry;
            place = row * s.width + column;
        }
    }
    target[at] = best;
    found[at] = place;
}

extern "C" __global__ void put_back(
    i64 count, Slide s, const T* source, T* target, const int* found
) {
    AT_ENTRY
    int place = at % ((i64)s.width * s.height);
    T sum = 0;
    FOR_PLACES {
        i64 window = plane * places + down * s.across + across;
        if (found[window] == place) sum += source[window];
    }
    target[at] = sum;
}

extern "C" __global__ void added(i64 count, Slide s, const T* source, T* target) {
    AT_PLACE
    T sum = 0;
    FOR_ENTRIES if (INSIDE) sum += picture[row * s.width + column];
    target[at] = sum;
}

extern "C" __global__ void spread(i64 count, Slide s, const T* source, T* target) {
    AT_ENTRY
    T sum = 0;
    FOR_PLACES sum += source[plane * places + down * s.across + across];
    target[at] = sum;
}
"""
