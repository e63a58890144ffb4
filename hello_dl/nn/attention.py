"""Attention with many heads; the encoder that is built of it is in transformer.py."""

from __future__ import annotations

from typing import Any

from hello_dl.nn import init
from hello_dl.nn.linear import Linear
from hello_dl.nn.module import Module
from hello_dl.nn.parameter import blank
from hello_dl.ops.arrange import cat_list
from hello_dl.ops.attention import attention_shares, scaled_dot_product_attention
from hello_dl.ops.matmul import linear
from hello_dl.tensor import Tensor


class MultiheadAttention(Module):
    """Attention in several subspaces at once: each head looks for something of its own.

    query (length, n, embed_dim), key (size, n, kdim) and value (size, n, vdim), or with
    `batch_first` n before the tokens, or without n; gives (length, n, embed_dim) and the shares
    of attention, averaged over heads (n, length, size).

    add_bias_kv    a learned token more, which every query may look at
    add_zero_attn  a token of zeros more, to look at where nothing else is of use

    Masks are the other way round than in `scaled_dot_product_attention`, as in PyTorch: True where
    a token must NOT look; or numbers to be added to the scores.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim < 1 or num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"embed_dim {embed_dim} does not fall into {num_heads} heads")
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.kdim, self.vdim = kdim or embed_dim, vdim or embed_dim
        self.batch_first, options = batch_first, {"device": device, "dtype": dtype}
        self.in_proj_weight = self.q_proj_weight = self.k_proj_weight = self.v_proj_weight = None
        if self.kdim == self.vdim == embed_dim:
            self.in_proj_weight = blank(3 * embed_dim, embed_dim, **options)
        else:
            self.q_proj_weight = blank(embed_dim, embed_dim, **options)
            self.k_proj_weight = blank(embed_dim, self.kdim, **options)
            self.v_proj_weight = blank(embed_dim, self.vdim, **options)
        self.in_proj_bias = blank(3 * embed_dim, **options) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, **options)
        self.bias_k = blank(1, 1, embed_dim, **options) if add_bias_kv else None
        self.bias_v = blank(1, 1, embed_dim, **options) if add_bias_kv else None
        self.add_zero_attn, self.more = add_zero_attn, int(add_bias_kv) + int(add_zero_attn)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights of the inputs anew, and put the biases to 0."""
        weights = self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        for weight in weights:
            if weight is not None:
                init.xavier_uniform_(weight)
        for bias in (self.in_proj_bias, self.out_proj.bias):
            if bias is not None:
                init.zeros_(bias)
        for token in (self.bias_k, self.bias_v):
            if token is not None:
                init.xavier_normal_(token)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Attend; without `need_weights` the second result is None, and it is faster.

        key_padding_mask  (n, size), without n (size,): tokens that are padding
        attn_mask         (length, size), or (n · heads, length, size)
        is_causal         token i sees tokens 0 to i only; beside an attn_mask it just says that
                          this is what the mask does
        """
        alone = query.ndim == 2
        turned = not alone and not self.batch_first
        self._check(query, key, value, 1 if turned else 0)

        def arranged(x: Tensor) -> Tensor:  # (n, tokens, features)
            return x[None] if alone else x.transpose(0, 1) if turned else x

        q, k, v = self._projected(*map(arranged, (query, key, value)))
        if is_causal and attn_mask is None and (key_padding_mask is not None or self.more):
            attn_mask = q.new_ones((q.shape[2], k.shape[2])).triu(1).bool()
        mask = self._mask(q, k, key_padding_mask, attn_mask, alone)
        k, v, mask = self._with_more(k, v, mask)
        options = {"is_causal": is_causal and mask is None}
        p, shares = self.dropout if self.training else 0.0, None
        if need_weights:
            shares = attention_shares(q, k, mask, p, **options)  # (n, heads, length, size)
            y = shares @ v
            shares = shares.mean(1) if average_attn_weights else shares
            shares = shares[0] if alone else shares
        else:
            y = scaled_dot_product_attention(q, k, v, mask, p, **options)
        y = self.out_proj(y.transpose(1, 2).flatten(2))  # (n, length, embed_dim)
        return (y[0] if alone else y.transpose(0, 1) if turned else y), shares

    def _check(self, query: Tensor, key: Tensor, value: Tensor, batch: int) -> None:
        """Raise ValueError for what does not fit together; `batch` is the axis of n."""
        shapes = f"query {query.shape}, key {key.shape}, value {value.shape}"
        if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
            raise ValueError(f"{shapes}: each has the shape (tokens, n, features), or has no n")
        wanted = self.embed_dim, self.kdim, self.vdim
        if (query.shape[-1], key.shape[-1], value.shape[-1]) != wanted:
            raise ValueError(f"{shapes}: the layer takes {wanted} features of them")
        if key.shape[:-1] != value.shape[:-1]:
            raise ValueError(f"{shapes}: key and value need the same tokens and the same n")
        if query.ndim == 3 and query.shape[batch] != key.shape[batch]:
            raise ValueError(f"{shapes}: n, which is axis {batch} here, differs")

    def _projected(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return query, key and value of every head: (n, heads, tokens, features)."""
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        if self.in_proj_weight is None:
            weights = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        elif inputs[0] is inputs[1] is inputs[2]:  # one product is quicker than three
            y = linear(inputs[0], self.in_proj_weight, self.in_proj_bias)
            return tuple(map(self._in_heads, y.chunk(3, -1)))
        else:
            weights = self.in_proj_weight.chunk(3)
        projected = (linear(*parts) for parts in zip(inputs, weights, biases))
        return tuple(map(self._in_heads, projected))

    def _in_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

    def _mask(
        self,
        q: Tensor,
        k: Tensor,
        padding: Tensor | None,
        attn_mask: Tensor | None,
        alone: bool,
    ) -> Tensor | None:
        """Return both masks as one, of numbers to be added to scores (n, heads, length, size)."""
        (n, heads, length, _), size = q.shape, k.shape[2]
        whole = None
        if attn_mask is not None:
            shapes = (length, size), (n * heads, length, size)
            whole = _to_add("attn_mask", attn_mask, q, *shapes)
            if whole.ndim == 3:
                whole = whole.reshape(n, heads, length, size)
        if padding is not None:
            shape = (size,) if alone else (n, size)
            padding = _to_add("key_padding_mask", padding, q, shape).reshape(n, 1, 1, size)
            whole = padding if whole is None else whole + padding
        return whole

    def _with_more(
        self, k: Tensor, v: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return keys, values and mask with those tokens more that every query may look at."""
        n = k.shape[0]
        if self.bias_k is not None and self.bias_v is not None:
            learned = ((k, self.bias_k), (v, self.bias_v))
            k, v = (cat_list([x, self._in_heads(b).expand(n, -1, -1, -1)], 2) for x, b in learned)
        if self.add_zero_attn:
            k, v = (cat_list([x, x.new_zeros((*x.shape[:2], 1, x.shape[3]))], 2) for x in (k, v))
        if self.more and mask is not None:
            mask = cat_list([mask, mask.new_zeros((*mask.shape[:-1], self.more))], -1)
        return k, v, mask

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"{self.embed_dim}, num_heads={self.num_heads}"


def _to_add(name: str, mask: Tensor, like: Tensor, *shapes: tuple[int, ...]) -> Tensor:
    """Make minus infinity of True, and 0 of False; ValueError for what is no such mask."""
    if mask.shape not in shapes:
        wanted = " or ".join(map(str, shapes))
        raise ValueError(f"{name} has the shape {wanted} here, not {mask.shape}")
    if str(mask.dtype) == "bool":
        return like.new_zeros(mask.shape).masked_fill(mask, -float("inf"))
    if not mask.is_floating_point():
        raise ValueError(f"{name} is of bools or of floats to be added, not of {mask.dtype}")
    return mask.to(like.dtype)
