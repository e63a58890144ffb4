"""Handwritten digits to learn from: MNIST where it can be had, else strokes drawn by ourselves."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from hello_dl.data.mirrors import Progress
from hello_dl.data.mnist import load_mnist
from hello_dl.data.sources import UnavailableError
from hello_dl.data.strokes import load_strokes


class Digits(NamedTuple):
    """Pictures of digits, ink 0..255 on 28 × 28 pixels, and which digit each one is."""

    train_images: np.ndarray  # (n, 28, 28) uint8, 255 is full ink
    train_labels: np.ndarray  # (n,) int64, 0..9
    test_images: np.ndarray  # (m, 28, 28) uint8
    test_labels: np.ndarray  # (m,) int64
    name: str  # "MNIST" or "strokes"
    note: str  # where they come from, and why not from MNIST, in one line


def load_digits(
    data: str | Path | None = None, download: bool = True, progress: Progress | None = None
) -> Digits:
    """Return MNIST if it is found or can be downloaded, else strokes.

    `data` is a folder that holds MNIST's files, or the word "strokes". A folder that was named
    but does not hold them, and a file that is damaged, are a DataError and not a reason to go on.
    """
    if data == "strokes":
        return Digits(*load_strokes(), "strokes", "drawn by hello_dl")
    try:
        mnist = load_mnist(data, download, progress)
    except UnavailableError:
        why = "could not be downloaded"
        if not download:
            why = "is not on this machine (hello-dl data mnist fetches it)"
        return Digits(*load_strokes(), "strokes", f"drawn by hello_dl, as MNIST {why}")
    return Digits(*mnist[:4], "MNIST", f"from {mnist.where}")
