"""One more token through a GPT, in plain arrays: what `GPT.logits` computes, without its graph.

For a single token nearly all of the time goes into making Tensors and nodes, and a model that
writes needs none: 256 tokens by a GPT of 4 blocks, 128 wide, take a third of the time. A layer with
a hook, or one that is not the GPT's own, is called as always.
"""

from __future__ import annotations

from typing import Any

from hello_dl import nn
from hello_dl.backend import Array, module_of
from hello_dl.backend import gelu as bell
from hello_dl.backend.gemm import matmul
from hello_dl.backend.layer_norm import normalized
from hello_dl.models.text.contract import Cache
from hello_dl.tensor import Tensor


def next_logits(model: Any, tokens: Array, cache: Cache) -> Array:
    """Return the scores (n, vocab_size) of what comes after one token each (n,)."""
    x = model.wte(Tensor(tokens[:, None])).data[:, 0]  # (n, n_embd)
    if model.wpe is not None:
        x = model.wpe(Tensor(x[:, None]), cache.length).data[:, 0]
    for block in model.h:
        x = x + _attend(block.attn, _through(block.ln_1, x), cache)
        x = x + _think(block.mlp, _through(block.ln_2, x))
    return matmul(_through(model.ln_f, x), model.wte.weight.data.T)


def _attend(layer: Any, x: Array, cache: Cache) -> Array:
    """Let the token look at all before it, and at itself: (n, n_embd) to the same."""
    config, xp, n = layer.config, module_of(x), len(x)
    heads, own, size = config.n_head, config.kv_heads, config.head_size
    qkv = _through(layer.c_attn, x).reshape(n, heads + 2 * own, 1, size)
    q, k, v = qkv[:, :heads], qkv[:, heads : heads + own], qkv[:, heads + own :]
    if layer.rotary is not None:
        q, k = (layer.rotary(Tensor(block), cache.length).data for block in (q, k))
    k, v = cache.remember(layer, k, v)  # (n, own, length, size)
    scores = xp.matmul(q.reshape(n, own, heads // own, size), k.swapaxes(2, 3))
    scores *= size**-0.5
    scores -= scores.max(3, keepdims=True)
    shares = xp.exp(scores)
    shares /= shares.sum(3, keepdims=True)
    return _through(layer.c_proj, xp.matmul(shares, v).reshape(n, heads * size))


def _think(layer: Any, x: Array) -> Array:
    return _through(layer.c_proj, bell.value_by_tanh(_through(layer.c_fc, x)))


def _through(layer: nn.Module, x: Array) -> Array:
    """Call a layer with lines (n, features)."""
    if layer._hooks is None:
        if type(layer) is nn.Linear:
            return _linear(layer, x)
        if type(layer) is nn.LayerNorm:
            return _norm(layer, x)
    return layer(Tensor(x[:, None])).data[:, 0]


def _linear(layer: Any, x: Array) -> Array:
    y = matmul(x, layer.weight.data.T)
    if layer.bias is not None:
        y += layer.bias.data
    return y


def _norm(layer: Any, x: Array) -> Array:
    weight, bias = (None if p is None else p.data for p in (layer.weight, layer.bias))
    if found := normalized(x, weight, bias, layer.eps):
        return found[0]
    size = x.shape[1]
    x = x - x.sum(1, keepdims=True) / size
    x /= module_of(x).sqrt((x * x).sum(1, keepdims=True) / size + layer.eps)
    if weight is not None:
        x *= weight
    return x if bias is None else x + bias
