"""Softmax and the losses."""

import numpy as np
from helpers import INF, NAN
from rule_cases import Row, case

# Softmax and the losses.


def probabilities(x, dim=-1):
    unscaled = np.exp(x - x.max(dim, keepdims=True))
    return unscaled / unscaled.sum(dim, keepdims=True)


def log_probabilities(x, dim=-1):
    shifted = x - x.max(dim, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(dim, keepdims=True))


def reduced(losses, reduction):
    return losses if reduction == "none" else getattr(losses, reduction)()


def cross_entropy(logits, targets, reduction="mean"):
    right = [log_probabilities(row)[target] for row, target in zip(logits, targets)]
    return reduced(-np.array(right), reduction)


ALONG_ONE = [case((3, 4)), case((5,)), case((3, 4), dim=0), case((2, 3, 4), dim=1), case((2, 1))]
FAR_APART = [
    case([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4 - 1]]),
    case([[-INF, 0.0, 1.0]]),
    case([[INF, 0.0], [NAN, 0.0]]),
]
TARGETS = [0, 2, 2, 1]

ROWS: dict[str, Row] = {
    "log_softmax": Row(
        log_probabilities, lambda t, x, dim=-1: t.log_softmax(x, dim), ALONG_ONE, FAR_APART
    ),
    "softmax": Row(probabilities, lambda t, x, dim=-1: t.softmax(x, dim), ALONG_ONE, FAR_APART),
    "cross_entropy": Row(
        cross_entropy,
        "nn.functional.cross_entropy",
        [
            case((4, 3), TARGETS),
            case((1, 5), np.array([4], dtype=np.uint8)),
            case((4, 3), TARGETS, reduction="sum"),
            case((4, 3), TARGETS, reduction="none"),
        ],
        [
            case([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4 - 1]], [1, 0, 2]),
            case([[-INF, 0.0, 1.0]], [2]),
        ],
    ),
    "mse_loss": Row(
        lambda x, y, reduction="mean": reduced((x - y) ** 2, reduction),
        "nn.functional.mse_loss",
        [case((3, 4), (3, 4)), case((), ()), case((2, 3, 2), (2, 3, 2), reduction="sum")]
        + [case((5,), (5,), reduction="none")],
        [case([1.0, INF, NAN], [1.0, 0.0, 0.0])],
    ),
    "one_hot": Row(
        lambda labels, num_classes=-1: np.eye(max(labels.max() + 1, num_classes))[labels],
        "nn.functional.one_hot",
        [],  # no number to nudge
        [case([2, 0, 2]), case([[1, 0], [3, 1]]), case([1, 0], num_classes=4)]
        + [case(np.array(2, "uint8")), case([0], num_classes=1)],
    ),
}
