"""Activations: what bends a straight line, each entry alike. At a kink the slope is PyTorch's."""

from __future__ import annotations

import math
from typing import Any

from hello_dl.backend import Array, curves, is_floating, kernels, module_of
from hello_dl.backend import gelu as bell
from hello_dl.ops.arrange import split
from hello_dl.ops.axes import axis_of
from hello_dl.ops.elementwise import mul
from hello_dl.ops.rule import rule
from hello_dl.ops.unary import erf

# Squashed on both sides.


@rule(floats=True)
def tanh(x: Array):
    """Squash into (-1, 1)."""
    y = module_of(x).tanh(x)
    return y, lambda g: g * (1 - y * y)


@rule(floats=True)
def sigmoid(x: Array):
    """Squash into (0, 1): 1 / (1 + exp(-x))."""
    y = curves.sigmoid(x)
    return y, lambda g: g * (y * (1 - y))


@rule(floats=True)
def softsign(x: Array):
    """Squash into (-1, 1) more slowly than tanh: x / (1 + |x|)."""
    size = 1 + module_of(x).abs(x)
    return x / size, lambda g: g / (size * size)


@rule
def hardtanh(x: Array, *, min_val: float = -1.0, max_val: float = 1.0):
    """Limit to [min_val, max_val], a line between two flat ends."""
    return _between(x, min_val, max_val)


@rule
def relu6(x: Array):
    """Keep what is positive, up to 6."""
    return _between(x, 0, 6)


def _between(x: Array, low: float, high: float) -> tuple[Array, Any]:
    """Limit to [low, high], with the slope 0 at the limits. Whole numbers stay whole."""
    if not is_floating(x.dtype):
        low, high = int(low), int(high)
    return module_of(x).clip(x, low, high), lambda g: kernels.masked(g, (x > low) & (x < high))


@rule(floats=True)
def hardsigmoid(x: Array):
    """A sigmoid of three straight lines: x / 6 + 1/2, limited to [0, 1]."""
    y = module_of(x).clip(x + 3, 0, 6) / 6
    return y, lambda g: kernels.masked(g / 6, (x > -3) & (x < 3))


@rule(floats=True)
def logsigmoid(x: Array):
    """Logarithm of the sigmoid, to all digits also where that is nearly 0."""
    xp = module_of(x)
    small = xp.exp(-xp.abs(x))  # in (0, 1]
    y = xp.minimum(x, 0) - xp.log1p(small)
    return y, lambda g: g * xp.maximum(small, x < 0) / (1 + small)  # the slope is sigmoid(-x)


# A line on the right, flat or nearly so on the left.


@rule
def relu(x: Array):
    """Keep what is positive, put 0 for the rest. The slope is taken as 0 at the kink."""
    y = kernels.positive_part(x)
    return y, lambda g: kernels.passed(g, y)  # y is positive, or 0, or nan, which lets it through


@rule(floats=True)
def leaky_relu(x: Array, *, negative_slope: float = 0.01):
    """Keep what is positive and let a little of the rest through."""
    return _leaky(x, negative_slope), lambda g: kernels.where(x > 0, g, negative_slope * g)


def _leaky(x: Array, slope: float) -> Array:
    """Scale what is not positive; for the usual slopes the larger of the two is the right one."""
    if 0 < slope <= 1:
        return module_of(x).maximum(x, slope * x)
    return kernels.where(x > 0, x, slope * x)


@rule(floats=True)
def prelu(x: Array, weight: Array):
    """A leaky_relu whose slope is learned: one `weight`, or one for each channel x[:, c].

    (He, Zhang, Ren and Sun 2015.)
    """
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.ndim > 1 or weight.size not in (1, channels):
        raise ValueError(f"weight has the shape (1,) or ({channels},), a slope for each channel")
    slope = weight.reshape(-1, *[1] * (x.ndim - 2)) if weight.size > 1 else weight.reshape(-1)[0]
    others = tuple(i for i in range(x.ndim) if i != 1)

    def pull_weight(g):
        each = kernels.masked(g * x, x <= 0)
        return (each.sum(others) if weight.size > 1 else each.sum()).reshape(weight.shape)

    return kernels.where(x > 0, x, slope * x), (
        lambda g: kernels.where(x > 0, g, slope * g),
        pull_weight,
    )


def glu(input: Any, dim: int = -1) -> Any:
    """Gated linear unit: one half of the entries along `dim` times the sigmoid of the other half.

    (Dauphin, Fan, Auli and Grangier 2017.)
    """
    length = input.shape[axis_of(dim, len(input.shape))]
    if length % 2:
        raise ValueError(f"glu: the length {length} of the axis {dim} does not halve")
    half, gate = split(input, [length // 2] * 2, dim)
    return mul(half, sigmoid(gate))


@rule(floats=True)
def elu(x: Array, *, alpha: float = 1.0):
    """Exponential linear unit: x, and alpha (exp(x) - 1) for what is negative."""
    return _exponential(x, alpha)


@rule(floats=True)
def celu(x: Array, *, alpha: float = 1.0):
    """An elu whose slope has no jump at 0: alpha (exp(x / alpha) - 1) for what is negative."""
    return _exponential(x, alpha, rate=1 / alpha)


@rule(floats=True)
def selu(x: Array):
    """An elu that keeps mean 0 and variance 1 (Klambauer, Unterthiner, Mayr, Hochreiter 2017)."""
    return _exponential(x, 1.6732632423543772, scale=1.0507009873554805)


def _exponential(
    x: Array, alpha: float, *, scale: float = 1.0, rate: float = 1.0
) -> tuple[Array, Any]:
    """Scale x, or alpha (exp(rate x) - 1) where it is not positive."""
    xp = module_of(x)
    curve = alpha * xp.expm1(rate * xp.minimum(x, 0))
    y = xp.maximum(x, 0) + curve  # one of the two is 0

    def pull(g):
        slope = rate * (curve + alpha)  # exp(rate x) where it is not positive
        if rate * alpha != 1:
            slope = kernels.where(x > 0, 1, slope)
        return g * scale * slope

    return y if scale == 1 else scale * y, pull


@rule(floats=True)
def softplus(x: Array, *, beta: float = 1.0, threshold: float = 20.0):
    """A relu without a kink, log(1 + exp(beta x)) / beta; x itself where beta x > threshold."""
    xp = module_of(x)
    straight = x * beta > threshold
    powers = xp.exp(xp.minimum(x * beta, threshold))
    y = kernels.where(straight, x, xp.log1p(powers) / beta)
    return y, lambda g: kernels.where(straight, g, g * powers / (1 + powers))


@rule(floats=True)
def silu(x: Array):
    """Sigmoid linear unit, x sigmoid(x) (Elfwing, Uchibe and Doya 2017)."""
    gate = curves.sigmoid(x)
    y = x * gate
    return y, lambda g: g * (gate + y * (1 - gate))


def silu_composed(x: Any) -> Any:
    """Spell `silu` in small operations."""
    return x * sigmoid(x)


@rule(floats=True)
def hardswish(x: Array):
    """A silu of straight lines and a parabola: x times hardsigmoid(x) (Howard and others 2019)."""
    gate = module_of(x).clip(x + 3, 0, 6) / 6
    return x * gate, lambda g: g * (gate + kernels.masked(x / 6, (x > -3) & (x < 3)))


@rule(floats=True)
def mish(x: Array):
    """X times tanh(softplus(x)) (Misra 2019)."""
    xp = module_of(x)
    powers = xp.exp(xp.minimum(x, 20))  # beyond, the tanh is 1
    part = powers * (powers + 2)
    gate = part / (part + 2)  # tanh(log(1 + powers))
    return x * gate, lambda g: g * (gate + x * (1 - gate * gate) * powers / (1 + powers))


def mish_composed(x: Any) -> Any:
    """Spell `mish` in small operations."""
    return x * tanh(softplus(x))


@rule(floats=True)
def tanhshrink(x: Array):
    """What tanh takes away: x - tanh(x)."""
    squashed = module_of(x).tanh(x)
    return x - squashed, lambda g: g * (squashed * squashed)


@rule(floats=True)
def gelu(x: Array, *, approximate: str = "none"):
    """Gaussian error linear unit, x · P(N(0, 1) <= x) (Hendrycks and Gimpel 2016).

    `approximate="tanh"` takes a tanh for that share, as the first GPTs did.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"approximate {approximate!r} is unknown: use 'none' or 'tanh'")
    if approximate == "tanh":
        y, slope = bell.by_tanh(x)
        return y, lambda g: g * slope
    share = curves.normal_cdf(x)
    return x * share, lambda g: bell.slope(g.astype(x.dtype, copy=False), x, share)


def gelu_composed(x: Any) -> Any:
    """Spell `gelu` in small operations."""
    return x * 0.5 * (1 + erf(x * math.sqrt(0.5)))
