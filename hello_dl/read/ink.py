"""Where on a photo is ink? Everything that is darker than the paper around it.

No single gray parts ink from paper on a photo: paper in the shadow is darker than ink in the sun.
So we guess for every place how bright the paper would be there, and measure darkness against that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image, ImageFilter, ImageOps

from hello_dl.read.blobs import Runs

SMALL = 320  # pixels of the longer side on which the light of the paper is guessed
THICKEST = 1 / 8  # of the longer side: broader strokes are taken for paper
PENS = 4  # times the usual width of strokes that the widest may have
FAINTEST = 0.04  # share of the paper's light that ink takes away, at least
CLEAR = 1.7  # times what noise may do: most ink is darker than that
INKED = 0.45  # of the pen's full darkness: more is ink, less is paper


class Ink(NamedTuple):
    """What was found: how dark each place is, and whether it is a board with light writing."""

    amount: np.ndarray  # (height, width) float32, 0 is paper, 1 is the pen's full ink
    board: bool


def find_ink(photo: Image.Image) -> Ink:
    """Ink on a photo.

    We look twice: for strokes of any width, to see how wide the pen's are, and then for those.
    """
    gray = photo.convert("L")
    board = is_board(gray)
    gray = ImageOps.invert(gray) if board else gray
    widest = max(THICKEST * max(gray.size), 24.0)
    amount = darker(gray, widest)
    runs = Runs.of(amount > INKED)
    if len(runs.row):
        usual = float(np.percentile(runs.end - runs.start, 75))
        amount = darker(gray, min(PENS * usual + 8, widest))
    return Ink(amount, board)


def darker(gray: Image.Image, widest: float) -> np.ndarray:
    """How dark each place (height, width) of a gray picture is: 0 is paper, 1 the pen's full ink.

    Strokes are up to `widest` pixels wide. All is 0 where nothing is clearly darker than noise.
    """
    paper = numbers(paper_light(gray, widest))
    missing = paper - numbers(gray.filter(ImageFilter.GaussianBlur(0.8)))
    missing -= np.float32(np.median(missing))
    noise = 1.5 * float(np.median(np.abs(missing)))  # of the camera and the paper, its deviation
    darkness, floor = missing / paper, np.maximum(FAINTEST, 5 * noise / paper)
    dark = darkness > floor
    # Noise just exceeds the floor here and there; ink leaves no doubt.
    if not dark.any() or np.percentile((darkness / floor)[dark], 85) < CLEAR:
        return np.zeros_like(darkness)
    return np.clip(darkness / np.float32(np.percentile(darkness[dark], 85)), 0, 1)


def paper_light(gray: Image.Image, widest: float) -> Image.Image:
    """How bright the paper is, or would be without ink, at each place of a gray picture.

    On a small copy every pixel becomes the brightest around it: ink is gone, and bright places have
    grown. Then the darkest of those around it: they shrink back (this is called closing).
    """
    small = gray.copy()
    small.thumbnail((SMALL, SMALL), Image.Resampling.BOX)
    window = 2 * round(widest * max(small.size) / max(gray.size) / 2) + 1
    paper = Image.fromarray(closed(np.asarray(small), window))
    paper = paper.filter(ImageFilter.GaussianBlur(window / 6))
    return paper.resize(gray.size, Image.Resampling.BILINEAR)


def closed(picture: np.ndarray, window: int) -> np.ndarray:
    """The picture (height, width) without what is dark and smaller than the window."""
    half = window // 2
    for extreme in (np.max, np.min):
        for axis, sides in ((0, [(half, half), (0, 0)]), (1, [(0, 0), (half, half)])):
            framed = np.pad(picture, sides, "edge")
            picture = extreme(sliding_window_view(framed, window, axis), axis=-1)
    return picture


def is_board(gray: Image.Image) -> bool:
    """Tell whether the writing is lighter than its ground, as chalk on a board is.

    Writing is little, its ground is much: what stands out of its surroundings is the writing.
    """
    small = gray.copy()
    small.thumbnail((4 * SMALL, 4 * SMALL), Image.Resampling.BOX)
    out = numbers(small) - numbers(small.filter(ImageFilter.GaussianBlur(12)))
    return float((out**3).sum()) > 0


def numbers(gray: Image.Image) -> np.ndarray:
    """The grays as numbers (height, width) float32 from 1 / 255, which is black, to 1."""
    return np.maximum(np.asarray(gray), 1) * np.float32(1 / 255)
