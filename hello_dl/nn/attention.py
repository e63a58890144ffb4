"""Attention with many heads, and the Transformer's encoder that is built of it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hello_dl.nn import init
from hello_dl.nn.container import ModuleList
from hello_dl.nn.dropout import Dropout
from hello_dl.nn.linear import Linear
from hello_dl.nn.module import Module
from hello_dl.nn.norm import LayerNorm
from hello_dl.nn.parameter import blank
from hello_dl.ops.activation import gelu, relu
from hello_dl.ops.attention import attention_shares, scaled_dot_product_attention
from hello_dl.ops.matmul import linear
from hello_dl.tensor import Tensor


class MultiheadAttention(Module):
    """Attention in several subspaces at once: each head looks for something of its own.

    query (length, n, embed_dim), key (size, n, kdim) and value (size, n, vdim), or with
    `batch_first` n before the tokens, or without n; gives (length, n, embed_dim) and the shares
    of attention, averaged over heads (n, length, size).

    Masks are the other way round than in `scaled_dot_product_attention`, as in PyTorch: True where
    a token must NOT look; or numbers to be added to the scores.
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if num_heads < 1 or embed_dim % num_heads:
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

        key_padding_mask  (n, size): tokens that are padding
        attn_mask         (length, size), or (n · heads, length, size)
        """
        alone = query.ndim == 2
        if query.ndim not in (2, 3) or not query.ndim == key.ndim == value.ndim:
            raise ValueError("query, key and value have the shape (tokens, n, features), or no n")
        turned = not alone and not self.batch_first

        def arranged(x: Tensor) -> Tensor:  # (n, tokens, features)
            return x[None] if alone else x.transpose(0, 1) if turned else x

        q, k, v = self._projected(*map(arranged, (query, key, value)))
        mask = self._mask(q, k, key_padding_mask, attn_mask)
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
        self, q: Tensor, k: Tensor, padding: Tensor | None, attn_mask: Tensor | None
    ) -> Tensor | None:
        """Return both masks as one, of numbers to be added to scores (n, heads, length, size)."""
        n, length, size = q.shape[0], q.shape[2], k.shape[2]
        whole = None
        if attn_mask is not None:
            whole = _to_add(attn_mask, q)
            if whole.ndim == 3:
                whole = whole.reshape(n, self.num_heads, length, size)
        if padding is not None:
            padding = _to_add(padding, q).reshape(n, 1, 1, size)
            whole = padding if whole is None else whole + padding
        return whole

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"{self.embed_dim}, num_heads={self.num_heads}"


def _to_add(mask: Tensor, like: Tensor) -> Tensor:
    """Make minus infinity of True, and 0 of False."""
    if str(mask.dtype) != "bool":
        return mask
    return like.new_zeros(mask.shape).masked_fill(mask, -float("inf"))


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"relu": relu, "gelu": gelu}


class TransformerEncoderLayer(Module):
    """Tokens look at each other, then each thinks for itself; both are added to what was there.

    (length, n, d_model), with `batch_first` (n, length, d_model), to the same shape. `norm_first`
    brings numbers to scale before each of the two (pre-norm), else it is after the sum, as in
    Vaswani et al. 2017. `activation` is "relu", "gelu" or a function.
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: str | Callable[[Tensor], Tensor] = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if isinstance(activation, str):
            if activation not in ACTIVATIONS:
                raise ValueError(f"activation is 'relu', 'gelu' or a function, not {activation!r}")
            activation = ACTIVATIONS[activation]
        options = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, **options
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, **options)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **options)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **options)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **options)
        self.dropout1, self.dropout2 = Dropout(dropout), Dropout(dropout)
        self.norm_first = norm_first
        self.activation = activation

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Do both."""
        masks = src_mask, src_key_padding_mask, is_causal
        if self.norm_first:
            x = src + self._look(self.norm1(src), *masks)
            return x + self._think(self.norm2(x))
        x = self.norm1(src + self._look(src, *masks))
        return self.norm2(x + self._think(x))

    def _look(
        self, x: Tensor, mask: Tensor | None, padding: Tensor | None, is_causal: bool
    ) -> Tensor:
        options = {"need_weights": False, "attn_mask": mask, "is_causal": is_causal}
        return self.dropout1(self.self_attn(x, x, x, padding, **options)[0])

    def _think(self, x: Tensor) -> Tensor:
        return self.dropout2(self.linear2(self.dropout(self.activation(self.linear1(x)))))


class TransformerEncoder(Module):
    """Several layers like `encoder_layer` on top of each other, and a last norm if there is one."""

    def __init__(
        self, encoder_layer: TransformerEncoderLayer, num_layers: int, norm: Module | None = None
    ) -> None:
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Go through all layers."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, is_causal)
        return src if self.norm is None else self.norm(src)
