"""A surface over two numbers as a map, with paths that walk on it: live, as text, as a PNG."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.control import Control
from rich.text import Text

from hello_dl.show.digits import DIM, RAMP, Picture
from hello_dl.show.output import LONGEST, WIDTH, Output
from hello_dl.show.plots import usable_matplotlib

GROUNDS = RAMP[:6]  # signs from low to high ground: each covers as much of the map as any other
COLORS = ("red", "blue", "green", "magenta", "yellow", "cyan")  # of the paths, in a terminal
INKS = ("tab:red", "tab:blue", "tab:green", "tab:purple", "tab:orange", "tab:cyan")  # in a PNG
BESIDE = 6  # rows of a terminal that the map leaves to its legend and to what was said before
START_SLOWLY = 9  # the first pause is so many times longer: the first steps are the widest
LOWEST = 1e-6  # height that a PNG shows: 0 has no place on a logarithmic scale

Paths = Mapping[str, Any]  # by name: the points (steps + 1, 2) of a walk, its start first


@dataclass(frozen=True)
class Surface:
    """The height over every point of a rectangle.

    height   a function of x and y, two numbers or two arrays of the same shape
    x, y     the lowest and the highest number on each axis
    """

    height: Callable[[Any, Any], Any]
    x: tuple[float, float]
    y: tuple[float, float]

    def __post_init__(self) -> None:
        for axis, (low, high) in (("x", self.x), ("y", self.y)):
            if not low < high:
                raise ValueError(f"{axis}={(low, high)} is no range: give (lowest, highest)")

    def play(
        self, paths: Paths, stills: Sequence[int] = (), trail: int = 0, seconds: float = 7.0
    ) -> None:
        """Show on stdout how the paths go on, step by step, in so many seconds.

        Where that is no terminal, print the map after each number of steps in `stills` instead.
        """
        output = Output(sys.stdout)
        width = min(output.width - 1, LONGEST if output.console else WIDTH)
        rows = self._rows(width)
        if output.console is None:
            for step in stills:
                output.show([*self.frame(paths, step, width, rows, trail), Text()])
            return
        rows = max(min(rows, output.console.height - BESIDE), 1)
        pauses = 1 + START_SLOWLY * 0.9 ** np.arange(max(map(len, paths.values())))
        ends = (seconds * pauses.cumsum() / pauses.sum()).tolist()  # when each step has been seen
        frame: Picture = []
        began = time.perf_counter()
        output.console.show_cursor(False)
        try:
            for step, end in enumerate(ends):
                if time.perf_counter() - began > end and step < len(ends) - 1:
                    continue  # a slow terminal misses some
                above = len(frame)
                frame = self.frame(paths, step, width, rows, trail)
                _draw_over(output.console, above, frame, width)
                time.sleep(max(began + end - time.perf_counter(), 0))
        finally:
            output.console.show_cursor()
        output.say()

    def _rows(self, width: int) -> int:
        """Count the rows of a map on which both axes have one scale: a cell is twice as high."""
        (left, right), (low, high) = self.x, self.y
        return max(round(width / 2 * (high - low) / (right - left)), 1)

    def frame(self, paths: Paths, step: int, width: int, rows: int, trail: int = 0) -> Picture:
        """Draw the ground, the higher the more ink, and where each path is after `step` steps.

        Its first letter marks a path, a small one where it was in the last `trail` steps. What
        lies beyond the map stands at its edge. The line below has the heights.
        """
        cells = [[(GROUNDS[ground], DIM) for ground in row] for row in self._grounds(width, rows)]
        walks = [np.asarray(path, float)[: step + 1] for path in paths.values()]
        marks = list(zip(_letters(paths), cycle(COLORS), walks))
        for letter, color, walk in marks:
            for column, row in self._cells(walk[:-1][max(len(walk) - 1 - trail, 0) :], width, rows):
                cells[row][column] = (letter.lower(), color)
        for letter, color, walk in marks[::-1]:  # the first is on top
            for column, row in self._cells(walk[-1:], width, rows):
                cells[row][column] = (letter, f"bold {color}")
        said = [Text(f"step {step}")]
        for name, (_, color, walk) in zip(paths, marks):
            height = _heights(self.height, *walk[-1])
            said.append(Text.assemble((name, f"bold {color}"), f" {_number(float(height))}"))
        return [Text.assemble(*row) for row in cells] + _flow(said, width)

    def _grounds(self, width: int, rows: int) -> list[list[int]]:
        """Rank the height in the middle of every cell, 0 the lowest, the top row first."""
        xs, ys = self._grid(width, rows)
        heights = _known(_heights(self.height, *np.meshgrid(xs, ys[::-1])))
        return np.searchsorted(_levels(heights, len(GROUNDS))[1:-1], heights).tolist()

    def _grid(self, columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Return x of the middle of every column, and y of every row from the lowest on."""
        middles = [(np.arange(n) + 0.5) / n for n in (columns, rows)]
        (left, right), (low, high) = self.x, self.y
        return left + (right - left) * middles[0], low + (high - low) * middles[1]

    def _cells(self, points: np.ndarray, width: int, rows: int) -> list[list[int]]:
        """Return (column, row) of points (n, 2); none of one that is not a number."""
        (left, right), (low, high) = self.x, self.y
        points = points[~np.isnan(points).any(axis=1)]
        shares = (points - (left, high)) / (right - left, low - high)  # from the upper left corner
        sizes = np.array([width, rows])
        return np.clip(np.floor(shares * sizes), 0, sizes - 1).astype(int).tolist()

    def save(self, file: str | Path, paths: Paths) -> Path:
        """Write a PNG: each path on a map of its own, and the height of all after every step."""
        usable_matplotlib()
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import, rarely needed
        from matplotlib.figure import Figure

        across = min(len(paths) + 1, 3)
        down = math.ceil((len(paths) + 1) / across)
        figure = Figure(figsize=(4.2 * across, 2.9 * down), layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(down, across, squeeze=False).flatten()
        for panel, (name, path), ink in zip(panels, paths.items(), cycle(INKS)):
            points = np.asarray(path, float)
            self._draw_ground(panel)
            panel.plot(*points.T, ".-", color=ink, linewidth=1, markersize=3)
            panel.plot(*points[0], "o", color="black")
            panel.set(title=name, xlim=self.x, ylim=self.y)
            heights = np.maximum(_heights(self.height, *points.T), LOWEST)
            panels[len(paths)].plot(heights, color=ink, label=name)
        panels[len(paths)].set(title="height", xlabel="step", yscale="log")
        panels[len(paths)].grid(alpha=0.3)
        panels[len(paths)].legend(frameon=False)
        for panel in panels[len(paths) + 1 :]:
            panel.set_axis_off()
        figure.savefig(file, dpi=120, format="png")
        return Path(file)

    def _draw_ground(self, panel: Any) -> None:
        """Fill a panel of matplotlib with bands of equal areas, the higher the darker."""
        grid = np.meshgrid(*self._grid(200, 200))
        heights = _known(_heights(self.height, *grid))
        levels = np.unique(_levels(heights, 12))
        if len(levels) > 1:  # else it is flat
            panel.contourf(*grid, np.searchsorted(levels[1:-1], heights), cmap="Greys", vmax=20)


def _draw_over(console: Console, above: int, lines: Picture, width: int) -> None:
    """Write lines over those `above` the cursor, at once: to erase them before would flicker."""
    with console:  # collects what it is told, and writes it at the end
        if above:
            console.control(Control.move(0, -above))
        for line in lines + [Text()] * (above - len(lines)):
            line.truncate(width, pad=True)
            console.print(line)


def _heights(height: Callable[[Any, Any], Any], x: Any, y: Any) -> np.ndarray:
    """Compute heights without a word about those that are no number."""
    with np.errstate(all="ignore"):
        return np.broadcast_to(np.asarray(height(x, y), float), np.shape(x))


def _known(heights: np.ndarray) -> np.ndarray:
    """Make what is no number as high as the highest that is one."""
    finite = np.isfinite(heights)
    return np.where(finite, heights, heights[finite].max() if finite.any() else 0.0)


def _levels(heights: np.ndarray, bands: int) -> np.ndarray:
    """Part heights into bands that cover equal areas: shows a canyon as well as a bowl."""
    return np.quantile(heights, np.linspace(0, 1, bands + 1))


def _letters(paths: Paths) -> list[str]:
    """Return the letters that mark the paths; raises ValueError unless they differ."""
    letters: dict[str, str] = {}
    for name in paths:
        letter = name[:1].upper() or "?"
        if letter in letters:
            raise ValueError(
                f"the paths '{letters[letter]}' and '{name}' would both be marked {letter}: "
                "give them names that begin with different letters"
            )
        letters[letter] = name
    return list(letters)


def _number(height: float) -> str:
    """Write a height in few signs."""
    return f"{height:.3f}" if abs(height) < 100 else f"{height:.2g}"


def _flow(parts: Sequence[Text], width: int) -> Picture:
    """Put parts beside each other, in as many lines as it takes."""
    lines: Picture = []
    for part in parts:
        if lines and lines[-1].cell_len + 2 + part.cell_len <= width:
            lines[-1].append("  ").append_text(part)
        else:
            lines.append(part.copy())
    return lines
