"""Who looks at whom: attention as a map of tokens by tokens, in characters and as a PNG.

A row is a token that looks, a column one that is looked at: the more attention, the more ink.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from itertools import groupby, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from rich.text import Text

from hello_dl.show.digits import DIM, SHADES, Picture, side_by_side
from hello_dl.show.output import LONGEST, WIDTH, Output
from hello_dl.show.plots import usable_matplotlib

LITTLE = "·"  # some attention, but too little for a shade; where there is none, it is blank
SPELLED = {"\n": "\\n", "\t": "\\t", " ": "_"}  # tokens that could not be seen
PANEL, IN_A_ROW = 0.24, 3  # inches of a cell in a PNG, and maps in a row


def attention_rows(
    shares: Any,
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    *,
    width: int = WIDTH,
    limit: float | None = None,
) -> Picture:
    """Draw shares (length, size), or of several maps (maps, length, size), as lines of text.

    rows, columns  the tokens that look, and those that are looked at; None: the same
    titles         what stands above each map
    limit          the share that is drawn as full ink; None: the largest there is

    Maps stand beside each other as far as `width` cells reach. Long tokens are written downwards.
    """
    maps, limit = _checked(shares, rows, columns or rows, titles), _limit(shares, limit)
    left, above = _spelled(rows), _spelled(columns or rows)
    margin, longest = max(map(len, left)), max(map(len, above))
    down = margin + 1 + (longest + 1) * len(above) > width
    cell = 2 if down or longest == 1 else longest + 1
    if margin + 1 + cell * len(above) > width:
        cell = 1
    head = [*zip_longest(*above, fillvalue=" ")] if down else [above]
    pictures = []
    for number, grid in enumerate(maps):
        picture = [Text(titles[number], "bold")] if titles else []
        for labels in head:
            picture.append(Text(" " * (margin + 1) + "".join(x.ljust(cell) for x in labels)))
        for token, row in zip(left, grid.tolist()):
            signs = [_sign(share, limit, cell) for share in row]
            runs = ((style, "".join(x for x, _ in run)) for style, run in groupby(signs, _style))
            drawn = ((text, style) for style, text in runs)
            picture.append(Text.assemble(token.rjust(margin), " ", *drawn))
        pictures.append(picture)
    wide = max(margin + 1 + cell * len(above), *(len(t) for t in titles or [""]))
    across = max((width + 3) // (wide + 3), 1)
    lines: Picture = []
    for start in range(0, len(pictures), across):
        lines += [Text()] * bool(start) + side_by_side(pictures[start : start + across], 3, wide)
    for line in lines:
        line.rstrip()
    return lines


def show_attention(
    shares: Any,
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    limit: float | None = None,
) -> None:
    """Print the lines of `attention_rows` on stdout."""
    output = Output(sys.stdout)
    width = min(output.width, LONGEST if output.console else WIDTH)
    output.show(attention_rows(shares, rows, columns, titles, width=width, limit=limit))


def save_attention(
    path: str | Path,
    shares: Any,
    rows: Sequence[str],
    columns: Sequence[str] | None = None,
    titles: Sequence[str] | None = None,
    *,
    limit: float | None = None,
) -> Path:
    """Write the maps of `attention_rows` into a PNG, side by side."""
    maps, limit = _checked(shares, rows, columns or rows, titles), _limit(shares, limit)
    usable_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import, rarely needed
    from matplotlib.figure import Figure

    across = min(len(maps), IN_A_ROW)
    down = math.ceil(len(maps) / across)
    high, wide = (max(PANEL * size, 1.5) + 0.8 for size in maps.shape[1:])
    figure = Figure(figsize=(across * wide + 0.8, down * high), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(down, across, squeeze=False)
    for number, (panel, grid) in enumerate(zip(panels.flatten(), maps)):
        shown = panel.imshow(grid, cmap="gray_r", vmin=0, vmax=limit, interpolation="nearest")
        panel.set_xticks(range(maps.shape[2]), _spelled(columns or rows), fontsize=8)
        panel.set_yticks(range(maps.shape[1]), _spelled(rows), fontsize=8)
        panel.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
        panel.set_title(titles[number] if titles else "", fontsize=10)
    for panel in panels.flatten()[len(maps) :]:
        panel.set_axis_off()
    bar = figure.colorbar(shown, ax=panels, aspect=30, fraction=0.05, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label("share of the attention", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    figure.savefig(path, dpi=120, format="png")
    return Path(path)


def _checked(
    shares: Any, rows: Sequence[str], columns: Sequence[str], titles: Sequence[str] | None
) -> np.ndarray:
    """Return maps (maps, length, size); ValueError for what is none, or labels that do not fit."""
    maps = np.asarray(shares, float)
    maps = maps[None] if maps.ndim == 2 else maps
    if maps.ndim != 3 or 0 in maps.shape:
        raise ValueError(
            f"shares have the shape (length, size) or (maps, length, size), not {np.shape(shares)}"
        )
    if (len(rows), len(columns)) != maps.shape[1:]:
        raise ValueError(
            f"{len(rows)} and {len(columns)} tokens for a map of {maps.shape[1]} rows and "
            f"{maps.shape[2]} columns: give one for each"
        )
    if titles is not None and len(titles) != len(maps):
        raise ValueError(f"{len(titles)} titles for {len(maps)} maps: give one for each")
    return maps


def _limit(shares: Any, limit: float | None) -> float:
    """Return the share that is drawn as full ink."""
    if limit is None:
        known = np.asarray(shares, float)
        limit = known[np.isfinite(known)].max(initial=0) or 1
    if not limit > 0:
        raise ValueError(f"limit={limit}: the share that is drawn as full ink is above 0")
    return float(limit)


def _spelled(tokens: Sequence[str]) -> list[str]:
    """Write tokens so that each can be seen, and none breaks the line."""
    words = ["".join(SPELLED.get(sign, sign) for sign in token) for token in tokens]
    return ["".join(x if x.isprintable() else "?" for x in word) or "?" for word in words]


def _sign(share: float, limit: float, cell: int) -> tuple[str, str]:
    """Return how a share is drawn in so many signs, and its style."""
    if math.isnan(share):
        return "?".ljust(cell), ""
    shade = SHADES[min(round(share / limit * (len(SHADES) - 1)), len(SHADES) - 1)]
    if share > 0 and shade == " ":
        return LITTLE.ljust(cell), DIM
    return shade * cell, ""


def _style(drawn: tuple[str, str]) -> str:
    return drawn[1]
