"""Matrix products: BLAS behind numpy's @ on the CPU, cuBLAS by a call of our own on a GPU.

CuPy's own batched product copies transposed blocks and knows no bfloat16. Here every product is one
call of GEMM ("general matrix multiply"), which takes transposed matrices and matrices that are used
again for the whole batch as they lie in memory.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy

from hello_dl.backend import DEFAULT_FLOAT, FLOAT64, Array, is_floating, is_half, module_of
from hello_dl.backend.threads import PIECES, are_products_undivided, cut, share, together

FEW = 2**18  # multiplications; a product with more is worth sharing among threads
A_MILLISECOND = 7.5e7  # multiplications that one thread does in it, about

_precision = "highest"


def set_float32_matmul_precision(precision: str) -> None:
    """Say how exactly a GPU multiplies matrices of float32: "highest", or "high".

    With "high" its tensor cores may do it, in TF32: about 8 times as fast, with the range of
    float32 and 10 bits of its 23 after the point. Sums are in float32 either way.
    """
    global _precision
    if precision not in ("highest", "high"):
        raise ValueError(f"unknown precision {precision!r}: use 'highest' or 'high'")
    _precision = precision


def get_float32_matmul_precision() -> str:
    """Return what `set_float32_matmul_precision` has set."""
    return _precision


def matmul(a: Array, b: Array, out: Array | None = None) -> Array:
    """Product of matrices of one dtype, (..., m, k) @ (..., k, n), into `out` if it is given.

    float16 and bfloat16 are summed up in float32.
    """
    if module_of(a) is numpy:
        if not is_half(a.dtype):
            if a.shape[-2] * a.shape[-1] * b.shape[-1] > FEW and are_products_undivided():
                return _shared(a, b, out)
            return numpy.matmul(a, b, out=out)
        product = numpy.matmul(a.astype(DEFAULT_FLOAT), b.astype(DEFAULT_FLOAT)).astype(a.dtype)
    elif is_floating(a.dtype):
        return _on_cuda(a, b, out)
    else:
        product = module_of(a).matmul(a, b)
    if out is None:
        return product
    out[...] = product
    return out


def _shared(a: Array, b: Array, out: Array | None) -> Array:
    """Multiply in one thread, or share the matrices of the result, or their rows, among several.

    This is for `undivided_products`, where BLAS has one thread: on a busy machine its own wait for
    each other, and a product can take thirty times as long. Ours take the next part when free.
    """
    batch = numpy.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    lines = (*batch, a.shape[-2])  # of the result, without its columns
    threads = share(math.prod(lines) * a.shape[-1] * b.shape[-1] / A_MILLISECOND)
    if threads == 1:
        return together(lambda _: numpy.matmul(a, b, out=out), [None], 1)[0]
    if out is None:
        out = numpy.empty((*lines, b.shape[-1]), a.dtype)
    a = numpy.broadcast_to(a, (*batch, *a.shape[-2:]))
    b = numpy.broadcast_to(b, (*batch, *b.shape[-2:]))
    longest = lines.index(max(lines))
    axis = next((i for i, n in enumerate(lines) if n >= PIECES * threads), longest)

    def work(part: slice) -> None:
        here = (*(slice(None),) * axis, part)
        numpy.matmul(a[here], b[here] if axis < len(batch) else b, out=out[here])

    together(work, cut(lines[axis], threads), threads)
    return out


def _on_cuda(a: Array, b: Array, out: Array | None) -> Array:
    """Call cuBLAS. It counts along columns first, so it is told to compute the transpose, b·a."""
    batch = a.shape[:-2]
    if batch or b.ndim > 2:
        batch = numpy.broadcast_shapes(batch, b.shape[:-2])
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    direct = out is not None and out.flags.c_contiguous
    result: Any = out if direct else module_of(a).empty((*batch, m, n), a.dtype)
    if not k:
        result.fill(0)
    elif result.size:
        a, turn_a, lead_a, step_a = _laid_out(a, batch)
        b, turn_b, lead_b, step_b = _laid_out(b, batch)
        kind, compute, one, zero = _types(a.dtype, _precision)
        handle, gemm = _cublas()
        gemm(
            handle(), turn_b, turn_a, n, m, k,
            one, b.data.ptr, kind, lead_b, step_b, a.data.ptr, kind, lead_a, step_a,
            zero, result.data.ptr, kind, n, m * n, math.prod(batch), compute, -1,
        )  # fmt: skip
    if out is None or direct:
        return result
    out[...] = result
    return out


def _laid_out(x: Any, batch: Any) -> tuple[Any, int, int, int]:
    """Say how the matrices x (..., rows, columns) lie in memory, in a copy if nothing else helps.

    Returns the array, whether it is to be transposed (1) or not (0), the distance between its
    lines, and the distance from one matrix to the next, both in entries.
    """
    rows, columns = x.shape[-2:]
    size, strides = x.itemsize, x.strides
    down, right = strides[-2] // size, strides[-1] // size
    if (right == 1 or columns == 1) and (down >= columns or rows == 1):
        transposed, lead = 0, max(down, columns)
    elif (down == 1 or rows == 1) and (right >= rows or columns == 1):
        transposed, lead = 1, max(right, rows)
    else:
        return _laid_out(x.copy(), batch)
    if not batch:
        return x, transposed, lead, 0
    step = _one_step(x.shape[:-2], [stride // size for stride in strides[:-2]], batch)
    if step is None:  # the axes of the batch cannot be walked with one step
        whole = module_of(x).broadcast_to(x, (*batch, rows, columns))
        return _laid_out(whole.copy(), batch)
    return x, transposed, lead, step


def _one_step(shape: Any, strides: list[int], batch: Any) -> int | None:
    """Return the step that leads through the matrices of a batch in order; None if none does."""
    missing = len(batch) - len(shape)
    steps = [0] * missing + [0 if n == 1 else s for n, s in zip(shape, strides)]
    walked = [(n, step) for n, step in zip(batch, steps) if n != 1]
    for (_, outer), (n, inner) in zip(walked, walked[1:]):
        if outer != n * inner:
            return None
    return walked[-1][1] if walked else 0


@cache
def _types(dtype: Any, precision: str) -> tuple[int, int, int, int]:
    """Return cuBLAS' numbers for a dtype and for what to add up in, and where 1 and 0 lie."""
    kinds = {"float32": 0, "float64": 1, "float16": 2, "bfloat16": 14}
    in_float64, in_float32, in_tf32 = 70, 68, 77
    if dtype == FLOAT64:
        one, zero = _ONE_AND_ZERO[FLOAT64]
        return kinds[dtype.name], in_float64, one.ctypes.data, zero.ctypes.data
    one, zero = _ONE_AND_ZERO[DEFAULT_FLOAT]
    fast = precision == "high" and dtype == DEFAULT_FLOAT
    return kinds[dtype.name], in_tf32 if fast else in_float32, one.ctypes.data, zero.ctypes.data


_ONE_AND_ZERO = {t: (numpy.ones((), t), numpy.zeros((), t)) for t in (DEFAULT_FLOAT, FLOAT64)}


@cache
def _cublas() -> tuple[Any, Any]:
    from cupy.cuda.device import get_cublas_handle
    from cupy_backends.cuda.libs.cublas import gemmStridedBatchedEx

    return get_cublas_handle, gemmStridedBatchedEx
