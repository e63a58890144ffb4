"""A number under each letter of a text, as shades: what a net remembers or expects while it reads.

    show_shades("hello", {"unit 3": activations})

One line of shades for each row of numbers, blank for the lowest and full for the highest.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from hello_dl.show.digits import DIM, SHADES, Picture
from hello_dl.show.output import LONGEST, WIDTH, Output
from hello_dl.show.plots import usable_matplotlib

LINE_END = "|"  # how a line break is shown, and whatever does not take exactly one cell
LEAST = 8  # letters on a line, however narrow the window is
LETTERS = 72  # on a line of the PNG
CELL = 0.13  # inches of a letter in the PNG

Rows = Mapping[str, Any]  # by name: a number for each letter


def shade_lines(
    text: str, rows: Rows, low: float = 0.0, high: float = 1.0, width: int = WIDTH
) -> Picture:
    """Draw the text in lines of at most `width` cells, and below each line one for every row.

    low, high   numbers that are drawn as blank and as full; those beyond as these. What is no
                number is drawn as `?`.
    """
    cells = _cells(text)
    drawn = {name: _shades(row) for name, row in _shares(text, rows, low, high).items()}
    margin = max(map(len, drawn), default=0) + 2
    across = max(width - margin, LEAST)
    lines: Picture = []
    for start in range(0, len(cells), across):
        part = slice(start, start + across)
        lines += [Text()] * bool(start) + [Text(" " * margin + cells[part])]
        for name, shades in drawn.items():
            lines.append(Text.assemble((name.ljust(margin), DIM), shades[part]))
    return lines


def show_shades(text: str, rows: Rows, low: float = 0.0, high: float = 1.0) -> None:
    """Print the lines of `shade_lines` on stdout, as wide as it is."""
    output = Output(sys.stdout)
    width = min(output.width, LONGEST if output.console else WIDTH)
    output.show(shade_lines(text, rows, low, high, width))


def save_shades(
    path: str | Path, text: str, rows: Rows, low: float = 0.0, high: float = 1.0, title: str = ""
) -> Path:
    """Write the same into a PNG: the text in lines, and below each a strip for every row."""
    shares, cells = _shares(text, rows, low, high), _cells(text)
    usable_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import, rarely needed
    from matplotlib.figure import Figure

    across = min(len(cells), LETTERS)
    count = -(-len(cells) // across)
    table = np.full((len(rows), count * across), np.nan)
    table[:, : len(cells)] = list(shares.values())
    names = 0.08 * max(map(len, rows)) + 0.6  # inches, beside the strips
    height = count * (0.2 * len(rows) + 0.45) + (0.4 if title else 0.1)
    figure = Figure(figsize=(max(CELL * across, 3) + names, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11)
    for number, panel in enumerate(figure.subplots(count, 1, squeeze=False)[:, 0]):
        part = slice(number * across, (number + 1) * across)
        panel.imshow(table[:, part], cmap="Blues", vmin=0, vmax=1, aspect="auto")
        panel.set_xticks(range(len(cells[part])), list(cells[part]), family="monospace")
        panel.set_yticks(range(len(rows)), list(rows))
        panel.tick_params(length=0, labelsize=9, labeltop=True, labelbottom=False)
        for edge in panel.spines.values():
            edge.set_visible(False)
    figure.savefig(path, dpi=120, format="png")
    return Path(path)


def _cells(text: str) -> str:
    """Return the text with exactly one cell for each of its letters."""
    return "".join(c if c.isprintable() and cell_len(c) == 1 else LINE_END for c in text)


def _shares(text: str, rows: Rows, low: float, high: float) -> dict[str, np.ndarray]:
    """Return every row from 0 (low) to 1 (high); ValueError for what does not fit the text."""
    if not text or not rows:
        raise ValueError("shades need a text and at least one row: {'unit 3': activations}")
    if not (low < high and math.isfinite(high - low)):
        raise ValueError(f"low={low}, high={high} is no range: low must be below high")
    shares = {}
    for name, row in rows.items():
        numbers = np.asarray(row, float)
        if numbers.shape != (len(text),):
            raise ValueError(
                f"'{name}' has the shape {numbers.shape}, and the text {len(text)} letters: give "
                "one number for each letter"
            )
        shares[name] = np.clip((numbers - low) / (high - low), 0, 1)
    return shares


def _shades(shares: np.ndarray) -> str:
    """Draw numbers 0..1, a sign for each."""
    levels = np.minimum(np.nan_to_num(shares) * len(SHADES), len(SHADES) - 1).astype(int)
    signs = [SHADES[level] for level in levels]
    return "".join("?" if math.isnan(share) else sign for share, sign in zip(shares, signs))
