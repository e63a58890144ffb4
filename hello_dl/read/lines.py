"""From blobs of ink to lines of writing, and from lines to pieces: characters, or parts of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hello_dl.read.blobs import Blobs

SMALLEST = 8  # pixels: characters that are usually lower cannot be read
SPECK = 0.12  # heights of a character: smaller blobs are dirt
REACH = 0.75  # heights of a character that the middle of one may be off its line
ASIDE = 0.2  # heights of a character: what is higher and as far from all lines is no dot
FEWEST = 3  # of them make a row of writing
UNLIKE = 1.7  # times the usual height: such a line is written in another size
FAR = 0.6  # heights of a character from a line within which dots and bars belong to it
WITHIN = 0.7  # share of the narrower one's width, from which pieces above each other are one


@dataclass(frozen=True)
class Piece:
    """Ink that is not taken apart any more: where it is on the page, and which pixels it has."""

    top: int
    left: int
    mask: np.ndarray  # (height, width) truth values

    @property
    def bottom(self) -> int:
        """The row after its last."""
        return self.top + self.mask.shape[0]

    @property
    def right(self) -> int:
        """The column after its last."""
        return self.left + self.mask.shape[1]

    @property
    def middle(self) -> float:
        """The column of its middle."""
        return self.left + self.mask.shape[1] / 2


def joined(pieces: list[Piece]) -> Piece:
    """One piece of several."""
    if len(pieces) == 1:
        return pieces[0]
    top, left = min(p.top for p in pieces), min(p.left for p in pieces)
    bottom, right = max(p.bottom for p in pieces), max(p.right for p in pieces)
    mask = np.zeros((bottom - top, right - left), bool)
    for p in pieces:
        mask[p.top - top : p.bottom - top, p.left - left : p.right - left] |= p.mask
    return Piece(top, left, mask)


def find_lines(blobs: Blobs, height: float) -> list[list[Piece]]:
    """The lines of a page from top to bottom, each with its pieces from left to right.

    `height` is the usual one of a character. First the blobs that are about as high make lines.
    Smaller ones are dots and bars, which go to the line that they are nearest to, or they stand in
    rows of their own: writing in another size.
    """
    if height < SMALLEST:
        return []
    good = may_be_writing(blobs, height)
    core = good & (blobs.height >= 0.5 * height)
    middle = (blobs.top + blobs.bottom) / 2
    lines = chained(np.flatnonzero(core), blobs.left, middle, REACH * height)
    small = np.flatnonzero(good & ~core)
    gaps = np.array([[gap_to(line, blobs, i) for line in lines] for i in small.tolist()])
    rows = small_rows(blobs, small[apart(blobs, small, gaps, height)])
    in_rows = {i for row in rows for i in row}
    for i, gap in zip(small.tolist(), gaps):
        if i not in in_rows and gap.size and gap.min() <= FAR * height:
            lines[int(np.argmin(gap))].append(i)
    lines = sorted(lines + rows, key=lambda line: float(np.mean(middle[line])))
    return [pieces_of(line, blobs) for line in lines]


def apart(blobs: Blobs, small: np.ndarray, gaps: np.ndarray, height: float) -> np.ndarray:
    """Which small blobs (n,) are larger than dots and stand clear of all lines: gaps (n, lines)."""
    clear = gaps.min(1, initial=np.inf) > ASIDE * height if len(small) else np.zeros(0, bool)
    return clear & (blobs.height[small] >= max(ASIDE * height, SMALLEST))


def small_rows(blobs: Blobs, small: np.ndarray) -> list[list[int]]:
    """Rows of small blobs (n,) that are writing themselves: several of about one height."""
    if not len(small):
        return []
    height = float(np.median(blobs.height[small]))
    middle = (blobs.top + blobs.bottom) / 2
    rows = chained(small, blobs.left, middle, REACH * height)
    return [row for row in rows if len(row) >= FEWEST]


def line_height(pieces: list[Piece], height: float) -> float:
    """The usual height of a character on a line: the page's, unless its own is quite another."""
    own = float(np.median([piece.bottom - piece.top for piece in pieces]))
    alike = height / UNLIKE < own < height * UNLIKE
    return height if alike or len(pieces) < FEWEST else own


def may_be_writing(blobs: Blobs, height: float) -> np.ndarray:
    """Which blobs (n,) are neither dirt nor underlines, frames, or the desk."""
    tall, wide = blobs.height, blobs.width
    speck = np.maximum(tall, wide) < SPECK * height
    underline = (wide > 1.8 * height) & (tall < 0.25 * height)
    frame = (tall > 4 * height) | ((wide > 3 * height) & (blobs.area < 0.1 * tall * wide))
    desk = blobs.at_edge & ((tall > 1.8 * height) | (wide > 3 * height))
    return ~(speck | (blobs.area < 4) | underline | frame | desk)


def chained(
    blobs: np.ndarray, left: np.ndarray, middle: np.ndarray, reach: float
) -> list[list[int]]:
    """Chains of blobs from left to right, each about as high up as those just before it."""
    lines: list[list[int]] = []
    for i in sorted(blobs.tolist(), key=lambda i: left[i]):
        off = [abs(middle[i] - float(np.mean(middle[line[-4:]]))) for line in lines]
        if off and min(off) <= reach:
            lines[int(np.argmin(off))].append(i)
        else:
            lines.append([i])
    return lines


def gap_to(line: list[int], blobs: Blobs, i: int) -> float:
    """How far blob i is above or below the nearest blobs of a line, pixels; 0 if beside them."""
    members = np.array(line)
    near = members[np.argsort(np.abs(blobs.left[members] - blobs.left[i]))[:3]]
    top, bottom = np.median(blobs.top[near]), np.median(blobs.bottom[near])
    return float(max(top - blobs.bottom[i], blobs.top[i] - bottom, 0))


def pieces_of(line: list[int], blobs: Blobs) -> list[Piece]:
    """The pieces of a line from left to right; what is above each other is one."""
    pieces = []
    for i in line:
        top, left = int(blobs.top[i]), int(blobs.left[i])
        shape = (int(blobs.height[i]), int(blobs.width[i]))
        pieces.append(Piece(top, left, blobs.runs_of(i).mask(top, left, shape)))
    pieces.sort(key=lambda piece: piece.middle)
    merged: list[Piece] = []
    for piece in pieces:
        while merged and overlap(merged[-1], piece) >= WITHIN:
            piece = joined([merged.pop(), piece])
        merged.append(piece)
    return merged


def overlap(a: Piece, b: Piece) -> float:
    """Share of the narrower one's width in which both have ink; negative if they are apart."""
    common = min(a.right, b.right) - max(a.left, b.left)
    return common / min(a.right - a.left, b.right - b.left)
