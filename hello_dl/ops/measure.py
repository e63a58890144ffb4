"""How far apart the entries of a block are, and how large: variance and length."""

from __future__ import annotations

import math
from typing import Any

from hello_dl.backend import Array, kernels, module_of
from hello_dl.ops.axes import Axes, count_along, reduced_axes, spread
from hello_dl.ops.elementwise import clamp, div
from hello_dl.ops.reduce import to_winners
from hello_dl.ops.rule import rule


@rule(floats=True)
def var(
    x: Array,
    *,
    dim: Axes = None,
    unbiased: bool = True,
    keepdim: bool = False,
    correction: float | None = None,
):
    """Variance along `dim`: the sum of squared distances from the mean by (n - correction).

    `correction` is 1, or 0 with `unbiased=False`.
    """
    variance, centered, count, axes = _variance(x, dim, unbiased, keepdim, correction)
    return variance, lambda g: spread(g * (2 / (count or math.nan)), x, axes) * centered


def var_composed(x: Any, dim: Axes = None, keepdim: bool = False) -> Any:
    """Spell `var` in small operations."""
    total = ((x - x.mean(dim, keepdim=True)) ** 2).sum(dim, keepdim)
    return total / (x.numel() / total.numel() - 1)


@rule(floats=True)
def std(
    x: Array,
    *,
    dim: Axes = None,
    unbiased: bool = True,
    keepdim: bool = False,
    correction: float | None = None,
):
    """Standard deviation along `dim`, the root of `var`. Where it is 0, so is the gradient."""
    variance, centered, count, axes = _variance(x, dim, unbiased, keepdim, correction)
    deviation = module_of(x).sqrt(variance)
    return (
        deviation,
        lambda g: spread(_over(g, deviation) / (count or math.nan), x, axes) * centered,
    )


def _variance(
    x: Array, dim: Any, unbiased: bool, keepdim: bool, correction: float | None
) -> tuple[Array, Array, float, tuple[int, ...] | None]:
    """Return the variance, the distances from the mean, what was divided by, and the axes."""
    if isinstance(dim, bool):  # x.var(False)
        dim, unbiased = None, dim
    axes = reduced_axes(x, dim)
    centered = x - x.mean(axes, keepdims=True)
    count = max(count_along(x, axes) - (int(unbiased) if correction is None else correction), 0)
    return (centered * centered).sum(axes, keepdims=keepdim) / count, centered, count, axes


@rule(floats=True)
def norm(x: Array, *, p: float | str | None = "fro", dim: Axes = None, keepdim: bool = False):
    """Length along `dim`, (Σ |x|^p)^(1/p): p is 2 or "fro", 1, another number, inf or -inf."""
    xp = module_of(x)
    axes = reduced_axes(x, dim)
    if p in (2, "fro", None):
        length = xp.sqrt((x * x).sum(axes, keepdims=keepdim))
        return length, lambda g: x * spread(_over(g, length), x, axes)
    if not isinstance(p, int | float):
        raise ValueError(f"p is a number or 'fro', not {p!r}")
    size = xp.abs(x)
    if math.isinf(p):
        length = (size.max if p > 0 else size.min)(axes, keepdims=keepdim)
        return length, lambda g: kernels.sign(x) * to_winners(g, length, size, axes)
    if p == 0:
        return (x != 0).sum(axes, keepdims=keepdim).astype(x.dtype), None
    length = kernels.power(size, p).sum(axes, keepdims=keepdim) ** (1 / p)

    def pull(g):
        whole = spread(length, x, axes)
        usual = (x != 0) & (whole != 0)
        share = kernels.where(usual, size, 1) / kernels.where(usual, whole, 1)
        slope = kernels.masked(kernels.power(share, p - 1) * kernels.sign(x), usual)
        return slope * spread(g, x, axes)

    return length, pull


def norm_composed(x: Any, dim: Axes = None, keepdim: bool = False) -> Any:
    """Spell `norm` (with p = 2) in small operations."""
    return (x * x).sum(dim, keepdim).sqrt()


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Any:
    """Divide by the `norm` along `dim`, so that it becomes 1; a norm below `eps` counts as eps."""
    return div(input, clamp(norm(input, p=p, dim=dim, keepdim=True), min=eps))


def _over(g: Array, y: Array) -> Array:
    """Divide a gradient by a root; where that is 0, PyTorch takes 0 for the slope."""
    return g / kernels.where(y == 0, math.inf, y)
