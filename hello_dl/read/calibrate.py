"""Is the net right in 80 of 100 cases in which it says 80 %? Measuring that, and putting it right.

Nets learn to be surer than they may be. Dividing the logits by one number, the temperature, makes
all answers less sure (or surer, below 1) and changes none of them: Guo et al. 2017.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

GOLDEN = (math.sqrt(5) - 1) / 2


class Bin(NamedTuple):
    """The answers of which the net was about equally sure."""

    low: float  # it was surer than this
    high: float  # and at most this sure
    answers: int
    sure: float  # how sure it was in the mean
    right: float  # share of them that was right


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Logarithms (n, classes) of the probabilities that belong to logits (n, classes)."""
    shifted = logits - logits.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


def mean_surprise(logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0) -> float:
    """Mean of -log p(label): the loss of training, on logits (n, classes) that are divided."""
    log_p = log_softmax(np.asarray(logits, np.float64) / temperature)
    return -float(log_p[np.arange(len(labels)), labels].mean())


def find_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature, 0.05 to 20, at which the answers surprise least.

    `logits` (n, classes) and `labels` (n,) are of pictures that the net has not learned from. The
    surprise has one valley, into which we close in from both sides (golden section search).
    """
    if not len(labels):
        raise ValueError("no temperature without examples: logits and labels are empty")
    low, high = math.log(0.05), math.log(20)
    while high - low > 1e-3:
        left, right = high - GOLDEN * (high - low), low + GOLDEN * (high - low)
        if mean_surprise(logits, labels, math.exp(left)) < mean_surprise(
            logits, labels, math.exp(right)
        ):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)


def reliability(sure: np.ndarray, right: np.ndarray, bins: int = 10) -> list[Bin]:
    """Answers in bins by how sure (n,) the net was of them; `right` (n,) says which ones are.

    Bins without an answer are left out. A well calibrated net has sure = right in each of them.
    """
    sure, right = np.asarray(sure, np.float64), np.asarray(right, bool)
    which = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)
    table = []
    for number in range(bins):
        here = which == number
        if here.any():
            means = float(sure[here].mean()), float(right[here].mean())
            table.append(Bin(number / bins, (number + 1) / bins, int(here.sum()), *means))
    return table


def calibration_error(sure: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """How far sure is from right, as a mean over all answers (expected calibration error), 0..1."""
    table = reliability(sure, right, bins)
    total = sum(row.answers for row in table)
    return sum(row.answers * abs(row.sure - row.right) for row in table) / max(total, 1)
