"""Positions: attention by itself does not see an order, so tokens have to say where they stand."""

from __future__ import annotations

from typing import Any

from hello_dl.creation import arange
from hello_dl.nn.embedding import Embedding
from hello_dl.nn.module import Module
from hello_dl.ops.arrange import stack_list
from hello_dl.ops.rotary import rotate_pairs
from hello_dl.tensor import Tensor


def angles(length: int, features: int, base: float = 10_000.0) -> Tensor:
    """Return position / base^(i / features) for i = 0, 2, 4, ...: (length, features / 2).

    They turn fast for the first pair of features, and ever slower for those after it, as the hands
    of a clock for seconds, minutes and hours.
    """
    speed = base ** (arange(0, features, 2, dtype="float64") / -features)
    return arange(length, dtype="float64").unsqueeze(1) * speed


class SinusoidalPositions(Module):
    """Add sines and cosines of the position to the tokens (..., length, features).

    Nothing is learned (Vaswani et al. 2017). Sines are in even places, cosines in odd ones; a
    `scale` below 1 keeps them from drowning tokens that are small.
    """

    table: Tensor

    def __init__(self, features: int, max_length: int = 1024, scale: float = 1.0) -> None:
        if features % 2:
            raise ValueError(f"sines and cosines come in pairs: features={features} is odd")
        turns = angles(max_length, features)
        pairs = scale * stack_list([turns.sin(), turns.cos()], 2)  # (max_length, features / 2, 2)
        self.register_buffer("table", pairs.flatten(1).float(), persistent=False)

    def forward(self, input: Tensor, start: int = 0) -> Tensor:
        """Add them; the first token stands at position `start`."""
        return input + _rows(self.table, start, input.shape[-2])


class LearnedPositions(Module):
    """Add a learned row for every position to the tokens (..., length, features), as GPT-2 does."""

    def __init__(self, features: int, max_length: int = 1024) -> None:
        self.rows = Embedding(max_length, features)

    def forward(self, input: Tensor, start: int = 0) -> Tensor:
        """Add them; the first token stands at position `start`."""
        return input + _rows(self.rows.weight, start, input.shape[-2])


class RotaryPositions(Module):
    """Turn queries and keys (..., length, features) by their positions (Su et al. 2021).

    Nothing is added, nothing is learned: a product of a query and a key then knows how far apart
    they are, and not where.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, features: int, max_length: int = 1024, base: float = 10_000.0) -> None:
        if features % 2:
            raise ValueError(f"features are turned in pairs: features={features} is odd")
        turns = angles(max_length, features, base)
        for name, table in (("cos", turns.cos()), ("sin", turns.sin())):
            self.register_buffer(name, table.float(), persistent=False)

    def forward(self, input: Tensor, start: int = 0) -> Tensor:
        """Turn them; the first token stands at position `start`."""
        length, dtype = input.shape[-2], input.dtype
        cos, sin = (_rows(table, start, length) for table in (self.cos, self.sin))
        return rotate_pairs(input, cos=cos.to(dtype).data, sin=sin.to(dtype).data)


def _rows(table: Any, start: int, length: int) -> Tensor:
    if start < 0:
        raise ValueError(f"positions begin with 0, and the first token is to stand at {start}")
    if start + length > len(table):
        raise ValueError(f"{start + length} positions are asked for, and max_length={len(table)}")
    return table[start : start + length]
