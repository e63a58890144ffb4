"""Batch norm on a GPU: two kernels forwards and two back.

The first of a pair adds up each channel in several shares, one to a block of threads, so that all
of the GPU is busy with a few channels; the second adds up the shares and goes over all numbers.
The sums are taken in the same order every time.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy

from hello_dl.backend import Array, _cupy, module_of

THREADS = 256  # of a block
SHARES = 32  # of a channel, at most


def has_kernels(x: Array, *numbers: Array | None) -> bool:
    """Tell whether this lies where the kernels run, in a dtype that they take."""
    return module_of(x) is not numpy and x.dtype.name in _C and x.ndim > 2 and x.size > 0


def normalized(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    eps: float,
    running: tuple[Array, Array] | None,
    momentum: Any,
) -> tuple[Array, Array, Array]:
    """Do what batch_norm.normalized does."""
    cupy, x = _cupy(), _cupy().ascontiguousarray(x)
    y, (mean, scale) = cupy.empty_like(x), (cupy.empty(x.shape[1], x.dtype) for _ in range(2))
    sizes, shares, blocks = _sizes(x)
    sums = cupy.empty((2, x.shape[1], shares), x.dtype)
    _kernel("sums", x.dtype.name)((x.shape[1], shares), (THREADS,), (*sizes, x, sums))
    follows = running is not None and isinstance(momentum, float) and running[0].dtype == x.dtype
    old = running if running is not None and follows else (mean, mean)
    numbers = numpy.float64(eps), numpy.float64(momentum if follows else 0), numpy.int32(shares)
    given = [mean if each is None else each for each in (weight, bias)]  # a place holder
    there = [numpy.int32(each is not None) for each in (weight, bias)]
    arguments = (*sizes, *numbers, x, sums, *given, *there, y, mean, scale, *old)
    _kernel("normalize", x.dtype.name)(blocks, (THREADS,), (*arguments, numpy.int32(follows)))
    if running is not None and not follows:
        count = x.size // x.shape[1]
        var = (1 / (scale * scale) - eps) * (count / max(count - 1, 1))
        for block, now in zip(running, (mean, var)):
            block *= 1 - momentum
            block += momentum * now
    return y, mean, scale


def slopes(
    g: Array, x: Array, mean: Array, scale: Array, weight: Array | None, of_batch: bool
) -> tuple[Array, Array, Array]:
    """Do what batch_norm.slopes does."""
    cupy = _cupy()
    g, x = cupy.ascontiguousarray(g), cupy.ascontiguousarray(x)
    dx, (along, total) = cupy.empty_like(x), (cupy.empty(x.shape[1], x.dtype) for _ in range(2))
    sizes, shares, blocks = _sizes(x)
    sums = cupy.empty((2, x.shape[1], shares), x.dtype)
    known = (*sizes, g, x, mean, scale)
    _kernel("products", x.dtype.name)((x.shape[1], shares), (THREADS,), (*known, sums))
    there = numpy.int32(weight is not None), numpy.int32(of_batch), numpy.int32(shares)
    arguments = (*known, sums, mean if weight is None else weight, *there, dx, along, total)
    _kernel("slopes", x.dtype.name)(blocks, (THREADS,), arguments)
    return dx, along, total


def _sizes(x: Array) -> tuple[tuple[Any, ...], int, tuple[int, int]]:
    """Return the sizes of x (n, c, inner), shares of a channel, and blocks of the second kernel."""
    channels, inner = x.shape[1], math.prod(x.shape[2:])
    count = len(x) * inner  # entries of a channel
    shares = min(max(count // (16 * THREADS), 1), SHARES)
    sizes = numpy.int32(channels), numpy.int32(inner), numpy.int64(count)
    return sizes, shares, (channels, min(max(count // (8 * THREADS), 1), 65535))


@cache
def _kernel(name: str, dtype: str) -> Any:
    return _cupy().RawKernel(f"typedef {_C[dtype]} T;\n{_SOURCE}", name)


_C = {"float32": "float", "float64": "double"}

_SOURCE = r"""
typedef long long i64;

// Entry number j of a channel of (n, channels, inner).
#define ENTRY(j) (((j) / inner * channels + channel) * inner + (j) % inner)
#define FOR_ENTRIES                                                                          \
    int channel = blockIdx.x;                                                                \
    for (i64 j = blockIdx.y * (i64)blockDim.x + threadIdx.x; j < count;                      \
         j += gridDim.y * (i64)blockDim.x)

// Add up two numbers over the threads of a block; the sums go to this block's place in `sums`.
__device__ void keep_sums(T a, T b, int channels, T* sums) {
    __shared__ T of_a[256], of_b[256];
    of_a[threadIdx.x] = a;
    of_b[threadIdx.x] = b;
    for (int half = 128; half; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) {
            of_a[threadIdx.x] += of_a[threadIdx.x + half];
            of_b[threadIdx.x] += of_b[threadIdx.x + half];
        }
    }
    if (threadIdx.x) return;
    int place = blockIdx.x * gridDim.y + blockIdx.y;
    sums[place] = of_a[0];
    sums[channels * gridDim.y + place] = of_b[0];
}

__device__ T all_shares(const T* sums, int channel, int shares) {
    T total = 0;
    for (int i = 0; i < shares; i++) total += sums[channel * shares + i];
    return total;
}

// Sums of x and x², counted from the first entry of the channel: so that no digits are lost
// where numbers are far from 0.
extern "C" __global__ void sums(int channels, int inner, i64 count, const T* x, T* sums) {
    T first = x[(i64)blockIdx.x * inner], a = 0, b = 0;
    FOR_ENTRIES {
        T entry = x[ENTRY(j)] - first;
        a += entry;
        b += entry * entry;
    }
    keep_sums(a, b, channels, sums);
}

extern "C" __global__ void normalize(
    int channels, int inner, i64 count, double eps, double momentum, int shares,
    const T* x, const T* sums, const T* weight, const T* bias, int weighted, int biased,
    T* y, T* means, T* scales, T* running_mean, T* running_var, int follows
) {
    T shift = all_shares(sums, blockIdx.x, shares) / count;
    T square = all_shares(sums + channels * shares, blockIdx.x, shares) / count;
    T mean = x[(i64)blockIdx.x * inner] + shift, var = max(square - shift * shift, T(0));
    T scale = 1 / sqrt(var + T(eps));
    T factor = weighted ? scale * weight[blockIdx.x] : scale;
    T offset = biased ? bias[blockIdx.x] : T(0);
    FOR_ENTRIES y[ENTRY(j)] = (x[ENTRY(j)] - mean) * factor + offset;
    if (threadIdx.x || blockIdx.y) return;
    means[channel] = mean;
    scales[channel] = scale;
    if (follows) {
        T unbiased = count > 1 ? var * (T(count) / T(count - 1)) : var;
        running_mean[channel] += T(momentum) * (mean - running_mean[channel]);
        running_var[channel] += T(momentum) * (unbiased - running_var[channel]);
    }
}

extern "C" __global__ void products(
    int channels, int inner, i64 count, const T* g, const T* x, const T* means, const T* scales,
    T* sums
) {
    T mean = means[blockIdx.x], scale = scales[blockIdx.x], a = 0, b = 0;
    FOR_ENTRIES {
        T arriving = g[ENTRY(j)];
        a += arriving * ((x[ENTRY(j)] - mean) * scale);
        b += arriving;
    }
    keep_sums(a, b, channels, sums);
}

extern "C" __global__ void slopes(
    int channels, int inner, i64 count, const T* g, const T* x, const T* means, const T* scales,
    const T* sums, const T* weight, int weighted, int of_batch, int shares,
    T* dx, T* along, T* total
) {
    T a = all_shares(sums, blockIdx.x, shares);
    T b = all_shares(sums + channels * shares, blockIdx.x, shares);
    T mean = means[blockIdx.x], scale = scales[blockIdx.x];
    T factor = weighted ? scale * weight[blockIdx.x] : scale;
    T less_a = of_batch ? a / count : T(0), less_b = of_batch ? b / count : T(0);
    FOR_ENTRIES {
        T unit = (x[ENTRY(j)] - mean) * scale;
        dx[ENTRY(j)] = (g[ENTRY(j)] - less_b - unit * less_a) * factor;
    }
    if (threadIdx.x || blockIdx.y) return;
    along[channel] = a;
    total[channel] = b;
}
"""
