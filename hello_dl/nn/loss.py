"""Losses as modules."""

from __future__ import annotations

from hello_dl.nn.module import Module
from hello_dl.ops import loss
from hello_dl.tensor import Tensor


class CrossEntropyLoss(Module):
    """Mean of -log(probability of the right class): logits (n, classes), targets (n,)."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss as one number, or (n,) with reduction "none"."""
        return loss.cross_entropy(logits, targets, reduction=self.reduction)


class MSELoss(Module):
    """Mean squared error of two blocks of one shape."""

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return the loss as one number, or one for each entry with reduction "none"."""
        return loss.mse_loss(prediction, target, reduction=self.reduction)
