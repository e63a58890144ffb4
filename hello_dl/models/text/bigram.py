"""The simplest language model: a table of what comes after each token."""

from __future__ import annotations

from hello_dl import nn
from hello_dl.models.text.contract import Cache, TextModel
from hello_dl.tensor import Tensor


class Bigram(TextModel):
    """Look at the last token only: a row of scores for each, vocab_size² numbers in all."""

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = vocab_size
        self.table = nn.Embedding(vocab_size, vocab_size)
        nn.init.zeros_(self.table.weight)

    def logits(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Look the scores up."""
        return self.table(tokens)
