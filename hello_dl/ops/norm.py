"""Norms: bring numbers to mean 0 and variance 1, so that no layer has to live with any scale.

They differ in which numbers are brought there together: the features of one example
(`layer_norm`), groups of its channels (`group_norm`), or one channel of the whole batch
(`batch_norm`). Each can then be stretched by a weight and shifted by a bias, both learned.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hello_dl.backend import Array, module_of, rows
from hello_dl.backend.layer_norm import normalized
from hello_dl.backend.rows import Axes
from hello_dl.ops.axes import sizes_of
from hello_dl.ops.rule import rule
from hello_dl.ops.sliding import whole


@rule(floats=True)
def layer_norm(
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    *,
    normalized_shape: tuple[int, ...],
    eps: float = 1e-5,
):
    """Bring the entries of the last axes to mean 0 and variance 1 (Ba et al. 2016).

    x (..., *normalized_shape), weight and bias of normalized_shape.
    """
    lines = _lines(x, normalized_shape, weight, bias)  # (m, size)
    if found := normalized(lines, weight, bias, eps):
        return found[0].reshape(x.shape), _fitting(found[1], lines, x, weight, bias)
    unit, scale, *_ = standardized(lines, 1, eps)
    y, pulls = stretched(unit, weight, bias, (1, -1), 0)

    def pull_x(g):
        slope = before_weight(g.reshape(lines.shape), weight, (1, -1))
        return before_standardized(slope, unit, scale, 1).reshape(x.shape)

    return y.reshape(x.shape), (pull_x, *pulls)


def _fitting(back: Any, lines: Array, *blocks: Array | None) -> Any:
    """Return the pull that takes `back`, from lines to lines, to blocks as they are, or missing."""

    def pull(g):
        pairs = zip(back(g.reshape(lines.shape)), blocks)
        gradients = tuple(d.reshape(b.shape) for d, b in pairs if b is not None)
        return gradients if len(gradients) > 1 else gradients[0]

    return pull


def layer_norm_composed(
    x: Any,
    weight: Any = None,
    bias: Any = None,
    *,
    normalized_shape: tuple[int, ...],
    eps: float = 1e-5,
) -> Any:
    """Spell `layer_norm` in small operations."""
    last = tuple(range(-len(normalized_shape), 0))
    centered = x - x.mean(last, keepdim=True)
    y = centered / ((centered**2).mean(last, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


@rule(floats=True)
def rms_norm(
    x: Array,
    weight: Array | None = None,
    *,
    normalized_shape: tuple[int, ...],
    eps: float | None = None,
):
    """Divide the last axes by the root of their mean square (Zhang and Sennrich 2019).

    A layer norm that does without the mean. An `eps` of None is the step of the dtype at 1.
    """
    xp, lines = module_of(x), _lines(x, normalized_shape, weight)
    size = lines.shape[1]
    eps = float(xp.finfo(x.dtype).eps) if eps is None else eps
    scale = 1 / xp.sqrt(rows.dot(lines, lines, 1) / size + eps)  # (m, 1)
    unit = lines * scale
    y, pulls = stretched(unit, weight, None, (1, -1), 0)

    def pull_x(g):
        slope = before_weight(g.reshape(lines.shape), weight, (1, -1))
        slope -= unit * (rows.dot(slope, unit, 1) / size)
        slope *= scale
        return slope.reshape(x.shape)

    return y.reshape(x.shape), (pull_x, *pulls)


def rms_norm_composed(
    x: Any, weight: Any = None, *, normalized_shape: tuple[int, ...], eps: float | None = None
) -> Any:
    """Spell `rms_norm` in small operations."""
    last = tuple(range(-len(normalized_shape), 0))
    eps = float(module_of(x.data).finfo(x.dtype).eps) if eps is None else eps
    y = x / ((x**2).mean(last, keepdim=True) + eps).sqrt()
    return y if weight is None else y * weight


@rule(floats=True)
def group_norm(
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    *,
    num_groups: int,
    eps: float = 1e-5,
):
    """Bring each group of channels of each example to mean 0 and variance 1 (Wu and He 2018).

    x (n, c, ...), weight and bias (c,).
    """
    channels, num_groups = channels_of(x, weight, bias), whole(num_groups, "num_groups")
    if channels % num_groups:
        raise ValueError(f"{channels} channels do not make up {num_groups} groups of one size")
    count = math.prod(x.shape[2:])
    groups = x.reshape(len(x), num_groups, channels // num_groups * count)
    unit, scale, *_ = standardized(groups, 2, eps)
    flat, wide = (len(x), channels, count), (1, -1, 1)
    y, pulls = stretched(unit.reshape(flat), weight, bias, wide, (0, 2))

    def pull_x(g):
        slope = before_weight(g.reshape(flat), weight, wide).reshape(groups.shape)
        return before_standardized(slope, unit, scale, 2).reshape(x.shape)

    return y.reshape(x.shape), (pull_x, *pulls)


def group_norm_composed(
    x: Any, weight: Any = None, bias: Any = None, *, num_groups: int, eps: float = 1e-5
) -> Any:
    """Spell `group_norm` in small operations."""
    groups = x.reshape(len(x), num_groups, -1)
    unit = layer_norm_composed(groups, normalized_shape=groups.shape[2:], eps=eps)
    y, wide = unit.reshape(x.shape), (-1, *(1 for _ in x.shape[2:]))
    y = y if weight is None else y * weight.reshape(wide)
    return y if bias is None else y + bias.reshape(wide)


# As functions of Tensors, with PyTorch's order of arguments.


def layer_normed(
    input: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Any:
    """Bring the entries of the last axes, of normalized_shape, to mean 0 and variance 1."""
    return layer_norm(input, weight, bias, normalized_shape=sizes_of((normalized_shape,)), eps=eps)


def rms_normed(
    input: Any,
    normalized_shape: int | Sequence[int],
    weight: Any = None,
    eps: float | None = None,
) -> Any:
    """Divide the last axes, of normalized_shape, by the root of their mean square."""
    return rms_norm(input, weight, normalized_shape=sizes_of((normalized_shape,)), eps=eps)


def group_normed(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Bring each group of channels of each example to mean 0 and variance 1."""
    return group_norm(input, weight, bias, num_groups=num_groups, eps=eps)


# What the norms are made of, forwards and backwards.


def standardized(x: Array, axes: Axes, eps: float) -> tuple[Array, Array, Array, Array]:
    """Bring x to mean 0 and variance 1 along `axes`.

    Returns that, the factor by which it took to it, the mean and the variance, with axes of 1.
    """
    count = math.prod(x.shape[axis] for axis in (axes if isinstance(axes, tuple) else (axes,)))
    mean = rows.total(x, axes) / (count or 1)
    unit = x - mean
    var = rows.dot(unit, unit, axes) / (count or 1)
    scale = 1 / module_of(x).sqrt(var + eps)
    unit *= scale
    return unit, scale, mean, var


def before_standardized(slope: Array, unit: Array, scale: Array, axes: Axes) -> Array:
    """Take a gradient back through `standardized`. It overwrites `slope`.

    The mean and the scale depend on every entry: what would only move them has no effect on the
    result, so that part of the gradient is taken off.
    """
    share = scale.size / (slope.size or 1)
    along = rows.dot(slope, unit, axes) * share
    slope -= rows.total(slope, axes) * share
    slope -= unit * along
    slope *= scale
    return slope


def stretched(
    unit: Array, weight: Array | None, bias: Array | None, wide: tuple[int, ...], axes: Axes
) -> tuple[Array, list[Any]]:
    """Return unit * weight + bias, both in the shape `wide`, and the pulls of those there are.

    `axes` are the ones along which weight and bias are stretched.
    """
    y, pulls = unit, []
    if weight is not None:
        y = unit * weight.reshape(wide)
        pulls.append(lambda g: rows.dot(g.reshape(unit.shape), unit, axes).reshape(weight.shape))
    if bias is not None:
        y = unit.copy() if y is unit else y
        y += bias.reshape(wide)
        pulls.append(lambda g: rows.total(g.reshape(unit.shape), axes).reshape(bias.shape))
    return y, pulls


def before_weight(g: Array, weight: Array | None, wide: tuple[int, ...]) -> Array:
    """Take a gradient back through the weight, as a new array."""
    return g.copy() if weight is None else g * weight.reshape(wide)


def channels_of(x: Array, *blocks: Array | None) -> int:
    """Return the length of axis 1; ValueError for blocks that have not a number for each."""
    if x.ndim < 2:
        raise ValueError("the input has the shape (n, channels) or (n, channels, ...)")
    for block in blocks:
        if block is not None and block.shape != x.shape[1:2]:
            raise ValueError(f"there are {x.shape[1]} channels, and numbers for {block.shape}")
    return x.shape[1]


def _lines(x: Array, normalized_shape: tuple[int, ...], *blocks: Array | None) -> Array:
    """See the axes that are normalized as one, and the others too: (m, size)."""
    axes = len(normalized_shape)
    if not axes or x.shape[-axes:] != normalized_shape:
        raise ValueError(f"the last axes must be normalized_shape={normalized_shape}")
    for block in blocks:
        if block is not None and block.shape != normalized_shape:
            raise ValueError(f"weight and bias must have the shape {normalized_shape}")
    return x.reshape(math.prod(x.shape[:-axes]), math.prod(normalized_shape))
