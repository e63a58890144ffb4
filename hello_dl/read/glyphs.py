"""The one preprocessing: any picture of a character becomes what the net was trained on.

As MNIST was made (LeCun et al. 1998): cut the ink out, scale it into a box of 20 x 20 pixels,
keeping its proportions, and put it into a field of 28 x 28, its center of mass in the middle.
Characters of MNIST and of the strokes are so already; those of a photo are made so here.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

FIELD, BOX = 28, 20  # pixels, sides
THINNEST = 1.6  # pixels of the box: thinner strokes would fade as they are scaled down


def to_field(ink: np.ndarray) -> np.ndarray:
    """One character, ink (height, width) of 0..1, as (28, 28) float32; all 0 if there is no ink."""
    field = np.zeros((FIELD, FIELD), np.float32)
    cut = cropped(ink)
    if not cut.size:
        return field
    boxed = scaled(thickened(cut))
    rows, columns = boxed.shape
    total = boxed.sum()
    row = float(boxed.sum(1) @ np.arange(rows)) / total  # center of mass
    column = float(boxed.sum(0) @ np.arange(columns)) / total
    # The middle is that of pixel 14, as in MNIST. Ink far from its own middle stops at the edge.
    top = min(max(round(FIELD / 2 - row), 0), FIELD - rows)
    left = min(max(round(FIELD / 2 - column), 0), FIELD - columns)
    field[top : top + rows, left : left + columns] = boxed
    return field


def cropped(ink: np.ndarray, least: float = 0.1) -> np.ndarray:
    """The ink without the empty rows and columns around it."""
    rows, columns = np.flatnonzero((ink > least).any(1)), np.flatnonzero((ink > least).any(0))
    if not len(rows):
        return ink[:0, :0]
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def scaled(ink: np.ndarray) -> np.ndarray:
    """The ink in a box whose longer side is 20 pixels; its darkest pixels are full ink."""
    height, width = ink.shape
    scale = BOX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    kind = Image.Resampling.BOX if scale < 0.5 else Image.Resampling.BICUBIC
    boxed = np.clip(np.asarray(Image.fromarray(ink).resize(size, kind)), 0, 1)
    return boxed / max(float(np.percentile(boxed[boxed > 0.05], 90)), 0.2) if boxed.any() else boxed


def stroke_width(ink: np.ndarray) -> float:
    """How wide the pen's strokes are in ink (height, width) of 0..1, in pixels.

    A stroke has two edges, so its area is half of its edges' length times its width.
    """
    framed = np.pad(ink, 1)
    down, across = np.diff(framed, axis=0)[:, 1:], np.diff(framed, axis=1)[1:]
    edges = float(np.hypot(down, across).sum())
    return 2 * float(ink.sum()) / edges if edges else 0.0


def thickened(ink: np.ndarray) -> np.ndarray:
    """The ink with strokes made wider, where they would be too thin in the box of 20 pixels.

    Every pixel becomes the darkest of those within so many rows and columns around it.
    """
    missing = THINNEST * max(ink.shape) / BOX - stroke_width(ink)
    sides = max(0, int(missing / 2))
    wider = np.pad(ink, 2 * sides)
    for axis in (0, 1) if sides else ():
        wider = sliding_window_view(wider, 2 * sides + 1, axis).max(-1)
    return wider
