"""Named kernels: functions on plain arrays that one device does in a way of its own."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy

from hello_dl.backend import Array, _cupy, fast, is_array, module_of
from hello_dl.backend.threads import ranges

_BITS = {size: numpy.dtype(f"int{8 * size}") for size in (1, 2, 4, 8)}  # as many as a dtype has


def where(mask: Array, x: Any, y: Any) -> Array:
    """Take x where the mask is true and y elsewhere; both are arrays or numbers.

    numpy's own branches at every entry, and in a mixed mask the processor guesses the branch wrong
    half the time. To blend the bits of x and y takes no branch, and a third of the time.
    """
    if module_of(mask) is not numpy:
        return module_of(mask).where(mask, x, y)
    dtype = numpy.result_type(x, y)
    bits = _BITS[dtype.itemsize]
    every = numpy.negative(mask.view("int8"), dtype=bits)  # all bits of an entry are 1, or all 0
    ones, zeros = (numpy.asarray(each, dtype).view(bits) for each in (x, y))
    blend = every & (ones ^ zeros)
    blend ^= zeros
    return blend.view(dtype)


def masked(x: Array, mask: Array) -> Array:
    """Take x where the mask is true and 0 elsewhere, also in the place of inf and nan."""
    if module_of(x) is not numpy:
        return _masked()(x, mask)
    bits = _BITS[x.itemsize]
    every = numpy.negative(mask.view("int8"), dtype=bits)  # all bits of an entry are 1, or all 0
    return (every & x.view(bits)).view(x.dtype)


@cache
def _masked() -> Any:
    return _cupy().ElementwiseKernel("T x, bool mask", "T y", "y = mask ? x : T(0)", "masked")


def kept(x: Array, mask: Array, p: float) -> Array:
    """Divide x by 1 - p where the mask is true, and take 0 elsewhere: dropout."""
    factor = 1 / (1 - p) if p < 1 else 0.0
    if module_of(x) is not numpy:
        return _kept()(x, mask, factor)
    y = masked(x, mask)
    y *= factor
    return y


@cache
def _kept() -> Any:
    body = "y = keep ? T(x * factor) : T(0)"
    return _cupy().ElementwiseKernel("T x, bool keep, float64 factor", "T y", body, "kept")


def passed(x: Array, gate: Array) -> Array:
    """Take x where the gate is not 0, and 0 elsewhere."""
    if module_of(x) is not numpy:
        return _passed()(x, gate)
    if compiled := fast.kernels(x, gate):
        out = numpy.empty_like(x)
        if parts := fast.flat(x, gate, out):
            ranges(lambda first, end: compiled.pass_on(*parts, first, end), x.size, x.size * 4e-7)
            return out
    return masked(x, gate != 0)


def positive_part(x: Array) -> Array:
    """Take x where it is positive, and 0 elsewhere; a nan stays."""
    if compiled := fast.kernels(x):
        y = numpy.empty_like(x)
        if parts := fast.flat(x, y):
            ranges(lambda first, end: compiled.rectify(*parts, first, end), x.size, x.size * 3e-7)
            return y
    return module_of(x).maximum(x, 0)


@cache
def _passed() -> Any:
    body = "y = gate != G(0) ? x : T(0)"  # a gradient in half precision has a float32 gate
    return _cupy().ElementwiseKernel("T x, G gate", "T y", body, "passed")


def sign(x: Array) -> Array:
    """Return -1, 0 or 1 in the dtype of x; 0 for nan, where numpy has nan."""
    return (x > 0).astype(x.dtype) - (x < 0) if x.dtype.kind != "b" else x.copy()


def power(x: Array, exponent: float) -> Array:
    """Return x ** exponent for a plain number: numpy takes its time for negative entries."""
    if module_of(x) is not numpy or x.dtype.kind != "f" or exponent in (-1, 0, 0.5, 1, 2):
        return x**exponent
    if exponent == 3:
        return x * x * x
    if not float(exponent).is_integer():
        return x**exponent
    y = numpy.abs(x) ** exponent
    return numpy.copysign(y, x) if exponent % 2 else y


def add_at(array: Array, index: Any, numbers: Array) -> None:
    """Do `array[index] += numbers` so that an entry which is picked twice gets both numbers.

    `numbers` has the shape of `array[index]`.
    """
    xp = module_of(array)
    parts = index if isinstance(index, tuple) else (index,)
    parts = tuple(xp.asarray(p) if isinstance(p, list) else p for p in parts)
    numbers = numbers.astype(array.dtype, copy=False)
    if xp is not numpy and array.dtype == "int64":  # CUDA adds whole numbers without a sign: the
        xp.add.at(array.view("uint64"), parts, numbers.view("uint64"))  # bits are the same
    elif xp is not numpy or not array.flags.c_contiguous or not numbers.size:
        xp.add.at(array, parts, numbers)
    elif all(is_array(p) and p.dtype.kind in "iu" for p in parts):
        # Whole rows of a table: see the axes that are picked from as one, and the rest as one.
        lengths, width = array.shape[: len(parts)], math.prod(array.shape[len(parts) :])
        rows: Any = 0
        for n, part in zip(lengths, parts):
            part = part.astype("int64", copy=False)
            rows = rows * n + (part % n if part.min() < 0 else part)  # -1 is the last
        _add_rows(array.reshape(-1, width), rows.reshape(-1), numbers.reshape(-1, width))
    elif numbers.size * 32 > array.size:
        places = numpy.arange(array.size).reshape(array.shape)[parts].reshape(-1)
        _add_rows(array.reshape(-1, 1), places, numbers.reshape(-1, 1))
    else:
        numpy.add.at(array, parts, numbers)


def _add_rows(table: Array, rows: Array, numbers: Array) -> None:
    """Do `table[rows] += numbers` on the CPU, for a matrix and a row of whole numbers.

    numpy adds single numbers to single places fast, by a kernel for one axis. Where few rows of a
    table are picked often it is faster yet to sort the picks, and to sum up those of each row.
    """
    height, width = table.shape
    if numbers.size > 1500 * min(height, len(rows)):
        order = rows.astype("uint16" if height <= 2**16 else "int64").argsort(kind="stable")
        counts = numpy.bincount(rows, minlength=height)
        picked = counts.nonzero()[0]
        start = 0
        for row, end in zip(picked.tolist(), counts[picked].cumsum().tolist()):
            table[row] += numbers.take(order[start:end], 0).sum(0)
            start = end
        return
    if width == 1 and table.dtype.kind == "f" and 2 * len(rows) > height:
        table[:, 0] += numpy.bincount(rows, numbers[:, 0], height)
        return
    if width % 2 == 0 and table.dtype.kind == "f" and table.itemsize >= 4:
        # A pair of floats can pass for a complex number: half as many to add.
        pair = numpy.dtype(f"complex{table.itemsize * 16}")
        numbers = numpy.ascontiguousarray(numbers, table.dtype).view(pair)
        table, width = table.view(pair), width // 2
    places = (rows[:, None] * width + numpy.arange(width)).reshape(-1)
    numpy.add.at(table.reshape(-1), places, numbers.reshape(-1))


def check_indices(indices: Array, size: int, one: str = "class", many: str = "classes") -> None:
    """Raise ValueError unless `indices` are whole numbers in [0, size).

    On a GPU only the dtype is checked: to look at the numbers would make the CPU wait for it.
    """
    if indices.dtype.kind not in "iu":
        raise ValueError(f"{one} numbers must be integers, not {indices.dtype}")
    if module_of(indices) is numpy and indices.size:
        low, high = int(indices.min()), int(indices.max())
        if low < 0 or high >= size:
            wrong = low if low < 0 else high
            raise ValueError(f"{one} {wrong} is not among the {size} {many} 0 to {size - 1}")


def all_below(indices: Array, size: int) -> bool:
    """Tell whether `indices` are known to be whole numbers in [0, size): never so on a GPU."""
    if module_of(indices) is not numpy or indices.dtype.kind not in "iu":
        return False
    unsigned = indices.view(f"uint{8 * indices.itemsize}")  # where -1 is the largest number
    return not indices.size or int(unsigned.max()) < size


def check_probabilities(x: Array) -> None:
    """Raise ValueError unless all numbers lie in [0, 1]; on a GPU they are not looked at."""
    if module_of(x) is numpy and x.size and not (x.min() >= 0 and x.max() <= 1):
        if not numpy.isnan(x).any():
            wrong = x.min() if x.min() < 0 else x.max()
            raise ValueError(f"probabilities lie between 0 and 1, and {wrong} is among them")
