"""What is measured of a classifier: accuracy, what is mistaken for what, and the worst mistakes."""

from __future__ import annotations

from typing import Any

import numpy as np

from hello_dl.backend import module_of
from hello_dl.tensor import Tensor


def accuracy(outputs: Any, targets: Any) -> Any:
    """Share of rows of (n, classes) that have their largest entry at the target (n,), 0..1.

    Takes Tensors and arrays: scores or probabilities, and class numbers. On a GPU the share stays
    there, in an array of one number.
    """
    return right_answers(outputs, targets) / targets.shape[0]


def right_answers(outputs: Any, targets: Any) -> Any:
    """How many rows of (n, classes) have their largest entry at the target (n,)."""
    scores = outputs.data if isinstance(outputs, Tensor) else outputs
    labels = targets.data if isinstance(targets, Tensor) else targets
    return module_of(scores).count_nonzero(scores.argmax(1) == labels)


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Counts (classes, classes): row = actual class, column = predicted class."""
    classes = probabilities.shape[1]
    pairs = labels * classes + probabilities.argmax(1)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def worst_mistakes(probabilities: np.ndarray, labels: np.ndarray, most: int) -> list[int]:
    """Rows that are wrong, those with the highest confidence in the wrong answer first."""
    wrong = np.flatnonzero(probabilities.argmax(1) != labels)
    surest_first = np.argsort(-probabilities[wrong].max(1), kind="stable")
    return wrong[surest_first][:most].tolist()
