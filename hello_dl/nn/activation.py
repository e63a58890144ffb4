"""Activations as modules: what bends a straight line."""

from __future__ import annotations

from hello_dl.nn.module import Module
from hello_dl.ops import elementwise
from hello_dl.tensor import Tensor


class ReLU(Module):
    """Keep what is positive, put 0 for the rest."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply to every entry."""
        return elementwise.relu(x)


class Tanh(Module):
    """Squash every entry into (-1, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply to every entry."""
        return elementwise.tanh(x)


class Sigmoid(Module):
    """Squash every entry into (0, 1)."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply to every entry."""
        return elementwise.sigmoid(x)
