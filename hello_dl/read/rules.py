"""Taking printed lines off a page of ink: lined and squared paper, margins.

A printed line is known by being longer, straighter and thinner than any stroke of a pen.
"""

from __future__ import annotations

import math

import numpy as np

from hello_dl.read.blobs import Blobs, Runs, character_height
from hello_dl.read.ink import INKED
from hello_dl.read.tilt import striped

ACROSS = 0.2  # of the page's longer side: what is as long, straight and thin is no stroke
LONG = 4  # heights of a character: likewise
THIN = 25  # times as long as thick, at least
FULL = 0.8  # share of its length that is dark
PALE = 0.15  # of the pen's full ink: printed lines may be faint
SKEW = 3.0  # degrees by which they may be off the lines of writing


def without_rules(amount: np.ndarray) -> np.ndarray:
    """The page (height, width) of ink without printed lines, level or upright ones.

    First those that cross much of the page. Then characters stand alone, and their height says what
    else is too long for a stroke.
    """
    length = ACROSS * max(amount.shape)
    for _ in range(2):
        for turned in (False, True):
            page = amount.T if turned else amount
            slope = math.tan(math.radians(striped(page > PALE, SKEW)))
            page = sheared(page, slope)
            page = without_level_rules(page, round(min(length, 0.9 * page.shape[1])))
            page = sheared(page, -slope)
            amount = page.T if turned else page
        length = LONG * character_height(Blobs.of(amount > INKED))
    return np.ascontiguousarray(amount)


def sheared(page: np.ndarray, slope: float) -> np.ndarray:
    """The page (height, width) with columns moved up, each by `slope` pixels more than the last.

    What leaves it above comes in again below, so that -slope undoes it.
    """
    if slope == 0:
        return page
    height, width = page.shape
    shift = np.rint(slope * (np.arange(width) - width / 2)).astype(np.int64)
    return np.take_along_axis(page, (np.arange(height)[:, None] + shift) % height, axis=0)


def without_level_rules(amount: np.ndarray, length: int) -> np.ndarray:
    """The page (height, width) without level lines that are longer than so many pixels.

    Where the pen has crossed a line it stays: there the ink is higher than the line is thick, or
    darker.
    """
    if length < THIN:
        return amount
    dark = amount > PALE
    near = grown(
        dark, 2
    )  # a line that is not quite level goes through the rows beside its own, too
    line = share_along(near, length) >= FULL
    if not line.any():
        return amount
    columns = Runs.of(dark.T)  # upright stretches of ink: how thick is it here?
    thick, middle = columns.end - columns.start, (columns.start + columns.end) // 2
    on_line = line[middle, columns.row]
    if not on_line.any() or np.median(thick[on_line]) > length / THIN:
        return amount
    shade = amount[middle, columns.row]
    thin = thick <= 1.5 * np.median(thick[on_line]) + 1
    gone = columns[on_line & thin & (shade <= 1.5 * np.median(shade[on_line]))].mask().T
    edges = grown(gone, 1) & ~dark
    return np.where(gone | edges, np.float32(0), amount)


def grown(mask: np.ndarray, rows: int) -> np.ndarray:
    """The mask (height, width) with so many rows more above and below all that is set."""
    out = mask.copy()
    for off in range(1, rows + 1):
        out[off:] |= mask[:-off]
        out[:-off] |= mask[off:]
    return out


def share_along(mask: np.ndarray, length: int) -> np.ndarray:
    """For each pixel of (height, width), how much is set of the level stretch through it, 0..1.

    The best of three: the stretch that begins there, the one that ends there, and the one between.
    """
    total = np.cumsum(np.pad(mask, ((0, 0), (length + 1, length))), axis=1, dtype=np.int32)
    share = (total[:, length:] - total[:, :-length]) / np.float32(length)  # of those that end here
    width = mask.shape[1]
    parts = [share[:, start : start + width] for start in (1, 1 + length // 2, length)]
    return np.maximum.reduce(parts)
