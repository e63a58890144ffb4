"""Curves over one axis: as text, in a terminal or a file, and as a PNG."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.text import Text

from hello_dl.show.digits import DIM, Picture
from hello_dl.show.output import LONGEST, WIDTH, Output
from hello_dl.show.plots import usable_matplotlib
from hello_dl.show.surface import COLORS, INKS

MARKS = "ox+*#@%"  # a sign for each curve: they can be told apart without color
LEAST = 8  # columns of the smallest chart


class Curve(NamedTuple):
    """A curve, and how it looks."""

    name: str
    points: np.ndarray  # (n, 2): x and height, from left to right
    mark: str
    color: str


@dataclass(frozen=True)
class Chart:
    """One or several curves, to be shown as text and saved as a PNG.

        Chart({"training": losses, "validation": others}, x="epoch", y="loss").show()

    curves   by name: heights (n,) over 1, 2, 3, ..., or points (n, 2) from left to right; what is
             not finite is left out
    x, y     what the axes measure
    high     what lies above is cut off
    title    stands above the PNG
    """

    curves: Mapping[str, Any]
    x: str = "step"
    y: str = "loss"
    high: float = math.inf
    title: str = ""

    def __post_init__(self) -> None:
        if not self.curves:
            raise ValueError("a chart needs at least one curve: Chart({'training': losses})")
        for name, points, *_ in self._curves():
            if not len(points):
                raise ValueError(f"the curve '{name}' has no number that is finite")
            if (np.diff(points[:, 0]) < 0).any():
                raise ValueError(f"the points of '{name}' must go from left to right")

    def show(self, rows: int = 12) -> None:
        """Print the chart on stdout, its curves in so many lines."""
        output = Output(sys.stdout)
        output.show(self.frame(min(output.width, LONGEST if output.console else WIDTH), rows))

    def frame(self, width: int, rows: int = 12) -> Picture:
        """Draw the chart in lines of `width` signs; beside each curve stands where it ends."""
        curves, rows = self._curves(), max(rows, len(self.curves))
        left, right, low, high = self._limits()
        levels = round_numbers(low, high, max(rows // 3, 1))
        margin = max(map(len, levels.values()), default=0)
        names = [f" {curve.mark} {curve.name} {curve.points[-1, 1]:.3g}" for curve in curves]
        columns = max(width - margin - 2 - max(map(len, names)), LEAST)

        def row_of(height: float) -> int:
            share = (high - min(height, high)) / (high - low)
            return round(share * (rows - 1))

        cells = [[(" ", "")] * columns for _ in range(rows)]
        grid = np.linspace(left, right, columns)
        for curve in curves[::-1]:  # the first is on top
            for column, row in _cells(curve.points, grid, row_of, high):
                cells[row][column] = (curve.mark, curve.color)
        ends = apart([row_of(curve.points[-1, 1]) for curve in curves], rows)
        beside = {row: (name, curve.color) for row, name, curve in zip(ends, names, curves)}
        ticks = {row_of(level): label for level, label in levels.items()}
        lines = [Text(self.y, DIM)]
        for row, drawn in enumerate(cells):
            axis = ticks.get(row, "").rjust(margin) + (" ┤" if row in ticks else " │")
            lines.append(Text.assemble((axis, DIM), *drawn, beside.get(row, "")))
        below = self._axis(columns, left, right, room=width - margin - 2)
        return lines + [Text(" " * margin + line, DIM) for line in below]

    def _axis(self, columns: int, left: float, right: float, room: int) -> list[str]:
        """Write the axis below the curves, and the numbers and the name of x below the axis."""
        line, numbers = ["─"] * columns, [" "] * (columns + LEAST)
        for tick, label in round_numbers(left, right, max(columns // 12, 1)).items():
            column = round((tick - left) / (right - left) * (columns - 1))
            start = max(column - len(label) // 2, 0)
            line[column] = "┬"
            numbers[start : start + len(label)] = label
        told = "".join(numbers).rstrip()
        fits = len(told) + 2 + len(self.x) <= room
        named = [f"{told}  {self.x}"] if fits else [told, f"{self.x:>{room}}"]
        return [" └" + "".join(line), *(f"  {text}" for text in named)]

    def _curves(self) -> list[Curve]:
        """All curves as points; what is not finite is left out."""
        looks = zip(cycle(MARKS), cycle(COLORS))
        curves = []
        for (name, curve), look in zip(self.curves.items(), looks):
            points = np.asarray(curve, float)
            if points.ndim == 1:
                points = np.column_stack([np.arange(1, points.size + 1), points])
            if points.ndim != 2 or points.shape[1] != 2:
                raise ValueError(
                    f"the curve '{name}' must be heights (n,) or points (n, 2), not {points.shape}"
                )
            curves.append(Curve(name, points[np.isfinite(points).all(axis=1)], *look))
        return curves

    def _limits(self) -> tuple[float, float, float, float]:
        """Return the first and the last x, and the lowest and the highest height to be drawn."""
        points = np.concatenate([curve.points for curve in self._curves()])
        (left, low), (right, high) = points.min(axis=0), points.max(axis=0)
        high = min(high, self.high)
        low = min(low, high)
        return left, right + (left == right), low, high + (low == high)

    def _draw(self, panel: Any) -> None:
        """Draw the chart into a panel of matplotlib."""
        for curve, ink in zip(self._curves(), cycle(INKS)):
            panel.plot(*curve.points.T, color=ink, label=curve.name)
        panel.set(title=self.title, xlabel=self.x, ylabel=self.y)
        _, _, low, high = self._limits()
        panel.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        panel.grid(alpha=0.3)
        panel.legend(frameon=False)


def save_charts(file: str | Path, charts: Sequence[Chart]) -> Path:
    """Write charts side by side into a PNG."""
    usable_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import, rarely needed
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8 * len(charts), 4.0), layout="constrained")
    FigureCanvasAgg(figure)
    for chart, panel in zip(charts, figure.subplots(1, len(charts), squeeze=False).flatten()):
        chart._draw(panel)
    figure.savefig(file, dpi=120, format="png")
    return Path(file)


def _cells(
    points: np.ndarray, grid: np.ndarray, row_of: Callable[[float], int], high: float
) -> Iterator[tuple[int, int]]:
    """Yield (column, row) of the cells that a curve goes through, without a gap between rows."""
    half = (grid[1] - grid[0]) / 2
    inside = (grid >= points[0, 0] - half) & (grid <= points[-1, 0] + half)
    heights = np.interp(grid, *points.T)
    before = None
    for column in np.flatnonzero(inside).tolist():
        row = row_of(heights[column])
        if heights[column] <= high:
            first = row if before is None else before + (row > before) - (row < before)
            for between in range(min(first, row), max(first, row) + 1):
                yield column, between
        before = row


def round_numbers(low: float, high: float, most: int) -> dict[float, str]:
    """Return at most about so many round numbers between two, and how they are written."""
    least = (high - low) / most
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= 0.999 * least)
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return {number * step: f"{round(number * step, 10):g}" for number in numbers}


def apart(wanted: Sequence[int], rows: int) -> list[int]:
    """Give each one a row of its own, as close to the wanted one as those above leave it."""
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    given = [0] * len(wanted)
    row = -1
    for place, i in enumerate(order):
        left_below = len(order) - 1 - place
        row = given[i] = min(max(wanted[i], row + 1), rows - 1 - left_below)
    return given
