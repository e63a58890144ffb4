"""Windows on a GPU: a kernel of CUDA for each way to read pictures through them, or to write.

Pictures are (n, channels, h, w), in one piece. Where an entry lies in several windows it is a
thread for each entry that adds them up: so no two threads write to the same place, and the result
is the same every time.
"""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Any

import numpy

from hello_dl.backend import Array, _cupy
from hello_dl.backend.windows import Pair, Windows

THREADS = 256  # of a block


def columns(x: Array, windows: Windows, places: Pair | None = None) -> Array:
    """Write down every window as a column: (n, channels · kh · kw, places). Known as im2col.

    `places` are those down and across, where it is not all that there are.
    """
    (n, channels, *size), kernel = x.shape, windows.kernel
    if windows == Windows(windows.kernel) and kernel == (1, 1):
        return _cupy().ascontiguousarray(x).reshape(n, channels, math.prod(size))
    places = places or windows.places(x.shape[2:])
    out = _cupy().empty((n, channels * math.prod(kernel), math.prod(places)), x.dtype)
    count = n * channels * math.prod(places)
    _launch("columns", count, numbers_of(x.shape[2:], windows, places), x, out)
    return out


def from_columns(columns: Array, windows: Windows, size: Pair, places: Pair | None = None) -> Array:
    """Add the columns up where they come from, pictures of this size. Known as col2im."""
    n, channels = len(columns), columns.shape[1] // math.prod(windows.kernel)
    x = _cupy().empty((n, channels, *size), columns.dtype)
    if windows == Windows(windows.kernel) and windows.kernel == (1, 1):
        return columns.reshape(x.shape)
    numbers = numbers_of(size, windows, places or windows.places(size))
    _launch("from_columns", x.size, numbers, columns, x)
    return x


def largest(x: Array, windows: Windows) -> tuple[Array, Array]:
    """Return the largest entry of every window, and its place: row · width + column (int32)."""
    size = x.shape[2:]
    shape = (*x.shape[:2], *windows.places(size))
    y, found = _cupy().empty(shape, x.dtype), _cupy().empty(shape, "int32")
    _launch("largest", y.size, numbers_of(size, windows, shape[2:]), x, y, found)
    return y, found


def put_back(g: Array, found: Array, windows: Windows, size: Pair) -> Array:
    """Add up, for each entry of pictures of this size, what came of the windows it was largest in.

    `found` are the places that `largest` has returned.
    """
    x = _cupy().empty((*g.shape[:2], *size), g.dtype)
    _launch("put_back", x.size, numbers_of(size, windows, g.shape[2:]), g, x, found)
    return x


def added(x: Array, windows: Windows) -> Array:
    """Return the sum of every window."""
    size, places = x.shape[2:], windows.places(x.shape[2:])
    y = _cupy().empty((*x.shape[:2], *places), x.dtype)
    _launch("added", y.size, numbers_of(size, windows, places), x, y)
    return y


def spread(g: Array, windows: Windows, size: Pair) -> Array:
    """Give every entry of pictures of this size the sum of the numbers of the windows it is in."""
    x = _cupy().empty((*g.shape[:2], *size), g.dtype)
    _launch("spread", x.size, numbers_of(size, windows, g.shape[2:]), g, x)
    return x


@lru_cache(1000)
def numbers_of(size: Pair, windows: Windows, places: Pair) -> tuple[Any, ...]:
    """Return what the kernels are told of pictures of this size and of how a window slides."""
    kernel, stride, ((above, _), (left, _)), dilation = windows
    numbers = (*size, *places, *kernel, *stride, above, left, *dilation)
    return tuple(map(numpy.int32, numbers))


def _launch(name: str, count: int, numbers: tuple[Any, ...], source: Array, *more: Array) -> None:
    """Run a kernel with `count` threads."""
    if count:
        source = source if source.flags.c_contiguous else _cupy().ascontiguousarray(source)
        arguments = (numpy.int64(count), *numbers, source, *more)
        _kernel(name, source.dtype)((-(-count // THREADS),), (THREADS,), arguments)


@cache
def _kernel(name: str, dtype: Any) -> Any:
    lowest = "-1.0 / 0.0" if dtype.kind == "f" else "0"
    kind = f"typedef {_C[dtype.name]} T;\n#define LOWEST T({lowest})\n"
    return _cupy().RawKernel(kind + HEAD + _SOURCE, name)


_C = {
    "float32": "float", "float64": "double", "int8": "signed char", "uint8": "unsigned char",
    "int16": "short", "int32": "int", "int64": "long long", "bool": "bool",
}  # fmt: skip

HEAD = r"""
typedef long long i64;

// What every kernel is told: the number of its threads, the size of a picture, how many places the
// window has, and the window: its size, stride, padding and dilation, down (y) and across (x).
#define SLIDE                                                                                  \
    i64 count, int height, int width, int down, int across,                                    \
    int kh, int kw, int sy, int sx, int py, int px, int dy, int dx

// A thread has one place of the window, in one picture (of one channel).
#define AT_PLACE                                                                               \
    i64 at = blockIdx.x * (i64)blockDim.x + threadIdx.x;                                       \
    if (at >= count) return;                                                                   \
    int top = at / across % down * sy - py, left = at % across * sx - px;                      \
    i64 picture = at / across / down;                                                          \
    const T* entries = source + picture * height * width;

// It goes through what lies in the window: the entry in this row and column of the picture.
#define FOR_ENTRIES                                                                            \
    for (int i = 0, row = top; i < kh; i++, row += dy)                                         \
        for (int j = 0, column = left; j < kw; j++, column += dx)
#define INSIDE (0 <= row && row < height && 0 <= column && column < width)

// A thread has one entry of a picture. Counted with the padding, it is in row y and column x.
#define AT_ENTRY                                                                               \
    i64 at = blockIdx.x * (i64)blockDim.x + threadIdx.x;                                       \
    if (at >= count) return;                                                                   \
    int y = at / width % height + py, x = at % width + px;                                     \
    i64 picture = at / width / height, places = (i64)down * across;

// It goes through the windows that it lies in: number (row, column), if that is a whole number.
#define FOR_WINDOWS(...)                                                                       \
    for (int i = 0; i < kh; i++)                                                               \
        for (int j = 0; j < kw; j++) {                                                         \
            int row = y - i * dy, column = x - j * dx;                                         \
            if (row < 0 || column < 0 || row % sy || column % sx) continue;                    \
            row /= sy;                                                                         \
            column /= sx;                                                                      \
            if (row < down && column < across) { __VA_ARGS__ }                                 \
        }
"""

_SOURCE = r"""
extern "C" __global__ void columns(SLIDE, const T* source, T* target) {
    AT_PLACE
    i64 places = (i64)down * across;
    T* out = target + picture * kh * kw * places + at % places;
    FOR_ENTRIES {
        *out = INSIDE ? entries[row * width + column] : T(0);
        out += places;
    }
}

extern "C" __global__ void from_columns(SLIDE, const T* source, T* target) {
    AT_ENTRY
    source += picture * kh * kw * places;
    T sum = 0;
    FOR_WINDOWS(sum += source[(i * kw + j) * places + row * across + column];)
    target[at] = sum;
}

extern "C" __global__ void largest(SLIDE, const T* source, T* target, int* found) {
    AT_PLACE
    T best = LOWEST;
    int place = -1;
    FOR_ENTRIES {
        if (!INSIDE) continue;
        T entry = entries[row * width + column];
        if (entry > best || entry != entry || place < 0) {
            best = entry;
            place = row * width + column;
        }
    }
    target[at] = best;
    found[at] = place;
}

extern "C" __global__ void put_back(SLIDE, const T* source, T* target, const int* found) {
    AT_ENTRY
    int place = at % ((i64)width * height);
    T sum = 0;
    FOR_WINDOWS(
        i64 window = picture * places + row * across + column;
        if (found[window] == place) sum += source[window];
    )
    target[at] = sum;
}

extern "C" __global__ void added(SLIDE, const T* source, T* target) {
    AT_PLACE
    T sum = 0;
    FOR_ENTRIES if (INSIDE) sum += entries[row * width + column];
    target[at] = sum;
}

extern "C" __global__ void spread(SLIDE, const T* source, T* target) {
    AT_ENTRY
    T sum = 0;
    FOR_WINDOWS(sum += source[picture * places + row * across + column];)
    target[at] = sum;
}
"""
