"""Pages of handwriting composed by ourselves, with the truth about them: what `read` is tested on.

    picture, truth = compose_page(seed=7, kind="hard", characters="0123456789")

The characters are MNIST's test digits, which no net has learned from, where MNIST is on this
machine, and strokes; one page is written by one pen. paper.py makes a photo of it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image

from hello_dl.data import strokes
from hello_dl.data.mnist import load_mnist
from hello_dl.data.sources import UnavailableError
from hello_dl.data.strokes import DIGITS
from hello_dl.read.paper import CLEAN, HARD, photograph, ruled

KINDS = {"clean": CLEAN, "hard": HARD, "board": CLEAN}  # board: chalk on a blackboard
TILT = {"clean": 3.0, "hard": 8.0, "board": 3.0}  # degrees, to either side

CAPITAL = 17.0  # height of a capital in the units of the strokes' field
MARGIN = 1.5  # of the page, in heights of a capital

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels of the picture


class Truth(NamedTuple):
    """What is written on a page: lines of text, and a box for every character but the spaces."""

    lines: list[str]
    boxes: list[list[Box]]
    tilt: float  # degrees by which the page is turned clockwise


class Drawn(NamedTuple):
    """A character as ink (height, width) 0..1, and how far its top is below that of a capital."""

    ink: np.ndarray
    drop: float


class Style(NamedTuple):
    """What one page's writing has in common; lengths are in heights of a capital, but for that."""

    height: float  # of a capital, pixels
    pen: float  # width
    gap: float  # between characters
    space: float  # between words
    leading: float  # from line to line
    mnist: float  # share of the digits that are MNIST's


def compose_page(
    seed: int,
    kind: str = "clean",
    characters: str = DIGITS,
    lines: int | None = None,
    per_line: int | tuple[int, int] = (5, 20),
    height: float | None = None,
) -> tuple[Image.Image, Truth]:
    """A photo of a page, and what is written on it; the same seed gives the same page.

    kind        "clean", "hard" (uneven light, shadows, tilt up to 8 degrees, ruled lines, faint
                ink, noise) or "board" (chalk)
    lines       how many; by default 3 to 8
    per_line    how many characters, or from and to; words of them are parted by gaps
    height      of a capital in pixels; by default 28 to 64
    """
    if kind not in KINDS:
        raise ValueError(f"there is no kind '{kind}' of pages; the kinds are {', '.join(KINDS)}")
    random = np.random.default_rng([seed, sum(map(ord, kind + characters))])
    conditions, hard = KINDS[kind], kind == "hard"
    style = Style(
        height=height or random.uniform(28, 64),
        pen=random.uniform(0.07, 0.15),
        gap=random.uniform(0.12 if hard else 0.18, 0.4),
        space=random.uniform(0.8, 1.2),
        leading=random.uniform(1.7, 2.4),
        mnist=random.choice([0.0, 0.5, 1.0]),
    )
    count = lines or int(random.integers(3, 9))
    low, high = (per_line, per_line) if isinstance(per_line, int) else per_line
    text = [words(int(random.integers(low, high + 1)), characters, random) for _ in range(count)]
    ink, boxes = write(text, style, random)
    flat, angle = ink.shape, TILT[kind] * random.uniform(-1, 1)
    ink = tilted(ink, angle)
    rules, color = ruled(ink.shape, style.leading * style.height, angle, conditions, random)
    page = photograph(ink, rules, color, conditions, random, board=kind == "board")
    boxes = [[tilted_box(box, angle, flat, ink.shape) for box in row] for row in boxes]
    return page, Truth(text, boxes, angle)


def words(count: int, characters: str, random: np.random.Generator) -> str:
    """So many characters by chance, in words of 1 to 7."""
    parts, left = [], count
    while left:
        length = min(left, int(random.integers(1, 8)))
        parts.append("".join(random.choice(list(characters), length)))
        left -= length
    return " ".join(parts)


# --------------------------------------------------------------------------------- the writing


def write(
    text: list[str], style: Style, random: np.random.Generator
) -> tuple[np.ndarray, list[list[Box]]]:
    """The ink of a whole page (height, width) and the boxes of its characters, before any tilt."""
    unit, rows, width = style.height, [], 0.0
    for number, line in enumerate(text):
        drawn = draw("".join(line.split()), style, random)
        row: list[tuple[float, float, np.ndarray]] = []
        slope = random.uniform(-0.012, 0.012)  # no hand keeps to its line
        start = x = MARGIN * unit + random.uniform(0, unit)
        for character in line:
            if character == " ":
                x += style.space * unit
                continue
            one = drawn[len(row)]
            y = (MARGIN + number * style.leading) * unit + one.drop + slope * (x - start)
            row.append((x, y + random.normal(0, 0.03) * unit, one.ink))
            x += one.ink.shape[1] + unit * style.gap * random.uniform(0.5, 1.5)
        rows.append(row)
        width = max(width, x)
    height = (2 * MARGIN + (len(text) - 1) * style.leading + 1.4) * unit
    page = np.zeros((round(height), round(width + MARGIN * unit)), np.float32)
    return page, [[put(page, *one) for one in row] for row in rows]


def put(page: np.ndarray, x: float, y: float, ink: np.ndarray) -> Box:
    """Write ink on the page with its upper left corner at (x, y); return its box."""
    left, top = max(round(x), 0), max(round(y), 0)
    there = page[top : top + ink.shape[0], left : left + ink.shape[1]]
    np.maximum(there, ink[: there.shape[0], : there.shape[1]], out=there)
    return left, top, left + there.shape[1], top + there.shape[0]


def draw(text: str, style: Style, random: np.random.Generator) -> list[Drawn]:
    """Every character of the text, digits by MNIST's writers or by the strokes', by chance."""
    pens = np.clip(style.pen * np.exp(0.1 * random.standard_normal(len(text))), 0.05, 0.2)
    sizes = style.height * np.exp(0.05 * random.standard_normal(len(text)))
    from_strokes = draw_strokes(text, pens, sizes, int(random.integers(2**31)))
    real = mnist_test()
    drawn = []
    for character, one, pen, size in zip(text, from_strokes, pens, sizes, strict=True):
        chance, which = random.random(), random.random()
        if real and character in DIGITS and chance < style.mnist:
            of_it = real[int(character)]
            one = draw_mnist(of_it[int(which * len(of_it))], pen, size)
        drawn.append(one)
    return drawn


def draw_strokes(text: str, pens: np.ndarray, sizes: np.ndarray, seed: int) -> list[Drawn]:
    """Characters in their natural size and place on the line, by the hand that draws strokes."""
    hand = strokes.choose_hand(text, seed)
    edge = np.full_like(hand.edge, 0.6)
    hand = hand._replace(radius=(pens[:, None] * CAPITAL / 2).astype(np.float32), edge=edge)
    segments = finer(strokes.trace(hand)) * np.float32(CAPITAL)
    low = segments.min((1, 2))  # (n, 2)
    segments = segments - low[:, None, None] + 2 * hand.radius[..., None, None]
    drawn = []
    for i, size in enumerate(sizes):
        one = strokes.Hand._make(values[i : i + 1] for values in hand)
        scale = size / CAPITAL
        ink = strokes.rasterize(segments[i : i + 1], one, round(strokes.FIELD * scale))[0]
        rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        drop = low[i, 1] - 2 * hand.radius[i, 0] + rows[0] / scale  # from a capital's top
        drawn.append(Drawn(cut, float(drop * scale)))
    return drawn


def finer(segments: np.ndarray) -> np.ndarray:
    """Segments (n, s, 2 ends, 2) in halves: the dots that a thin pen leaves must touch."""
    start, end = segments[:, :, 0], segments[:, :, 1]
    middle = (start + end) / 2
    halves = np.stack([start, middle, middle, end], axis=2)  # (n, s, 4, 2)
    return halves.reshape(len(segments), -1, 2, 2)


def draw_mnist(image: np.ndarray, pen: float, size: float) -> Drawn:
    """A digit (28, 28) of MNIST in that size, its strokes about as wide as the pen's."""
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    cut = np.pad(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], 1)
    scale = size / 20
    shape = (max(1, round(cut.shape[1] * scale)), max(1, round(cut.shape[0] * scale)))
    large = Image.fromarray(cut).resize(shape, Image.Resampling.BICUBIC)
    gray = np.asarray(large) / np.float32(255)
    gray = gray / np.percentile(gray[gray > 0.2], 75)  # some were written faintly
    # Bicubic leaves soft edges. Where to cut them decides how wide the strokes become.
    level = np.clip(0.5 - (pen - 0.1) * 3, 0.3, 0.55)
    ink = np.clip((gray - level) * max(2.0, scale) + 0.5, 0, 1)
    return Drawn(ink.astype(np.float32), 0.0)


@lru_cache(maxsize=1)
def mnist_test() -> tuple[np.ndarray, ...] | None:
    """MNIST's test digits, the pictures of every digit on their own; None if they are not here."""
    try:
        mnist = load_mnist(download=False)
    except UnavailableError:
        return None
    return tuple(mnist.test_images[mnist.test_labels == digit] for digit in range(10))


# ------------------------------------------------------------------------------------ the tilt


def tilted(page: np.ndarray, angle: float) -> np.ndarray:
    """The page turned clockwise by `angle` degrees, on a picture that is large enough for it."""
    picture = Image.fromarray(page)
    turned = picture.rotate(-angle, Image.Resampling.BICUBIC, expand=True)
    return np.clip(np.asarray(turned), 0, 1)


def tilted_box(box: Box, angle: float, before: tuple[int, ...], after: tuple[int, ...]) -> Box:
    """The box around a box, after its page of shape `before` was turned into one of `after`."""
    left, top, right, bottom = box
    x = np.array([left, right, right, left]) - before[1] / 2
    y = np.array([top, top, bottom, bottom]) - before[0] / 2
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    x, y = cos * x - sin * y + after[1] / 2, sin * x + cos * y + after[0] / 2
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())
