"""What a little does to a net that reads well: pictures shifted by a pixel or two, or with specks.

A person does not even notice. A net may: it has only seen pictures that are centered and clean.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hello_dl.train.diary import Diary, read_pictures
from hello_dl.train.metrics import accuracy

SHIFT, SPECKS = 2, 5  # pixels


def shifted(images: np.ndarray, random: np.random.Generator, most: int = SHIFT) -> np.ndarray:
    """Move each picture (n, h, w) by up to so many whole pixels, down or up and right or left."""
    n, height, width = images.shape
    wide = np.pad(images, ((0, 0), (most, most), (most, most)))
    down, right = random.integers(0, 2 * most + 1, (2, n, 1, 1))
    rows, columns = np.arange(height)[:, None], np.arange(width)
    return wide[np.arange(n)[:, None, None], rows + down, columns + right]


def speckled(images: np.ndarray, random: np.random.Generator, count: int = SPECKS) -> np.ndarray:
    """Turn ink into paper and paper into ink at `count` pixels of each picture (n, h, w) uint8."""
    spoiled = images.reshape(len(images), -1).copy()
    places = random.random(spoiled.shape).argpartition(count, axis=1)[:, :count]
    row = np.arange(len(images))[:, None]
    spoiled[row, places] = 255 - spoiled[row, places]
    return spoiled.reshape(images.shape)


WAYS: dict[str, Callable[..., np.ndarray]] = {
    f"shifted by up to {SHIFT} pixels": shifted,
    f"with {SPECKS} pixels inverted": speckled,
}


def accuracies(diary: Diary) -> dict[str, float]:
    """How many of the test pictures the net reads right when they are spoiled, 0..1, in words."""
    return {
        how: accuracy(
            read_pictures(diary.model, spoil(diary.images, np.random.default_rng(0))), diary.labels
        )
        for how, spoil in WAYS.items()
    }
