"""Reading a photo: from its pixels to lines of characters, each with how sure the net is.

    reading = Reader(model, "0123456789").read(open_photo("page.jpg"))
    print(reading.text)

`Reader.read` is the list of all steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from PIL import Image

from hello_dl.nn import Module
from hello_dl.read.blobs import Blobs, character_height
from hello_dl.read.calibrate import log_softmax
from hello_dl.read.glyphs import to_field
from hello_dl.read.ink import INKED, find_ink
from hello_dl.read.lines import Piece, find_lines, line_height
from hello_dl.read.rules import without_rules
from hello_dl.read.segment import best_way, candidates
from hello_dl.read.sizes import with_sizes
from hello_dl.read.tilt import Turn, find_tilt, straightened
from hello_dl.tensor import Tensor
from hello_dl.train.evaluate import predict

UNSURE = 0.5  # a net that is less sure than that does not know
SPACE = 0.7  # heights of a character between two words, where nothing else is known
BATCH = 256  # characters that the net is given at a time


class Character(NamedTuple):
    """A character that was read."""

    text: str  # what it most probably is
    sure: float  # 0..1
    second: str  # what else it may be
    space: bool  # there is a gap before it
    corners: np.ndarray  # (4, 2) x and y on the photo, clockwise from the upper left
    field: np.ndarray  # (28, 28) what the net saw

    @property
    def shown(self) -> str:
        """What it is, or a question mark if the net does not know."""
        return self.text if self.sure >= UNSURE else "?"


@dataclass(frozen=True)
class Reading:
    """What was read on a photo."""

    lines: list[list[Character]]
    tilt: float  # degrees, clockwise
    board: bool  # light writing on a dark ground

    @property
    def text(self) -> list[str]:
        """The lines, with spaces between words and question marks for what is not known."""
        return ["".join(" " * c.space + c.shown for c in line) for line in self.lines]


class Chosen(NamedTuple):
    """A piece that is taken for a character."""

    piece: Piece
    field: np.ndarray  # (28, 28)
    line: int
    log_p: np.ndarray  # (classes,)


@dataclass(frozen=True)
class Reader:
    """A net, and what it takes to read photos with it.

    The net makes logits (n, classes) of pictures (n, 1, 28, 28); its classes are the `characters`,
    and perhaps one more: none of these.
    """

    model: Module
    characters: str
    temperature: float = 1.0

    def read(self, photo: Image.Image) -> Reading:
        """Find the ink, straighten the page, find its lines and characters, and read them."""
        ink = find_ink(photo)
        tilt = find_tilt(ink.amount)
        page, turn = straightened(ink.amount, tilt)
        page = without_rules(page)
        blobs = Blobs.of(page > INKED)
        height = character_height(blobs)
        lines = find_lines(blobs, height)
        chosen = self._characters(page, lines, height)
        return Reading(self._in_lines(chosen, turn, height), tilt, ink.board)

    def logits(self, fields: np.ndarray) -> np.ndarray:
        """What the net makes of characters (n, 28, 28): (n, classes)."""
        batches = (fields[i : i + BATCH, None] for i in range(0, len(fields), BATCH))
        return predict(self.model, map(Tensor, batches))

    def log_probabilities(self, fields: np.ndarray) -> np.ndarray:
        """How sure it is of each class, calibrated, as logarithms (n, classes)."""
        return log_softmax(self.logits(fields).astype(np.float64) / self.temperature)

    def _characters(
        self, page: np.ndarray, lines: list[list[Piece]], height: float
    ) -> list[Chosen]:
        """Show the net all that may be a character, and keep what it is surest of."""
        offered = [candidates(line, line_height(line, height)) for line in lines]
        fields = [to_field(cut_out(page, c.piece)) for line in offered for c in line]
        if not fields:
            return []
        block = np.stack(fields)
        log_p = self.log_probabilities(block)
        doubt = -self._known(log_p)
        chosen, start = [], 0
        for number, line in enumerate(offered):
            for i in best_way(line, doubt[start : start + len(line)]):
                at = start + i
                chosen.append(Chosen(line[i].piece, block[at], number, log_p[at]))
            start += len(line)
        return self._sized(chosen, height)

    def _known(self, log_p: np.ndarray) -> np.ndarray:
        """How sure (n,) the net is, as a logarithm, that these are characters; c or C is one."""
        folded = self.characters.lower()
        return np.max(
            [
                np.logaddexp.reduce(log_p[:, [i for i, f in enumerate(folded) if f == c]], axis=1)
                for c in dict.fromkeys(folded)
            ],
            axis=0,
        )

    def _sized(self, chosen: list[Chosen], height: float) -> list[Chosen]:
        """The same with probabilities that know of the sizes, where the alphabet has any."""
        if self.characters.lower() == self.characters or not chosen:
            return chosen
        boxes = np.array([(c.piece.middle, c.piece.top, c.piece.bottom) for c in chosen])
        line, log_p = np.array([c.line for c in chosen]), np.stack([c.log_p for c in chosen])
        log_p = with_sizes(log_p, boxes, line, self.characters, height)
        return [one._replace(log_p=row) for one, row in zip(chosen, log_p)]

    def _in_lines(self, chosen: list[Chosen], turn: Turn, height: float) -> list[list[Character]]:
        """The characters in their lines, with the gaps between words."""
        gaps = gaps_before(chosen) / max(height, 1)
        spaces = gaps > word_gap(gaps[np.isfinite(gaps)])
        lines: dict[int, list[Character]] = {}
        for one, gap, space in zip(chosen, gaps, spaces):
            known = one.log_p[: len(self.characters)]
            first, second = np.argsort(-known, kind="stable")[:2]
            character = Character(
                text=self.characters[first],
                sure=float(np.exp(known[first])),
                second=self.characters[second],
                space=bool(space and np.isfinite(gap)),
                corners=corners(one.piece, turn),
                field=one.field,
            )
            lines.setdefault(one.line, []).append(character)
        return list(lines.values())


def gaps_before(chosen: list[Chosen]) -> np.ndarray:
    """Pixels (n,) between each character and the one before it; infinite where a line begins."""
    gaps = [math.inf] * len(chosen)
    for i, (before, one) in enumerate(pairwise(chosen), 1):
        if before.line == one.line:
            gaps[i] = one.piece.left - before.piece.right
    return np.array(gaps)


def word_gap(gaps: np.ndarray) -> float:
    """From which gap (n,) on, in heights of a character, a new word begins.

    Gaps within words and between them are two groups: we part them where the groups' means are
    farthest from each other, weighted by how many are in each (Otsu 1979).
    """
    gaps = np.sort(np.clip(gaps, 0, 2))
    count = np.arange(1, len(gaps))
    if len(gaps) < 6:
        return SPACE
    low = np.cumsum(gaps)[:-1] / count
    high = np.cumsum(gaps[::-1])[:-1][::-1] / count[::-1]
    at = int(np.argmax(count * count[::-1] * (high - low) ** 2))
    apart = high[at] - low[at] > 0.5
    return float(gaps[at] + gaps[at + 1]) / 2 if apart else SPACE


def cut_out(page: np.ndarray, piece: Piece) -> np.ndarray:
    """The ink of a piece alone, with its soft edges, out of the page (height, width)."""
    height, width = piece.mask.shape
    own = np.zeros((height + 2, width + 2), bool)
    for down in (0, 1, 2):
        for across in (0, 1, 2):
            own[down : down + height, across : across + width] |= piece.mask
    ink = np.zeros(own.shape, np.float32)
    top, left = max(piece.top - 1, 0), max(piece.left - 1, 0)
    there = page[top : piece.bottom + 1, left : piece.right + 1]
    down, across = top - piece.top + 1, left - piece.left + 1
    ink[down : down + there.shape[0], across : across + there.shape[1]] = there
    return np.where(own, ink, 0)


def corners(piece: Piece, turn: Turn) -> np.ndarray:
    """The corners (4, 2) of a piece's box, on the photo."""
    x = np.array([piece.left, piece.right, piece.right, piece.left], np.float64)
    y = np.array([piece.top, piece.top, piece.bottom, piece.bottom], np.float64)
    return np.stack(turn.to_photo(x, y), axis=1)
