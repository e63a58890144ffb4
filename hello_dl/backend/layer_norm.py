"""Layer norm in one walk over its lines (m, size), both ways, by compiled loops or on a GPU.

The array version, which these are tested against, is in ops/norm.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy

from hello_dl.backend import Array, fast, lines_cuda, module_of
from hello_dl.backend.threads import ranges

GROUPS = 16  # of lines; each has sums of its own, whichever thread makes them


def normalized(
    x: Array, weight: Array | None, bias: Array | None, eps: float
) -> tuple[Array, Callable[[Array], tuple[Array, ...]]] | None:
    """Bring lines (m, size) to mean 0 and variance 1, stretch and shift them; None without kernels.

    Also returns the way back, from the gradient of the result to those of x, weight and bias.
    """
    if not x.size or any(b is not None and b.dtype != x.dtype for b in (weight, bias)):
        return None
    x = module_of(x).ascontiguousarray(x)
    if lines_cuda.has_kernels(x):
        return _on_cuda(x, weight, bias, eps)
    compiled = fast.kernels(x)
    return _compiled(compiled, x, weight, bias, eps) if compiled else None


def _on_cuda(x: Array, weight: Array | None, bias: Array | None, eps: float) -> Any:
    xp = module_of(x)
    y, mean, scale = lines_cuda.normalize(x, weight, bias, eps)

    def back(g: Array) -> tuple[Array, ...]:
        g, ones = xp.ascontiguousarray(g, x.dtype), xp.ones(len(x), x.dtype)
        dx, along = lines_cuda.normalize_back(g, x, mean, scale, weight)
        return dx, ones @ along, ones @ g

    return y, back


def _compiled(kernels: Any, x: Array, weight: Array | None, bias: Array | None, eps: float) -> Any:
    (m, size), gain, shift = x.shape, _or(weight, 1, x), _or(bias, 0, x)
    y, mean, scale = (numpy.empty(n, x.dtype) for n in (x.shape, m, m))
    read = x, gain, shift, eps
    ranges(lambda *part: kernels.normalize_lines(*read, mean, scale, y, *part), m, x.size * 3e-7)

    def back(g: Array) -> tuple[Array, ...]:
        dx, groups = numpy.empty(x.shape, x.dtype), min(GROUPS, m)
        sums = numpy.zeros((groups, 2, size), x.dtype)  # over some of the lines, of weight and bias
        blocks = numpy.ascontiguousarray(g, x.dtype), x, mean, scale, gain, dx, sums
        ranges(lambda *part: kernels.line_slopes(*blocks, *part), groups, x.size * 4e-7)
        return dx, *sums.sum(0)

    return y, back


def _or(block: Array | None, number: float, x: Array) -> Array:
    """Return weight or bias (size,), or what stands for one that is missing."""
    if block is None:
        return numpy.full(x.shape[1], number, x.dtype)
    return numpy.ascontiguousarray(block.reshape(-1))
