"""GELU in two passes over memory on a CPU, and in two kernels on a GPU: the value, the gradient.

Both kinds are x · share, where `share` is about the share of the normal distribution below x.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy

from hello_dl.backend import Array, _cupy, curves, fast, module_of
from hello_dl.backend.threads import ranges

ROOT, CUBE = math.sqrt(2 / math.pi), 0.044715


def by_tanh(x: Array) -> tuple[Array, Array]:
    """Return gelu with the share (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, and its slope at x."""
    if module_of(x) is not numpy:
        return _by_tanh()(x)
    y, slope = numpy.empty_like(x), numpy.empty_like(x)
    compiled, parts = fast.kernels(x, module="fast_curves"), fast.flat(x, y, slope)
    if compiled and parts:
        ranges(lambda first, end: compiled.gelu(*parts, first, end), x.size, x.size * 5e-7)
        return y, slope
    for piece, s, out in stretches(x, y, slope):
        numpy.multiply(piece, piece, out=out)
        numpy.multiply(out, ROOT * CUBE, out=s)
        s += ROOT
        s *= piece
        numpy.tanh(s, out=s)
        s *= 0.5
        s += 0.5  # the share: the slope is share + x · share · (1 - share) · (that of the inside)
        out *= 6 * ROOT * CUBE
        out += 2 * ROOT
        out *= 1 - s
        out *= piece
        out += 1
        out *= s
        s *= piece
    return y, slope


def value_by_tanh(x: Array) -> Array:
    """Return gelu alone, for a few entries that nobody will go back through."""
    if module_of(x) is not numpy:
        return _by_tanh()(x)[0]
    share = x * x
    share *= ROOT * CUBE
    share += ROOT
    share *= x
    numpy.tanh(share, out=share)
    share += 1
    share *= x
    share *= 0.5
    return share


def slope(g: Array, x: Array, share: Array) -> Array:
    """Return g times the slope of x · share, with the exact share: share + x · density."""
    if module_of(x) is not numpy:
        return _exact_slope()(g, x, share)
    slope = numpy.empty_like(x)
    for over, piece, s, out in stretches(g, x, share, slope):
        numpy.multiply(piece, piece, out=out)
        out *= -0.5
        numpy.exp(out, out=out)
        out *= piece
        out *= 1 / math.sqrt(2 * math.pi)
        out += s
        out *= over
    return slope


def stretches(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Yield the entries of arrays of one shape piece by piece, in pieces that fit into caches.

    As they are, where they do not all lie in memory in the same order.
    """
    first = arrays[0]
    order = sorted(range(first.ndim), key=lambda axis: -first.strides[axis])
    lying = [x.transpose(order) for x in arrays]
    if first.size <= curves.STRETCH or not all(x.flags.c_contiguous for x in lying):
        yield arrays
        return
    flat = [x.reshape(-1) for x in lying]
    for start in range(0, first.size, curves.STRETCH):
        yield tuple(x[start : start + curves.STRETCH] for x in flat)


@cache
def _by_tanh() -> Any:
    body = (
        f"T square = x * x, inside = T({ROOT}) * x * (T(1) + T({CUBE}) * square);"
        "T share = T(0.5) + T(0.5) * tanh(inside);"
        f"T inner = T({2 * ROOT}) + T({6 * ROOT * CUBE}) * square;"
        "y = x * share;"
        "slope = share + y * (T(1) - share) * inner"
    )
    return _cupy().ElementwiseKernel("T x", "T y, T slope", body, "gelu_by_tanh")


@cache
def _exact_slope() -> Any:
    density = f"exp(T(-0.5) * x * x) * T({1 / math.sqrt(2 * math.pi)})"
    body = f"slope = g * (share + x * {density})"
    return _cupy().ElementwiseKernel("T g, T x, T share", "T slope", body, "gelu_slope")
