"""Making a page straight: how far it is tilted, and turning it back, and the way between both."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image

from hello_dl.read.blobs import Blobs
from hello_dl.read.ink import INKED

MOST = 12.0  # degrees of tilt that are looked for, to either side
FEWEST = 4  # blobs: fewer make no line that could be tilted
POINTS = 20_000  # of ink, enough to see the tilt


def find_tilt(amount: np.ndarray) -> float:
    """By how many degrees the lines on a page (height, width) of ink are turned clockwise.

    Seen along its lines a page is striped: rows full of ink, and rows without. So we try angles,
    count the ink in every row, and take the angle that makes the counts most uneven.
    """
    ink = amount > INKED
    if len(Blobs.of(ink)) < FEWEST:
        return 0.0
    tilt = striped(ink, MOST)
    return tilt if abs(tilt) < MOST else 0.0


def striped(ink: np.ndarray, most: float) -> float:
    """The angle, at most so many degrees, along which ink (height, width) makes stripes."""
    y, x = np.nonzero(ink)
    some = np.random.default_rng(0).permutation(len(y))[:POINTS]
    y, x = y[some] - ink.shape[0] / 2, x[some] - ink.shape[1] / 2
    best = 0.0
    for reach, step in ((most, 0.5), (0.5, 0.05)):
        angles = best + np.arange(-reach, reach + step / 2, step)
        best = float(max(angles, key=lambda angle: stripes(y, x, angle))) if len(y) else 0.0
    return round(best, 2)


def stripes(y: np.ndarray, x: np.ndarray, angle: float) -> float:
    """How uneven the rows are that points fall into, if the page is turned by -angle degrees."""
    turn = math.radians(angle)
    row = (y * math.cos(turn) - x * math.sin(turn)) / 2
    return float((np.bincount((row - row.min()).astype(np.int64)) ** 2.0).sum())


@dataclass(frozen=True)
class Turn:
    """The way between a photo and its straightened page."""

    angle: float  # degrees by which the photo's page is turned clockwise
    photo: tuple[int, int]  # height, width
    page: tuple[int, int]

    def to_photo(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where places of the page are on the photo."""
        cos, sin = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        x, y = x - self.page[1] / 2, y - self.page[0] / 2
        return cos * x - sin * y + self.photo[1] / 2, sin * x + cos * y + self.photo[0] / 2


def straightened(amount: np.ndarray, angle: float) -> tuple[np.ndarray, Turn]:
    """The page (height, width) of ink with level lines, and the way back."""
    shape = (amount.shape[0], amount.shape[1])
    if angle == 0:
        return amount, Turn(0.0, shape, shape)
    turned = Image.fromarray(amount).rotate(angle, Image.Resampling.BICUBIC, expand=True)
    page = np.clip(np.asarray(turned), 0, 1)
    return page, Turn(angle, shape, (page.shape[0], page.shape[1]))
