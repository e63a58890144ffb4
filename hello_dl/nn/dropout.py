"""Dropout as a module: at work in training, and not in evaluation."""

from __future__ import annotations

from hello_dl.nn.module import Module
from hello_dl.ops import dropout
from hello_dl.tensor import Tensor


class Dropout(Module):
    """Put 0 for each entry with probability `p` while training, and divide the others by 1 - p."""

    _drop = staticmethod(dropout.dropout)

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        if not 0 <= p <= 1:
            raise ValueError(f"p is a probability between 0 and 1, got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        """Drop entries; in evaluation none."""
        return self._drop(input, p=self.p, training=self.training)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """Drop whole channels of (n, c, length)."""

    _drop = staticmethod(dropout.dropout1d)


class Dropout2d(Dropout):
    """Drop whole channels of (n, c, height, width)."""

    _drop = staticmethod(dropout.dropout2d)
