"""Handwritten digits to learn from: MNIST where it can be had, else strokes drawn by ourselves."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from hello_dl.data.mirrors import Progress
from hello_dl.data.mnist import load_mnist
from hello_dl.data.sources import UnavailableError
from hello_dl.data.strokes import DIGITS, load_strokes


class Characters(NamedTuple):
    """Pictures of digits or letters, ink 0..255 on 28 × 28 pixels, and what each one is."""

    train_images: np.ndarray  # (n, 28, 28) uint8, 255 is full ink
    train_labels: np.ndarray  # (n,) int64: where in the alphabet it stands
    test_images: np.ndarray  # (m, 28, 28) uint8
    test_labels: np.ndarray  # (m,) int64
    name: str  # "MNIST", "strokes", "strokes letters" or "EMNIST letters"
    note: str  # where they come from, and why not from MNIST, in one line
    alphabet: str = DIGITS

    def first(self, train: int, test: int) -> Characters:
        """The first so many of each half, or all there are."""
        return self._replace(
            train_images=self.train_images[:train],
            train_labels=self.train_labels[:train],
            test_images=self.test_images[:test],
            test_labels=self.test_labels[:test],
        )


def load_digits(
    data: str | Path | None = None, download: bool = True, progress: Progress | None = None
) -> Characters:
    """Return MNIST if it is found or can be downloaded, else strokes.

    `data` is a folder that holds MNIST's files, or the word "strokes". A folder that was named
    but does not hold them, and a file that is damaged, are a DataError and not a reason to go on.
    """
    if data == "strokes":
        return Characters(*load_strokes(), "strokes", "drawn by hello_dl")
    try:
        mnist = load_mnist(data, download, progress)
    except UnavailableError:
        why = "could not be downloaded"
        if not download:
            why = "is not on this machine (hello-dl data mnist fetches it)"
        return Characters(*load_strokes(), "strokes", f"drawn by hello_dl, as MNIST {why}")
    return Characters(*mnist[:4], "MNIST", f"from {mnist.where}")
