"""Named kernels: functions on plain arrays that one device does in a way of its own."""

from __future__ import annotations

import math
from functools import cache

import numpy

from hello_dl.backend import Array, module_of


def erf(x: Array) -> Array:
    """Return the error function of every entry, to the precision of the dtype."""
    if module_of(x) is not numpy:
        from cupyx.scipy.special import erf as cuda_erf

        return cuda_erf(x)
    # numpy has no erf. Python has, one number at a time: take a polynomial through its values.
    # erf(x) / x is smooth in x²; beyond 6 erf is 1 to the last digit.
    near = numpy.clip(x, -6.0, 6.0)
    y = near * numpy.polynomial.chebyshev.chebval(near * near / 18 - 1, _erf_series(x.dtype))
    return numpy.where(numpy.abs(x) < 6, y, numpy.sign(x))


@cache
def _erf_series(dtype: numpy.dtype) -> Array:
    """Chebyshev series of erf(x) / x over t = x² / 18 - 1, as t goes from -1 to 1."""

    def ratio(t: float) -> float:
        x = math.sqrt(18 * (t + 1))
        return math.erf(x) / x

    terms = 20 if dtype.itemsize <= 4 else 41
    series = numpy.polynomial.chebyshev.chebinterpolate(numpy.vectorize(ratio, [float]), terms)
    return series.astype(dtype)


def check_indices(indices: Array, size: int) -> None:
    """Raise ValueError unless `indices` are whole numbers in [0, size).

    On a GPU only the dtype is checked: to look at the numbers would make the CPU wait for it.
    """
    if indices.dtype.kind not in "iu":
        raise ValueError(f"class numbers must be integers, not {indices.dtype}")
    if module_of(indices) is numpy and indices.size:
        low, high = int(indices.min()), int(indices.max())
        if low < 0 or high >= size:
            wrong = low if low < 0 else high
            raise ValueError(f"class {wrong} is not among the {size} classes 0 to {size - 1}")
