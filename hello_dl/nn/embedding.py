"""Embedding: a table with a row of learned numbers for every letter, word or class."""

from __future__ import annotations

from typing import Any

from hello_dl.nn import init
from hello_dl.nn.module import Module
from hello_dl.nn.parameter import Parameter, blank
from hello_dl.ops.embedding import embedding
from hello_dl.tensor import Tensor


class Embedding(Module):
    """Look up rows: whole numbers (...) in [0, num_embeddings) to (..., embedding_dim).

    `weight` is (num_embeddings, embedding_dim) and starts normally distributed. The row
    `padding_idx` starts as 0 and gets no gradient.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"padding_idx {padding_idx} is not among {num_embeddings} rows")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        self.weight = blank(num_embeddings, embedding_dim, device=device, dtype=dtype)
        self.reset_parameters()

    @classmethod
    def from_pretrained(
        cls, embeddings: Any, freeze: bool = True, padding_idx: int | None = None
    ) -> Embedding:
        """Make one of a table (n, d) that is there already; `freeze` keeps it as it is."""
        weight = Parameter(embeddings, requires_grad=not freeze)
        if weight.ndim != 2:
            raise ValueError(f"embeddings are a table of the shape (n, d), not {weight.shape}")
        rows, columns = weight.shape
        layer = cls(rows, columns, padding_idx)
        layer.weight = weight
        return layer

    def reset_parameters(self) -> None:
        """Draw the table anew."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.data[self.padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        """Look up a row for every number."""
        return embedding(input, self.weight, padding_idx=self.padding_idx)

    def extra_repr(self) -> str:
        """Return the sizes."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
