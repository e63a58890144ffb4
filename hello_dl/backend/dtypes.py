"""The types that entries of a block can have, and which of them are floating numbers."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy

DType = Any  # what `dtype_of` takes: a name such as "float32", a numpy.dtype, numpy.float32

DEFAULT_FLOAT, FLOAT64 = numpy.dtype("float32"), numpy.dtype("float64")
NAMES = ("float16", "float32", "float64", "bfloat16", "int32", "int64", "uint8", "bool")


def dtype_of(name: DType) -> numpy.dtype:
    """Return the dtype that `name` means; raises ValueError listing the valid ones."""
    if isinstance(name, str) and name == "bfloat16":
        return bfloat16()
    try:
        dtype = numpy.dtype(name)
    except TypeError:
        dtype = None
    if name is None or dtype is None or dtype.name not in NAMES:
        raise ValueError(f"unknown dtype {name!r}: use one of {', '.join(NAMES)}")
    return dtype


@cache
def bfloat16() -> numpy.dtype:
    """Return float32 with the last 16 of its 32 bits cut off: its range, and 2 to 3 digits.

    numpy has no such type; the small package ml_dtypes adds it.
    """
    try:
        import ml_dtypes
    except ImportError:
        raise ValueError("dtype bfloat16 needs a package: pip install ml_dtypes") from None
    return numpy.dtype(ml_dtypes.bfloat16)


def is_floating(dtype: numpy.dtype) -> bool:
    """Tell whether entries of this dtype are floating numbers, which can have gradients."""
    return dtype.kind == "f" or (dtype.kind == "V" and dtype.name == "bfloat16")


def is_half(dtype: numpy.dtype) -> bool:
    """Tell whether it is a floating dtype of two bytes: float16 or bfloat16."""
    return dtype.itemsize == 2 and is_floating(dtype)


def finfo(dtype: DType = DEFAULT_FLOAT) -> Any:
    """Return what floating numbers of a dtype can hold: `finfo("float16").max`, `.min`, `.eps`."""
    dtype = dtype_of(dtype)
    if dtype.name == "bfloat16":
        from ml_dtypes import finfo

        return finfo(dtype)
    return numpy.finfo(dtype)


def iinfo(dtype: DType) -> Any:
    """Return what whole numbers of a dtype can hold: `iinfo("uint8").max` is 255."""
    return numpy.iinfo(dtype_of(dtype))


def common_float(dtypes: list[numpy.dtype]) -> numpy.dtype | None:
    """Return the floating dtype that blocks of these dtypes are computed in together.

    The widest one; whole numbers have no say. float16 and bfloat16 meet in float32.
    """
    floats = {dtype for dtype in dtypes if is_floating(dtype)}
    widest = max(floats, key=lambda dtype: dtype.itemsize, default=None)
    return DEFAULT_FLOAT if widest is not None and is_half(widest) and len(floats) > 1 else widest
