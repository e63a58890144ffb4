"""Cross entropy of class numbers on a GPU: one kernel for the loss, and one for its gradient.

In single operations it is a dozen kernels, and to start them takes longer than to run them. The
array version, which the CPU uses and which these are tested against, is in ops/cross_entropy.py.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy

from hello_dl.backend import Array, _cupy, module_of

WARP, WARPS = 32, 8  # threads that work in step, and how many such groups a block has


def has_kernels(logits: Array) -> bool:
    """Tell whether these scores lie where the kernels run, in a dtype that they take."""
    return module_of(logits) is not numpy and logits.dtype.name in _C


def losses_of_labels(
    logits: Array, labels: Array, ignore_index: int, reduction: str
) -> tuple[Array, tuple[Array, ...]]:
    """Return the loss of scores (m, classes) and labels (m,), and what its gradient needs.

    A label that is no class makes the loss nan: the GPU cannot raise an error.
    """
    cupy = _cupy()
    logits, labels = cupy.ascontiguousarray(logits), labels.astype(numpy.int64, copy=False)
    (rows, classes), dtype = logits.shape, logits.dtype
    losses, scales = cupy.empty(rows, dtype), cupy.empty((rows, 2), dtype)
    whole = cupy.empty(2, dtype)  # the sum or the mean, and the share of one loss in it
    sizes = (numpy.int64(ignore_index), numpy.int32(rows), numpy.int32(classes))
    blocks = (max(-(-rows // WARPS), 1),)
    mean = numpy.int32(reduction == "mean")
    arguments = (logits, labels, *sizes, mean, losses, scales, whole, _tickets())
    _kernel("forward", dtype.name)(blocks, (WARP * WARPS,), arguments)
    known = (logits, labels, numpy.int64(ignore_index), scales, whole)
    return (losses if reduction == "none" else whole[0]), known


def slopes_of_labels(g: Array, known: tuple[Array, ...]) -> Array:
    """Return the gradient (m, classes), out of what arrives for the loss: () or (m,)."""
    logits = known[0]
    gradient, (rows, classes) = _cupy().empty_like(logits), logits.shape
    if gradient.size:
        each = numpy.int32(g.ndim)  # 1 if every row has an upstream gradient of its own
        sizes = (numpy.int32(rows), numpy.int32(classes), each)
        blocks, threads = (-(-gradient.size // 256),), (256,)
        upstream = _cupy().ascontiguousarray(g, logits.dtype)  # g may be in half precision
        arguments = (*known, upstream, *sizes, gradient)
        _kernel("backward", logits.dtype.name)(blocks, threads, arguments)
    return gradient


@cache
def _tickets() -> Array:
    """Return the counter of blocks that are done; the last of them sets it back to 0."""
    return _cupy().zeros(1, numpy.uint32)


@cache
def _kernel(name: str, dtype: str) -> Any:
    return _cupy().RawKernel(f"typedef {_C[dtype]} T;\n{_SOURCE}", name)


_C = {"float32": "float", "float64": "double"}

_SOURCE = r"""
typedef long long i64;

__device__ T largest(T x) {                               // of the 32 threads of a warp
    for (int far = 16; far; far /= 2) x = max(x, __shfl_xor_sync(~0u, x, far));
    return x;
}

__device__ T sum(T x) {
    for (int far = 16; far; far /= 2) x += __shfl_xor_sync(~0u, x, far);
    return x;
}

// A warp takes a row. The block that is done last adds up all losses, always in the same order.
extern "C" __global__ void forward(
    const T* logits, const i64* labels, i64 ignored, int rows, int classes, int mean,
    volatile T* losses, T* scales, T* whole, unsigned* tickets
) {
    int lane = threadIdx.x % 32, row = (blockIdx.x * blockDim.x + threadIdx.x) / 32;
    if (row < rows) {
        const T* scores = logits + (i64)row * classes;
        T top = -1.0 / 0.0, total = 0;
        for (int c = lane; c < classes; c += 32) top = max(top, scores[c]);
        top = largest(top);
        for (int c = lane; c < classes; c += 32) total += exp(scores[c] - top);
        total = sum(total);
        if (lane == 0) {
            i64 label = labels[row];
            bool known = 0 <= label && label < classes;
            T loss = known ? log(total) - (scores[label] - top) : (T)(0.0 / 0.0);
            losses[row] = label == ignored ? 0 : loss;
            scales[2 * row] = top;
            scales[2 * row + 1] = total;                  // exp(score - top) / total: probability
        }
    }
    __shared__ bool last;
    __shared__ T sums[8], counts[8];
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) last = atomicAdd(tickets, 1) == gridDim.x - 1;
    __syncthreads();
    if (!last) return;
    T added = 0, counted = 0;
    for (int i = threadIdx.x; i < rows; i += blockDim.x) {
        added += losses[i];
        counted += labels[i] != ignored;
    }
    added = sum(added);
    counted = sum(counted);
    if (lane == 0) { sums[threadIdx.x / 32] = added; counts[threadIdx.x / 32] = counted; }
    __syncthreads();
    if (threadIdx.x == 0) {
        for (int w = 1; w < 8; w++) { sums[0] += sums[w]; counts[0] += counts[w]; }
        T share = mean ? 1 / counts[0] : 1;
        whole[0] = mean ? sums[0] / counts[0] : sums[0];
        whole[1] = share;
        *tickets = 0;
    }
}

extern "C" __global__ void backward(
    const T* logits, const i64* labels, i64 ignored, const T* scales, const T* whole,
    const T* upstream, int rows, int classes, int each, T* gradient
) {
    i64 i = blockIdx.x * (i64)blockDim.x + threadIdx.x;
    if (i >= (i64)rows * classes) return;
    i64 row = i / classes, label = labels[row];
    T probability = exp(logits[i] - scales[2 * row]) / scales[2 * row + 1];
    T slope = probability - (i % classes == label);
    T arriving = each ? upstream[row] : upstream[0] * whole[1];
    gradient[i] = label == ignored ? 0 : slope * arriving;
}
"""
