"""Small mixtures that optimizers and averages are written with."""

from __future__ import annotations

from typing import Any


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """Go a part of the way from one block to another: 0 stays, 1 arrives."""
    return input + weight * (end - input)


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """Add a product: input + value * tensor1 * tensor2."""
    return input + value * (tensor1 * tensor2)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """Add a quotient: input + value * tensor1 / tensor2."""
    return input + value * (tensor1 / tensor2)
