"""Kernels of a GPU for blocks of lines: layer norm, and the softmax of attention; both ways.

Each line is worked on by a warp, 32 threads that work in step and can add up their numbers without
going through memory. They read the line two or three times: after the first it is in a cache.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy

from hello_dl.backend import Array, _cupy, module_of

WARP, WARPS = 32, 8  # threads that work in step, and how many such groups a block has


def has_kernels(x: Array) -> bool:
    """Tell whether x lies where the kernels run, in a dtype that they take."""
    return module_of(x) is not numpy and x.dtype.name in _C


def normalize(
    x: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Array, Array]:
    """Bring lines (m, size) to mean 0 and variance 1, stretch, shift; also mean and scale (m,)."""
    cupy, (m, size) = _cupy(), x.shape
    y, mean, scale = cupy.empty_like(x), cupy.empty(m, x.dtype), cupy.empty(m, x.dtype)
    lines, size, eps = numpy.int64(m), numpy.int64(size), numpy.float64(eps)
    _launch("normalize", m, x, _or_null(weight), _or_null(bias), eps, lines, size, y, mean, scale)
    return y, mean, scale


def normalize_back(
    g: Array, x: Array, mean: Array, scale: Array, weight: Array | None
) -> tuple[Array, Array]:
    """Return the gradient of the lines, and g · unit, whose sum is that of the weight."""
    cupy, (m, size) = _cupy(), x.shape
    dx, along = cupy.empty_like(x), cupy.empty_like(x)
    known = (x, mean, scale, _or_null(weight))
    _launch("normalize_back", m, g, *known, numpy.int64(m), numpy.int64(size), dx, along)
    return dx, along


def soften(s: Array, scale: float, ahead: int) -> None:
    """Overwrite scores (b, l, s) by shares, as `attention.soften` does."""
    b, rows, columns = s.shape
    sizes = map(numpy.int64, (ahead, b * rows, rows, columns))
    _launch("soften", b * rows, s, numpy.float64(scale), *sizes)


def soften_back(g: Array, p: Array, scale: float) -> None:
    """Overwrite g (b, l, s), the gradient of the shares p, as `attention.soften_back` does."""
    lines, columns = g.shape[0] * g.shape[1], g.shape[2]
    sizes = numpy.int64(lines), numpy.int64(columns)
    _launch("soften_back", lines, g, p, numpy.float64(scale), *sizes)


def _launch(name: str, lines: int, x: Array, *arguments: Any) -> None:
    if x.size:
        blocks = -(-lines // WARPS)
        _kernel(name, x.dtype.name)((blocks,), (WARP * WARPS,), (x, *arguments))


def _or_null(x: Array | None) -> Any:
    return numpy.intp(0) if x is None else x


@cache
def _kernel(name: str, dtype: str) -> Any:
    return _cupy().RawKernel(_SOURCE.replace("REAL", _C[dtype]), name, ("--std=c++17",))


_C = {"float32": "float", "float64": "double"}

_SOURCE = r"""
typedef REAL T;
typedef long long i64;
#define WHOLE_WARP 0xffffffff
#define NEVER ((T)(-1.0 / 0.0))                          // minus infinity

__device__ T sum_of(T number) {                       // over the warp; every thread gets it
    for (int far = 16; far; far /= 2) number += __shfl_xor_sync(WHOLE_WARP, number, far);
    return number;
}

__device__ T largest_of(T number) {
    for (int far = 16; far; far /= 2) {
        T other = __shfl_xor_sync(WHOLE_WARP, number, far);
        number = other > number ? other : number;
    }
    return number;
}

#define LINE ((i64)blockIdx.x * blockDim.x + threadIdx.x) / 32
#define EACH(j, size) for (i64 j = threadIdx.x % 32; j < (size); j += 32)

extern "C" __global__ void normalize(
    const T* x, const T* weight, const T* bias, double eps, i64 lines, i64 size,
    T* y, T* means, T* scales
) {
    i64 line = LINE;
    if (line >= lines) return;
    x += line * size;
    y += line * size;
    T total = 0, squares = 0;
    EACH(j, size) total += x[j];
    T mean = sum_of(total) / size;
    EACH(j, size) squares += (x[j] - mean) * (x[j] - mean);
    T scale = 1 / sqrt(sum_of(squares) / size + (T)eps);
    EACH(j, size) {
        T unit = (x[j] - mean) * scale;
        y[j] = (weight ? unit * weight[j] : unit) + (bias ? bias[j] : 0);
    }
    if (threadIdx.x % 32 == 0) {
        means[line] = mean;
        scales[line] = scale;
    }
}

extern "C" __global__ void normalize_back(
    const T* g, const T* x, const T* means, const T* scales, const T* weight, i64 lines, i64 size,
    T* dx, T* along
) {
    i64 line = LINE;
    if (line >= lines) return;
    x += line * size;
    g += line * size;
    dx += line * size;
    along += line * size;
    T mean = means[line], scale = scales[line], total = 0, product = 0;
    EACH(j, size) {
        T unit = (x[j] - mean) * scale, slope = weight ? g[j] * weight[j] : g[j];
        along[j] = g[j] * unit;
        total += slope;
        product += slope * unit;
    }
    T shift = sum_of(total) / size, tilt = sum_of(product) / size;
    EACH(j, size) {
        T unit = (x[j] - mean) * scale, slope = weight ? g[j] * weight[j] : g[j];
        dx[j] = (slope - shift - unit * tilt) * scale;
    }
}

extern "C" __global__ void soften(
    T* s, double scale, i64 ahead, i64 lines, i64 rows, i64 columns
) {
    i64 line = LINE;
    if (line >= lines) return;
    s += line * columns;
    i64 seen = min(line % rows + ahead, columns);
    T top = NEVER, total = 0, f = scale;
    EACH(j, seen) top = s[j] * f > top ? s[j] * f : top;
    top = largest_of(top);
    top = top == NEVER ? 0 : top;                 // a row that sees nothing
    EACH(j, seen) total += exp(s[j] * f - top);
    total = sum_of(total);
    T share = total == 0 ? 0 : 1 / total;
    EACH(j, columns) s[j] = j < seen ? exp(s[j] * f - top) * share : 0;
}

extern "C" __global__ void soften_back(
    T* g, const T* p, double scale, i64 lines, i64 columns
) {
    i64 line = LINE;
    if (line >= lines) return;
    g += line * columns;
    p += line * columns;
    T along = 0;
    EACH(j, columns) along += g[j] * p[j];
    along = sum_of(along);
    EACH(j, columns) g[j] = (g[j] - along) * p[j] * (T)scale;
}
"""
