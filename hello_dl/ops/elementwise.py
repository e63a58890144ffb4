"""Operations that treat every entry alike; two inputs are stretched to a common shape."""

from __future__ import annotations

import math

from hello_dl.backend import Array, is_array, kernels, module_of
from hello_dl.ops.rule import rule


@rule(broadcasts=True)
def add(a: Array, b: Array):
    """Add entry by entry."""
    return a + b, (lambda g: g, lambda g: g)


@rule(broadcasts=True)
def sub(a: Array, b: Array):
    """Subtract entry by entry."""
    return a - b, (lambda g: g, lambda g: -g)


@rule(broadcasts=True)
def mul(a: Array, b: Array):
    """Multiply entry by entry."""
    return a * b, (lambda g: g * b, lambda g: g * a)


@rule(broadcasts=True)
def div(a: Array, b: Array):
    """Divide entry by entry."""
    ratio = a / b
    return ratio, (lambda g: g / b, lambda g: -g * ratio / b)


@rule(broadcasts=True)
def pow(a: Array, b: Array):
    """Raise every entry of `a` to the power `b`."""
    xp = module_of(a if is_array(a) else b)
    power = a**b

    def pull_base(g):
        if not is_array(b):
            return g * (b * a ** (b - 1)) if b else xp.zeros_like(a)  # x ** 0 is flat, at 0 too
        return g * xp.where(b == 0, 0.0, b * a ** xp.where(b == 0, 1, b - 1))

    def pull_exponent(g):
        base = xp.asarray(a, power.dtype)
        at_zero = xp.where((base == 0) & (b >= 0), 0.0, xp.nan)  # 0 ** b is flat, if it is finite
        log_base = xp.where(base > 0, xp.log(xp.where(base > 0, base, 1.0)), at_zero)
        return g * power * log_base

    return power, (pull_base, pull_exponent)


@rule
def neg(x: Array):
    """Change the sign."""
    return -x, lambda g: -g


@rule(floats=True)
def exp(x: Array):
    """E to the power of every entry."""
    y = module_of(x).exp(x)
    return y, lambda g: g * y


@rule(floats=True)
def log(x: Array):
    """Natural logarithm: -inf at 0 and nan below."""
    return module_of(x).log(x), lambda g: g / x


@rule(floats=True)
def sqrt(x: Array):
    """Square root: nan below 0."""
    y = module_of(x).sqrt(x)
    return y, lambda g: g * 0.5 / y


@rule
def abs(x: Array):
    """Distance from 0. The slope is taken as 0 at the kink."""
    xp = module_of(x)
    return xp.abs(x), lambda g: g * xp.sign(x)


@rule(floats=True)
def sin(x: Array):
    """Sine of an angle in radians."""
    xp = module_of(x)
    return xp.sin(x), lambda g: g * xp.cos(x)


@rule(floats=True)
def cos(x: Array):
    """Cosine of an angle in radians."""
    xp = module_of(x)
    return xp.cos(x), lambda g: -g * xp.sin(x)


@rule(floats=True)
def tanh(x: Array):
    """Squash into (-1, 1)."""
    y = module_of(x).tanh(x)
    return y, lambda g: g * (1 - y * y)


@rule(floats=True)
def sigmoid(x: Array):
    """Squash into (0, 1): 1 / (1 + exp(-x)), spelled so that nothing overflows."""
    xp = module_of(x)
    small = xp.exp(-xp.abs(x))  # in (0, 1]
    y = xp.where(x >= 0, 1, small) / (1 + small)
    return y, lambda g: g * (y * (1 - y))


@rule
def relu(x: Array):
    """Keep what is positive, put 0 for the rest. The slope is taken as 0 at the kink."""
    y = module_of(x).maximum(x, 0)
    return y, lambda g: g * (y != 0)  # y is positive, or 0, or nan, which lets the gradient through


@rule(floats=True)
def leaky_relu(x: Array, *, negative_slope: float = 0.01):
    """Keep what is positive and let a little of the rest through."""
    xp = module_of(x)
    return xp.where(x > 0, x, negative_slope * x), lambda g: xp.where(x > 0, g, negative_slope * g)


@rule(floats=True)
def gelu(x: Array):
    """Gaussian error linear unit, x · P(N(0, 1) <= x) (Hendrycks and Gimpel 2016)."""
    xp = module_of(x)
    below = 0.5 * (1 + kernels.erf(x * math.sqrt(0.5)))  # P(N(0, 1) <= x)

    def pull(g):
        density = xp.exp(-0.5 * x * x) * (1 / math.sqrt(2 * math.pi))
        return g * (below + x * density)

    return x * below, pull
