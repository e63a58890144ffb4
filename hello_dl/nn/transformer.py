"""The Transformer's encoder: layers of attention and thought (Vaswani et al. 2017)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from hello_dl.nn.attention import MultiheadAttention
from hello_dl.nn.container import ModuleList
from hello_dl.nn.dropout import Dropout
from hello_dl.nn.linear import Linear
from hello_dl.nn.module import Module
from hello_dl.nn.norm import LayerNorm
from hello_dl.ops.activation import gelu, relu
from hello_dl.tensor import Tensor

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
    """Several layers like `encoder_layer` on top of each other, and a last norm if there is one.

    All begin with the weights of `encoder_layer`, and learn by themselves. The last two arguments
    choose PyTorch's shortcuts, and change nothing here.
    """

    def __init__(
        self,
        encoder_layer: TransformerEncoderLayer,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        self.layers = ModuleList([copy.deepcopy(encoder_layer) for _ in range(num_layers)])
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Go through all layers."""
        for layer in self.layers:
            src = layer(src, mask, src_key_padding_mask, bool(is_causal))
        return src if self.norm is None else self.norm(src)
