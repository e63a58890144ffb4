"""Rotary positions: every pair of features is turned by an angle that grows with the position."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.ops.arrange import cat_list
from hello_dl.ops.rule import rule


@rule(halves=True)
def rotate_pairs(x: Array, *, cos: Array, sin: Array):
    """Turn the pairs (feature i, feature i + d/2) of x (..., tokens, d) (Su et al. 2021).

    cos and sin are of the angles, (tokens, d/2). The product of a query that was turned by its
    position and a key that was turned by its own depends only on how far apart the two are.
    """
    half = x.shape[-1] // 2
    if x.shape[-1] != 2 * half or cos.shape != sin.shape or cos.shape != (x.shape[-2], half):
        raise ValueError("cos and sin have a row for each token and half as many columns as x")

    def turned(x: Array, sin: Array) -> Array:
        y, (left, right) = module_of(x).empty_like(x), (x[..., :half], x[..., half:])
        y[..., :half] = left * cos - right * sin
        y[..., half:] = right * cos + left * sin
        return y

    return turned(x, sin), lambda g: turned(g, -sin)


def rotate_pairs_composed(x: Any, *, cos: Any, sin: Any) -> Any:
    """Spell `rotate_pairs` in small operations."""
    left, right = x.chunk(2, -1)
    return cat_list([left * cos - right * sin, right * cos + left * sin], -1)
