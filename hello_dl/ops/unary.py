"""Functions of every entry: powers of e, logarithms, roots, angles, and rounding.

Outside its domain a function is inf or nan.
"""

from __future__ import annotations

import math
from typing import Any

from hello_dl.backend import Array, curves, is_floating, kernels, module_of
from hello_dl.ops.rule import rule

# Exponential functions and logarithms.


@rule(floats=True)
def exp(x: Array):
    """E to the power of every entry."""
    y = module_of(x).exp(x)
    return y, lambda g: g * y


@rule(floats=True)
def expm1(x: Array):
    """Compute exp(x) - 1, to all digits near 0 too."""
    y = module_of(x).expm1(x)
    return y, lambda g: g * (y + 1)


@rule(floats=True)
def log(x: Array):
    """Natural logarithm: -inf at 0 and nan below."""
    return module_of(x).log(x), lambda g: g / x


@rule(floats=True)
def log1p(x: Array):
    """Compute log(1 + x), to all digits near 0 too."""
    return module_of(x).log1p(x), lambda g: g / (x + 1)


@rule(floats=True)
def log2(x: Array):
    """Logarithm to base 2."""
    return module_of(x).log2(x), lambda g: g / (x * math.log(2))


@rule(floats=True)
def log10(x: Array):
    """Logarithm to base 10."""
    return module_of(x).log10(x), lambda g: g / (x * math.log(10))


# Roots.


@rule(floats=True)
def sqrt(x: Array):
    """Square root: nan below 0."""
    y = module_of(x).sqrt(x)
    return y, lambda g: g * 0.5 / y


@rule(floats=True)
def rsqrt(x: Array):
    """Compute 1 / sqrt(x)."""
    y = 1 / module_of(x).sqrt(x)
    return y, lambda g: g * -0.5 * y * y * y


# Angles, in radians.


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
def tan(x: Array):
    """Tangent of an angle in radians."""
    y = module_of(x).tan(x)
    return y, lambda g: g * (1 + y * y)


@rule(floats=True)
def erf(x: Array):
    """Error function, 2/√π times the integral of exp(-t²) from 0 to x."""
    xp = module_of(x)
    return curves.erf(x), lambda g: g * (2 / math.sqrt(math.pi)) * xp.exp(-x * x)


# Size and sign.


@rule
def abs(x: Array):
    """Distance from 0. The slope is taken as 0 at the kink, and at nan."""
    return module_of(x).abs(x), lambda g: g * kernels.sign(x)


@rule
def sign(x: Array):
    """-1, 0 or 1. It goes in steps: its slope is 0."""
    return kernels.sign(x), _flat


# Rounding makes steps: the slope is 0. Whole numbers stay as they are.


@rule
def floor(x: Array):
    """Round down."""
    return _rounded(x, "floor"), _flat


@rule
def ceil(x: Array):
    """Round up."""
    return _rounded(x, "ceil"), _flat


@rule
def trunc(x: Array):
    """Round towards 0."""
    return _rounded(x, "trunc"), _flat


@rule
def round(x: Array, *, decimals: int = 0):
    """Round to the nearest number with so many decimals; one half to the even neighbor."""
    return module_of(x).round(x, decimals) if decimals else _rounded(x, "rint"), _flat


def _rounded(x: Array, way: str) -> Any:
    return getattr(module_of(x), way)(x) if is_floating(x.dtype) else x.copy()


def _flat(g: Array) -> Array:
    """Pull a gradient through steps: none arrives."""
    return module_of(g).zeros_like(g)
