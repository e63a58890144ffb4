"""From the written notation of a character's shape to numbers: curves as weighted sums of points.

A point is "x,y" in hundredths of a capital's height, x to the right, y down; capitals and digits
run from y = 0 to 100, small letters from 40, tails to 130. A stroke is a smooth curve through its
points, cut at corners (marked !), and round where it ends at its own first point; "/" lifts the
pen. "a ~ b" gives two extremes of one shape: each written copy lies somewhere between them.
A shape may begin with "often:" or "seldom:", which doubles or thirds how frequently it is used.
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hello_dl.data.digit_shapes import DIGIT_SHAPES
from hello_dl.data.letter_shapes import LETTER_SHAPES

DIGITS = "".join(DIGIT_SHAPES)
LETTERS = "".join(LETTER_SHAPES)
CHARACTERS = DIGITS + LETTERS
SHAPES = DIGIT_SHAPES | LETTER_SHAPES

TICKETS = {"often": 6, "": 3, "seldom": 1}  # in the lottery among a character's shapes
SEGMENTS = 64  # straight pieces per character, whatever its shape: about one MNIST pixel each

Floats = npt.NDArray[np.float32]


class Stroke(NamedTuple):
    """One stroke as written down: points (k, 2), 1 = height of a capital, and k corner flags."""

    points: Floats
    corners: list[bool]


def parse(text: str) -> list[Stroke]:
    """Read one shape, for example "0,0 50,0! 20,100 / 10,50 40,50"."""
    strokes = []
    for part in text.split("/"):
        words = part.split()
        points = np.array([word.rstrip("!").split(",") for word in words], dtype=np.float32)
        strokes.append(Stroke(points / np.float32(100), [word.endswith("!") for word in words]))
    return strokes


def curve_weights(points: Floats, at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weights (len(at), k): how much each of k points counts at the curve's places `at` in 0..1.

    A Catmull-Rom curve (1974) is a cubic between neighboring points; its velocity at a point is
    that of the straight way from the point before to the point after. All of it is linear in the
    points, so weights worked out once for a shape serve every shaken copy of it. Time between two
    points grows as the root of their distance, which keeps the curve from looping.
    """
    k = len(points)
    gaps = np.sqrt(np.linalg.norm(np.diff(points, axis=0), axis=1) + 1e-4)
    times = np.concatenate(([0.0], np.cumsum(gaps)))
    unit = np.eye(k)
    velocity = np.empty((k, k))  # each row: weights of the points
    for i in range(k):
        before, after = max(i - 1, 0), min(i + 1, k - 1)
        velocity[i] = (unit[after] - unit[before]) / (times[after] - times[before])
    if k > 3 and np.allclose(points[0], points[-1]):  # closed: look across the meeting point
        velocity[0] = velocity[-1] = (unit[1] - unit[-2]) / (gaps[0] + gaps[-1])
    time = at * times[-1]
    i = np.clip(np.searchsorted(times, time, side="right") - 1, 0, k - 2)
    gap = gaps[i][:, None]
    u = (time - times[i])[:, None] / gap  # 0..1 between point i and the next
    return (
        (1 + 2 * u) * (1 - u) ** 2 * unit[i]
        + u**2 * (3 - 2 * u) * unit[i + 1]
        + u * (1 - u) ** 2 * gap * velocity[i]
        + u**2 * (u - 1) * gap * velocity[i + 1]
    )


def _pieces(strokes: list[Stroke]) -> list[tuple[int, Floats]]:
    """Strokes cut at their corners: for each piece the index of its first point, and its points."""
    pieces = []
    offset = 0
    for points, corners in strokes:
        last = len(points) - 1
        cuts = [0, *(i for i in range(1, last) if corners[i]), last]
        pieces += [(offset + a, points[a : b + 1]) for a, b in pairwise(cuts)]
        offset += len(points)
    return pieces


def _curve_matrix(strokes: list[Stroke], width: int) -> Floats:
    """Matrix (2 * SEGMENTS, width) from a shape's points to the starts, then ends, of segments."""
    pieces = _pieces(strokes)
    lengths = np.array([np.linalg.norm(np.diff(p, axis=0), axis=1).sum() for _, p in pieces])
    shares = np.maximum(2, (lengths / lengths.sum() * SEGMENTS).astype(int))
    shares[np.argmax(shares)] += SEGMENTS - shares.sum()
    matrix = np.zeros((2, SEGMENTS, width), np.float32)
    row = 0
    for (offset, points), share in zip(pieces, shares.tolist(), strict=True):
        weights = curve_weights(points, np.linspace(0, 1, share + 1))
        matrix[0, row : row + share, offset : offset + len(points)] = weights[:-1]
        matrix[1, row : row + share, offset : offset + len(points)] = weights[1:]
        row += share
    return matrix.reshape(2 * SEGMENTS, width)


def _ends_matrix(strokes: list[Stroke], width: int) -> Floats:
    """Matrix (width, width) from points to the arrow out of each stroke's end; 0 elsewhere."""
    matrix = np.zeros((width, width), np.float32)
    offset = 0
    for points, _ in strokes:
        last = offset + len(points) - 1
        for end, neighbor in ((offset, offset + 1), (last, last - 1)):
            matrix[end, end], matrix[end, neighbor] = 1, -1
        offset += len(points)
    return matrix


@dataclass(frozen=True)
class ShapeTable:
    """Every shape of every character as arrays; s counts shapes, p points (padded to the most)."""

    tickets: npt.NDArray[np.int64]  # the shapes (0..s), each as often as it has tickets
    first: dict[str, int]  # character -> index of its first ticket
    count: dict[str, int]  # character -> how many tickets it has
    points: Floats  # (s, p, 2) control points
    change: Floats  # (s, p, 2) points + change = the shape's other extreme
    extent: Floats  # (s,) the larger of the shape's width and height
    curve: Floats  # (s, 2 * SEGMENTS, p) curve @ points = the segments' starts, then their ends
    ends: Floats  # (s, p, p) ends @ points = arrows out of the strokes' ends


def _split_frequency(text: str) -> tuple[int, str]:
    """Tickets and the shape itself, of a text such as "seldom: 0,0 50,100"."""
    frequency, _, shape = text.rpartition(":")
    return TICKETS[frequency], shape


@lru_cache(maxsize=1)
def shape_table() -> ShapeTable:
    """The two tables of shapes as arrays, worked out on first use."""
    written = [(c, *_split_frequency(text)) for c in CHARACTERS for text in SHAPES[c]]
    sides = [[parse(side) for side in text.split("~")] for _, _, text in written]
    width = max(sum(len(stroke.points) for stroke in side[0]) for side in sides)
    points = np.zeros((len(sides), width, 2), np.float32)
    change, extent = np.zeros_like(points), np.zeros(len(sides), np.float32)
    for i, side in enumerate(sides):
        if [stroke.corners for stroke in side[0]] != [stroke.corners for stroke in side[-1]]:
            raise ValueError(f"the two sides of ~ must match point by point: {written[i][2]!r}")
        here, there = (np.concatenate([stroke.points for stroke in s]) for s in (side[0], side[-1]))
        points[i, : len(here)], change[i, : len(here)] = here, there - here
        extent[i] = np.ptp(here, axis=0).max()
    count = {c: sum(tickets for d, tickets, _ in written if d == c) for c in CHARACTERS}
    return ShapeTable(
        tickets=np.repeat(np.arange(len(sides)), [tickets for _, tickets, _ in written]),
        first=dict(zip(CHARACTERS, accumulate(count.values(), initial=0), strict=False)),
        count=count,
        points=points,
        change=change,
        extent=extent,
        curve=np.stack([_curve_matrix(side[0], width) for side in sides]),
        ends=np.stack([_ends_matrix(side[0], width) for side in sides]),
    )
