"""Products of matrices, and the layer made of one."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, is_array, module_of
from hello_dl.ops.rule import rule


@rule(broadcasts=True, halves=True)
def matmul(a: Array, b: Array):
    """Matrix product over the last two axes: (..., m, n) @ (..., n, k) is (..., m, k).

    A vector on the left counts as one row and on the right as one column; that axis is then
    missing in the result.
    """
    if not (is_array(a) and is_array(b) and a.ndim and b.ndim):
        raise ValueError("a single number has no rows or columns: use * to scale")
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    if a.shape[-1] != inner:
        raise ValueError(
            f"the last axis of the left ({a.shape[-1]}) and the rows of the right ({inner}) differ"
        )
    if any(m != n and 1 not in (m, n) for m, n in zip(a.shape[-3::-1], b.shape[-3::-1])):
        raise ValueError(
            f"the axes before the last two, {a.shape[:-2]} and {b.shape[:-2]}, do not broadcast"
        )
    left = a[None, :] if a.ndim == 1 else a  # (..., m, n)
    right = b[:, None] if b.ndim == 1 else b  # (..., n, k)

    def full(g: Array) -> Array:  # (..., m, k), with the axes that vectors left out
        g = g[..., None] if b.ndim == 1 else g
        return g[..., None, :] if a.ndim == 1 else g

    def pull_left(g):
        grad = full(g) @ right.swapaxes(-1, -2)
        return grad[..., 0, :] if a.ndim == 1 else grad

    def pull_right(g):
        if right.ndim == 2 < left.ndim:  # one matrix for many: add up as the product does
            grad = _rows(left).T @ _rows(full(g))
            return grad[..., 0] if b.ndim == 1 else grad
        grad = left.swapaxes(-1, -2) @ full(g)
        return grad[..., 0] if b.ndim == 1 else grad

    return a @ b, (pull_left, pull_right)


@rule(floats=True, halves=True)
def linear(x: Array, weight: Array, bias: Array | None = None):
    """Fully connected layer, x @ weight.T + bias: (..., in) to (..., out) by (out, in)."""
    if weight.ndim != 2 or not x.ndim:
        raise ValueError("x has the shape (..., in), weight (out, in)")
    if x.shape[-1] != weight.shape[1]:
        raise ValueError(f"{x.shape[-1]} features arrive, and the weight takes {weight.shape[1]}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError("weight has the shape (out, in), bias (out,)")
    y = x @ weight.T
    if bias is not None:
        y += bias

    def pull_weight(g, out=None):
        return module_of(g).matmul(_rows(g).T, _rows(x), out=out)

    def pull_bias(g, out=None):
        return _rows(g).sum(0, out=out)

    pulls = (lambda g: g @ weight, pull_weight, pull_bias)
    return y, pulls if bias is not None else pulls[:2]


def linear_composed(x: Any, weight: Any, bias: Any = None) -> Any:
    """Spell `linear` in small operations."""
    y = x @ weight.T
    return y if bias is None else y + bias


def _rows(x: Array) -> Array:
    """See all axes but the last as one: (..., n) as (rows, n)."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])
