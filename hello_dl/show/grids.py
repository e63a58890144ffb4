"""Many small pictures in rows: filters, feature maps, digits; as characters and as a PNG.

All pictures of a grid are drawn to one scale, so they can be compared. Where a number is below 0,
all of them are drawn in two colors around 0.
"""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.text import Text

from hello_dl.show.digits import DIM, Picture, digit_lines, side_by_side
from hello_dl.show.output import LONGEST, WIDTH, Output
from hello_dl.show.plots import usable_matplotlib

SIGNS = "=- +#"  # far below 0, below, about 0, above, far above
STYLES = ("bold blue", "blue", DIM, "red", "bold red")
ABOUT_ZERO, FAR = 0.1, 0.5  # of what is drawn as full ink
SMALL = 8  # pictures up to so many pixels high get two cells for a pixel
PANEL, IN_A_ROW = 1.5, 8  # inches of a picture in a PNG, and so many in a row
GRAYS: dict[str, Any] = {"cmap": "gray_r", "vmin": 0}


def grid_rows(
    pictures: Any,
    labels: Sequence[str] | None = None,
    columns: int | None = None,
    *,
    width: int = WIDTH,
    limit: float | None = None,
    large: bool | None = None,
) -> Picture:
    """Draw pictures (count, height, width) in rows, with a label below each, as lines of text.

    columns   pictures in a row; None: as many as fit into `width` cells
    limit     the number that is drawn as full ink; None: 255 for bytes, else the largest there is
    large     two cells for a pixel, instead of one for two pixels; None: for small pictures

    What is above 0 has more ink the more it is. Where some are below 0: `+` and `#` are above, `-`
    and `=` below; about 0 is blank, or `.` where pictures are large.
    """
    images = _checked(pictures, labels, columns)
    scaled = _scaled(images, limit)
    signed = bool((scaled < 0).any())
    large = images.shape[1] <= SMALL if large is None else large
    cells = np.repeat(scaled, 2, axis=2) if large else _halved(scaled)
    drawn = [_signed_lines(rows, large) if signed else _ink_lines(rows) for rows in cells]
    gap, widest = 2, max([cells.shape[2], *map(len, labels or ())])
    columns = columns or max((width + gap) // (widest + gap), 1)
    lines: Picture = []
    for start in range(0, len(drawn), columns):
        row = drawn[start : start + columns]
        if labels is not None:
            row = [[*one, Text(label)] for one, label in zip(row, labels[start:])]
        lines += [Text()] * bool(start) + side_by_side(row, gap, widest)
    return lines


def show_grid(pictures: Any, labels: Sequence[str] | None = None, **options: Any) -> None:
    """Print the lines of `grid_rows` on stdout, in color where that is a terminal."""
    output = Output(sys.stdout)
    width = min(output.width, LONGEST if output.console else WIDTH)
    output.show(grid_rows(pictures, labels, **{"width": width} | options))


def save_grid(
    path: str | Path,
    pictures: Any,
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    title: str = "",
    *,
    limit: float | None = None,
) -> Path:
    """Write pictures (count, height, width) into a PNG, in rows, with a title above each.

    Ink is black on white; where numbers are below 0, red is above 0 and blue is below. The bar at
    the right says which number is which color. `columns` and `limit` are those of `grid_rows`.
    Bytes (count, height, width, 3) are red, green and blue, and need no bar.
    """
    images = _checked(pictures, titles, columns, color=True)
    usable_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import, rarely needed
    from matplotlib.figure import Figure

    columns = columns or min(len(images), IN_A_ROW)
    rows = math.ceil(len(images) / columns)
    told = [textwrap.fill(words, 20) for words in titles or [""] * len(images)]
    head = textwrap.fill(title, max(12 * columns, 24))
    above = 0.2 + 0.17 * max(1 + words.count("\n") if words else 0 for words in told)
    height = rows * (PANEL * images.shape[1] / images.shape[2] + above)
    height += 0.3 * (1 + head.count("\n")) if head else 0
    figure = Figure(figsize=(PANEL * columns + 0.9, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(head, fontsize=12)
    panels = figure.subplots(rows, columns, squeeze=False)

    most = _limit(images, limit)
    colors = {"cmap": "RdBu_r", "vmin": -most} if (images < 0).any() else GRAYS
    for panel, image, words in zip(panels.flatten(), images, told):
        shown = panel.imshow(image, vmax=most, interpolation="nearest", **colors)
        panel.set_title(words, fontsize=9)
        panel.set(xticks=[], yticks=[])
        for edge in panel.spines.values():
            edge.set(color="0.7", linewidth=0.6)
    for panel in panels.flatten()[len(images) :]:
        panel.set_axis_off()
    if images.ndim == 3:
        bar = figure.colorbar(shown, ax=panels, aspect=16 * rows, fraction=0.2 / columns, pad=0.02)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8)
    figure.savefig(path, dpi=120, format="png")
    return Path(path)


# ---------------------------------------------------------------------------------------- numbers


def _checked(
    pictures: Any, names: Sequence[str] | None, columns: int | None, color: bool = False
) -> np.ndarray:
    """Return pictures as an array of numbers; ValueError for what is no grid of them."""
    images = np.asarray(pictures)
    in_color = color and images.dtype == np.uint8 and images.shape[3:] == (3,)
    if images.ndim != 3 + in_color or 0 in images.shape or images.dtype.kind not in "biuf":
        raise ValueError(
            f"a grid takes numbers of the shape (count, height, width), not {images.dtype} of "
            f"{images.shape}: one picture is picture[None]"
        )
    if names is not None and len(names) != len(images):
        raise ValueError(f"{len(names)} names for {len(images)} pictures: give one for each")
    if columns is not None and columns < 1:
        raise ValueError(f"columns={columns}: a row has at least 1 picture")
    return images if images.dtype == np.uint8 else images.astype(np.float64)


def _limit(images: np.ndarray, limit: float | None) -> float:
    """Return the number that is drawn as full ink."""
    if limit is None:
        known = np.abs(images[np.isfinite(images)])
        limit = 255 if images.dtype == np.uint8 else known.max(initial=0) or 1
    if not limit > 0:
        raise ValueError(f"limit={limit}: the number that is drawn as full ink is above 0")
    return float(limit)


def _scaled(images: np.ndarray, limit: float | None) -> np.ndarray:
    """Divide by what is full ink, and cut off what is beyond: -1 to 1, and nan."""
    return np.clip(images / _limit(images, limit), -1, 1)


def _halved(images: np.ndarray) -> np.ndarray:
    """Average pairs of rows, as a cell is twice as high as wide; an odd last one is by itself."""
    if images.shape[1] % 2:
        images = np.concatenate([images, images[:, -1:]], axis=1)
    return (images[:, ::2] + images[:, 1::2]) / 2


# ----------------------------------------------------------------------------------------- signs


def _ink_lines(cells: np.ndarray) -> Picture:
    """Draw numbers 0..1, a sign for each: the more, the more ink."""
    known = np.nan_to_num(cells, nan=0)
    ink = np.repeat(np.rint(255 * known).astype(np.uint8), 2, axis=0)  # it takes rows in pairs
    lines = [list(line) for line in digit_lines(ink)]
    for row, column in np.argwhere(np.isnan(cells)):
        lines[row][column] = "?"
    return [Text("".join(line)) for line in lines]


def _signed_lines(cells: np.ndarray, dots: bool) -> Picture:
    """Draw numbers -1..1, a sign for each: which side of 0 they are on, and whether far."""
    size = np.abs(cells)
    steps = (size >= ABOUT_ZERO).astype(int) + (size >= FAR)
    kinds = 2 + np.where(cells < 0, -steps, steps)
    signs = SIGNS.replace(" ", ".") if dots else SIGNS
    lines = []
    for row, kind in zip(cells.tolist(), kinds.tolist()):
        drawn = (("?", "") if math.isnan(x) else (signs[k], STYLES[k]) for x, k in zip(row, kind))
        lines.append(Text.assemble(*drawn))
    return lines
