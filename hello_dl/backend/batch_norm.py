"""Batch norm on plain arrays, forwards and back, in few walks over the numbers.

Each channel is an affair of its own. So on the CPU a few channels are taken at a time, as many as
fit into the nearest caches, and everything is done to them before the next ones: x is read from
memory once, and the result is written once. batch_norm_cuda.py has the kernels of a GPU.
"""

from __future__ import annotations

import math
from typing import Any

import numpy

from hello_dl.backend import Array, batch_norm_cuda, fast, module_of
from hello_dl.backend.threads import ranges, share, together

PIECE = 2**16  # entries that are worked on at once
LONG = 16  # entries of a channel side by side, from where on a compiled loop pays

Running = tuple[Array, Array] | None  # mean and variance (c,) that follow the batches


def normalized(
    x: Array,
    weight: Array | None,
    bias: Array | None,
    eps: float,
    running: Running = None,
    momentum: Any = 0.0,
) -> tuple[Array, Array, Array]:
    """Bring every channel of x (n, c, ...) to mean 0 and variance 1, then stretch and shift it.

    Returns that, the means and the factors 1 / √(variance + eps), both (c,). `running` go a share
    `momentum` of the way to the mean and the variance (of a sample: divided by one less).
    """
    if batch_norm_cuda.has_kernels(x, weight, bias):
        return batch_norm_cuda.normalized(x, weight, bias, eps, running, momentum)
    xp, lines = module_of(x), as_lines(x)
    outer, channels, inner = lines.shape
    count = outer * inner
    y = xp.empty_like(lines)
    mean, var = xp.empty(channels, x.dtype), xp.empty(channels, x.dtype)
    compiled = _compiled(lines, weight, bias)

    def at_once(first: int, end: int) -> None:
        gain, shift = _or(weight, 1, mean), _or(bias, 0, mean)
        compiled.normalize(lines, gain, shift, eps, mean, var, y, first, end)

    def work(part: slice) -> None:
        mean[part] = _sums(lines[:, part]) / count
        unit = lines[:, part] - mean[part, None]
        var[part] = _sums(unit, unit) / count
        _stretched(unit, 1 / xp.sqrt(var[part] + eps), weight, bias, part, y)

    if compiled:
        ranges(at_once, channels, lines.size * 0.4e-6)
    else:
        together(work, _pieces(lines), share(lines.size * 1.2e-6))
    for old, now in zip(running or (), (mean, var * (count / max(count - 1, 1)))):
        old *= 1 - momentum
        old += momentum * now
    return as_block(y, x), mean, 1 / xp.sqrt(var + eps)


def scaled(x: Array, mean: Array, scale: Array, weight: Array | None, bias: Array | None) -> Array:
    """Return (x - mean) · scale · weight + bias, all of them (c,), for x (n, c, ...)."""
    xp, lines = module_of(x), as_lines(x)
    y = xp.empty_like(lines)
    if compiled := _compiled(lines, mean, scale, weight, bias):
        factor, shift = scale if weight is None else scale * weight, _or(bias, 0, mean)

        def at_once(first: int, end: int) -> None:
            compiled.stretch(lines, mean, factor, shift, y, first, end)

        ranges(at_once, lines.shape[1], lines.size * 0.3e-6)
        return as_block(y, x)

    def work(part: slice) -> None:
        _stretched(lines[:, part] - mean[part, None], scale[part], weight, bias, part, y)

    together(work, _pieces(lines), share(lines.size * 0.8e-6))
    return as_block(y, x)


def _stretched(
    unit: Array, scale: Array, weight: Array | None, bias: Array | None, part: slice, y: Array
) -> None:
    """Write unit · scale · weight + bias into some channels of y."""
    factor = scale if weight is None else scale * weight[part]
    out = y[:, part]
    module_of(y).multiply(unit, factor[:, None], out=out)
    if bias is not None:
        out += bias[part, None]


def slopes(
    g: Array, x: Array, mean: Array, scale: Array, weight: Array | None, of_batch: bool
) -> tuple[Array, Array, Array]:
    """Return the gradients of x, weight and bias, from g, that of the result.

    If mean and scale are those `of_batch`, they depend on every entry: what would only move them
    has no effect on the result, so that part of the gradient is taken off.
    """
    if batch_norm_cuda.has_kernels(x, weight):
        return batch_norm_cuda.slopes(g, x, mean, scale, weight, of_batch)
    xp, lines, above = module_of(x), as_lines(x), as_lines(x, g)
    outer, channels, inner = lines.shape
    dx = xp.empty_like(lines)
    along, total = xp.empty(channels, x.dtype), xp.empty(channels, x.dtype)
    if compiled := _compiled(lines, above, mean, scale, weight):
        stretched = scale if weight is None else scale * weight
        arrays = above, lines, mean, scale, stretched, of_batch, dx, along, total
        ranges(lambda *part: compiled.batch_slopes(*arrays, *part), channels, lines.size * 0.6e-6)
        return as_block(dx, x), along, total

    def work(part: slice) -> None:
        arriving, out = above[:, part], dx[:, part]
        centered = lines[:, part] - mean[part, None]
        total[part] = _sums(arriving)
        along[part] = _sums(arriving, centered) * scale[part]
        if of_batch:
            centered *= (scale[part] * along[part] / (outer * inner))[:, None]
            centered += (total[part] / (outer * inner))[:, None]
            arriving = xp.subtract(arriving, centered, out=out)
        factor = scale[part] if weight is None else scale[part] * weight[part]
        xp.multiply(arriving, factor[:, None], out=out)

    together(work, _pieces(lines), share(lines.size * 2e-6))
    return as_block(dx, x), along, total


def _compiled(lines: Array, *others: Array | None) -> Any:
    """Return the compiled kernels, where they are to be used."""
    if lines.shape[2] < LONG:
        return None
    return fast.kernels(lines, *(x for x in others if x is not None))


def _or(x: Array | None, number: float, like: Array) -> Array:
    """Return x, or an array of one number where there is none."""
    return numpy.full_like(like, number) if x is None else x


def _sums(x: Array, y: Array | None = None) -> Array:
    """Return the sums over (outer, c, inner) of each channel, of x or of its products with y."""
    if y is None:
        return x.sum((0, 2))
    quick = module_of(x) is numpy and x.shape[2] >= 32
    return numpy.vecdot(x, y).sum(0) if quick else (x * y).sum((0, 2))


def as_lines(x: Array, other: Array | None = None) -> Array:
    """See (n, c, ...) as (outer, c, inner), with the axes in the order in which they lie in memory.

    With `other` that one, with its axes in the order of those of x.
    """
    order = _order(x)
    lying = module_of(x).ascontiguousarray((x if other is None else other).transpose(order))
    at = order.index(1)
    return lying.reshape(math.prod(lying.shape[:at]), x.shape[1], math.prod(lying.shape[at + 1 :]))


def as_block(lines: Array, x: Array) -> Array:
    """See what `as_lines` has made of x, or something of that shape, as (n, c, ...) again."""
    order = _order(x)
    lying = lines.reshape([x.shape[axis] for axis in order])
    return lying.transpose([order.index(axis) for axis in range(x.ndim)])


def _order(x: Array) -> list[int]:
    """Sort the axes by how far their entries are apart in memory, the farthest first."""
    return sorted(range(x.ndim), key=lambda axis: -x.strides[axis])


def _pieces(lines: Array) -> list[slice]:
    """Cut the channels into pieces that fit into the nearest caches; on a GPU there is one."""
    channels = lines.shape[1]
    size = max(PIECE * channels // max(lines.size, 1), 1)
    if module_of(lines) is not numpy or lines.shape[2] == 1:
        size = max(channels, 1)
    return [slice(start, start + size) for start in range(0, channels, size)]
