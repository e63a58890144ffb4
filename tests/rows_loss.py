"""Softmax and the losses."""

import numpy as np
from helpers import INF, NAN
from rule_cases import Row, case, distinct, normal, off_zero, rng

# Softmax and the losses of classes.


def probabilities(x, dim=-1):
    unscaled = np.exp(x - x.max(dim, keepdims=True, initial=-INF))
    return unscaled / unscaled.sum(dim, keepdims=True)


def log_probabilities(x, dim=-1):
    shifted = x - x.max(dim, keepdims=True, initial=-INF)
    return shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))


def reduced(losses, reduction, whole=None):
    if reduction == "mean" and whole is not None:
        return np.sum(losses) / whole
    return losses if reduction == "none" else getattr(losses, reduction)()


def cross_entropy(x, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """Position by position, and class by class."""
    return nll(log_probabilities(x, min(x.ndim - 1, 1)), target, weight, ignore_index, reduction,
               label_smoothing)  # fmt: skip


def nll(log_p, target, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    places = np.moveaxis(log_p, min(log_p.ndim - 1, 1), -1)
    classes, soft = places.shape[-1], target.shape == log_p.shape
    truths = np.moveaxis(target, min(target.ndim - 1, 1), -1) if soft else target
    weight = np.ones(classes) if weight is None else weight
    losses, whole = np.zeros(places.shape[:-1]), 0
    for i in np.ndindex(losses.shape):
        if not soft and truths[i] == ignore_index:
            continue
        truth = truths[i] if soft else np.eye(classes)[truths[i]]
        whole += 1 if soft else weight[truths[i]]
        truth = truth * (1 - label_smoothing) + label_smoothing / classes
        counts = truth * weight
        losses[i] = -(counts * places[i])[counts != 0].sum()
    return reduced(losses, reduction, whole)


def with_weight(name):
    """PyTorch's function, its weight in the dtype of the input."""

    def call(torch, x, *others, weight=None, **options):
        weight = None if weight is None else torch.tensor(weight, dtype=x.dtype)
        return getattr(torch.nn.functional, name)(x, *others, weight=weight, **options)

    return call


ALONG_ONE = [
    *(case((3, 4)), case((5,)), case((3, 4), dim=0), case((2, 3, 4), dim=1), case((2, 1))),
    *(case((5, 40)), case((2, 40, 3), dim=-2), case((2, 3, 40), dim=-1), case(())),
]
FAR_APART = [
    case([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4 - 1]]),
    case([[-INF, 0.0, 1.0]]),
    case([[INF, 0.0], [NAN, 0.0]]),
    case((0, 3)), case((3, 0), dim=0),
]  # fmt: skip
LABELS = [0, 2, 2, 1]
GRID = np.array([[0, 2], [1, 1], [2, 0], [0, 0]])  # for (4, 3, 2)
WEIGHT = np.array([1, 3, 2])


def shares(*shape):
    """Numbers above 0 that sum to 1 along the classes."""
    return probabilities(normal(*shape), min(len(shape) - 1, 1))


CLASSES = [
    case((4, 3), LABELS),
    case((1, 5), np.array([4], dtype=np.uint8)),
    *(case((4, 3), LABELS, reduction=kind) for kind in ("sum", "none")),
    case((4, 3, 2), GRID), case((4, 3, 2), GRID, reduction="none"),
    case((2, 3, 2, 2), GRID.reshape(2, 2, 2), weight=WEIGHT),
    case((3,), np.array(1), reduction="none"),
    case((4, 3), LABELS, weight=WEIGHT), case((4, 3), LABELS, weight=WEIGHT, reduction="none"),
    case((4, 3), LABELS, ignore_index=2), case((4, 3), [0, -100, 1, -100], ignore_index=-100),
    case((4, 3), [0, -7, 1, 2], ignore_index=-7, reduction="sum"),
    case((4, 3, 2), GRID, weight=WEIGHT, ignore_index=0),
    case((4, 3, 2), GRID, weight=WEIGHT, ignore_index=0, reduction="none"),
]  # fmt: skip
SMOOTH = [
    case((4, 3), LABELS, label_smoothing=0.1),
    case((4, 3), LABELS, label_smoothing=0.1, weight=WEIGHT, ignore_index=2),
    case((4, 3, 2), GRID, label_smoothing=1.0, reduction="none", ignore_index=0),
    case((4, 3), shares(4, 3)), case((3,), shares(3), reduction="sum"),
    case((4, 3, 2), shares(4, 3, 2), weight=WEIGHT),
    case((4, 3, 2), shares(4, 3, 2), weight=WEIGHT, label_smoothing=0.2, reduction="none"),
]  # fmt: skip
NOTHING_COUNTS = [
    case((2, 3), [-100, -100], ignore_index=-100),
    case((2, 3), [1, 1], ignore_index=1, reduction="sum"),
    case((0, 3), np.zeros(0, "int64")), case((2, 3, 0), np.zeros((2, 0), "int64")),
]  # fmt: skip

OF_CLASSES: dict[str, Row] = {
    "log_softmax": Row(
        log_probabilities, lambda t, x, dim=-1: t.log_softmax(x, dim), ALONG_ONE, FAR_APART
    ),
    "softmax": Row(probabilities, lambda t, x, dim=-1: t.softmax(x, dim), ALONG_ONE, FAR_APART),
    "cross_entropy": Row(
        cross_entropy,
        with_weight("cross_entropy"),
        CLASSES + SMOOTH,
        [
            case([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4 - 1]], [1, 0, 2]),
            case([[-INF, 0.0, 1.0]], [2]),
            *NOTHING_COUNTS,
        ],
    ),
    "nll_loss": Row(nll, with_weight("nll_loss"), CLASSES, NOTHING_COUNTS),
}

# Losses of yes and no, and of probabilities.


def binary(p, target, weight=1, reduction="mean"):
    return reduced(-weight * (target * np.log(p) + (1 - target) * np.log(1 - p)), reduction)


def binary_of_logits(x, target, weight=1, pos_weight=1, reduction="mean"):
    p = 1 / (1 + np.exp(-x))
    losses = -(pos_weight * target * np.log(p) + (1 - target) * np.log(1 - p))
    return reduced(weight * losses, reduction)


def of_logits_in_torch(t, x, target, weight=None, pos_weight=None, reduction="mean"):
    weights = (None if w is None else t.tensor(w, dtype=x.dtype) for w in (weight, pos_weight))
    weight, pos_weight = weights
    return t.nn.functional.binary_cross_entropy_with_logits(
        x, target.to(x.dtype), weight, pos_weight=pos_weight, reduction=reduction
    )


def divergence(x, target, reduction="mean", log_target=False):
    p = np.exp(target) if log_target else target
    losses = p * (np.log(p) - x)
    return losses.sum() / len(x) if reduction == "batchmean" else reduced(losses, reduction)


def kl_div_in_torch(t, x, target, reduction="mean", log_target=False):
    each = t.nn.functional.kl_div(x, target, reduction="none", log_target=log_target)
    return each.sum() / len(x) if reduction == "batchmean" else reduced(each, reduction)


def inside(*shape):
    return np.array(rng.uniform(0.1, 0.9, shape))


OF_PROBABILITIES: dict[str, Row] = {
    "binary_cross_entropy": Row(
        binary,
        with_weight("binary_cross_entropy"),
        [
            case(inside(3, 4), inside(3, 4)),
            *(case(inside(3, 4), inside(3, 4), reduction=kind) for kind in ("sum", "none")),
            case(inside(3, 4), inside(3, 4), weight=np.array([1, 2, 3, 4])),
            case(inside(), inside(), weight=np.array(3)), case(inside(), inside()),
        ],
    ),
    "binary_cross_entropy_with_logits": Row(
        binary_of_logits,
        of_logits_in_torch,
        [
            case(off_zero(3, 4), inside(3, 4)),
            *(case(off_zero(3, 4), inside(3, 4), reduction=kind) for kind in ("sum", "none")),
            case(off_zero(2, 3), [[0, 1, 1], [1, 0, 1]], pos_weight=WEIGHT),
            case(off_zero(2, 3), inside(2, 3), pos_weight=WEIGHT, weight=np.array([[1], [2]])),
            case(off_zero(), inside()),
        ],
    ),
    "kl_div": Row(
        divergence,
        kl_div_in_torch,
        [
            case((3, 4), shares(3, 4)), case((3, 4), shares(3, 4), reduction="batchmean"),
            case((3, 4), shares(3, 4), reduction="none"), case((5,), shares(5), reduction="sum"),
            case((3, 4), (3, 4), log_target=True), case((), inside()),
            case((3, 4), (3, 4), log_target=True, reduction="batchmean"),
        ],
    ),
}  # fmt: skip

# Losses of numbers.


def of_error(loss):
    """The reference of a loss that looks at nothing but input - target."""
    return lambda x, y, reduction="mean", **options: reduced(loss(x - y, **options), reduction)


def huber(error, delta=1.0):
    size = abs(error)
    return np.where(size < delta, error**2 / 2, delta * (size - delta / 2))


def far_and_near(*shape):
    """Errors on both sides of 1, none of them near it, in blocks of input and target."""
    error = np.array(rng.permutation(np.linspace(-2.6, 2.5, int(np.prod(shape))))).reshape(shape)
    target = normal(*shape)
    return target + error, target


OF_ONE_SHAPE = [
    case(*far_and_near(3, 4)), case(*far_and_near(5), reduction="none"),
    case(*far_and_near(2, 3, 2), reduction="sum"), case(np.array(0.7), np.array(0.2)),
    case(*far_and_near(3), reduction="mean"),
]  # fmt: skip
ODD = [case([1.0, INF, NAN], [1.0, 0.0, 0.0]), case((0,), (0,)), case((0, 3), (0, 3))]


def hinge_embedding(x, y, margin=1.0, reduction="mean"):
    return reduced(np.where(y == 1, x, np.maximum(0, margin - x)), reduction)


def margin_ranking(x1, x2, y, margin=0.0, reduction="mean"):
    return reduced(np.maximum(0, margin - y * (x1 - x2)), reduction)


def multi_margin(x, y, p=1, margin=1.0, weight=None, reduction="mean"):
    scores, labels = np.atleast_2d(x), np.atleast_1d(y)
    losses = [
        sum(max(0, margin - row[t] + row[i]) ** p for i in range(len(row)) if i != t)
        / len(row) * (1 if weight is None else weight[t])
        for row, t in zip(scores, labels)
    ]  # fmt: skip
    return reduced(np.array(losses).reshape(y.shape), reduction)


def cosine(x1, x2, dim=1, eps=1e-8):
    x1, x2 = np.broadcast_arrays(x1, x2)

    def length(x):
        return np.sqrt((x**2).sum(dim))

    return (x1 * x2).sum(dim) / np.maximum(length(x1), eps) / np.maximum(length(x2), eps)


YES_NO = np.array([1, -1, -1, 1])

OF_NUMBERS: dict[str, Row] = {
    "mse_loss": Row(of_error(np.square), "nn.functional.mse_loss", OF_ONE_SHAPE, ODD),
    "l1_loss": Row(of_error(abs), "nn.functional.l1_loss", OF_ONE_SHAPE, ODD[1:]),
    "huber_loss": Row(
        of_error(huber),
        "nn.functional.huber_loss",
        [*OF_ONE_SHAPE, case(*far_and_near(3, 4), delta=2.3)],
        [*ODD, case([1.0, 0.0, 2.0], [0.0, 0.0, 4.0])],
    ),
    "smooth_l1_loss": Row(
        of_error(lambda e, beta=1.0: huber(e, beta) / beta if beta else abs(e)),
        "nn.functional.smooth_l1_loss",
        [*OF_ONE_SHAPE, case(*far_and_near(3, 4), beta=2.3), case(*far_and_near(4), beta=0.0)],
        [*ODD[1:], case([1.0, 0.0, 2.0], [0.0, 0.0, 4.0])],
    ),
    "hinge_embedding_loss": Row(
        hinge_embedding,
        "nn.functional.hinge_embedding_loss",
        [
            case([0.4, 0.3, 1.7, 0.2], YES_NO), case((2, 4), np.tile(YES_NO, (2, 1)), margin=9.0),
            case([0.4, 0.3, 1.7, 0.2], YES_NO, reduction="none"),
            case(np.array(0.3), np.array(-1)),
        ],
        [case([0.5, 0.5, 1.0, 0.0], YES_NO), case([NAN, INF, -INF, NAN], YES_NO)],
    ),
    "margin_ranking_loss": Row(
        margin_ranking,
        "nn.functional.margin_ranking_loss",
        [
            case(distinct(4), distinct(4) + 0.2, YES_NO), case((4,), (4,), YES_NO, margin=9.0),
            case(distinct(4), distinct(4) + 0.2, YES_NO, reduction="none"),
        ],
    ),
    "multi_margin_loss": Row(
        multi_margin,
        with_weight("multi_margin_loss"),
        [
            case(0.7 * distinct(4, 3), LABELS), case(0.7 * distinct(4, 3), LABELS, p=2),
            case(0.7 * distinct(3), np.array(1)), case((2, 3), [0, 1], margin=9.0, weight=WEIGHT),
            case(0.7 * distinct(4, 3), LABELS, reduction="none", weight=WEIGHT, p=2),
        ],
    ),
    "cosine_similarity": Row(
        cosine,
        "nn.functional.cosine_similarity",
        [
            case((3, 4), (3, 4)), case((3, 4), (4,)), case((5,), (5,), dim=0),
            case((2, 3, 4), (2, 3, 1), dim=-2), case((1, 3), (2, 1, 3), dim=-1),
        ],
        [case([[0.0, 0.0], [1.0, 2.0]], [[1.0, 2.0], [2.0, 4.0]], eps=1e-8)],
    ),
}  # fmt: skip

ROWS: dict[str, Row] = OF_CLASSES | OF_PROBABILITIES | OF_NUMBERS
