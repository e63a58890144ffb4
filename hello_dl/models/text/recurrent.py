"""Language models with a memory: RNN, GRU and LSTM."""

from __future__ import annotations

from hello_dl import nn
from hello_dl.models.text.contract import Cache, TextModel
from hello_dl.tensor import Tensor

KINDS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class TextRNN(TextModel):
    """Read token by token, and remember: `kind` is "rnn", "gru" or "lstm".

    A cache carries the state from one piece of a text to the next, without its gradient.
    """

    def __init__(
        self,
        vocab_size: int,
        kind: str = "gru",
        embedding_dim: int = 64,
        hidden_size: int = 128,
        num_layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"there is no kind '{kind}' of memory; known are {', '.join(KINDS)}")
        self.vocab_size, self.kind = vocab_size, kind
        between = dropout if num_layers > 1 else 0.0
        self.tokens = nn.Embedding(vocab_size, embedding_dim)
        self.memory = KINDS[kind](
            embedding_dim, hidden_size, num_layers, batch_first=True, dropout=between
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden_size, vocab_size)

    def logits(self, tokens: Tensor, cache: Cache | None = None) -> Tensor:
        """Read on, from the state in the cache or from zeros."""
        before = None if cache is None else cache.memory.get("state")
        y, state = self.memory(self.tokens(tokens), before)
        if cache is not None:
            both = state if isinstance(state, tuple) else (state,)
            both = tuple(each.detach() for each in both)
            cache.memory["state"] = both if isinstance(state, tuple) else both[0]
        return self.head(self.dropout(y))
