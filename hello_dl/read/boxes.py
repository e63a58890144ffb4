"""A picture of what was read: every character of the photo in a box, with its label."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from hello_dl.read.reader import UNSURE, Character, Reading
from hello_dl.show.digits import percent

RED, AMBER, GREEN = (200, 30, 30), (215, 130, 0), (0, 130, 60)
LEGEND = (("sure", GREEN), ("less sure", AMBER), (f"? below {percent(UNSURE, 0)}", RED))
SURE = 0.9  # from here on green


def color_of(sure: float) -> tuple[int, int, int]:
    """Green for what the net is sure of, amber for less, red for what it does not know."""
    return GREEN if sure >= SURE else AMBER if sure >= UNSURE else RED


def draw_boxes(photo: Image.Image, reading: Reading) -> Image.Image:
    """A copy of the photo with a box around every character, its label above it, and a legend."""
    characters = [character for line in reading.lines for character in line]
    size = label_size(characters, photo)
    font = ImageFont.load_default(size)
    strip = round(1.8 * size)  # of the legend
    picture = Image.new("RGB", (photo.width, photo.height + strip), "white")
    picture.paste(photo)
    draw = ImageDraw.Draw(picture)
    pen = max(1, round(size / 10))
    for character in characters:
        color = color_of(character.sure)
        draw.polygon([tuple(corner) for corner in character.corners], outline=color, width=pen)
        x, y = character.corners[:2].mean(0)
        y = max(y, size)  # above the topmost line there may be no room
        halo = max(1, size // 8)
        draw.text(
            (x, y), character.shown, color, font, "mb", stroke_width=halo, stroke_fill="white"
        )
    x = size / 2
    for text, color in LEGEND:
        draw.text((x, photo.height + strip / 2), text, color, font, "lm")
        x += draw.textlength(text, font) + size
    return picture


def label_size(characters: list[Character], photo: Image.Image) -> int:
    """The size of the labels in pixels: a bit more than half of a usual character."""
    if not characters:
        return max(12, photo.width // 60)
    heights = [float(np.linalg.norm(c.corners[3] - c.corners[0])) for c in characters]
    return int(np.clip(0.55 * np.median(heights), 12, photo.width / 12 + 12))
