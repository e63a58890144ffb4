"""Attention: every token looks at others, and takes from each as much as it matters to it.

    softmax(query @ keyᵀ · scale + mask) @ value

The scores are a matrix of tokens by tokens, by far the largest thing in it. The fused rule makes a
block of it at a time, uses it and forgets it; on the way back it makes the block once more, which
is quicker than to fetch it from memory (Dao et al. 2022, "FlashAttention"). Where there are few
scores, they are kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import chain, count
from typing import Any, NamedTuple

from hello_dl.backend import (
    DEFAULT_FLOAT,
    Array,
    device_of,
    is_half,
    kernels,
    module_of,
    random,
)
from hello_dl.backend.attention import FEW, attended, future, soften, soften_back
from hello_dl.backend.gemm import A_MILLISECOND, matmul
from hello_dl.backend.threads import share, together
from hello_dl.ops.attention_inputs import (
    added_mask,
    check_mask,
    check_shapes,
    flat_mask,
    shared_heads,
    stretched,
    usual_scale,
)
from hello_dl.ops.axes import broadcast_shapes
from hello_dl.ops.dropout import dropout
from hello_dl.ops.elementwise import where
from hello_dl.ops.rule import rule
from hello_dl.ops.softmax import softmax_composed
from hello_dl.ops.untracked import plain

BLOCK = {"cpu": 2**18, "cuda": 2**26}  # scores that are worked on at once
PORTION = {"cpu": 2**15, "cuda": 2**26}  # and of how many matrices: as many as have these scores


class Part(NamedTuple):
    """A block of the scores: some matrices of the batch, some rows, and the columns they see."""

    number: int
    matrices: slice
    rows: slice
    columns: slice

    @property
    def of_query(self) -> tuple[slice, slice]:
        """Where it looks from."""
        return self.matrices, self.rows

    @property
    def of_key(self) -> tuple[slice, slice]:
        """Where it looks at: the keys and the values."""
        return self.matrices, self.columns

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the block."""
        m, r, c = (part.stop - part.start for part in self[1:])
        return m, r, c


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
    """Attend: query (..., l, e), key (..., s, e) and value (..., s, v) to (..., l, v).

    mask       an array that is added to the scores, without a gradient, (b or 1, l or 1, s), with
               all axes before the last two in one, b; a row that sees nothing gives zeros
    is_causal  token i sees tokens 0 to i only
    dropout_p  how probably a token is overlooked
    """
    if mask is None and not dropout_p:
        found = attended(query, key, value, scale, is_causal)
        if found is not None:
            return found
    batch = query.shape[:-2]
    query, key, value = map(_flat, (query, key, value))
    (b, length, features), size, device = query.shape, key.shape[1], device_of(query)
    groups = _groups(b, length, size, is_causal, BLOCK[device], PORTION[device])
    work = b * length * size * (features + value.shape[2] + 16) / A_MILLISECOND
    make_shares = _maker(query, key, scale, mask, is_causal)
    drop = _Dropping(device, dropout_p, groups)
    kept: dict[int, Array] = {}  # shares, by the number of the part
    y = module_of(query).empty((b, length, value.shape[2]), query.dtype)

    def look(group: list[Part]) -> None:
        for part in group:
            p = make_shares(part)
            if b * length * size <= FEW:
                kept[part.number] = p
            p = drop(part, p)[0].astype(value.dtype, copy=False)
            matmul(p, value[part.of_key], out=y[part.of_query])

    def pull(g):
        dq, dk, dv = (module_of(x).zeros_like(x) for x in (query, key, value))

        def back(group: list[Part]) -> None:
            for part in group:
                rows, columns = part.of_query, part.of_key
                p = kept[part.number] if kept else make_shares(part)
                arriving = matmul(g[rows], _turned(value[columns])).astype(p.dtype, copy=False)
                taken, arriving = drop(part, p, arriving)
                dv[columns] += matmul(_turned(taken.astype(g.dtype, copy=False)), g[rows])
                soften_back(arriving, p, scale, _ahead(part, is_causal))
                slope = arriving.astype(query.dtype, copy=False)
                matmul(slope, key[columns], out=dq[rows])
                dk[columns] += matmul(_turned(slope), query[rows])

        g = g.reshape(y.shape)
        together(back, groups, share(2.5 * work))
        return tuple(x.reshape(*batch, *x.shape[1:]) for x in (dq, dk, dv))

    together(look, groups, share(work))
    return y.reshape(*batch, *y.shape[1:]), pull


def _maker(
    query: Array, key: Array, scale: float, mask: Array | None, is_causal: bool
) -> Callable[[Part], Array]:
    """Return what makes the block of shares of a part, in float32 where the inputs are halves."""
    wide = DEFAULT_FLOAT if is_half(query.dtype) else query.dtype

    def make(part: Part) -> Array:
        own = mask
        if own is not None:
            own = own if len(own) == 1 else own[part.matrices]
            own = (own if own.shape[1] == 1 else own[:, part.rows])[:, :, part.columns]
        s = matmul(query[part.of_query], _turned(key[part.of_key])).astype(wide, copy=False)
        soften(s, scale, own, _ahead(part, is_causal))
        return s

    return make


class _Dropping:
    """Dropout of shares: with the same choices on the way back, which are not kept but redrawn."""

    def __init__(self, device: str, p: float, groups: list[list[Part]]) -> None:
        self.p, self.masks = p, random.Replay(device)
        if p:  # in the order of their numbers, whichever thread will be first
            for part in chain(*groups):
                self.masks.reserve(part.number, math.prod(part.shape))

    def __call__(self, part: Part, *blocks: Array) -> tuple[Array, ...]:
        """Leave out the same entries of every block, each of the shape of the part."""
        if not self.p:
            return blocks
        mask = self.masks.keep_mask(part.number, part.shape, self.p)
        return tuple(kernels.kept(block, mask, self.p) for block in blocks)


def _groups(
    b: int, length: int, size: int, is_causal: bool, limit: int, portion: int
) -> list[list[Part]]:
    """Cut the scores (b, length, size) into blocks of at most `limit` entries, if possible.

    A group has all blocks of its matrices: one thread does them. How they are cut does not depend
    on the number of threads, nor do the choices of dropout.
    """
    rows = min(max(limit // max(size, 1), 1), max(length, 1))
    if is_causal and rows == length >= 128:
        rows = -(-length // 2)  # what lies in the future of a whole block is left out
    matrices = max(min(limit, portion) // max(rows * size, 1), 1)
    numbers, groups = count(), []
    for first in range(0, b, matrices):
        across, group = slice(first, min(first + matrices, b)), []
        for row in range(0, length, rows):
            end = min(row + rows, length)
            seen = min(end, size) if is_causal else size
            group.append(Part(next(numbers), across, slice(row, end), slice(0, seen)))
        groups.append(group)
    return groups


def _ahead(part: Part, is_causal: bool) -> int:
    """Row i of a part sees the columns below i plus this."""
    return part.rows.start + 1 if is_causal else part.columns.stop


def _flat(x: Array) -> Array:
    """See (..., m, n) as matrices (b, m, n)."""
    return x.reshape(math.prod(x.shape[:-2]), *x.shape[-2:])


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
    check_shapes(query, key, value, attn_mask, dropout_p, is_causal)
    key, value = (shared_heads(query, x, enable_gqa) for x in (key, value))
    batch = broadcast_shapes(*(x.shape[:-2] for x in (query, key, value)))
    if attn_mask is not None:
        check_mask(attn_mask, (*batch, query.shape[-2], key.shape[-2]))
    scale = usual_scale(query) if scale is None else scale
    options: dict[str, Any] = {"scale": scale, "is_causal": is_causal, "dropout_p": dropout_p}
    if getattr(attn_mask, "requires_grad", False):  # its gradient is as large as all the scores
        return attention_composed(query, key, value, mask=attn_mask, **options)
    if attn_mask is not None:
        options["mask"] = flat_mask(plain(added_mask(attn_mask, query)), batch)
    return attention(*(stretched(x, batch) for x in (query, key, value)), **options)


def attention_shares(
    query: Any,
    key: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Any:
    """Return what share (..., l, s) of its attention each token gives to each."""
    scores = query @ key.swapaxes(-1, -2) * (usual_scale(query) if scale is None else scale)
    if not key.shape[-2]:
        return scores  # there is nothing to look at
    if attn_mask is not None:
        scores = scores + added_mask(attn_mask, query)
    if is_causal:
        scores = scores + future(query.data, scores.shape[-2], scores.shape[-1], 1)
    sees = (scores > -math.inf).any(-1, keepdim=True)  # a row that sees nothing gives zeros
    return dropout(softmax_composed(where(sees, scores, 0)) * sees, p=dropout_p)
