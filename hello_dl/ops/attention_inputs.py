"""What attention is given: does it fit together, and how it is brought into shape."""

from __future__ import annotations

import math
from typing import Any

from hello_dl.backend import is_array, is_floating, module_of
from hello_dl.ops.arrange import repeat_interleave
from hello_dl.ops.shape import expand
from hello_dl.ops.untracked import plain


def check_shapes(
    query: Any, key: Any, value: Any, mask: Any, dropout_p: float, is_causal: bool
) -> None:
    """Raise ValueError for what does not fit together."""
    shapes = f"query {query.shape}, key {key.shape}, value {value.shape}"
    if min(len(x.shape) for x in (query, key, value)) < 2:
        raise ValueError(f"{shapes}: each has the shape (..., tokens, features)")
    if query.shape[-1] != key.shape[-1] or key.shape[-2] != value.shape[-2]:
        raise ValueError(
            f"{shapes}: query and key need equal features, key and value equally many tokens"
        )
    if mask is not None and is_causal:
        raise ValueError("is_causal is a mask of its own: leave out attn_mask, or put it in there")
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"dropout_p is a probability between 0 and 1, got {dropout_p}")


def check_mask(mask: Any, scores: tuple[int, ...]) -> None:
    """Raise ValueError for a mask that is not of bools or floats, or does not fit the scores."""
    if not is_array(plain(mask)):
        raise TypeError(f"attn_mask is a Tensor or an array, not a {type(mask).__name__}")
    if mask.dtype.kind != "b" and not is_floating(mask.dtype):
        raise ValueError(
            f"attn_mask is of bools (True: a token may look) or of floats to be added, not of "
            f"{mask.dtype}"
        )
    from_last = zip(reversed(mask.shape), reversed(scores))
    if len(mask.shape) > len(scores) or any(own not in (1, size) for own, size in from_last):
        raise ValueError(f"attn_mask {mask.shape} does not stretch to the scores {scores}")


def usual_scale(query: Any) -> float:
    """Return 1 / √features, with which scores are as large as their features."""
    return max(query.shape[-1], 1) ** -0.5


def shared_heads(query: Any, x: Any, enable_gqa: bool) -> Any:
    """Repeat the heads of key or value so that there is one for each head of the query."""
    if not enable_gqa or len(x.shape) < 3 or x.shape[-3] == query.shape[-3]:
        return x
    heads, own = query.shape[-3], x.shape[-3]
    if not own or heads % own:
        raise ValueError(f"{heads} heads of the query cannot share {own} heads of key and value")
    return repeat_interleave(x, heads // own, -3)


def added_mask(mask: Any, query: Any) -> Any:
    """Return a mask as numbers to be added to the scores."""
    block = plain(mask)
    if not is_array(block) or block.dtype.kind != "b":
        return mask
    xp = module_of(block)
    nothing, never = (xp.asarray(x, query.dtype) for x in (0, -math.inf))
    return xp.where(block, nothing, never)


def stretched(x: Any, batch: tuple[int, ...]) -> Any:
    """Repeat (..., m, n) as often as the others are there."""
    shape = (*batch, *x.shape[-2:])
    return x if x.shape == shape else expand(x, shape)


def flat_mask(mask: Any, batch: tuple[int, ...]) -> Any:
    """See a mask as (b, l, s), or as (1, l, s) where it is the same for all."""
    mask = mask.reshape((1,) * (2 - mask.ndim) + mask.shape)
    if math.prod(mask.shape[:-2]) == 1:
        return mask.reshape(1, *mask.shape[-2:])
    return (
        module_of(mask).broadcast_to(mask, (*batch, *mask.shape[-2:])).reshape(-1, *mask.shape[-2:])
    )
