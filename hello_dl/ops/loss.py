"""Losses, and the softmax that most of them start from."""

from __future__ import annotations

import math
from typing import Any

from hello_dl.backend import Array, is_floating, kernels, module_of
from hello_dl.ops.rule import rule


@rule(floats=True)
def log_softmax(x: Array, *, dim: int = -1):
    """Logarithm of `softmax`, finite for any finite x: the largest entry is taken off first."""
    xp = module_of(x)
    shifted = x - x.max(dim, keepdims=True)
    y = shifted - xp.log(xp.exp(shifted).sum(dim, keepdims=True))
    return y, lambda g: g - xp.exp(y) * g.sum(dim, keepdims=True)


def log_softmax_composed(x: Any, dim: int = -1) -> Any:
    """Spell `log_softmax` in small operations."""
    shifted = x - x.detach().max(dim, keepdim=True)
    return shifted - shifted.exp().sum(dim, keepdim=True).log()


@rule(floats=True)
def softmax(x: Array, *, dim: int = -1):
    """Make probabilities of scores: exp(x) divided by its sum along `dim`."""
    y = module_of(x).exp(x - x.max(dim, keepdims=True))
    y /= y.sum(dim, keepdims=True)
    return y, lambda g: y * (g - (g * y).sum(dim, keepdims=True))


def softmax_composed(x: Any, dim: int = -1) -> Any:
    """Spell `softmax` in small operations."""
    unscaled = (x - x.detach().max(dim, keepdim=True)).exp()
    return unscaled / unscaled.sum(dim, keepdim=True)


@rule
def cross_entropy(logits: Array, targets: Array, *, reduction: str = "mean"):
    """Mean of -log(probability of the right class), the probabilities being softmax(logits).

    `logits` (n, classes) are unnormalized scores, `targets` (n,) whole numbers in
    [0, classes). Its gradient is what one would hope for: probabilities minus the truth.
    """
    if not is_floating(logits.dtype):
        raise ValueError(f"logits are floating numbers, not {logits.dtype}")
    if logits.ndim != 2 or targets.shape != logits.shape[:1]:
        raise ValueError("logits have the shape (n, classes) and targets the shape (n,)")
    kernels.check_indices(targets, logits.shape[1])
    xp = module_of(logits)
    rows = xp.arange(len(logits))
    shifted = logits - logits.max(1, keepdims=True)
    unscaled = xp.exp(shifted)  # (n, classes), at most 1
    total = unscaled.sum(1, keepdims=True)  # (n, 1); unscaled / total are the probabilities
    losses = xp.log(total[:, 0]) - shifted[rows, targets]  # (n,)
    value, share = _reduced(losses, reduction)

    def pull(g):
        upstream = (g * share).reshape(-1, 1)  # (1, 1), or (n, 1) with reduction "none"
        gradient = unscaled * (upstream / total)
        gradient[rows, targets] -= upstream[:, 0]
        return gradient, None

    return value, pull


def cross_entropy_composed(logits: Any, targets: Any) -> Any:
    """Spell `cross_entropy` (with its mean) in small operations."""
    rows = list(range(len(logits)))
    return -log_softmax_composed(logits, 1)[rows, targets].mean()


@rule
def mse_loss(prediction: Array, target: Array, *, reduction: str = "mean"):
    """Mean squared error, the mean of (prediction - target)², of two blocks of one shape."""
    if prediction.shape != target.shape:
        raise ValueError("prediction and target must have the same shape")
    if not (is_floating(prediction.dtype) or is_floating(target.dtype)):
        raise ValueError("one of prediction and target must hold floating numbers")
    error = prediction - target
    value, share = _reduced(error * error, reduction)

    def pull(g):
        gradient = error * (g * (2 * share))
        return gradient, -gradient

    return value, pull


def mse_loss_composed(prediction: Any, target: Any) -> Any:
    """Spell `mse_loss` (with its mean) in small operations."""
    return ((prediction - target) ** 2).mean()


@rule
def one_hot(labels: Array, *, num_classes: int = -1):
    """Rows of zeros with one 1, at the place that the label says: (...) to (..., num_classes).

    Whole numbers without a gradient. With -1 there are as many classes as the labels tell.
    """
    classes = max(int(labels.max()), 0) + 1 if num_classes == -1 else num_classes
    kernels.check_indices(labels, classes)
    places = module_of(labels).arange(classes)  # (classes,)
    return (labels[..., None] == places).astype("int64"), None


def _reduced(losses: Array, reduction: str) -> tuple[Array, float]:
    """Reduce losses to one number; also return the share that each of them has in it."""
    if reduction == "mean":
        share = 1 / losses.size if losses.size else math.nan
        if losses.dtype.itemsize < 4:
            return losses.mean(), share  # whose sum, in float16, soon ends at 65504
        return losses.sum() * share, share
    if reduction in ("sum", "none"):
        return losses.sum() if reduction == "sum" else losses, 1.0
    raise ValueError(f"reduction {reduction!r} is unknown: use 'mean', 'sum' or 'none'")
