"""Compiled kernels: the gates of recurrent layers, one row of numbers (h,) at a time.

What is done to a row is cut into loops with few arrays each: the compiler does several numbers at
once only if a few comparisons show that the arrays do not overlap. For what the blocks are called,
and what happens to them, see gates.py.
"""

from __future__ import annotations

import math
from typing import Any

import numpy
from numba import types
from numba.extending import overload

from hello_dl.backend.fast_curves import exp
from hello_dl.backend.fast_jit import kernel


def sigmoid(x: Any) -> Any:
    """Return 1 / (1 + exp(-x)); for kernels."""
    return 1 / (1 + math.exp(-x))


@overload(sigmoid, inline="always")
def _compiled_sigmoid(x: Any) -> Any:
    one = numpy.dtype(x.name).type(1)

    def call(x: Any) -> Any:
        return one / (one + exp(-x))

    return call


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent, in float32 to the last digit or two; for kernels."""
    return math.tanh(x)


@overload(tanh, inline="always")
def _compiled_tanh(x: Any) -> Any:
    if x != types.float32:
        return tanh
    of = numpy.float32
    one, two, small = of(1), of(2), of(0.625)
    # Of (tanh(x) - x) / x³, in powers of x², for small x (Cephes, Moshier 1989).
    a, b, c, d, e = map(of, (
        -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1,
    ))  # fmt: skip

    def by_parts(x: Any) -> Any:
        """1 - 2 / (exp(2x) + 1) loses the digits of a small x; there it is a polynomial."""
        square = x * x
        near = ((((a * square + b) * square + c) * square + d) * square + e) * square * x + x
        far = one - two / (exp(two * x) + one)
        return near if abs(x) < small else far

    return by_parts


@kernel
def open_up(gate, x, bias):
    """Overwrite what the state says to gates by how far they open."""
    for i in range(len(gate)):
        gate[i] = sigmoid(gate[i] + x[i] + bias[i])


@kernel
def bend(gate, x, bias):
    """Overwrite what the state says by the tanh of all that is said."""
    for i in range(len(gate)):
        gate[i] = tanh(gate[i] + x[i] + bias[i])


@kernel
def rectify(gate, x, bias):
    """Overwrite what the state says by the positive part of all that is said; a nan stays."""
    zero = gate.dtype.type(0)
    for i in range(len(gate)):
        number = gate[i] + x[i] + bias[i]
        gate[i] = zero if number <= zero else number


@kernel
def rnn_slope(g, carry, y, relu, slope):
    """Take the gradient of the state y, g and what came back, to what was said."""
    zero, one = y.dtype.type(0), y.dtype.type(1)
    if relu:
        for i in range(len(y)):
            slope[i] = (carry[i] + g[i]) * (one if y[i] > zero else zero)
    else:
        for i in range(len(y)):
            slope[i] = (carry[i] + g[i]) * (one - y[i] * y[i])


@kernel
def gru_new(n, said, r, x, bias):
    """Keep what the state says to n, let r weigh it, and overwrite it by n."""
    for i in range(len(n)):
        memory = n[i] + bias[i]
        said[i] = memory
        n[i] = tanh(x[i] + r[i] * memory)


@kernel
def gru_state(z, n, before, y):
    """Write the state after the step: between n and the state before, as z says."""
    for i in range(len(y)):
        y[i] = n[i] + z[i] * (before[i] - n[i])


@kernel
def gru_to_n(g, arriving, z, n, of_n):
    """Add to the gradient that came back the one from above, and take it to n."""
    one = g.dtype.type(1)
    for i in range(len(g)):
        slope = arriving[i] + g[i]
        arriving[i] = slope
        of_n[i] = slope * (one - z[i]) * (one - n[i] * n[i])


@kernel
def gru_to_z(arriving, z, n, before, of_z):
    """Take it to z, and leave in `arriving` what goes to the state before past the gates."""
    one = z.dtype.type(1)
    for i in range(len(z)):
        of_z[i] = arriving[i] * (before[i] - n[i]) * z[i] * (one - z[i])
        arriving[i] *= z[i]


@kernel
def gru_to_r(of_n, said, r, of_r, through):
    """Take the gradient from n on to r, and `through` r to what the state said."""
    one = r.dtype.type(1)
    for i in range(len(r)):
        of_r[i] = of_n[i] * said[i] * r[i] * (one - r[i])
        through[i] = of_n[i] * r[i]


@kernel
def lstm_cell(i, f, new, before, cell):
    """Write the cell after the step."""
    for k in range(len(cell)):
        cell[k] = f[k] * before[k] + i[k] * new[k]


@kernel
def lstm_state(o, cell, shown, y):
    """Write what the cell would show, and what o lets it show: the state."""
    for k in range(len(y)):
        bent = tanh(cell[k])
        shown[k] = bent
        y[k] = o[k] * bent


@kernel
def lstm_to_o(g, arriving, o, shown, of_o):
    """Take the gradient of the state, g and what came back, to o."""
    one = g.dtype.type(1)
    for k in range(len(g)):
        of_o[k] = (arriving[k] + g[k]) * shown[k] * o[k] * (one - o[k])


@kernel
def lstm_to_cell(g, g_cell, arriving, o, shown, of_cell):
    """Take it to the cell as well, beside what the cell's own gradient brings."""
    one = g.dtype.type(1)
    for k in range(len(g)):
        seen = (arriving[k] + g[k]) * o[k] * (one - shown[k] * shown[k])
        of_cell[k] += g_cell[k] + seen


@kernel
def lstm_to_new(of_cell, i, new, of_i, of_new):
    """Take the gradient of the cell to i and to what is new."""
    one = i.dtype.type(1)
    for k in range(len(i)):
        of_i[k] = of_cell[k] * new[k] * i[k] * (one - i[k])
        of_new[k] = of_cell[k] * i[k] * (one - new[k] * new[k])


@kernel
def lstm_to_f(of_cell, f, before, of_f):
    """Take it to f, and leave in `of_cell` the gradient of the cell before."""
    one = f.dtype.type(1)
    for k in range(len(f)):
        of_f[k] = of_cell[k] * before[k] * f[k] * (one - f[k])
        of_cell[k] *= f[k]
