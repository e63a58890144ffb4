"""A net that looks at the last few tokens (Bengio, Ducharme, Vincent and Jauvin 2003)."""

from __future__ import annotations

from hello_dl import functional as F
from hello_dl import nn
from hello_dl.models.text.contract import Cache, TextModel
from hello_dl.ops.arrange import cat_list
from hello_dl.tensor import Tensor


class TextMLP(TextModel):
    """Look at the last `context` tokens: their embeddings side by side, and two layers.

    Before the text begins there are zeros.
    """

    def __init__(
        self, vocab_size: int, context: int = 8, embedding_dim: int = 24, hidden_size: int = 256
    ) -> None:
        self.vocab_size, self.context = vocab_size, context
        self.tokens = nn.Embedding(vocab_size, embedding_dim)
        self.layers = nn.Sequential(
            nn.Linear(context * embedding_dim, hidden_size),
            nn.Tanh(),
            nn.Linear(hidden_size, vocab_size),
        )

    def logits(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Look at windows, each of which ends with the token whose follower is asked for."""
        x, missing = self.tokens(tokens), self.context - 1  # (n, length, embedding_dim)
        if cache is not None and "last" in cache.memory:
            x = cat_list([cache.memory["last"], x], 1)
        else:
            x = F.pad(x, (0, 0, missing, 0))
        if cache is not None:
            cache.memory["last"] = x[:, x.shape[1] - missing :]
        windows = x.unfold(1, self.context, 1)  # (n, length, embedding_dim, context)
        return self.layers(windows.transpose(2, 3).flatten(2))
