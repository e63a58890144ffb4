"""Digits, probabilities and tables in characters, for a terminal or for a file.

What is drawn is a Picture: a list of lines, each a rich Text. A terminal shows them in color, and
`line.plain` is the same line without. Which signs the output can show is for the caller to know.
"""

from __future__ import annotations

import string
from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
from rich.text import Text

Picture = list[Text]

RAMP = " .:-=+*#%@"  # signs by how much ink they have
SHADES, HALVES = " ░▒▓█", " ▀▄█"
INK = 90  # of 255: less than this is paper, where a half can only be ink or paper
BARS = 10  # of classes, at most
EIGHTHS = "▏▎▍▌▋▊▉█"  # bars that grow by an eighth of a cell
GOOD, BAD, DIM = "bold green", "bold red", "dim"


# ------------------------------------------------------------------------------------- a digit


def draw_digit(image: np.ndarray, style: str = "ascii") -> Picture:
    """Draw ink 0..255 (height, width); a cell of a terminal is about twice as high as wide.

    style "ascii"  a sign for two pixels, with more or less ink: height / 2 lines of `width` signs
          "half"   half a cell for a pixel, gray where there is little ink: all the detail
          "full"   two cells for a pixel, in four shades: height lines of 2 · width

    The signs alone show the digit, so that it can be read without color and on any background.
    """
    if style == "ascii":
        return [Text(line) for line in digit_lines(image)]
    if style == "full":
        shades = (image.astype(np.int64) * (len(SHADES) - 1) + 127) // 255
        return [Text("".join(2 * SHADES[shade] for shade in row)) for row in shades.tolist()]
    upper, lower = _row_pairs(image)
    signs = (upper > INK) + 2 * (lower > INK)
    strong = np.maximum(upper, lower) > 2 * INK
    return [_line(zip(*rows)) for rows in zip(signs.tolist(), strong.tolist())]


def digit_lines(image: np.ndarray) -> list[str]:
    """Draw ink 0..255 (height, width) in ASCII: height / 2 lines of `width` signs.

    >>> digit_lines(np.array([[0, 255, 128], [0, 255, 0]], dtype=np.uint8))
    [' @:']
    """
    upper, lower = _row_pairs(image.astype(np.int64))
    levels = ((upper + lower) * (len(RAMP) - 1) + 255) // 510
    return ["".join(RAMP[level] for level in row) for row in levels.tolist()]


def crop(images: np.ndarray) -> np.ndarray:
    """Cut margins off pictures (n, height, width), of all the same, but for one empty pixel."""
    ink = images.max(0) > 0
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    if not len(rows):
        return images
    top, left = max(rows[0] - 1, 0), max(columns[0] - 1, 0)
    return images[:, top : rows[-1] + 2, left : columns[-1] + 2]


def _row_pairs(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every other row, and the rows below those; an odd last row has an empty one below."""
    if len(image) % 2:
        image = np.concatenate([image, np.zeros_like(image[:1])])
    return image[::2], image[1::2]


def _line(cells: Iterable[tuple[int, bool]]) -> Text:
    """One line of cells (which halves, strong ink or not); equal neighbors share a span."""
    runs = ((HALVES[sign] * len(list(run)), strong) for (sign, strong), run in groupby(cells))
    return Text.assemble(*((text, "" if strong else DIM) for text, strong in runs))


# ------------------------------------------------------------------------------ what was read


def bar(share: float, width: int, fine: bool = False) -> str:
    """A bar of `share` 0..1 of `width` cells, of # or (fine) of blocks to an eighth of a cell."""
    if not fine:
        return "#" * round(share * width)
    whole, part = divmod(round(share * width * 8), 8)
    return "█" * whole + (EIGHTHS[part - 1] if part else "")


def draw_bars(
    probabilities: np.ndarray,
    width: int,
    actual: int | None = None,
    fine: bool = False,
    names: Sequence[str] = string.digits,
) -> Picture:
    """One bar for every class, `width` cells in all: `8 ########   93 %`.

    Of more than ten classes these are the ten most probable ones, the first of them on top. The
    most probable one is green or red, as it is right or wrong.
    """
    predicted, shares, lines = int(probabilities.argmax()), probabilities.tolist(), []
    shown = range(len(shares))
    if len(shares) > BARS:
        shown = np.argsort(-probabilities, kind="stable")[:BARS].tolist()
    for number in shown:
        style = ""
        if number == predicted and actual is not None:
            style = GOOD if predicted == actual else BAD
        drawn = bar(shares[number], max(width - 8, 1), fine).ljust(max(width - 8, 1))
        lines.append(Text(f"{names[number]} {drawn} {percent(shares[number], 0):>5}", style))
    return lines


def percent(share: float, decimals: int = 2) -> str:
    """A share 0..1 in percent: `97.93 %`. All is 100 %, and nothing less is."""
    if share < 1:  # cut off instead of rounding up what is almost all
        most = 100 - 10**-decimals
        return f"{min(100 * share, most):.{decimals}f} %"
    return f"{100 * share:.{decimals}f} %"


def verdict(predicted: int | str, actual: int | str, share: float | None = None) -> Picture:
    """Two lines, `predicted 8,` and `actual 8: got it` (or `missed`); with `share` how sure it was.

    `Text(" ").join(verdict(8, 8))` makes one line of them.
    """
    answer = ("got it", GOOD) if predicted == actual else ("missed", BAD)
    sure = "" if share is None else f" ({percent(share)})"
    return [Text(f"predicted {predicted}{sure},"), Text.assemble(f"actual {actual}: ", answer)]


# ------------------------------------------------------------------------------ arranging them


def side_by_side(pictures: Sequence[Picture], gap: int = 3, width: int = 0) -> Picture:
    """Put pictures next to each other, each at least `width` cells wide, aligned at their tops."""
    lines = [Text() for _ in range(max(map(len, pictures), default=0))]
    for picture in pictures:
        widest = max([width, *(part.cell_len for part in picture)])
        for i, line in enumerate(lines):
            part = picture[i] if i < len(picture) else Text()
            line.append_text(part)
            line.append(" " * (widest - part.cell_len + gap))
    for line in lines:
        line.right_crop(gap)
    return lines


def in_rows(pictures: Sequence[Picture], width: int, gap: int = 3) -> Picture:
    """Put pictures into rows of at most `width` cells, an empty line between the rows."""
    widest = max((line.cell_len for picture in pictures for line in picture), default=0)
    across = max(1, (width + gap) // (widest + gap))
    lines: Picture = []
    for start in range(0, len(pictures), across):
        row = side_by_side(pictures[start : start + across], gap, widest)
        lines += [Text(), *row] if start else row
    return lines


def captioned(
    pictures: Sequence[np.ndarray], captions: Iterable[str | Picture], width: int
) -> Picture:
    """Draw pictures of one size, ink 0..255 or floats 0..1, in rows, each above its caption."""
    images = np.stack(pictures)
    if images.dtype.kind == "f":
        images = np.rint(255 * images.clip(0, 1)).astype(np.uint8)
    drawn = []
    for image, caption in zip(crop(images), captions):
        told = list(map(Text, caption.split("\n"))) if isinstance(caption, str) else caption
        drawn.append([*draw_digit(image), *told])
    return in_rows(drawn, width)


def confusion_table(counts: np.ndarray) -> Picture:
    """How often a digit (row) was taken for which (column), with the share that was read right."""
    classes = range(len(counts))
    head = "".join(f"{digit:>6}" for digit in classes)
    lines = [Text("actual   predicted"), Text(f"      {head}       right")]
    for actual in classes:
        row, total = counts[actual], int(counts[actual].sum())
        line = Text(f"{actual:>6}")
        for predicted in classes:
            count = int(row[predicted])
            style = GOOD if predicted == actual else DIM if not count else ""
            line.append(f"{count or '.':>6}", style)
        line.append(f"{percent(row[actual] / total, 1) if total else '':>12}")
        lines.append(line)
    return lines


def frequent_confusions(counts: np.ndarray, names: Sequence[str], most: int = 18) -> Picture:
    """The classes that are most often taken for another: `actual O read as 0  31 of 96 times`.

    For alphabets that are too large for a table. In three columns, to be read downward.
    """
    wrong = counts * (1 - np.eye(len(counts), dtype=counts.dtype))
    found = []
    for place in np.argsort(-wrong, axis=None, kind="stable")[:most].tolist():
        actual, predicted = divmod(place, len(counts))
        if wrong[actual, predicted]:
            often = f"{wrong[actual, predicted]:>4} of {counts[actual].sum()}"
            found.append(Text(f"{names[actual]} read as {names[predicted]} {often}"))
    rows = -(-len(found) // 3)
    columns = [found[i : i + rows] for i in range(0, len(found), rows)] if found else []
    return side_by_side(columns, gap=6)
