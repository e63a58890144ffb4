"""Compiled kernels: exp, and gelu, which takes one.

The compiler can do 8 or 16 numbers at once where all it sees is adding and multiplying, but not
where a function of the C library is called for each. So the exp of a float32 is spelled out here.
"""

from __future__ import annotations

import math
from typing import Any, cast

import numpy
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from hello_dl.backend.fast_jit import kernel

ROOT, CUBE = math.sqrt(2 / math.pi), 0.044715  # of gelu by tanh


@intrinsic
def _as_float(context: Any, bits: Any) -> Any:
    """See 32 bits (int32) as the float32 that they spell."""

    def bitcast(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.FloatType())

    return types.float32(types.int32), bitcast


def exp(x):
    """Return e to the power of x, to the last digit or the one before; for kernels."""
    return math.exp(x)


@overload(exp, inline="always")
def _compiled_exp(x):
    if x != types.float32:
        return lambda x: math.exp(x)
    of, as_float = numpy.float32, cast(Any, _as_float)
    log2_e, high, low = of(1.44269504), of(0.693359375), of(-2.12194440e-4)  # high + low: ln 2
    smallest, largest = of(-87.3), of(88.3)
    # Of (exp(r) - 1 - r) / r² for r within half of ln 2 (Cephes, Moshier 1989).
    a, b, c, d, e, f = map(of, (
        1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3,
        4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
    ))  # fmt: skip
    zero, half, one, infinite = of(0), of(0.5), of(1), of(math.inf)

    def by_halves(x):
        """exp(x) = 2ⁿ · exp(r): the first factor is an exponent's bits, the second a polynomial."""
        within = largest if x > largest else x
        within = smallest if within < smallest else within
        n = numpy.floor(within * log2_e + half)  # the nearest whole number
        r = within - n * high - n * low
        series = (((((a * r + b) * r + c) * r + d) * r + e) * r + f) * r * r + r + one
        y = series * as_float((numpy.int32(n) + numpy.int32(127)) << numpy.int32(23))
        y = infinite if x > largest else y
        return zero if x < smallest else y

    return by_halves


def try_out(x):
    """Call a kernel, to see whether it compiles, with x (1, 1, 1)."""
    gelu(x[0, 0], x[0, 0], x[0, 0], 0, 1)


@kernel
def gelu(x, y, slope, first, end):
    """Write gelu of some entries of x (entries,) to y, and its slope there; see gelu.py."""
    of = x.dtype.type
    a, b, c, one = of(-2 * ROOT), of(-2 * ROOT * CUBE), of(-6 * ROOT * CUBE), of(1)
    x, y, slope = x[first:end], y[first:end], slope[first:end]
    for i in range(len(x)):
        number = x[i]
        square = number * number
        share = one / (one + exp(number * (a + b * square)))  # (1 + tanh(...)) / 2
        y[i] = number * share
        slope[i] = share - number * share * (one - share) * (a + c * square)
