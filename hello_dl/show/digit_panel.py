"""The panel of the job: test pictures, one after the other, and what the net makes of them."""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Sequence

import numpy as np
from rich.text import Text

from hello_dl.show.digits import Picture, draw_bars, draw_digit, side_by_side, verdict
from hello_dl.show.output import Output
from hello_dl.show.terminal import can_encode

LINGER = 1.2  # seconds for which a picture stays


class DigitPanel:
    """A digit in characters, ten bars that say how sure the net is, and whether it is right.

    `read(images)` gives probabilities (n, classes), a class for each character of the `alphabet`.
    `misread` are the pictures that the last test got wrong: every third that is shown is one of
    these.
    """

    def __init__(
        self,
        output: Output,
        images: np.ndarray,  # (n, 28, 28) uint8
        labels: np.ndarray,  # (n,)
        read: Callable[[np.ndarray], np.ndarray],
        alphabet: str = string.digits,
    ) -> None:
        self.output, self.images, self.labels, self.read = output, images, labels, read
        self.alphabet = alphabet
        self.misread: Sequence[int] = ()
        self.fine = can_encode(output.stream, "█▏━─")
        self.chance = np.random.default_rng(0)  # our own: to look on must not change the training
        self.shown, self.turn, self.turn_at = 0, 0, -math.inf

    def draw(self, width: int, height: int, seconds: float) -> Picture:
        """Draw what fits: at least the verdict."""
        if seconds - self.turn_at >= LINGER:
            self._next_digit(seconds)
        image, actual = self.images[self.shown], int(self.labels[self.shown])
        probabilities = self.read(image[None])[0]
        said = verdict(self.alphabet[int(probabilities.argmax())], self.alphabet[actual])
        if width >= 60:
            said = [Text(" ").join(said)]
        if height < 12:
            return said
        style = self.output.digit_style
        if style == "half" and width >= 90 and height >= len(image):
            style = "full"
        elif height < 14:
            image = image[2:-2]  # mostly margin
        digit = draw_digit(image, style)
        room = width - digit[0].cell_len - 3
        if room < 16:
            return [*digit[: height - len(said)], *said]
        bars = draw_bars(probabilities, min(room, 60), actual, self.fine, self.alphabet)
        if height >= 24:
            bars = [line for one in bars for line in (one, Text())][:-1]
        beside = [*bars, *said] if height < 14 else [*bars, Text(), *said]
        above = [Text()] * ((len(digit) - len(beside)) // 2)
        return side_by_side([digit, above + beside])

    def _next_digit(self, seconds: float) -> None:
        """Choose another test picture: any two, then one that was misread in the last test."""
        self.turn, self.turn_at = self.turn + 1, seconds
        misread = self.misread if self.turn % 3 == 0 and len(self.misread) else None
        self.shown = int(self.chance.choice(len(self.labels) if misread is None else misread))
