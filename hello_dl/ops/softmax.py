"""Softmax: scores become probabilities; and its logarithm, which the losses start from."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import (
    DEFAULT_FLOAT,
    Array,
    dtype_of,
    is_floating,
    is_half,
    module_of,
    rows,
)
from hello_dl.ops.arguments import also_named
from hello_dl.ops.axes import axis_of
from hello_dl.ops.rule import rule


@rule(halves=True)
def softmax(x: Array, *, dim: int = -1, dtype: Any = None):
    """Make probabilities of scores: exp(x) divided by its sum along `dim`."""
    xp, dim = module_of(x), axis_of(dim, x.ndim)
    x, result = _ready(x, dtype)
    y = xp.asarray(x - rows.largest(x, dim))  # at most 0: its exp is finite
    xp.exp(y, out=y)
    y /= rows.total(y, dim)

    def pull(g):
        gradient = g - rows.dot(g, y, dim)
        gradient *= y
        return gradient

    return y.astype(result, copy=False), pull


def softmax_composed(x: Any, dim: int = -1) -> Any:
    """Spell `softmax` in small operations."""
    unscaled = (x - x.detach().amax(dim, keepdim=True)).exp()
    return unscaled / unscaled.sum(dim, keepdim=True)


@rule(halves=True)
def log_softmax(x: Array, *, dim: int = -1, dtype: Any = None):
    """Logarithm of `softmax`, finite for any finite x: the largest entry is taken off first."""
    xp, dim = module_of(x), axis_of(dim, x.ndim)
    x, result = _ready(x, dtype)
    y = xp.asarray(x - rows.largest(x, dim))
    if not y.size:
        return y.astype(result, copy=False), lambda g: g
    y -= xp.log(rows.total(xp.exp(y), dim))

    def pull(g):
        gradient = xp.exp(y)
        gradient *= -rows.total(g, dim)
        gradient += g
        return gradient

    return y.astype(result, copy=False), pull


def log_softmax_composed(x: Any, dim: int = -1) -> Any:
    """Spell `log_softmax` in small operations."""
    shifted = x - x.detach().amax(dim, keepdim=True)
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


@also_named
def softmin(x: Any, dim: int = -1, dtype: Any = None) -> Any:
    """Make probabilities that are large where the scores are small: softmax(-x)."""
    return softmax(-x, dim=dim, dtype=dtype)


def _ready(x: Array, dtype: Any) -> tuple[Array, Any]:
    """Convert to the dtype to compute in; also return that of the result, `dtype` or that of x."""
    result = x.dtype if dtype is None else dtype_of(dtype)
    if not is_floating(result):
        if dtype is not None:
            raise ValueError(f"probabilities are floating numbers, not {result}")
        result = DEFAULT_FLOAT
    return x.astype(DEFAULT_FLOAT if is_half(result) else result, copy=False), result
