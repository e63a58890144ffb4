"""Losses of probabilities: how far is what a network believes from what is so?

Those of classes are in cross_entropy.py, and of numbers that should be near others in distance.py.
All of them take a `reduction`: "mean" or "sum" over all losses, or "none" for a block of them.
"""

from __future__ import annotations

import math
from typing import Any

from hello_dl.backend import Array, curves, kernels, module_of
from hello_dl.ops.rule import rule


def reduced(losses: Array, reduction: str, whole: Any = None) -> tuple[Array, Any]:
    """Reduce losses to one number; also return the share that each of them has in it.

    `whole` is what a mean divides by; None is the number of losses.
    """
    if reduction == "mean":
        if whole is None or isinstance(whole, int):
            share = 1 / ((losses.size if whole is None else whole) or math.nan)
        else:  # a mean of nothing is nan, and no warning
            share = 1 / kernels.where(whole == 0, math.nan, whole)
        return losses.sum() * share, share
    check_reduction(reduction)
    return losses.sum() if reduction == "sum" else losses, 1.0


def check_reduction(reduction: str) -> None:
    """Raise ValueError for a reduction that there is not."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction {reduction!r} is unknown: use 'mean', 'sum' or 'none'")


def no_gradient(g: Array) -> Array:
    """Stand as the pull of a weight: PyTorch has none for it either."""
    raise ValueError("the weight of a loss is a setting and has no gradient: give weight.detach()")


@rule(floats=True)
def binary_cross_entropy(
    input: Array, target: Array, weight: Array | None = None, *, reduction: str = "mean"
):
    """Mean of -log(probability of the truth), where `input` is the probability of a yes.

    target   of the same shape: 1 for yes, 0 for no, or how probable a yes is
    weight   how much each loss counts, of a shape that stretches to it

    The logarithm ends at -100, so that an input of 0 or 1 that is wrong has a finite loss.
    """
    same_shape(input, target)
    kernels.check_probabilities(input)
    xp = module_of(input)
    log_yes, log_no = _log(input), _log(1 - input)
    losses = -(target * log_yes + (1 - target) * log_no)
    value, share, counts = _weighted(losses, weight, reduction)

    def pull(g):
        slope = (input - target) / xp.maximum((1 - input) * input, 1e-12)
        return slope * (g * (share * counts))

    def pull_target(g):
        return (log_no - log_yes) * (g * (share * counts))

    return value, (pull, pull_target, no_gradient)[: 2 if weight is None else 3]


def binary_cross_entropy_composed(input: Any, target: Any) -> Any:
    """Spell `binary_cross_entropy` (with its mean) in small operations."""
    return -(target * input.log() + (1 - target) * (1 - input).log()).mean()


@rule(floats=True)
def binary_cross_entropy_with_logits(
    input: Array,
    target: Array,
    weight: Array | None = None,
    pos_weight: Array | None = None,
    *,
    reduction: str = "mean",
):
    """`binary_cross_entropy` of sigmoid(input), finite for any finite input.

    target       of the same shape: 1 for yes, 0 for no, or how probable a yes is
    weight       how much each loss counts, of a shape that stretches to it
    pos_weight   how much a yes counts, where a no counts 1: more, if there are few of them
    """
    same_shape(input, target)
    more = None if pos_weight is None else (pos_weight - 1) * target  # what a yes counts beyond 1
    wrong = _softplus_of_minus(input)  # -log(sigmoid(input)): the loss where target is 1
    losses = input - input * target
    losses += wrong if more is None else wrong * (1 + more)
    value, share, counts = _weighted(losses, weight, reduction)

    def pull(g):
        slope = curves.sigmoid(input)
        if more is not None:
            slope += more * (slope - 1)
        slope -= target
        slope *= g * (share * counts)
        return slope

    def pull_target(g):
        slope = -input if pos_weight is None else (pos_weight - 1) * wrong - input
        return slope * (g * (share * counts))

    weights = [w for w in (weight, pos_weight) if w is not None]
    return value, (pull, pull_target, *(no_gradient for _ in weights))


def binary_cross_entropy_with_logits_composed(input: Any, target: Any) -> Any:
    """Spell `binary_cross_entropy_with_logits` (with its mean) in small operations."""
    return binary_cross_entropy_composed(input.sigmoid(), target)


@rule(floats=True)
def kl_div(input: Array, target: Array, *, reduction: str = "mean", log_target: bool = False):
    """Divergence of Kullback and Leibler (1951): target · (log target - input), per entry.

    input        logarithms of probabilities, as `log_softmax` gives them
    target       probabilities, or with `log_target` their logarithms
    reduction    "batchmean" divides by the length of the first axis: the definition's mean
    """
    same_shape(input, target)
    xp = module_of(input)
    if log_target:
        p, log_p = xp.exp(target), target
    else:
        p, log_p = target, xp.log(xp.where(target == 0, 1, target))  # 0 · log 0 is 0
    losses = p * (log_p - input)
    if reduction == "batchmean":
        value, share = reduced(losses, "mean", len(losses) if losses.ndim else 1)
    else:
        value, share = reduced(losses, reduction)

    def pull_target(g):
        if log_target:
            return (losses + p) * (g * share)
        return (xp.log(target) + 1 - input) * (g * share)

    return value, (lambda g: p * (g * -share), pull_target)


def kl_div_composed(input: Any, target: Any) -> Any:
    """Spell `kl_div` (of probabilities, and its mean) in small operations."""
    return (target * (target.log() - input)).mean()


def _softplus_of_minus(x: Array) -> Array:
    """Return log(1 + exp(-x)), finite for any finite x."""
    xp = module_of(x)
    y = xp.asarray(xp.abs(x))  # numpy turns 0-d results into scalars
    xp.negative(y, out=y)
    xp.exp(y, out=y)  # in (0, 1]
    xp.log1p(y, out=y)
    y -= xp.minimum(x, 0)
    return y


def same_shape(input: Array, target: Array) -> None:
    """Raise ValueError unless two blocks have one shape."""
    if input.shape != target.shape:
        raise ValueError("input and target must have the same shape")


def _weighted(
    losses: Array, weight: Array | None, reduction: str
) -> tuple[Array, float, Array | float]:
    """Weigh losses and reduce them; return the number, the share of each loss, and the weights."""
    if weight is None:
        return *reduced(losses, reduction), 1.0
    if module_of(losses).broadcast_shapes(losses.shape, weight.shape) != losses.shape:
        raise ValueError(f"a weight of shape {weight.shape} does not stretch to {losses.shape}")
    return *reduced(losses * weight, reduction), weight


def _log(x: Array) -> Array:
    """Logarithm, but at least -100."""
    xp = module_of(x)
    return xp.where(x == 0, -100.0, xp.maximum(xp.log(xp.where(x == 0, 1, x)), -100.0))
