"""Compiled kernels: products of matrices, by the BLAS that numpy has brought along.

A kernel that calls BLAS itself goes through a whole sequence, or all heads of attention, without a
way back to Python in between.
"""

from __future__ import annotations

import ctypes
from typing import Any

import llvmlite.binding
import numpy
from numba import types
from numba.extending import overload

from hello_dl.backend.fast import NoBlasError
from hello_dl.backend.fast_jit import kernel
from hello_dl.backend.threads import blas_paths

# GEMM, "general matrix multiply", as C knows it: C (m, n) = alpha · A (m, k) @ B (k, n) + beta · C.
NAMES = {types.float32: "sgemm", types.float64: "dgemm"}
ROWS_FIRST, AS_IT_IS, TRANSPOSED = 101, 111, 112


def _make_known() -> None:
    """Let kernels find BLAS' functions by name; NoBlasError if there is none that they know."""
    libraries = [ctypes.CDLL(path) for path in blas_paths()]
    for name in NAMES.values():
        wanted = (f"scipy_cblas_{name}64_", f"cblas_{name}64_")  # sizes have 64 bits
        found = [getattr(x, w) for x in libraries for w in wanted if hasattr(x, w)]
        if not found:
            raise NoBlasError(f"numpy has brought no BLAS with {' or '.join(wanted)}")
        address = ctypes.cast(found[0], ctypes.c_void_p).value
        llvmlite.binding.add_symbol(f"hello_dl_{name}", address)


_make_known()


def _function(dtype: Any) -> Any:
    """Return BLAS' function for a dtype, for codes, m, n, k, alpha, A, B, beta, C."""
    code, size, place = types.int32, types.int64, types.uintp
    sizes, matrix = (size, size, size), (place, size)
    takes = (code, code, code, *sizes, dtype, *matrix, *matrix, dtype, *matrix)
    return types.ExternalFunction(f"hello_dl_{NAMES[dtype]}", types.void(*takes))


_FUNCTIONS = {dtype: _function(dtype) for dtype in NAMES}


def multiply_add(a: Any, b: Any, beta: float, c: Any) -> None:
    """Overwrite c (m, n) by a (m, k) @ b (k, n) + beta · c; for kernels.

    In each matrix the numbers of a row lie side by side; of a and b it may be those of a column.
    """
    numpy.add(a @ b, beta * c, out=c)


@overload(multiply_add)
def _compiled_multiply_add(a: Any, b: Any, beta: Any, c: Any) -> Any:
    gemm, of = _FUNCTIONS[c.dtype], numpy.dtype(c.dtype.name).type

    def call(a: Any, b: Any, beta: Any, c: Any) -> None:
        (m, k), n = a.shape, b.shape[1]
        turn_a, lead_a = _lies(a)
        turn_b, lead_b = _lies(b)
        gemm(
            ROWS_FIRST, turn_a, turn_b, m, n, k, of(1), a.ctypes.data, lead_a,
            b.ctypes.data, lead_b, of(beta), c.ctypes.data, max(c.strides[0] // c.itemsize, n, 1),
        )  # fmt: skip

    return call


@kernel
def _lies(x):
    """Say whether a matrix is turned, so that its columns lie side by side, and how far apart.

    Steps are whole numbers of entries, and not below 0: callers see to that.
    """
    down, right = x.strides[0] // x.itemsize, x.strides[1] // x.itemsize
    if right == 1 or x.shape[1] == 1:
        return AS_IT_IS, max(down, x.shape[1], 1)
    return TRANSPOSED, max(right, x.shape[0], 1)
