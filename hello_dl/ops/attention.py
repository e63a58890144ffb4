"""Attention: every token looks at others, and takes from each as much as it matters to it.

    softmax(query @ keyᵀ · scale + mask) @ value

The scores are a matrix of tokens by tokens, by far the largest thing in it. The fused rule makes a
block of it at a time, uses it and forgets it; on the way back it makes the block once more, which
is quicker than to fetch it from memory (Dao et al. 2022, "FlashAttention").
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

from hello_dl.backend import DEFAULT_FLOAT, Array, device_of, is_array, is_half, module_of, random
from hello_dl.backend.gemm import matmul
from hello_dl.ops.arrange import repeat_interleave
from hello_dl.ops.axes import broadcast_shapes
from hello_dl.ops.dropout import dropout
from hello_dl.ops.elementwise import where
from hello_dl.ops.rule import rule
from hello_dl.ops.shape import expand, reshape
from hello_dl.ops.softmax import softmax_composed
from hello_dl.ops.untracked import plain

BLOCK = {"cpu": 2**18, "cuda": 2**26}  # scores that are worked on at once


class Part(NamedTuple):
    """A block of the scores: some matrices of the batch, some rows, and the columns they see."""

    number: int
    matrices: slice
    rows: slice
    columns: slice


@rule(halves=True)
def attention(
    query: Array,
    key: Array,
    value: Array,
    *,
    scale: float,
    mask: Array | None = None,
    is_causal: bool = False,
    dropout_p: float = 0.0,
):
    """Attend: query (b, l, e), key (b, s, e) and value (b, s, v) to (b, l, v).

    mask       an array that is added to the scores, (b or 1, l or 1, s), without a gradient; a row
               that sees nothing gives zeros
    is_causal  token i sees tokens 0 to i only
    dropout_p  how probably a token is overlooked
    """
    (b, length, _), size, device = query.shape, key.shape[1], device_of(query)
    parts = list(_parts(b, length, size, is_causal, BLOCK[device]))
    xp, wide = module_of(query), DEFAULT_FLOAT if is_half(query.dtype) else query.dtype
    y = xp.empty((b, length, value.shape[2]), query.dtype)
    logs = xp.empty((b, length, 1), wide)  # of the sums that softmax divides by
    masks = random.Replay(device)

    def scores(part: Part) -> Array:
        """The block of scores, in float32 where the inputs are halves."""
        s = matmul(query[part.matrices, part.rows], _turned(key[part.matrices, part.columns]))
        s = s.astype(wide, copy=False)
        s *= scale
        if mask is not None:
            own = mask if len(mask) == 1 else mask[part.matrices]
            own = own if own.shape[1] == 1 else own[:, part.rows]
            s += own[:, :, part.columns]
        if is_causal:
            s += _future(xp, part, wide)
        return s

    def kept(part: Part, shape: tuple[int, ...]) -> Array:
        share = masks.keep_mask(part.number, shape, dropout_p).astype(wide)
        share *= 1 / (1 - dropout_p) if dropout_p < 1 else 0
        return share

    for part in parts:
        p = scores(part)
        top = p.max(2, keepdims=True) if p.shape[2] else xp.zeros((*p.shape[:2], 1), wide)
        top[top == -math.inf] = 0  # a row that sees nothing
        p -= top
        xp.exp(p, out=p)
        total = p.sum(2, keepdims=True)
        total[total == 0] = 1
        logs[part.matrices, part.rows] = xp.log(total) + top
        if dropout_p:
            p *= kept(part, p.shape)
        seen = matmul(p.astype(value.dtype, copy=False), value[part.matrices, part.columns])
        y[part.matrices, part.rows] = seen / total

    def pull(g):
        dq, dk, dv = xp.empty_like(query), xp.zeros_like(key), xp.zeros_like(value)
        along = (g.astype(wide, copy=False) * y).sum(2, keepdims=True)
        for part in parts:
            rows, columns = (part.matrices, part.rows), (part.matrices, part.columns)
            p = scores(part)
            p -= logs[rows]
            xp.exp(p, out=p)
            slope = matmul(g[rows], _turned(value[columns])).astype(wide, copy=False)
            share = kept(part, p.shape) if dropout_p else None
            taken = p if share is None else p * share
            dv[columns] += matmul(_turned(taken.astype(g.dtype, copy=False)), g[rows])
            if share is not None:
                slope *= share
            slope -= along[rows]
            slope *= p
            slope *= scale
            slope = slope.astype(query.dtype, copy=False)
            dq[rows] = matmul(slope, key[columns])
            dk[columns] += matmul(_turned(slope), query[rows])
        return dq, dk, dv

    return y, pull


def _parts(b: int, length: int, size: int, is_causal: bool, limit: int) -> Iterator[Part]:
    """Cut the scores (b, length, size) into blocks of at most `limit` entries, if possible."""
    rows = min(max(limit // max(size, 1), 1), max(length, 1))
    if is_causal and rows == length >= 128:
        rows = -(-length // 2)  # what lies in the future of a whole block is left out
    matrices = max(limit // max(rows * size, 1), 1)
    starts = product(range(0, b, matrices), range(0, length, rows))
    for number, (first, row) in enumerate(starts):
        end = min(row + rows, length)
        seen = min(end, size) if is_causal else size
        yield Part(number, slice(first, first + matrices), slice(row, end), slice(0, seen))


def _future(xp: Any, part: Part, dtype: Any) -> Array:
    """What is added so that no row sees what comes after it: minus infinity there, else 0."""
    rows, columns = xp.arange(part.rows.start, part.rows.stop), xp.arange(part.columns.stop)
    later = columns > rows[:, None]
    return xp.where(later, xp.asarray(-math.inf, dtype), xp.asarray(0, dtype))


def _turned(x: Array) -> Array:
    return x.swapaxes(-1, -2)


def attention_composed(
    query: Any,
    key: Any,
    value: Any,
    *,
    scale: float,
    mask: Any = None,
    is_causal: bool = False,
    dropout_p: float = 0.0,
) -> Any:
    """Spell `attention` in small operations, with all scores at once."""
    return attention_shares(query, key, mask, dropout_p, is_causal, scale) @ value


# As functions of Tensors, with PyTorch's order of arguments.


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """Attend (Vaswani et al. 2017): query (..., l, e), key (..., s, e), value (..., s, v).

    attn_mask   (..., l, s): True where a token may look, or numbers that are added to the scores
    is_causal   token i sees tokens 0 to i only; then there is no mask beside it
    scale       1 / √e unless another is given
    enable_gqa  a head of key and value serves several heads, axis -3, of the query
    """
    _check(query, key, value, attn_mask, dropout_p, is_causal)
    key, value = (_shared(query, x, enable_gqa) for x in (key, value))
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    options: dict[str, Any] = {"scale": scale, "is_causal": is_causal, "dropout_p": dropout_p}
    if getattr(attn_mask, "requires_grad", False):  # its gradient is as large as all the scores
        return attention_composed(query, key, value, mask=attn_mask, **options)
    batch = broadcast_shapes(*(x.shape[:-2] for x in (query, key, value)))
    if attn_mask is not None:
        options["mask"] = _flat_mask(plain(_added(attn_mask, query)), batch)
    y = attention(*(_flat(x, batch) for x in (query, key, value)), **options)
    return reshape(y, (*batch, *y.shape[1:]))


def attention_shares(
    query: Any,
    key: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Any:
    """Return what share (..., l, s) of its attention each token gives to each."""
    scores = query @ key.swapaxes(-1, -2) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if attn_mask is not None:
        scores = scores + _added(attn_mask, query)
    if is_causal:
        xp, (rows, columns) = module_of(query.data), scores.shape[-2:]
        every = Part(0, slice(0), slice(0, rows), slice(0, columns))
        scores = scores + _future(xp, every, query.dtype)
    sees = (scores > -math.inf).any(-1, keepdim=True)  # a row that sees nothing gives zeros
    return dropout(softmax_composed(where(sees, scores, 0)) * sees, p=dropout_p)


def _check(query: Any, key: Any, value: Any, mask: Any, dropout_p: float, is_causal: bool) -> None:
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


def _shared(query: Any, x: Any, enable_gqa: bool) -> Any:
    """Repeat the heads of key or value so that there is one for each head of the query."""
    if not enable_gqa or len(x.shape) < 3 or x.shape[-3] == query.shape[-3]:
        return x
    heads, own = query.shape[-3], x.shape[-3]
    if heads % own:
        raise ValueError(f"{heads} heads of the query cannot share {own} heads of key and value")
    return repeat_interleave(x, heads // own, -3)


def _added(mask: Any, query: Any) -> Any:
    """Return a mask as numbers to be added to the scores."""
    block = plain(mask)
    if not is_array(block) or block.dtype.kind != "b":
        return mask
    xp = module_of(block)
    nothing, never = (xp.asarray(x, query.dtype) for x in (0, -math.inf))
    return xp.where(block, nothing, never)


def _flat(x: Any, batch: tuple[int, ...]) -> Any:
    """See (..., m, n) as (b, m, n), stretched to the batch where that is needed."""
    shape = (*batch, *x.shape[-2:])
    x = x if x.shape == shape else expand(x, shape)
    return reshape(x, (math.prod(batch), *shape[-2:]))


def _flat_mask(mask: Any, batch: tuple[int, ...]) -> Any:
    """See a mask as (b, l, s), or as (1, l, s) where it is the same for all."""
    mask = mask.reshape((1,) * (2 - mask.ndim) + mask.shape)
    if math.prod(mask.shape[:-2]) == 1:
        return mask.reshape(1, *mask.shape[-2:])
    return (
        module_of(mask).broadcast_to(mask, (*batch, *mask.shape[-2:])).reshape(-1, *mask.shape[-2:])
    )
