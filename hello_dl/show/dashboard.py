"""Training live in a terminal: progress, the loss as a line, accuracy, and digits being read."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.console import Group
from rich.live import Live
from rich.text import Text

from hello_dl.show.digits import DIM, Picture, draw_bars, draw_digit, percent, side_by_side, verdict
from hello_dl.show.output import Output
from hello_dl.show.terminal import can_encode

PAUSE = 0.1  # seconds between two frames, at least
SHARE = 0.03  # of the time goes into frames, at most
LINGER = 1.2  # seconds for which a digit stays

HEAD = 7  # lines above the digit, the loss being one of them
SIDE = 18  # columns left of the bar and of the line of the loss

HINT = "Ctrl-C stops and saves"
LEVELS, PLAIN_LEVELS = "▁▂▃▄▅▆▇█", "_.-=+*%#"  # heights of a line of characters


class Dashboard:
    """A frame of the terminal's own size, redrawn a few times a second while training goes on.

    Use it in a `with` statement and call `step` after every step: it draws only when a frame is
    due, and pauses longer on a slow terminal. `read(images)` gives probabilities (n, 10).
    """

    def __init__(
        self,
        output: Output,
        title: str,
        epochs: int,
        steps: int,  # in one epoch
        images: np.ndarray,
        labels: np.ndarray,
        read: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self.output, self.title, self.epochs, self.steps = output, title, epochs, epochs * steps
        self.images, self.labels, self.read = images, labels, read
        self.fine = can_encode(output.stream, LEVELS + "█▏━─")
        self.losses: list[float] = []
        self.epoch, self.lr = 1, 0.0
        self.right = self.seen = self.seen_in_all = 0  # training digits, in this epoch and in all
        self.test_accuracy: float | None = None
        self.misread: Sequence[int] = ()
        self.chance = np.random.default_rng(0)  # our own: to look on must not change the training
        self.shown, self.turn, self.turn_at = 0, 0, -math.inf
        self.began, self.drawn_at = time.perf_counter(), -math.inf
        self.pause = PAUSE
        self.live = Live(console=output.console, screen=True, auto_refresh=False)

    def __enter__(self) -> Dashboard:
        self.live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.live.__exit__(*error)

    # ---------------------------------------------------------------------- what has happened

    def step(self, epoch: int, loss: float, right: int, count: int, lr: float) -> None:
        """Take note of a step: `right` of the `count` digits in its batch were read right."""
        if epoch != self.epoch:
            self.epoch, self.right, self.seen = epoch, 0, 0
        self.losses.append(loss)
        self.right, self.seen, self.lr = self.right + right, self.seen + count, lr
        self.seen_in_all += count
        if time.perf_counter() - self.drawn_at >= self.pause:
            self.draw()

    def tested(self, accuracy: float, misread: Sequence[int]) -> None:
        """Take note of a test: the share of digits read right, and which were not."""
        self.test_accuracy, self.misread = accuracy, misread

    def draw(self) -> None:
        """Draw a frame now."""
        start = time.perf_counter()
        self.live.update(self.frame(start - self.began), refresh=True)
        self.drawn_at = time.perf_counter()
        self.pause = max(PAUSE, (self.drawn_at - start) / SHARE)

    # ---------------------------------------------------------------------------- the picture

    def frame(self, seconds: float) -> Group:
        """Lines that fit the terminal as it is now: numbers above, a digit below."""
        width, height = self.live.console.size
        reading = self._reading(width - 1, height - HEAD - 1, seconds)
        rows = min(max(height - HEAD - len(reading), 1), 5)  # for the line of the loss
        lines = [*self._head(width - 1, rows, seconds), *reading]
        for line in lines:
            line.no_wrap, line.overflow = True, "crop"
        return Group(*lines[:height])

    def _head(self, width: int, rows: int, seconds: float) -> Picture:
        """Title, progress, the loss as a line in so many rows, accuracy and speed."""
        title, hint = Text.assemble(("hello-dl digits", "bold"), f"  {self.title}"), HINT
        if width > title.cell_len + len(hint):
            title.append(hint.rjust(width - title.cell_len), DIM)
        recent = self.losses[-100:]
        loss = f"loss     {sum(recent) / len(recent):.4f}" if recent else "loss"
        labels = [loss] + [""] * (rows - 1)
        drawn = loss_line(self.losses, width - SIDE, rows, self.fine)
        chart = [
            Text.assemble(label.ljust(SIDE), (line, "cyan")) for label, line in zip(labels, drawn)
        ]
        tested = None if self.test_accuracy is None else percent(self.test_accuracy)
        accuracy = Text.assemble("accuracy ", (tested or "not tested yet", "bold"))
        accuracy.append(" on test digits" if tested else "")
        if self.seen:
            training = f", {percent(self.right / self.seen)} on training digits"
            append_if_it_fits(accuracy, training, width)
        speed = Text(f"speed    {self.seen_in_all / max(seconds, 1e-3):,.0f} digits a second")
        append_if_it_fits(speed, f", learning rate {self.lr:.4f}", width)
        return [title, Text(), self._progress(width, seconds), *chart, accuracy, speed, Text()]

    def _progress(self, width: int, seconds: float) -> Text:
        """Which epoch it is, how far that is on the way, and how long it takes."""
        done = len(self.losses) / self.steps
        left = f", {clock(seconds / done - seconds)} left" if seconds > 0.5 and done else ""
        room = max(width - SIDE - 17, 4)
        line = Text(f"epoch    {self.epoch} of {self.epochs}".ljust(SIDE))
        line.append(("━" if self.fine else "#") * int(room * done), "cyan")
        line.append(("─" if self.fine else "-") * (room - int(room * done)), DIM)
        return line.append(f"  {clock(seconds)}{left}")

    def _reading(self, width: int, height: int, seconds: float) -> Picture:
        """A test digit, what the net makes of it now, and whether that is right."""
        if seconds - self.turn_at >= LINGER:
            self._next_digit(seconds)
        image, actual = self.images[self.shown], int(self.labels[self.shown])
        probabilities = self.read(image[None])[0]
        said = verdict(int(probabilities.argmax()), actual)
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
        bars = draw_bars(probabilities, min(room, 60), actual, self.fine)
        if height >= 24:
            bars = [line for one in bars for line in (one, Text())][:-1]
        beside = [*bars, *said] if height < 14 else [*bars, Text(), *said]
        above = [Text()] * ((len(digit) - len(beside)) // 2)
        return side_by_side([digit, above + beside])

    def _next_digit(self, seconds: float) -> None:
        """Choose another test digit: any two, then one that was misread in the last test."""
        self.turn, self.turn_at = self.turn + 1, seconds
        misread = self.misread if self.turn % 3 == 0 and len(self.misread) else None
        self.shown = int(self.chance.choice(len(self.labels) if misread is None else misread))


def append_if_it_fits(line: Text, more: str, width: int) -> None:
    """Add to a line what there is room for: half of it would only puzzle."""
    if line.cell_len + len(more) <= width:
        line.append(more)


def loss_line(losses: Sequence[float], width: int, rows: int = 1, fine: bool = False) -> list[str]:
    """Draw losses as columns of at most `width` characters in so many rows, the top one first.

    Each column is the mean of as many losses as it takes to fit them all in. The scale is
    logarithmic, as the way from 0.2 to 0.1 is as long as that from 2 to 1.
    """
    if not losses or width < 1:
        return [""] * rows
    edges = np.linspace(0, len(losses), min(width, len(losses)) + 1).astype(int)
    means = np.add.reduceat(np.asarray(losses, float), edges[:-1]) / np.diff(edges)
    heights = np.log(np.maximum(means, 1e-6))
    low, high = heights.min(), max(heights.max(), heights.min() + 0.1)
    levels = " " + (LEVELS if fine else PLAIN_LEVELS)
    full = len(levels) - 1
    filled = 1 + np.rint((heights - low) / (high - low) * (full * rows - 1)).astype(int)
    return [
        "".join(levels[level] for level in np.clip(filled - full * row, 0, full).tolist())
        for row in reversed(range(rows))
    ]


def clock(seconds: float) -> str:
    """Seconds as a clock shows them: `0:07`, `12:34`, `1:02:03`."""
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{whole:02}" if hours else f"{minutes}:{whole:02}"
