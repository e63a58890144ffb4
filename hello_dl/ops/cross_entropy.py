"""Losses of classes: how probable does a network find the right one?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hello_dl.backend import Array, classes, is_floating, kernels, module_of, rows
from hello_dl.ops.index import gathered
from hello_dl.ops.loss import check_reduction, no_gradient, reduced
from hello_dl.ops.rule import rule
from hello_dl.ops.shape import unsqueeze
from hello_dl.ops.softmax import log_softmax_composed

Slopes = Callable[[Array], Array]  # from what arrives for each loss (m, 1) to (m, classes)


@rule
def cross_entropy(
    input: Array,
    target: Array,
    weight: Array | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
):
    """Mean of -log(probability of the right class), the probabilities being softmax(input).

    input             (n, classes) or (n, classes, ...): scores of any size, also called logits
    target            (n, ...), whole numbers in [0, classes); or the probability of each class,
                      in the shape of `input`
    weight            (classes,), how much each class counts; the mean is then a weighted one
    ignore_index      a target that does not count
    label_smoothing   this share of the truth is spread over all classes (Szegedy et al. 2016)

    Its gradient is what one would hope for: probabilities minus the truth.
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"label_smoothing is a share between 0 and 1, not {label_smoothing}")
    if target.shape == input.shape and is_floating(target.dtype):
        if ignore_index >= 0:
            raise ValueError(f"ignore_index={ignore_index} is of class numbers: target has none")
        return _of_probabilities(input, target, weight, reduction, label_smoothing)
    logits = _by_class(input)
    weight = _of_classes(weight, logits)
    if weight is None and not label_smoothing and classes.has_kernels(logits):
        return _by_kernels(input, logits, target, ignore_index, reduction)
    labels, keep = _labels(target, input.shape, ignore_index)
    counts = _counts(labels, keep, weight, logits)
    if label_smoothing:
        truth = _smoothed(_one_hot(labels, logits), weight, label_smoothing)
        losses, slopes, _ = soft_losses(logits, truth)
        counted = keep
    else:
        losses, slopes = label_losses(logits, labels)
        counted = counts
    if counted is not None:
        losses = _counting(losses, counted)
    whole = losses.size if counts is None else counts.sum()
    value, share = reduced(losses.reshape(target.shape), reduction, whole)

    def pull(g):
        upstream = (g * share).reshape(-1, 1)  # (1, 1), or (m, 1) with reduction "none"
        if counted is not None:
            upstream = _counting(upstream, counted[:, None])
        return _as_input(slopes(upstream), input.shape)

    return value, (pull, no_gradient, no_gradient)[: 2 if weight is None else 3]


def cross_entropy_composed(input: Any, target: Any) -> Any:
    """Spell `cross_entropy` (with its mean) in small operations."""
    axis = min(len(input.shape) - 1, 1)
    log_p = log_softmax_composed(input, axis)
    if target.shape == input.shape:
        return -(target * log_p).sum(axis).mean()
    return nll_loss_composed(log_p, target)


def _by_kernels(input: Array, logits: Array, target: Array, ignore_index: int, reduction: str):
    """Cross entropy of labels on a GPU."""
    check_reduction(reduction)
    labels = _flat(target, input.shape)
    value, known = classes.losses_of_labels(logits, labels, ignore_index, reduction)
    value = value.reshape(target.shape) if reduction == "none" else value

    def pull(g):
        upstream = g.reshape(-1) if reduction == "none" else g
        return _as_input(classes.slopes_of_labels(upstream, known), input.shape)

    return value, (pull, no_gradient)


def label_losses(logits: Array, labels: Array) -> tuple[Array, Slopes]:
    """Cross entropy of logits (m, classes) and labels (m,): losses (m,), and their slopes."""
    xp = module_of(logits)
    places = xp.arange(len(logits))
    unscaled = logits - rows.largest(logits, 1)
    right = unscaled[places, labels]
    xp.exp(unscaled, out=unscaled)  # (m, classes), at most 1
    total = rows.total(unscaled, 1)  # (m, 1); unscaled / total are the probabilities
    losses = xp.log(total[:, 0])
    losses -= right

    def slopes(upstream: Array) -> Array:
        gradient = unscaled * (upstream / total)
        gradient[places, labels] -= upstream[:, 0]
        return gradient

    return losses, slopes


def soft_losses(logits: Array, truth: Array) -> tuple[Array, Slopes, Array]:
    """Cross entropy of logits and probabilities, both (m, classes): losses, slopes, log_softmax.

    The truth may be weighted: it need not sum to 1.
    """
    xp = module_of(logits)
    log_p = logits - rows.largest(logits, 1)
    log_p -= xp.log(rows.total(xp.exp(log_p), 1))
    losses = -rows.dot(truth, log_p, 1)[:, 0]

    def slopes(upstream: Array) -> Array:
        gradient = xp.exp(log_p)
        gradient *= rows.total(truth, 1)
        gradient -= truth
        gradient *= upstream
        return gradient

    return losses, slopes, log_p


def _of_probabilities(
    input: Array, target: Array, weight: Array | None, reduction: str, label_smoothing: float
):
    """Cross entropy where the target says how probable each class is."""
    logits = _by_class(input)
    weight = _of_classes(weight, logits)
    truth = _smoothed(_by_class(target), weight, label_smoothing)
    losses, slopes, log_p = soft_losses(logits, truth)
    shape = input.shape[:1] + input.shape[2:] if input.ndim > 1 else ()
    value, share = reduced(losses.reshape(shape), reduction)

    def pull(g):
        return _as_input(slopes((g * share).reshape(-1, 1)), input.shape)

    def pull_target(g):
        gradient = log_p * (g * (share * (label_smoothing - 1))).reshape(-1, 1)
        return _as_input(gradient if weight is None else gradient * weight, input.shape)

    return value, (pull, pull_target, no_gradient)[: 2 if weight is None else 3]


@rule
def nll_loss(
    input: Array,
    target: Array,
    weight: Array | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
):
    """Mean of -log(probability of the right class), `input` being `log_softmax` already.

    input (n, classes) or (n, classes, ...); target, weight and ignore_index as `cross_entropy`.
    """
    log_p = _by_class(input)
    weight = _of_classes(weight, log_p)
    xp = module_of(log_p)
    labels, keep = _labels(target, input.shape, ignore_index)
    counts = _counts(labels, keep, weight, log_p)
    places = xp.arange(len(log_p))
    losses = -log_p[places, labels]
    if counts is not None:
        losses = _counting(losses, counts)
    whole = losses.size if counts is None else counts.sum()
    value, share = reduced(losses.reshape(target.shape), reduction, whole)

    def pull(g):
        gradient, upstream = xp.zeros_like(log_p), -(g * share).reshape(-1)
        gradient[places, labels] = upstream if counts is None else _counting(upstream, counts)
        return _as_input(gradient, input.shape)

    return value, (pull, no_gradient, no_gradient)[: 2 if weight is None else 3]


def nll_loss_composed(input: Any, target: Any) -> Any:
    """Spell `nll_loss` (with its mean) in small operations."""
    axis = min(len(input.shape) - 1, 1)
    return -gathered(input, axis, unsqueeze(target, axis)).mean()


# Every target is one of m rows of classes; axes behind the classes count as more rows.


def _by_class(x: Array) -> Array:
    """See (classes,), (n, classes) or (n, classes, ...) as (m, classes)."""
    if not x.ndim:
        raise ValueError("input has the shape (n, classes), or (classes,)")
    if not is_floating(x.dtype):
        raise ValueError(f"input holds scores, which are floating numbers, not {x.dtype}")
    if x.ndim > 2:
        x = module_of(x).moveaxis(x, 1, -1)
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


def _of_classes(weight: Array | None, rows: Array) -> Array | None:
    """Check that there is a number for each class, and bring it to the dtype of the rows."""
    if weight is None:
        return None
    if weight.shape != rows.shape[1:]:
        raise ValueError(f"weight has the shape {rows.shape[1:]}, a number for each class")
    return weight.astype(rows.dtype, copy=False)


def _as_input(rows: Array, shape: tuple[int, ...]) -> Array:
    """See (m, classes) in the shape of the input again."""
    if len(shape) <= 2:
        return rows.reshape(shape)
    n, classes, *others = shape
    return module_of(rows).moveaxis(rows.reshape(n, *others, classes), -1, 1)


def _labels(target: Array, shape: tuple[int, ...], ignore_index: int) -> tuple[Array, Array | None]:
    """Check class numbers; return them as (m,), and which of them count; None if all do."""
    labels, size = _flat(target, shape), shape[min(len(shape), 2) - 1]
    if not 0 <= ignore_index < size and kernels.all_below(labels, size):
        return labels, None
    keep = labels != ignore_index
    labels = labels * keep  # class 0 instead
    kernels.check_indices(labels, size)
    return labels, keep


def _flat(target: Array, shape: tuple[int, ...]) -> Array:
    """Return class numbers as (m,), if they fit an input of this shape."""
    if not shape or target.shape != shape[:1] * (len(shape) > 1) + shape[2:]:
        raise ValueError(
            "input has the shape (n, classes) or (n, classes, ...) and target the shape (n, ...), "
            "or that of input if it holds probabilities"
        )
    if target.dtype.kind not in "iu":
        raise ValueError(f"class numbers must be integers, not {target.dtype}")
    return target.reshape(-1)


def _counts(labels: Array, keep: Array | None, weight: Array | None, like: Array) -> Array | None:
    """Return how much each row counts, (m,); None if they count the same."""
    if weight is None:
        return None if keep is None else keep.astype(like.dtype)
    return weight[labels] if keep is None else weight[labels] * keep


def _counting(numbers: Array, counts: Array) -> Array:
    """Return numbers * counts, but 0 where nothing counts, even if the number is nan."""
    return kernels.masked(numbers * counts, counts != 0)


def _one_hot(labels: Array, like: Array) -> Array:
    xp = module_of(like)
    truth = xp.zeros_like(like)
    truth[xp.arange(len(labels)), labels] = 1
    return truth


def _smoothed(truth: Array, weight: Array | None, smoothing: float) -> Array:
    """Spread a share of the truth (m, classes) over all classes, and weigh the classes."""
    if smoothing:
        truth = truth * (1 - smoothing) + smoothing / truth.shape[1]
    return truth if weight is None else truth * weight
