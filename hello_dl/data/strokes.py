"""Handwriting drawn by our own program: the data set that is always there, offline.

To write a character we pick one of its shapes (`shapes.py`), shake its points, bend and slant the
curve through them, choose a pen, and spread ink on 28 x 28 pixels, placed as MNIST places digits:

    points -> curve -> bent and slanted -> scaled and centered -> ink

Everything before the ink is geometry, without pixels: the same hand writes at any size.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from hello_dl.data import digit_shapes, letter_shapes, shapes
from hello_dl.data.files import read_arrays, write_arrays
from hello_dl.data.shapes import CHARACTERS, DIGITS, LETTERS, SEGMENTS, Floats, shape_table
from hello_dl.data.sources import cache_dir

__all__ = ["CHARACTERS", "DIGITS", "LETTERS", "draw_characters", "load_strokes"]

FIELD = 28  # side of the picture; lengths after `fit` are in 28ths of it: MNIST's pixels
BOX = 20  # side of the box that the ink fills, pen included
SOFTNESS = 0.6  # pixels over which strokes melt together where they meet

Seed = int | np.random.SeedSequence

# ---------------------------------------------------------------------------------- the hand


class Hand(NamedTuple):
    """All that chance decides about n characters, drawn at once so that batches cannot matter."""

    shape: npt.NDArray[np.int64]  # (n,) row of the shape table
    mix: Floats  # (n, 1, 1) where between the shape's extremes, 0..1 and a little beyond
    shake: Floats  # (n, p, 2) by how much each point is off
    overshoot: Floats  # (n, p, 1) how far strokes run on at their ends, or stop short
    bend: Floats  # (n, 3, 2, 2) height, rate and start of slow waves
    aspect: Floats  # (n, 1) logarithm of the stretch in width
    taper: Floats  # (n, 1) how much wider the top is than the bottom
    slant: Floats  # (n, 1) shift to the right per height
    turn: Floats  # (n, 1) radians
    radius: Floats  # (n, 1) half the pen's width, pixels
    pressure: Floats  # (n, 3) slow changes of the radius along the way
    edge: Floats  # (n, 1) pixels over which the ink fades at its edge


def choose_hand(text: Sequence[str], seed: Seed = 0) -> Hand:
    """Everything random about the characters of `text`."""
    rng = np.random.Generator(np.random.PCG64(seed))
    table = shape_table()
    n, p = len(text), table.points.shape[1]
    first = np.array([table.first[character] for character in text], np.int64)
    count = np.array([table.count[character] for character in text], np.int64)

    def uniform(*shape: int) -> Floats:
        return rng.random((n, *shape), np.float32)

    def spread(*shape: int) -> Floats:  # mean 0, deviation 1, never far out: all stays readable
        return math.sqrt(12) * (uniform(*shape) - 0.5)

    return Hand(
        shape=table.tickets[first + (uniform() * count).astype(np.int64)],
        mix=1.4 * uniform(1, 1) - 0.2,
        shake=0.05 * spread(p, 2),
        overshoot=0.12 * spread(p, 1),
        bend=spread(3, 2, 2),
        aspect=0.05 + 0.2 * spread(1),
        taper=0.12 * spread(1),
        slant=0.1 + 0.25 * spread(1),
        turn=0.08 * spread(1),
        radius=np.clip(1.27 * np.exp(0.2 * (spread(1) + spread(1))), 0.6, 3.0),
        pressure=0.12 * spread(3),
        edge=0.8 + 0.6 * uniform(1),
    )


def trace(hand: Hand) -> Floats:
    """Segments (n, SEGMENTS, 2 ends, 2) of what the hand writes; 1 = height of a capital, y down.

    Not yet centered: small letters, tails and dots stand where they would on a line of writing.
    """
    table = shape_table()
    points = table.points[hand.shape] + hand.mix * table.change[hand.shape]  # (n, p, 2)
    arrows = table.ends[hand.shape] @ points
    points += hand.shake * table.extent[hand.shape, None, None] + hand.overshoot * arrows
    dots = _lean(_bend(table.curve[hand.shape] @ points, hand), hand)  # (n, 2 * SEGMENTS, 2)
    return dots.reshape(-1, 2, SEGMENTS, 2).swapaxes(1, 2)


def _bend(dots: Floats, hand: Hand) -> Floats:
    """Shift dots (n, d, 2) along slow waves, as on paper that stretches; each axis has its own."""
    height, rate, start = (hand.bend[:, i, None] for i in range(3))  # (n, 1, 2 axes, 2 shifts)
    waves = np.sin((4 + rate) * dots[..., None] + 3 * start)
    return dots + 0.05 * (height * waves).sum(2)


def _lean(dots: Floats, hand: Hand) -> Floats:
    """Taper, stretch, slant and turn dots (n, d, 2) about the middle of a digit."""
    x, y = dots[..., 0] - 0.3, dots[..., 1] - 0.5
    x = x * np.exp(hand.aspect) * (1 - 2 * hand.taper * y) - hand.slant * y
    cos, sin = np.cos(hand.turn), np.sin(hand.turn)
    return np.stack((x * cos - y * sin + 0.3, x * sin + y * cos + 0.5), axis=-1)


# ---------------------------------------------------------------------------------- the ink


def fit(segments: Floats, radius: Floats) -> Floats:
    """Segments (n, s, 2, 2) scaled to pixels, keeping proportions: the ink just fills the BOX."""
    low, high = segments.min((1, 2)), segments.max((1, 2))  # (n, 2)
    scale = (BOX - 2 * radius) / np.maximum(high - low, 1e-3).max(1, keepdims=True)  # (n, 1)
    corner = (FIELD - BOX) / 2 + radius - low * scale
    return segments * scale[:, None, None] + corner[:, None, None]


def center(segments: Floats, ink: Floats) -> Floats:
    """Segments moved by whole pixels such that their `ink` (n, 28, 28) balances in the middle.

    The middle is that of pixel 14, as in MNIST: half a pixel right of and below the picture's.
    Without that half pixel, a net trained here reads 7 of 100 real digits fewer.
    """
    pixels = np.arange(FIELD, dtype=np.float32)
    mass = np.stack((ink.sum(1) @ pixels, ink.sum(2) @ pixels), axis=1)  # (n, 2)
    found = mass / ink.sum((1, 2))[:, None]
    return segments + np.rint(FIELD / 2 - found)[:, None, None]


def rasterize(segments: Floats, hand: Hand, size: int = FIELD) -> Floats:
    """Ink 0..1 (n, size, size) that the hand's pen leaves along segments (n, s, 2, 2) in pixels.

    Every segment leaves a soft dot exp(-d² / 2 SOFTNESS²), d being the distance from its middle.
    Such a dot is a column times a row, so the sum of all dots is one small matrix product. Read
    backward, the logarithm of the sum is the squared distance to the curve, melted a little where
    strokes meet. Ink is where that distance is less than the pen's radius.
    """
    pixels = ((np.arange(size) + 0.5) * (FIELD / size)).astype(np.float32)
    middle = segments.mean(2)  # (n, s, 2)
    length = np.linalg.norm(segments[:, :, 1] - segments[:, :, 0], axis=-1)  # (n, s)
    way = np.linspace(0, math.pi, segments.shape[1], dtype=np.float32)  # (s,)
    pen = hand.radius * (1 + hand.pressure @ np.cos([way, 2 * way, 3 * way]))  # (n, s)
    wider = np.exp((pen**2 - hand.radius**2) / (2 * SOFTNESS**2))
    weight = length * wider / (SOFTNESS * math.sqrt(2 * math.pi))
    fade = (middle[..., None] - pixels) ** 2 / (-2 * SOFTNESS**2)
    dots = np.exp(np.maximum(fade, -40))  # (n, s, 2, size); less would be denormal, hence slow
    rows = (dots[:, :, 1] * weight[..., None]).swapaxes(1, 2)  # (n, size, s)
    total = rows @ dots[:, :, 0]  # (n, size, size)
    distance = np.sqrt(np.maximum(np.log(total + 1e-30) * (-2 * SOFTNESS**2), 0))
    return np.clip((hand.radius[..., None] - distance) / hand.edge[..., None] + 0.5, 0, 1)


def draw_characters(
    text: str | Sequence[str], seed: Seed = 0, size: int = FIELD, batch: int = 256
) -> npt.NDArray[np.uint8]:
    """Write `text`: pictures (len(text), size, size), one per character, ink 255 on 0.

    The same seed gives the same pictures whatever the `batch`, which only bounds the memory used.
    """
    unknown = [character for character in text if character not in shape_table().first]
    if unknown:
        raise ValueError(f"no strokes for {unknown[0]!r}: the known characters are {CHARACTERS}")
    hand = choose_hand(text, seed)
    pictures = np.empty((len(text), size, size), np.uint8)
    for start in range(0, len(text), batch):
        some = Hand._make(values[start : start + batch] for values in hand)
        segments = fit(trace(some), some.radius)
        segments = center(segments, rasterize(segments, some))
        ink = rasterize(segments, some, size)
        pictures[start : start + batch] = np.rint(255 * ink)
    return pictures


# ---------------------------------------------------------------------------------- the data set

DataSet = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def load_strokes(
    train: int = 20_000,
    test: int = 4_000,
    characters: str = DIGITS,
    seed: int = 0,
    cache: bool = True,
) -> DataSet:
    """Training pictures (train, 28, 28) uint8 and labels (train,) int64, and the same for testing.

    A label is an index into `characters`, each of which appears equally often, in shuffled order.
    Drawn once (some seconds), then kept in the user's cache folder unless `cache` is False.
    """
    if min(train, test) < 0 or not characters or len(set(characters)) < len(characters):
        raise ValueError(
            f"train={train}, test={test}, characters={characters!r}: "
            "counts cannot be negative, and characters must be there, each once"
        )
    path = _cache_path(train, test, characters, seed) if cache else None
    found = _read_cache(path, (train, test)) if path else None
    if found:
        return found
    halves = np.random.SeedSequence(seed).spawn(2)
    drawn = (*_draw_half(train, characters, halves[0]), *_draw_half(test, characters, halves[1]))
    if path:
        write_arrays(path, drawn, packed=True)
    return drawn


def _draw_half(
    count: int, characters: str, seed: np.random.SeedSequence
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels of `count` characters in shuffled order."""
    order, hand = seed.spawn(2)
    rng = np.random.Generator(np.random.PCG64(order))
    labels = rng.permutation(np.arange(count, dtype=np.int64) % len(characters))
    return draw_characters([characters[label] for label in labels], hand), labels


def _cache_path(*arguments: object) -> Path | None:
    """The file of this data set, named after all that decides it: our source and the arguments."""
    modules = (digit_shapes, letter_shapes, shapes, sys.modules[__name__])
    with contextlib.suppress(OSError, ValueError):  # no source or no home folder, so no cache
        parts = [*map(inspect.getsource, modules), np.__version__, repr(arguments)]
        key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
        return cache_dir() / "strokes" / f"{key}.npz"
    return None


def _read_cache(path: Path, counts: Iterable[int]) -> DataSet | None:
    """The data set in the file, or None if it is missing or damaged in any way."""
    arrays, wanted = read_arrays(path, 4), []
    for n in counts:
        wanted += [((n, FIELD, FIELD), np.dtype(np.uint8)), ((n,), np.dtype(np.int64))]
    if arrays and [(array.shape, array.dtype) for array in arrays] == wanted:
        return arrays[0], arrays[1], arrays[2], arrays[3]
    return None
