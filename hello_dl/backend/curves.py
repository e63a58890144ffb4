"""Curves: kernels that bend every entry of a block, each the quickest way that a device has."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, wraps

import numpy

from hello_dl.backend import Array, fast, module_of

STRETCH = 2**15  # entries of a piece: with a temporary or two it fits into the nearest caches


def in_stretches(kernel: Callable[[Array, Array], None]) -> Callable[[Array], Array]:
    """Run `kernel(x, out)`, which treats every entry alike, over a large array piece by piece.

    Each line of a kernel in numpy is a walk over the array. Where the array is larger than the
    cache of the processor, every walk waits for the memory; here only the first and the last do.
    """

    @wraps(kernel)
    def whole(x: Array) -> Array:
        out = numpy.empty_like(x)  # its axes lie in memory as those of x do
        lying = fast.flat(x, out)
        if x.size <= STRETCH or lying is None:
            kernel(x, out)
            return out
        pieces, results = lying
        for start in range(0, x.size, STRETCH):
            here = slice(start, start + STRETCH)
            kernel(pieces[here], results[here])
        return out

    return whole


def sigmoid(x: Array) -> Array:
    """Return 1 / (1 + exp(-x)) of every entry."""
    if module_of(x) is not numpy:
        from cupyx.scipy.special import expit

        return expit(x)
    return _sigmoid(x)


def erf(x: Array) -> Array:
    """Return the error function of every entry, to the precision of the dtype."""
    if module_of(x) is not numpy:
        from cupyx.scipy.special import erf as cuda_erf

        return cuda_erf(x)
    return _erf(x)


def normal_cdf(x: Array) -> Array:
    """Return P(N(0, 1) <= x), the share of the normal distribution below every entry."""
    if module_of(x) is not numpy:
        from cupyx.scipy.special import ndtr

        return ndtr(x)
    return _normal_cdf(x)


@in_stretches
def _sigmoid(x: Array, out: Array) -> None:
    numpy.negative(x, out=out)
    with numpy.errstate(over="ignore"):  # 1 / inf is the 0 that we want
        numpy.exp(out, out=out)
    out += 1
    numpy.reciprocal(out, out=out)


@in_stretches
def _erf(x: Array, out: Array) -> None:
    """Take the tanh, which numpy has and which is close, of x times a smooth function of x²."""
    _odd(x, out, _erf_series(x.dtype))
    numpy.tanh(out, out=out)


@in_stretches
def _normal_cdf(x: Array, out: Array) -> None:
    """Take (1 + tanh(z)) / 2, with the z whose tanh is erf(x / √2), as 1 / (1 + exp(-2 z)).

    This is exact in the tails too.
    """
    _odd(x, out, _cdf_series(x.dtype))
    with numpy.errstate(over="ignore"):
        numpy.exp(out, out=out)
    out += 1
    numpy.reciprocal(out, out=out)


def _odd(x: Array, out: Array, series: tuple[float, ...]) -> None:
    """Write x times a polynomial of x² (Horner's scheme); `series` is as `_erf_series` has it.

    Beyond `far` a curve is flat to the last digit, and it is enough that this goes on growing.
    """
    far, first, *rest = series
    squares = numpy.clip(x, -far, far)
    squares *= squares
    out.fill(first)
    for coefficient in rest:
        out *= squares
        out += coefficient
    out *= x


@cache
def _erf_series(dtype: numpy.dtype) -> tuple[float, ...]:
    """Return `far` and the coefficients of atanh(erf(x)) / x as a polynomial of x², highest first.

    A fit by least squares at the points of Chebyshev. Errors count as much as they change erf.
    """
    far, terms = (6.0, 34) if dtype.itemsize > 4 else (4.5, 8)
    points = 8 * terms
    t = (numpy.cos(numpy.pi * (numpy.arange(points) + 0.5) / points) + 1) / 2 * far**2
    x = numpy.sqrt(t)
    erf = numpy.array([math.erf(each) for each in x])
    above, below = (numpy.array([math.erfc(each) for each in side]) for side in (x, -x))
    z = numpy.where(x < 1, numpy.arctanh(numpy.minimum(erf, 0.9)), numpy.log(below / above) / 2)
    weights = numpy.maximum(below * above * x / erf, 1e-12)
    fit = numpy.polynomial.Chebyshev.fit(t, z / x, terms - 1, domain=[0, far**2], w=weights)
    series = fit.convert(kind=numpy.polynomial.Polynomial).coef[::-1]
    return far, *map(float, series)


@cache
def _cdf_series(dtype: numpy.dtype) -> tuple[float, ...]:
    """Return the same for -2 z(x / √2), the exponent in the distribution of normal numbers."""
    far, *series = _erf_series(dtype)
    powers = range(len(series) - 1, -1, -1)  # of x² = 2 (x / √2)²
    scaled = (-2 * math.sqrt(0.5) * c * 0.5**power for c, power in zip(series, powers))
    return far * math.sqrt(2), *scaled
