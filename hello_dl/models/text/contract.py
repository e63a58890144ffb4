"""What all language models have in common: the loss, and a memory while they write."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.nn import Module
from hello_dl.ops.cross_entropy import cross_entropy
from hello_dl.tensor import Tensor


class Cache:
    """What a model remembers of the tokens it has read, so that it need not read them again.

    `length` tokens are in it. What else it holds is its model's affair, in `memory`.
    """

    def __init__(self) -> None:
        self.length = 0
        self.memory: dict[Any, Any] = {}

    def remember(self, layer: Any, *blocks: Array) -> list[Array]:
        """Put a layer's blocks (n, heads, tokens, features) behind those of the tokens before.

        Returns all that it remembers now, (n, heads, length, features) each. No gradient goes
        through it. ValueError where it remembers another number n of texts.
        """
        before, end = self.length, self.length + blocks[0].shape[2]
        rooms = self.memory.get(layer)
        if rooms is not None and len(rooms[0]) != len(blocks[0]):
            raise ValueError(f"the cache has n={len(rooms[0])} texts, and n={len(blocks[0])} go on")
        if rooms is None or rooms[0].shape[2] < end:  # make room for twice as many
            larger = [_room(block, 2 * end) for block in blocks]
            for new, old in zip(larger, rooms or ()):
                new[:, :, :before] = old[:, :, :before]
            rooms = self.memory[layer] = larger
        for room, block in zip(rooms, blocks):
            room[:, :, before:end] = block
        return [room[:, :, :end] for room in rooms]


def _room(like: Array, length: int) -> Array:
    n, heads, _, features = like.shape
    return module_of(like).empty((n, heads, length, features), like.dtype)


class TextModel(Module):
    """Base of the language models: a subclass says what comes next, in `logits`.

    vocab_size  how many different tokens there are
    block_size  how many tokens it can look back on; None if there is no limit
    """

    vocab_size: int
    block_size: int | None = None

    def logits(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Return scores (n, length, vocab_size) of what comes after each token (n, length)."""
        raise TypeError(f"{type(self).__name__} has no method `logits`: define one")

    def forward(
        self, tokens: Tensor, targets: Tensor | None = None, cache: Cache | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the scores, and the loss if `targets` (n, length) say what did come.

        With a cache the tokens are those after the ones that it has seen.
        """
        if tokens.ndim != 2:
            raise ValueError(f"tokens have the shape (n, length), not {tokens.shape}")
        before = 0 if cache is None else cache.length
        length = before + tokens.shape[1]
        if self.block_size is not None and length > self.block_size:
            raise ValueError(f"{length} tokens are more than block_size={self.block_size}")
        scores = self.logits(tokens, cache)
        if cache is not None:
            cache.length = length
        if targets is None:
            return scores, None
        return scores, cross_entropy(scores.flatten(0, 1), targets.flatten())
