"""Losses of numbers: how far is one block from another, or on which side of it?"""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, is_floating, kernels, module_of, rows
from hello_dl.ops.axes import axis_of
from hello_dl.ops.elementwise import where
from hello_dl.ops.loss import reduced, same_shape
from hello_dl.ops.rule import rule
from hello_dl.ops.shape import broadcast_tensors
from hello_dl.ops.untracked import plain


@rule
def mse_loss(input: Array, target: Array, *, reduction: str = "mean"):
    """Mean squared error: the mean of (input - target)², of two blocks of one shape."""
    error = _error(input, target)
    value, share = reduced(error * error, reduction)

    def pull(g):
        return error * (g * (2 * share))

    return value, (pull, lambda g: -pull(g))


def mse_loss_composed(input: Any, target: Any) -> Any:
    """Spell `mse_loss` (with its mean) in small operations."""
    return ((input - target) ** 2).mean()


@rule
def l1_loss(input: Array, target: Array, *, reduction: str = "mean"):
    """Mean absolute error: the mean of |input - target|, of two blocks of one shape."""
    return _absolute(_error(input, target), reduction)


def l1_loss_composed(input: Any, target: Any) -> Any:
    """Spell `l1_loss` (with its mean) in small operations."""
    return (input - target).abs().mean()


@rule
def huber_loss(input: Array, target: Array, *, reduction: str = "mean", delta: float = 1.0):
    """Mean of error² / 2 where |error| < delta, and of a straight line beyond (Huber 1964).

    The line, delta · (|error| - delta / 2), bounds what one wild target can do.
    """
    if not delta > 0:
        raise ValueError(f"delta must be above 0, got {delta}")
    return _huber(_error(input, target), delta, 1.0, reduction)


def huber_loss_composed(input: Any, target: Any, delta: float = 1.0) -> Any:
    """Spell `huber_loss` (with its mean) in small operations."""
    size = (input - target).abs()
    inner = size.clamp(max=delta)
    return (inner * (size - inner / 2)).mean()


@rule
def smooth_l1_loss(input: Array, target: Array, *, reduction: str = "mean", beta: float = 1.0):
    """`huber_loss` divided by its delta, here beta: far out it is |error| - beta / 2.

    With a beta of 0 it is `l1_loss` (Girshick 2015, "Fast R-CNN").
    """
    if not beta >= 0:
        raise ValueError(f"beta must be 0 or more, got {beta}")
    error = _error(input, target)
    return _huber(error, beta, 1 / beta, reduction) if beta else _absolute(error, reduction)


def _absolute(error: Array, reduction: str):
    xp = module_of(error)
    value, share = reduced(xp.abs(error), reduction)

    def pull(g):
        return xp.sign(error) * (g * share)

    return value, (pull, lambda g: -pull(g))


def _huber(error: Array, delta: float, scale: float, reduction: str):
    xp = module_of(error)
    size = xp.abs(error)
    inner = xp.minimum(size, delta)
    value, share = reduced((size - 0.5 * inner) * inner * scale, reduction)

    def pull(g):
        return xp.clip(error, -delta, delta) * (g * (share * scale))

    return value, (pull, lambda g: -pull(g))


def _error(input: Array, target: Array) -> Array:
    """Subtract two blocks of one shape; whole numbers take the dtype of the floating ones."""
    same_shape(input, target)
    dtype = next((x.dtype for x in (input, target) if is_floating(x.dtype)), None)
    if dtype is None:
        raise ValueError("one of input and target must hold floating numbers")
    difference = input.astype(dtype, copy=False) - target.astype(dtype, copy=False)
    return module_of(input).asarray(difference)


# Which side is it on? These losses are 0 beyond a margin: what is right enough is left alone.


@rule
def hinge_embedding_loss(
    input: Array, target: Array, *, margin: float = 1.0, reduction: str = "mean"
):
    """Distances that should be small (target 1) or large (target -1).

    The loss is the distance itself, or what it lacks to the margin.
    """
    same_shape(input, target)
    lack = margin - input
    near, far = target != -1, target != 1  # a target that is neither counts as both
    losses = kernels.masked(input, near)
    losses += kernels.masked(module_of(input).maximum(lack, 0), far)
    value, share = reduced(losses, reduction)

    def pull(g):
        slope = near.astype(input.dtype)
        slope -= far & (lack >= 0)
        return slope * (g * share), None

    return value, pull


def hinge_embedding_loss_composed(input: Any, target: Any, margin: float = 1.0) -> Any:
    """Spell `hinge_embedding_loss` (with its mean) in small operations."""
    near = where(target != -1, input, 0)
    return (near + where(target != 1, (margin - input).clamp(0), 0)).mean()


@rule(broadcasts=True)
def margin_ranking_loss(
    input1: Array, input2: Array, target: Array, *, margin: float = 0.0, reduction: str = "mean"
):
    """Which of two scores should be higher: the first (target 1) or the second (target -1).

    The loss is what the difference of the two, the right way round, lacks to the margin.
    """
    xp = module_of(input1)
    difference = input1 - input2
    lack = margin - target * difference
    value, share = reduced(xp.maximum(lack, 0), reduction)

    def slope(g):
        return (lack >= 0) * (g * share)

    pulls = (lambda g: -target * slope(g), lambda g: target * slope(g))
    return value, (*pulls, lambda g: -difference * slope(g))


def margin_ranking_loss_composed(input1: Any, input2: Any, target: Any, margin: float = 0.0) -> Any:
    """Spell `margin_ranking_loss` (with its mean) in small operations."""
    return (margin - target * (input1 - input2)).relu().mean()


@rule
def multi_margin_loss(
    input: Array,
    target: Array,
    *,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    reduction: str = "mean",
):
    """The hinge of a classifier: every wrong score should lie a margin below the right one.

    `input` (n, classes) or (classes,) are scores, `target` (n,) or () class numbers. A loss is the
    sum of what is lacking, to the power `p` (1 or 2), divided by the number of classes; `weight`
    (classes,) says how much each class counts (Crammer and Singer 2001).
    """
    if p not in (1, 2):
        raise ValueError(f"p must be 1 or 2, got {p}")
    if input.ndim not in (1, 2) or target.shape != input.shape[:-1]:
        raise ValueError("input has the shape (n, classes) and target (n,), or (classes,) and ()")
    scores, labels = input.reshape(-1, input.shape[-1]), target.reshape(-1)
    m, classes = scores.shape
    kernels.check_indices(labels, classes)
    xp = module_of(scores)
    places = xp.arange(m)
    lack = xp.maximum(scores - scores[places, labels][:, None] + margin, 0)
    lack[places, labels] = 0
    counts = 1.0 if weight is None else plain(weight)[labels, None].astype(scores.dtype)
    scale = counts / classes
    losses = rows.total((lack if p == 1 else lack * lack) * scale, 1)
    value, share = reduced(losses.reshape(target.shape), reduction)

    def pull(g):
        slope = (lack > 0) * scale if p == 1 else lack * (2 * scale)
        slope *= (g * share).reshape(-1, 1)
        slope[places, labels] = -slope.sum(1)
        return slope.reshape(input.shape), None

    return value, pull


@rule(broadcasts=True, floats=True)
def cosine_similarity(x1: Array, x2: Array, *, dim: int = 1, eps: float = 1e-8):
    """Cosine of the angle between vectors, which lie along `dim`: x1 · x2 / (|x1| |x2|).

    Lengths count as `eps` at least.
    """
    xp = module_of(x1)
    x1, x2 = xp.broadcast_arrays(x1, x2)
    dim = axis_of(dim, x1.ndim)
    length1, length2 = (xp.sqrt(rows.dot(x, x, dim)) for x in (x1, x2))
    unit1, unit2 = x1 / xp.maximum(length1, eps), x2 / xp.maximum(length2, eps)
    cosine = rows.dot(unit1, unit2, dim)

    def turned(g, unit, other, length):  # the part of the other that is at a right angle
        along = xp.where(length > eps, cosine, 0) * unit
        return xp.expand_dims(g, dim) * (other - along) / xp.maximum(length, eps)

    return cosine.squeeze(dim), (
        lambda g: turned(g, unit1, unit2, length1),
        lambda g: turned(g, unit2, unit1, length2),
    )


def cosine_similarity_composed(x1: Any, x2: Any, dim: int = 1) -> Any:
    """Spell `cosine_similarity` (of vectors that are not 0) in small operations."""
    x1, x2 = broadcast_tensors(x1, x2)
    lengths = (x1**2).sum(dim).sqrt() * (x2**2).sum(dim).sqrt()
    return (x1 * x2).sum(dim) / lengths
