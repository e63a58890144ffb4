"""A photo of a written page, made up: paper, light, shadows, ruled lines, a camera, JPEG.

Everything works on arrays (height, width) or (height, width, 3) of float32; 1 is white in full
light. What chance decides comes from the generator that is handed in.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

WHITES = ((1.0, 1.0, 0.99), (0.99, 0.97, 0.92), (0.95, 0.96, 0.98), (0.97, 0.95, 0.88))
INKS = ((0.12, 0.13, 0.2), (0.1, 0.16, 0.45), (0.28, 0.28, 0.29), (0.16, 0.1, 0.1))
RULES = ((0.45, 0.6, 0.85), (0.6, 0.6, 0.65), (0.85, 0.55, 0.55))
BOARDS = ((0.13, 0.24, 0.19), (0.12, 0.13, 0.14), (0.1, 0.17, 0.25))
CHALKS = ((0.92, 0.92, 0.88), (0.9, 0.88, 0.62))


Color = tuple[float, float, float]


@dataclass(frozen=True)
class Conditions:
    """How bad a photo may get; every number is the worst case, from which chance takes a part."""

    light: float  # how much darker the dimmest corner is than the brightest, 0..1
    shadow: float  # how much light the shadow of a hand takes, 0..1
    rules: float  # chance of ruled paper
    faint: float  # how much of the ink may be missing, 0..1
    blur: float  # pixels, deviation
    noise: float  # of the camera, deviation
    jpeg: tuple[int, int]  # quality, from and to


CLEAN = Conditions(0.2, 0.0, 0.0, 0.15, 0.5, 0.01, (80, 95))
HARD = Conditions(0.5, 0.45, 0.75, 0.4, 1.1, 0.03, (30, 60))


def smooth_noise(shape: tuple[int, int], cell: float, random: np.random.Generator) -> np.ndarray:
    """Noise (height, width) of deviation 1 that changes slowly: one free number every `cell`."""
    rows, columns = (max(2, round(side / cell) + 1) for side in shape)
    coarse = Image.fromarray(random.standard_normal((rows, columns), np.float32))
    return np.asarray(coarse.resize(shape[::-1], Image.Resampling.BICUBIC))


def light(
    shape: tuple[int, int], conditions: Conditions, random: np.random.Generator
) -> np.ndarray:
    """How much light falls on each place (height, width), 0..1: a lamp, and perhaps a shadow."""
    height, width = shape
    y, x = np.ogrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    angle = random.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5)  # about -0.7..0.7
    away = np.hypot(x - random.uniform(0, 1), y - random.uniform(0, 1))
    dim = conditions.light * random.uniform(0.4, 1)
    field = 1 - dim * np.clip(0.5 + 0.5 * ramp + 0.35 * (away - 0.5), 0, 1)
    if conditions.shadow:
        angle = random.uniform(0, 2 * np.pi)  # all beyond a wavy line lies in the shadow
        edge = np.cos(angle) * (x - 0.5) + np.sin(angle) * (y - 0.5) - random.uniform(-0.3, 0.3)
        edge = edge + 0.03 * smooth_noise(shape, width / 4, random)
        softness = random.uniform(0.01, 0.08)
        depth = conditions.shadow * random.uniform(0.3, 1)
        field = field * (1 - depth / (1 + np.exp(-np.clip(edge / softness, -30, 30))))
    return field.astype(np.float32)


def ruled(
    shape: tuple[int, int],
    spacing: float,
    angle: float,
    conditions: Conditions,
    random: np.random.Generator,
) -> tuple[np.ndarray, Color]:
    """How much of each place (height, width) is covered by printed lines, and their color.

    Lined paper, with a margin or without, or squared paper, turned clockwise by `angle` degrees;
    `spacing` in pixels.
    """
    cover = np.zeros(shape, np.float32)
    if random.random() >= conditions.rules:
        return cover, RULES[0]
    y, x = np.ogrid[: shape[0], : shape[1]]
    cos, sin = np.float32(np.cos(np.radians(angle))), np.float32(np.sin(np.radians(angle)))
    down, across = y * cos - x * sin, x * cos + y * sin  # along the sides of the paper
    thick, squared = random.uniform(1, 2.5), random.random() < 0.25
    step = spacing / 2 if squared else spacing
    families = [(down, step), (across, step)] if squared else [(down, step)]
    if not squared and random.random() < 0.4:
        families.append((across - random.uniform(0.03, 0.08) * shape[1], 10.0 * shape[1]))
    for place, every in families:
        start = random.uniform(0, every) if every < shape[1] else 0
        distance = np.abs((place + start + every / 2) % every - every / 2)
        np.maximum(cover, np.clip(thick / 2 + 0.5 - distance, 0, 1), out=cover)
    strength = np.float32(random.uniform(0.3, 0.75))
    return strength * cover, RULES[random.integers(len(RULES))]


def photograph(
    ink: np.ndarray,
    rules: np.ndarray,
    rule_color: Color,
    conditions: Conditions,
    random: np.random.Generator,
    board: bool = False,
) -> Image.Image:
    """The photo of a page, from how much ink and printed line cover each place, 0..1."""
    shape = (ink.shape[0], ink.shape[1])
    grounds, pens = (BOARDS, CHALKS) if board else (WHITES, INKS)
    ground = np.array(grounds[random.integers(len(grounds))], np.float32)
    pen = np.array(pens[random.integers(len(pens))], np.float32)
    grain = 1 + 0.008 * smooth_noise(shape, 3, random) + 0.015 * smooth_noise(shape, 60, random)
    page = ground * grain[..., None]
    page = mixed(page, np.array(rule_color, np.float32), rules)
    pressure = 1 - conditions.faint * random.random() - 0.05 * smooth_noise(shape, 40, random)
    page = mixed(page, pen, np.clip(ink * np.clip(pressure, 0.3, 1), 0, 1))
    seen = page * light(shape, conditions, random)[..., None] * random.uniform(0.75, 0.97)
    picture = Image.fromarray(to_bytes(seen))
    picture = picture.filter(ImageFilter.GaussianBlur(conditions.blur * random.uniform(0.3, 1)))
    noise = conditions.noise * random.uniform(0.3, 1) * random.standard_normal(shape, np.float32)
    picture = Image.fromarray(to_bytes(np.asarray(picture) / np.float32(255) + noise[..., None]))
    return as_jpeg(picture, int(random.integers(*conditions.jpeg)))


def mixed(below: np.ndarray, color: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """A picture (height, width, 3) with a color over it wherever `cover` (height, width) is 1."""
    return below + (color - below) * cover[..., None]


def to_bytes(picture: np.ndarray) -> np.ndarray:
    """Numbers 0..1 as bytes 0..255."""
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def as_jpeg(picture: Image.Image, quality: int) -> Image.Image:
    """The picture after it was saved as JPEG and opened again."""
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")
