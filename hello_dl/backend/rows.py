"""Along one axis: the largest entry, the sum, and the sum of the products of two blocks.

Softmax, the norms and the losses are made of these. numpy's own reductions pay for starting each
row; on a CPU there are quicker ways here for rows of floats that lie one after the other. The
results keep the axis, with length 1.
"""

from __future__ import annotations

import numpy

from hello_dl.backend import Array, module_of

Axes = int | tuple[int, ...]
SHORT = 32  # entries of a row


def largest(x: Array, axis: int) -> Array:
    """Return the largest entry along an axis, nan where one of them is; 0 where there is none."""
    if not _last(x, axis):
        return x.max(axis, keepdims=True) if x.ndim and x.size else total(x, axis)
    rows = x.reshape(-1, x.shape[-1])
    if rows.shape[1] <= SHORT:  # compare whole columns
        top = numpy.ascontiguousarray(rows.T).max(0)
    else:  # the place of the largest is found faster than the largest
        top = rows[numpy.arange(len(rows)), rows.argmax(1)]
    return top.reshape(*x.shape[:-1], 1)


def total(x: Array, axis: Axes) -> Array:
    """Return the sum along an axis, or several."""
    if _last(x, axis):  # a product with a vector of ones
        rows = x.reshape(-1, x.shape[-1])
        return (rows @ numpy.ones(rows.shape[1], x.dtype)).reshape(*x.shape[:-1], 1)
    if _columns(x, axis):
        return (numpy.ones(len(x), x.dtype) @ x)[None]
    return x.sum(axis, keepdims=True) if x.ndim else x


def dot(x: Array, y: Array, axis: Axes) -> Array:
    """Return the sum of the products of two blocks of one shape along an axis, or several."""
    if _last(x, axis) and _last(y, axis):
        return numpy.vecdot(x, y)[..., None]
    if _columns(x, axis) and _columns(y, axis):
        return numpy.einsum("ij,ij->j", x, y)[None]
    return total(x * y, axis)


def _floats(x: Array) -> bool:
    """Tell whether x lies in CPU memory in one piece, and is made of floats that BLAS knows."""
    contiguous = module_of(x) is numpy and x.flags.c_contiguous and x.size > 0
    return contiguous and x.dtype.kind == "f" and x.itemsize > 2


def _last(x: Array, axis: Axes) -> bool:
    return x.ndim > 0 and axis in (-1, x.ndim - 1) and _floats(x)


def _columns(x: Array, axis: Axes) -> bool:
    return x.ndim == 2 and axis in (0, -2) and _floats(x)
