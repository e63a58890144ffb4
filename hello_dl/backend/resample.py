"""Resampling along one axis: each new entry is a weighted sum of a few old ones.

The middle of new entry i lies at (i + 1/2) · step - 1/2 among the old ones, `step` being old length
/ new length: entries are little squares, and the pictures begin and end together. With aligned
corners the middles of the first and the last entries lie on each other instead.
"""

from __future__ import annotations

from functools import lru_cache

import numpy

from hello_dl.backend import Array, gemm, module_of

MODES = ("nearest", "nearest-exact", "linear", "cubic")


@lru_cache(100)
def taps(
    mode: str, old: int, new: int, step: float, align_corners: bool, antialias: bool
) -> tuple[Array, Array]:
    """Return which old entries each new one is made of, and their weights: both (k, new)."""
    if mode.startswith("nearest"):
        half = numpy.float32(0.5 if mode == "nearest-exact" else 0)  # PyTorch's, to the last digit
        middles = (numpy.arange(new, dtype="float32") + half) * numpy.float32(step)
        return numpy.minimum(middles.astype(int), old - 1)[None], numpy.ones((1, new))
    if antialias:
        return _wide_taps(mode, old, new, step, align_corners)
    middles = numpy.arange(new) * step if align_corners else (numpy.arange(new) + 0.5) * step - 0.5
    if mode == "linear":
        middles = numpy.maximum(middles, 0)
    first = numpy.floor(middles).astype(int)
    around = numpy.arange(0, 2)[:, None] if mode == "linear" else numpy.arange(-1, 3)[:, None]
    weights = _CURVES[mode](numpy.abs(middles - first - around))
    return numpy.clip(first + around, 0, old - 1), weights


def _wide_taps(
    mode: str, old: int, new: int, step: float, align_corners: bool
) -> tuple[Array, Array]:
    """Take into account all old entries that a new one covers, where there are fewer new ones."""
    reach, wide = (1 if mode == "linear" else 2) * max(step, 1), max(step, 1)
    middles = (numpy.arange(new) + 0.5) * step
    first = numpy.maximum((middles - reach + 0.5).astype(int), 0)
    end = numpy.minimum((middles + reach + 0.5).astype(int), old)
    places = first + numpy.arange((end - first).max())[:, None]
    curve = _CURVES["sharp" if mode == "cubic" else mode]
    weights = curve(numpy.abs(places - middles + 0.5) / wide) * (places < end)
    return numpy.minimum(places, old - 1), weights / weights.sum(0)


def _linear(far: Array) -> Array:
    return numpy.maximum(1 - far, 0)


def _cubic(far: Array, a: float = -0.75) -> Array:
    """Weigh an entry by its distance with two pieces of cubic curves (Keys 1981)."""
    near = ((a + 2) * far - (a + 3)) * far * far + 1
    beyond = (((far - 5) * far + 8) * far - 4) * a
    return numpy.where(far <= 1, near, numpy.where(far < 2, beyond, 0))


_CURVES = {"linear": _linear, "cubic": _cubic, "sharp": lambda far: _cubic(far, -0.5)}


def resampled(x: Array, axis: int, places: Array, weights: Array) -> Array:
    """Make the new entries along an axis."""
    xp, behind = module_of(x), (1,) * (x.ndim - axis - 1)
    if len(places) == 1:  # copies of the nearest
        return x.take(xp.asarray(places[0]), axis)
    y = None
    for place, weight in zip(xp.asarray(places), xp.asarray(weights, x.dtype)):
        part = x.take(place, axis)
        part *= weight.reshape(-1, *behind)
        if y is None:
            y = part
        else:
            y += part
    return y


def brought_back(g: Array, axis: int, places: Array, weights: Array, old: int) -> Array:
    """Give every old entry its share of the gradients: the product with the transposed matrix."""
    xp = module_of(g)
    matrix = numpy.zeros((places.shape[1], old))  # from old entries to new ones
    for place, weight in zip(places, weights):
        numpy.add.at(matrix, (numpy.arange(len(matrix)), place), weight)
    lines = xp.ascontiguousarray(xp.moveaxis(g, axis, -1))
    product = gemm.matmul(lines, xp.asarray(matrix, g.dtype))
    return xp.moveaxis(product, -1, axis)
