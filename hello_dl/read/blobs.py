"""Blobs: pixels of ink that hang together, found by way of runs.

A run is a row's stretch of ink. A page has a thousand times fewer runs than pixels, so we look at
those alone: runs of neighboring rows that touch, also over a corner, belong to one blob.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Runs:
    """Stretches of ink, row by row: pixels (row, start) up to but without (row, end)."""

    row: np.ndarray  # (r,)
    start: np.ndarray
    end: np.ndarray
    shape: tuple[int, int]  # of the whole picture

    @classmethod
    def of(cls, mask: np.ndarray) -> Runs:
        """All runs of a picture (height, width) of truth values."""
        framed = np.zeros((mask.shape[0], mask.shape[1] + 2), np.int8)
        framed[:, 1:-1] = mask
        change = np.diff(framed, axis=1)  # 1 where ink begins, -1 where it has ended
        row, start = np.nonzero(change == 1)
        return cls(row, start, np.nonzero(change == -1)[1], (mask.shape[0], mask.shape[1]))

    def __getitem__(self, chosen: np.ndarray | slice) -> Runs:
        return Runs(self.row[chosen], self.start[chosen], self.end[chosen], self.shape)

    def mask(self, top: int = 0, left: int = 0, shape: tuple[int, int] = (0, 0)) -> np.ndarray:
        """The picture again, of these runs alone, or a part of that shape which holds them all."""
        height, width = self.shape if shape == (0, 0) else shape
        change = np.zeros((height, width + 1), np.int8)
        change[self.row - top, self.start - left] = 1
        change[self.row - top, self.end - left] -= 1
        return np.cumsum(change, axis=1, dtype=np.int8)[:, :-1].astype(bool)


def touching(runs: Runs) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of runs, as two arrays of their numbers, that touch from one row to the next."""
    width = runs.shape[1] + 2
    # One long line of all rows, in which runs are in order, so that a search finds neighbors. Runs
    # touch the one below if they begin before it has ended and end after it has begun.
    begin, end = runs.row * width + runs.start, runs.row * width + runs.end
    first = np.searchsorted(end, begin - width, "left")
    last = np.searchsorted(begin, end - width, "right")
    count = last - first
    below = np.repeat(np.arange(len(begin)), count)
    above = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return above + np.repeat(first, count), below


def united(count: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Numbers (count,) from 0 that are equal for what is linked by pairs a, b, however indirectly.

    Everything points at a member of its set (Galler and Fischer 1964), at first at itself. Where a
    pair points at two members, the larger one is pointed at the smaller, until all pairs agree.
    """
    leader = np.arange(count)
    while True:
        one, other = leader[a], leader[b]
        apart = one != other
        if not apart.any():
            return np.unique(leader, return_inverse=True)[1]
        a, b, one, other = a[apart], b[apart], one[apart], other[apart]
        np.minimum.at(leader, np.maximum(one, other), np.minimum(one, other))
        while (leader[leader] != leader).any():
            leader = leader[leader]


@dataclass(frozen=True)
class Blobs:
    """n blobs: their boxes, their pixels, and the runs that they are made of."""

    top: np.ndarray  # (n,) first row
    bottom: np.ndarray  # (n,) the row after the last
    left: np.ndarray
    right: np.ndarray
    area: np.ndarray  # (n,) pixels
    runs: Runs  # sorted by blob
    first: np.ndarray  # (n + 1,) where each blob's runs begin

    @classmethod
    def of(cls, mask: np.ndarray) -> Blobs:
        """The blobs of a picture (height, width) of truth values, from its top to its bottom."""
        runs = Runs.of(mask)
        blob = united(len(runs.row), *touching(runs))
        order = np.argsort(blob, kind="stable")
        runs, blob = runs[order], blob[order]
        count = int(blob[-1]) + 1 if len(blob) else 0
        first = np.searchsorted(blob, np.arange(count + 1))
        at = first[:-1]
        if not count:
            none = np.zeros(0, np.int64)
            return cls(none, none, none, none, none, runs, first)
        return cls(
            top=np.minimum.reduceat(runs.row, at),
            bottom=np.maximum.reduceat(runs.row, at) + 1,
            left=np.minimum.reduceat(runs.start, at),
            right=np.maximum.reduceat(runs.end, at),
            area=np.add.reduceat(runs.end - runs.start, at),
            runs=runs,
            first=first,
        )

    def __len__(self) -> int:
        return len(self.top)

    @property
    def height(self) -> np.ndarray:
        """Rows (n,) from the first to the last."""
        return self.bottom - self.top

    @property
    def width(self) -> np.ndarray:
        """Columns (n,) from the first to the last."""
        return self.right - self.left

    @property
    def at_edge(self) -> np.ndarray:
        """Which blobs (n,) the edge of the picture cuts: the desk, a shadow, rarely writing."""
        rows, columns = self.runs.shape
        upright = (self.top == 0) | (self.bottom == rows)
        return upright | (self.left == 0) | (self.right == columns)

    def runs_of(self, blob: int) -> Runs:
        """The runs of one blob, by its number."""
        return self.runs[slice(*self.first[blob : blob + 2])]


def character_height(blobs: Blobs) -> float:
    """The usual height of a character, pixels: the median of what looks like one; 0 if none does.

    What the edge of the picture cuts is no measure, and alone no writing.
    """
    height, width = blobs.height, blobs.width
    likely = (width < 8 * height) & (blobs.area >= 12) & ~blobs.at_edge
    if not likely.any():
        return 0.0
    tall = height[likely][height[likely] >= 0.3 * np.percentile(height[likely], 90)]
    return float(np.median(tall))
