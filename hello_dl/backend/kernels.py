"""Named kernels: functions on plain arrays that one device does in a way of its own."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy

from hello_dl.backend import Array, is_array, module_of


def erf(x: Array) -> Array:
    """Return the error function of every entry, to the precision of the dtype."""
    if module_of(x) is not numpy:
        from cupyx.scipy.special import erf as cuda_erf

        return cuda_erf(x)
    # numpy has no erf. Python has, one number at a time: take a polynomial through its values.
    # erf(x) / x is smooth in x²; far out erf is 1 to the last digit.
    far = 4.0 if x.dtype.itemsize <= 4 else 6.0
    near = numpy.clip(x, -far, far)
    t = near * near * (2 / far**2) - 1
    y = near * numpy.polynomial.chebyshev.chebval(t, _erf_series(x.dtype, far))
    return numpy.where(numpy.abs(x) < far, y, numpy.sign(x))


@cache
def _erf_series(dtype: numpy.dtype, far: float) -> Array:
    """Chebyshev series of erf(x) / x over t = 2 (x / far)² - 1, as t goes from -1 to 1."""

    def ratio(t: float) -> float:
        x = far * math.sqrt((t + 1) / 2)
        return math.erf(x) / x

    terms = 20 if dtype.itemsize <= 4 else 41
    series = numpy.polynomial.chebyshev.chebinterpolate(numpy.vectorize(ratio, [float]), terms)
    return series.astype(dtype)


def add_at(array: Array, index: Any, numbers: Array) -> None:
    """Do `array[index] += numbers` so that an entry which is picked twice gets both numbers."""
    xp = module_of(array)
    rows = xp.asarray(index) if isinstance(index, list) else index
    if is_array(rows) and rows.dtype.kind in "iu" and array.ndim > 1 and array.flags.c_contiguous:
        # Whole rows: on a line of single numbers numpy is 3 times as fast.
        width = math.prod(array.shape[1:])
        start = rows.astype("int64").reshape(-1, 1) % len(array) * width  # -1 is the last row
        index = (start + xp.arange(width)).reshape(-1)
        array, numbers = array.reshape(-1), numbers.reshape(-1)
    xp.add.at(array, index, numbers)


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
