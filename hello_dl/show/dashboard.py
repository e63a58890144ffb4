"""Training live in a terminal: progress, the loss as a line, metrics, and a panel of one's own."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from rich.console import Group
from rich.live import Live
from rich.text import Text

from hello_dl.show.digits import DIM, Picture, percent
from hello_dl.show.output import Output
from hello_dl.show.summary import number
from hello_dl.show.terminal import can_encode

PAUSE = 0.1  # seconds between two frames, at least
SHARE = 0.03  # of the time goes into frames, at most

SIDE = 18  # columns left of the bar and of the line of the loss
CHART = 5  # lines of the chart of the loss, at most

LEVELS, PLAIN_LEVELS = "▁▂▃▄▅▆▇█", "_.-=+*%#"  # heights of a line of characters


class Words(NamedTuple):
    """What the numbers are numbers of."""

    samples: str = "samples"
    training: str = "in training"
    validation: str = "in validation"
    hint: str = "Ctrl-C stops"


class Panel(Protocol):
    """What may stand below the numbers, such as a digit that is being read."""

    def draw(self, width: int, height: int, seconds: float) -> Picture:
        """Fill at most so many columns and lines, at this time since training began."""


class Dashboard:
    """A frame of the terminal's own size, redrawn a few times a second while training goes on.

    Use it in a `with` statement, and call `step` and `epoch` with what `hello_dl.train.fit` yields:
    it draws only when a frame is due, and pauses longer on a slow terminal.
    """

    def __init__(
        self, output: Output, title: str, panel: Panel | None = None, words: Words | None = None
    ) -> None:
        self.output, self.title, self.panel = output, title, panel
        self.words = words or Words()
        self.fine = can_encode(output.stream, LEVELS + "█▏━─")
        self.waiting: list[Any] = []  # steps that no frame has shown yet
        self.losses: list[float] = []
        self.last: Any = None  # the last step
        self.samples = self.samples_in_all = 0  # in this epoch, and since the display began
        self.sums: dict[str, float] = {}  # of every metric times its samples, in this epoch
        self.validation: dict[str, float] = {}  # of the last epoch
        self.began, self.drawn_at = time.perf_counter(), -math.inf
        self.first = 0.0  # seconds until the first step was done
        self.pause = PAUSE
        self.live = Live(console=output.console, screen=True, auto_refresh=False)

    def __enter__(self) -> Dashboard:
        self.live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.live.__exit__(*error)

    # ---------------------------------------------------------------------- what has happened

    def step(self, step: Any) -> None:
        """Take note of a step."""
        self.first = self.first or time.perf_counter() - self.began
        self.waiting.append(step)
        if time.perf_counter() - self.drawn_at >= self.pause:
            self.draw()

    def epoch(self, epoch: Any) -> None:
        """Take note of the end of an epoch."""
        self.validation = epoch.validation

    def _add_up(self) -> None:
        """Read the numbers of the steps since the last frame: a GPU is waited for only now."""
        for step in self.waiting:
            if self.last and step.epoch != self.last.epoch:
                self.samples, self.sums = 0, {}
            self.last = step
            self.losses.append(step.loss)
            self.samples += step.samples
            self.samples_in_all += step.samples
            for name, share in step.metrics.items():
                self.sums[name] = self.sums.get(name, 0.0) + step.samples * share
        self.waiting = []

    def draw(self) -> None:
        """Draw a frame now."""
        start = time.perf_counter()
        self.live.update(self.frame(start - self.began), refresh=True)
        self.drawn_at = time.perf_counter()
        self.pause = max(PAUSE, (self.drawn_at - start) / SHARE)

    # ---------------------------------------------------------------------------- the picture

    def frame(self, seconds: float) -> Group:
        """Lines that fit the terminal as it is now: numbers above, the panel below."""
        self._add_up()
        width, height = self.live.console.size
        width -= 1
        above, below = self._above(width, seconds), self._below(width, seconds)
        room = height - len(above) - len(below) - 1  # one line is left empty
        panel = self.panel.draw(width, room - 1, seconds) if self.panel else []
        chart = self._chart(width, min(max(room - len(panel), 1), CHART))
        lines = [*above, *chart, *below, Text(), *panel]
        for line in lines:
            line.no_wrap, line.overflow = True, "crop"
        return Group(*lines[:height])

    def _above(self, width: int, seconds: float) -> Picture:
        """The title, and how far it is on the way."""
        title, hint = Text(self.title, "bold"), self.words.hint
        if width > title.cell_len + len(hint):
            title.append(hint.rjust(width - title.cell_len), DIM)
        return [title, Text(), self._progress(width, seconds)]

    def _progress(self, width: int, seconds: float) -> Text:
        """Which epoch it is, how far that is on the way, and how long it takes."""
        if not self.last:
            return Text("epoch    1")
        line = Text(f"epoch    {self.last.epoch} of {self.last.epochs}".ljust(SIDE))
        if not self.last.steps:  # nobody knows how many there will be
            return line.append(f"step {self.last.step:,}  {clock(seconds)}")
        done, count = self.last.step / self.last.steps, len(self.losses)
        ahead = self.last.steps - self.last.step
        known = seconds > 0.5 and count > 1
        left = f", {clock(self._stepping(seconds) * ahead / count)} left" if known else ""
        room = max(width - SIDE - 17, 4)
        line.append(("━" if self.fine else "#") * int(room * done), "cyan")
        line.append(("─" if self.fine else "-") * (room - int(room * done)), DIM)
        return line.append(f"  {clock(seconds)}{left}")

    def _stepping(self, seconds: float) -> float:
        """How long the steps so far would have taken without what is compiled in the first one."""
        count = len(self.losses)
        return min(seconds, (seconds - self.first) * count / (count - 1)) if count > 1 else seconds

    def _chart(self, width: int, rows: int) -> Picture:
        """The loss in numbers, and as a line of so many rows."""
        recent = self.losses[-100:]
        labels = [f"loss     {sum(recent) / len(recent):.4f}" if recent else "loss"]
        labels += [""] * (rows - 1)
        drawn = loss_line(self.losses, width - SIDE, rows, self.fine)
        return [
            Text.assemble(label.ljust(SIDE), (line, "cyan")) for label, line in zip(labels, drawn)
        ]

    def _below(self, width: int, seconds: float) -> Picture:
        """A line for every metric, and one for the speed."""
        names = dict.fromkeys([*self.validation, *self.sums])
        lines = [self._metric(name, width) for name in names]
        pace = self.samples_in_all / max(self._stepping(seconds), 1e-3)
        speed = f"{pace:,.0f} {self.words.samples} a second"
        line = Text(f"speed    {speed}")
        if self.last:
            append_if_it_fits(line, f", learning rate {number(self.last.lr, 3)}", width)
        return [*lines, line]

    def _metric(self, name: str, width: int) -> Text:
        """What a metric is in validation, and in training so far in this epoch."""
        line = Text(f"{name:8} ")
        tested, words = self.validation.get(name), self.words
        line.append("not tested yet" if tested is None else measure(name, tested), "bold")
        line.append("" if tested is None else f" {words.validation}")
        if name in self.sums:
            training = measure(name, self.sums[name] / self.samples)
            append_if_it_fits(line, f", {training} {words.training}", width)
        return line


def measure(name: str, x: float) -> str:
    """Write a metric as it is usual: an accuracy in percent, a loss with four places."""
    if "accuracy" in name:
        return percent(x)
    return f"{x:.4f}" if name == "loss" and 1e-3 < abs(x) < 1000 else number(x)


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
