"""Convolution on a GPU as its definition has it: a thread for each number of the result.

Each kernel does in one go what takes several with matrices (conv_cuda.py), and it reads the same
numbers again and again. For small layers that is the better deal: to start a kernel takes longer
than to run it.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy

from hello_dl.backend import Array, _cupy
from hello_dl.backend.windows import Pair, Windows
from hello_dl.backend.windows_cuda import HEAD, THREADS, numbers_of

IN_A_SUM = 1024  # threads of a block that makes one sum
SMALL = 2**24  # multiplications: up to here this is quicker


def is_small(n: int, weight: tuple[int, ...], places: Pair) -> bool:
    """Tell whether this way is the better one for `n` pictures and a weight of this shape."""
    return n * math.prod(weight) * math.prod(places) <= SMALL


def correlate(x: Array, weight: Array, windows: Windows, groups: int, bias: Array | None) -> Array:
    """Do what conv.correlate does."""
    places = windows.places(x.shape[2:])
    y = _cupy().empty((len(x), len(weight), *places), x.dtype)
    given = weight if bias is None else bias, numpy.int32(bias is not None)
    _launch("correlate", y, x.shape, places, windows, groups, y.shape[1], x, weight, *given)
    return y


def correlate_input(g: Array, weight: Array, windows: Windows, size: Pair, groups: int) -> Array:
    """Do what conv.correlate_input does."""
    x = _cupy().empty((len(g), weight.shape[1] * groups, *size), g.dtype)
    _launch("correlate_input", x, x.shape, g.shape[2:], windows, groups, g.shape[1], g, weight)
    return x


def correlate_weight(g: Array, x: Array, windows: Windows, groups: int) -> Array:
    """Do what conv.correlate_weight does."""
    out, per_group = g.shape[1], x.shape[1] // groups
    weight = _cupy().empty((out, per_group, *windows.kernel), x.dtype)
    count = numpy.int32(len(x))
    _launch("correlate_weight", weight, x.shape, g.shape[2:], windows, groups, out, x, g, count)
    return weight


def channel_sums(x: Array) -> Array:
    """Return the sum of each channel of (n, channels, ...)."""
    n, channels = x.shape[:2]
    sums, inner = _cupy().empty(channels, x.dtype), math.prod(x.shape[2:])
    sizes = numpy.int32(n), numpy.int32(channels), numpy.int32(inner)
    _kernel("channel_sums", x.dtype)((channels,), (IN_A_SUM,), (*sizes, x, sums))
    return sums


def _launch(
    name: str,
    result: Array,
    pictures: tuple[int, ...],
    places: Pair,
    windows: Windows,
    groups: int,
    out: int,
    *arrays: Any,
) -> None:
    """Run a kernel for pictures of this shape: a thread for each number of the result.

    For the weight it is a block of threads for each, because each is a sum over all pictures.
    """
    if not result.size:
        return
    slide = numbers_of(pictures[2:], windows, places)
    sizes = numpy.int32(pictures[1]), numpy.int32(out), numpy.int32(groups)
    arguments = (numpy.int64(result.size), *slide, *sizes, result, *arrays)
    blocks, threads = -(-result.size // THREADS), THREADS
    if name == "correlate_weight":
        blocks, threads = result.size, IN_A_SUM
    _kernel(name, result.dtype)((blocks,), (threads,), arguments)


@cache
def _kernel(name: str, dtype: Any) -> Any:
    kind = {"float32": "float", "float64": "double"}[dtype.name]
    return _cupy().RawKernel(f"typedef {kind} T;\n{HEAD}{_SOURCE}", name)


_SOURCE = r"""
// Beside SLIDE: the channels of the pictures and of the output, in groups that do not see each
// other. A kernel of the weight is (channels / groups, kh, kw).
#define SIZES SLIDE, int channels, int out, int groups

extern "C" __global__ void correlate(
    SIZES, T* target, const T* source, const T* weight, const T* bias, int biased
) {
    AT_PLACE
    int o = picture % out, per_group = channels / groups, first = o / (out / groups) * per_group;
    entries = source + (picture / out * channels + first) * height * width;
    weight += (i64)o * per_group * kh * kw;
    T sum = biased ? bias[o] : T(0);
    for (int c = 0; c < per_group; c++, entries += height * width)
        FOR_ENTRIES {
            if (INSIDE) sum += entries[row * width + column] * *weight;
            weight++;
        }
    target[at] = sum;
}

extern "C" __global__ void correlate_input(
    SIZES, T* target, const T* source, const T* weight
) {
    AT_ENTRY
    int c = picture % channels, per_group = channels / groups, per_out = out / groups;
    int first = c / per_group * per_out;
    source += (picture / channels * out + first) * places;
    weight += ((i64)first * per_group + c % per_group) * kh * kw;
    T sum = 0;
    FOR_WINDOWS(
        const T* arriving = source + row * across + column;
        const T* tap = weight + i * kw + j;
        for (int o = 0; o < per_out; o++, arriving += places, tap += per_group * kh * kw)
            sum += *arriving * *tap;
    )
    target[at] = sum;
}

// Add up a number of each thread of a block.
__device__ T block_sum(T number) {
    __shared__ T numbers[1024];
    numbers[threadIdx.x] = number;
    for (int half = blockDim.x / 2; half; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) numbers[threadIdx.x] += numbers[threadIdx.x + half];
    }
    return numbers[0];
}

extern "C" __global__ void correlate_weight(
    SIZES, T* target, const T* source, const T* upstream, int n
) {
    int j = blockIdx.x % kw, i = blockIdx.x / kw % kh, per_group = channels / groups;
    int c = blockIdx.x / kw / kh % per_group, o = blockIdx.x / kw / kh / per_group;
    int places = down * across, top = i * dy - py, left = j * dx - px;
    source += (i64)(o / (out / groups) * per_group + c) * height * width;
    upstream += (i64)o * places;
    T sum = 0;
    for (int at = threadIdx.x; at < n * places; at += blockDim.x) {
        i64 example = at / places;
        int place = at % places;
        int row = place / across * sy + top, column = place % across * sx + left;
        if (INSIDE)
            sum += upstream[example * out * places + place]
                * source[example * channels * height * width + row * width + column];
    }
    sum = block_sum(sum);
    if (threadIdx.x == 0) target[blockIdx.x] = sum;
}

extern "C" __global__ void channel_sums(int n, int channels, int inner, const T* source, T* sums) {
    source += (i64)blockIdx.x * inner;
    T sum = 0;
    for (int at = threadIdx.x; at < n * inner; at += blockDim.x)
        sum += source[(i64)(at / inner) * channels * inner + at % inner];
    sum = block_sum(sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}
"""
