"""GPT: blocks of attention and thought, each of which adds to what is known of every token.

As GPT-2 has it (Radford et al. 2019): norms come first in each part of a block, and the table that
tokens are looked up in is the one that the answers are compared with.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hello_dl import functional as F
from hello_dl import nn
from hello_dl.backend import is_half
from hello_dl.grad_mode import is_grad_enabled
from hello_dl.models.text.contract import Cache, TextModel
from hello_dl.models.text.gpt_step import next_logits
from hello_dl.ops.matmul import linear
from hello_dl.tensor import Tensor

STD = 0.02  # of the weights at first


@dataclass(frozen=True)
class GPTConfig:
    """The sizes of a GPT; ValueError where they do not fit together.

    vocab_size  different tokens
    block_size  tokens that it can look back on
    n_layer     blocks; n_head: heads of attention in each; n_embd: features of a token
    n_kv_head   heads of keys and values, each for several heads of queries; None: as many
    dropout     how probably a number is left out while it learns
    bias        whether linear layers and norms have one
    positions   how it knows the order: "learned", "sinusoidal", "rotary" or "none"
    """

    vocab_size: int
    block_size: int = 64
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 128
    n_kv_head: int | None = None
    dropout: float = 0.0
    bias: bool = True
    positions: str = "learned"

    def __post_init__(self) -> None:
        for name in ("vocab_size", "block_size", "n_layer", "n_head", "n_embd"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, not {getattr(self, name)}")
        if self.n_embd % self.n_head:
            raise ValueError(f"n_embd={self.n_embd} does not fall into n_head={self.n_head} heads")
        if self.n_head % self.kv_heads:
            raise ValueError(f"n_head={self.n_head} heads cannot share n_kv_head={self.n_kv_head}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is a probability below 1, not {self.dropout}")
        if self.positions not in ("learned", "sinusoidal", "rotary", "none"):
            raise ValueError(
                f"positions are learned, sinusoidal, rotary or none, not {self.positions!r}"
            )

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values."""
        return self.n_kv_head or self.n_head

    @property
    def head_size(self) -> int:
        """Features of a head."""
        return self.n_embd // self.n_head


class CausalSelfAttention(nn.Module):
    """Every token looks at those before it, and at itself: (n, length, n_embd) to the same."""

    def __init__(self, config: GPTConfig) -> None:
        self.config = config
        heads = config.n_head + 2 * config.kv_heads
        self.c_attn = nn.Linear(config.n_embd, heads * config.head_size, config.bias)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, config.bias)
        self.resid_dropout = nn.Dropout(config.dropout)
        self.rotary = None
        if config.positions == "rotary":
            self.rotary = nn.RotaryPositions(config.head_size, config.block_size)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Attend to what is in the cache, and in x."""
        config, before = self.config, 0 if cache is None else cache.length
        heads = self.c_attn(x).unflatten(2, (-1, config.head_size)).transpose(1, 2)
        q, k, v = heads.split([config.n_head, config.kv_heads, config.kv_heads], 1)
        if self.rotary is not None:
            q, k = self.rotary(q, before), self.rotary(k, before)
        if cache is not None:
            known = cache.remember(self, k.data, v.data)
            if before:
                k, v = map(Tensor, known)
        mask = None
        if before and q.shape[2] > 1:  # row i is token before + i, and sees those up to itself
            mask = q.new_ones((q.shape[2], k.shape[2])).tril(before).bool()
        y = F.scaled_dot_product_attention(
            q, k, v, mask,
            dropout_p=config.dropout if self.training else 0.0,
            is_causal=not before,
            enable_gqa=config.kv_heads < config.n_head,
        )  # fmt: skip
        return self.resid_dropout(self.c_proj(y.transpose(1, 2).flatten(2)))


class MLP(nn.Module):
    """Every token by itself: four times as many features, GELU, and back."""

    def __init__(self, config: GPTConfig) -> None:
        self.c_fc = nn.Linear(config.n_embd, 4 * config.n_embd, config.bias)
        self.c_proj = nn.Linear(4 * config.n_embd, config.n_embd, config.bias)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Think."""
        return self.dropout(self.c_proj(F.gelu(self.c_fc(x), approximate="tanh")))


class Block(nn.Module):
    """Look around, then think; both add to x (n, length, n_embd)."""

    def __init__(self, config: GPTConfig) -> None:
        self.ln_1 = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.attn = CausalSelfAttention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, cache: Cache | None = None) -> Tensor:
        """Do both."""
        x = x + self.attn(self.ln_1(x), cache)
        return x + self.mlp(self.ln_2(x))


class GPT(TextModel):
    """Tokens (n, length) to scores (n, length, vocab_size); the parameters bear GPT-2's names."""

    def __init__(self, config: GPTConfig) -> None:
        self.config = config
        self.vocab_size, self.block_size = config.vocab_size, config.block_size
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe: nn.Module | None = None
        if config.positions == "learned":
            self.wpe = nn.LearnedPositions(config.n_embd, config.block_size)
        elif config.positions == "sinusoidal":
            loud = math.sqrt(2) * STD  # as loud as the tokens
            self.wpe = nn.SinusoidalPositions(config.n_embd, config.block_size, loud)
        self.drop = nn.Dropout(config.dropout)
        self.h = nn.ModuleList([Block(config) for _ in range(config.n_layer)])
        self.ln_f = nn.LayerNorm(config.n_embd, bias=config.bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights from N(0, 0.02²), as GPT-2's; those that add to the sum are smaller.

        2 * n_layer parts add to it, so that its variance would grow as many times.
        """
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            elif parameter.ndim == 2:
                parts = 2 * self.config.n_layer if name.endswith("c_proj.weight") else 1
                nn.init.normal_(parameter, 0.0, STD / math.sqrt(parts))

    def logits(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Look tokens up, go through all blocks, and compare with every token of the table."""
        if cache is not None and self._can_step(tokens, cache):
            return Tensor(next_logits(self, tokens.data[:, 0], cache)[:, None])
        x, start = self.wte(tokens), 0 if cache is None else cache.length
        x = self.drop(x if self.wpe is None else self.wpe(x, start))
        for block in self.h:
            x = block(x, cache)
        return linear(self.ln_f(x), self.wte.weight)

    def _can_step(self, tokens: Tensor, cache: Cache) -> bool:
        """Tell whether one more token is read, nobody learns, and all parts are those of a GPT."""
        if not cache.length or tokens.shape[1] != 1 or self.training or is_grad_enabled():
            return False
        own: list[tuple[nn.Module, type]] = [(self.wte, nn.Embedding), (self.drop, nn.Dropout)]
        for block in self.h:
            own += [(block, Block), (block.attn, CausalSelfAttention), (block.mlp, MLP)]
            own += [(part, nn.Dropout) for part in (block.attn.resid_dropout, block.mlp.dropout)]
        return not is_half(self.wte.weight.dtype) and all(
            type(part) is kind and part._hooks is None and not part.training for part, kind in own
        )
