"""From the pieces of a line to its characters: the net has a say in where one ends.

A piece may be half a character (a 5 without its roof), and two characters may be one piece. We cut
where a cut is possible, offer the net every way to put neighboring pieces together, and choose the
way through the line of which it is surest (LeCun et al. 1998, section 7; Viterbi 1967).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hello_dl.read.lines import Piece, joined

MOST = 4  # pieces that make one character
WIDEST = 1.7  # heights of a character: what is put together is not wider
APART = 0.35  # heights of a character: pieces farther apart are not put together
WIDE = 0.75  # heights of a character from which a piece may be more than one
CUT = 2.5  # what it costs to cut through ink: the net must be e**CUT times as sure
JOIN = 8.0  # what it costs to put pieces together, for a gap of one height


LOW = 8.0  # what it costs to be lower than half a usual character, per height missing


class Candidate(NamedTuple):
    """Neighboring pieces that may be one character."""

    first: int  # number of the first piece
    last: int  # number of the piece after the last
    piece: Piece
    cost: float  # of cutting and joining, and of being low


class Part(NamedTuple):
    """A piece, and whether the one before it was cut off it."""

    piece: Piece
    cut: bool


def candidates(pieces: list[Piece], height: float) -> list[Candidate]:
    """All that may be characters on a line of pieces; `height` is that of a usual character."""
    parts = [part for piece in pieces for part in parted(piece, height)]
    found = []
    for first in range(len(parts)):
        cost = CUT if parts[first].cut else 0.0
        for last in range(first + 1, min(first + MOST, len(parts)) + 1):
            group = [part.piece for part in parts[first:last]]
            if last > first + 1:
                gap = group[-1].left - max(piece.right for piece in group[:-1])
                wide = max(piece.right for piece in group) - group[0].left
                if not parts[last - 1].cut:
                    if gap > APART * height or wide > WIDEST * height:
                        break
                    cost += JOIN * max(gap / height, 0)
            piece = joined(group)
            low = LOW * max(0.5 - piece.mask.shape[0] / height, 0)
            found.append(Candidate(first, last, piece, cost + low))
    return found


def parted(piece: Piece, height: float) -> list[Part]:
    """A piece cut wherever two characters may touch: where its columns have little ink."""
    wide = piece.mask.shape[1]
    if wide < WIDE * height:
        return [Part(piece, False)]
    ink = np.convolve(piece.mask.sum(0), np.ones(3) / 3, "same")
    margin = round(0.25 * height)
    places: list[int] = []
    for place in np.argsort(ink[margin : wide - margin], kind="stable") + margin:
        if len(places) == MOST - 1 or ink[place] > 0.35 * height:
            break
        if all(abs(place - other) >= margin for other in places):
            places.append(int(place))
    parts, edges = [], [0, *sorted(places), wide]
    for start, end in zip(edges, edges[1:]):
        rows = np.flatnonzero(piece.mask[:, start:end].any(1))
        mask = piece.mask[rows[0] : rows[-1] + 1, start:end]
        parts.append(Part(Piece(piece.top + int(rows[0]), piece.left + start, mask), start > 0))
    return parts


def best_way(found: list[Candidate], doubt: np.ndarray) -> list[int]:
    """The way through a line with the least cost: numbers of candidates, from left to right.

    `doubt` (n,) is minus the logarithm of how sure the net is of each; it counts once for every
    piece, so that ways of few and of many characters are compared fairly.
    """
    count = max((candidate.last for candidate in found), default=0)
    least = np.full(count + 1, np.inf)  # cost of the best way up to each piece
    least[0] = 0.0
    by = np.zeros(count + 1, np.int64)  # the candidate with which that way ends
    for i, candidate in enumerate(found):  # those that begin further left come first
        first, last = candidate.first, candidate.last
        cost = least[first] + candidate.cost + (last - first) * doubt[i]
        if cost < least[last]:
            least[last], by[last] = cost, i
    way, at = [], count
    while at:
        way.append(int(by[at]))
        at = found[way[-1]].first
    return way[::-1]
