"""Opening a photo: any picture that Pillow reads, upright, on a ground, and not too large.

What is no picture, damaged, or too large is a ValueError in one line.
"""

from __future__ import annotations

import re
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SIDE = 2500  # pixels of the longer side of a usual photo, 4 : 3: what is larger is scaled down
AREA = SIDE * SIDE * 3 // 4  # pixels in all: a wide strip of paper may be longer
PLAIN = ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr")  # of which means can be taken
DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, IndexError)


def open_photo(path: str | Path) -> Image.Image:
    """The photo in color (RGB), as its camera says it should be held, of at most AREA pixels."""
    if not str(path).strip():
        raise ValueError("the photo has no name: give a file such as page.jpg")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what is large, but not too large
        picture = _opened(path)
        try:
            picture.draft("RGB", (SIDE, SIDE))  # a large JPEG is scaled down as it is read
            picture.load()
        except Image.DecompressionBombError as error:
            raise ValueError(_too_large(path, error)) from None
        except DAMAGE as error:
            raise ValueError(_damaged(path, error)) from None
        return scaled_down(on_a_ground(upright(scaled_down(picture))))


def _opened(path: str | Path) -> Image.Image:
    """The picture, of which only the beginning is read so far."""
    with open(path, "rb") as file:  # a file that cannot be read is the system's error
        start = file.read(16)
    try:
        return Image.open(path)
    except Image.DecompressionBombError as error:
        raise ValueError(_too_large(path, error)) from None
    except UnidentifiedImageError:
        if start[4:8] == b"ftyp":
            what = "is a HEIC or AVIF picture, as telephones make them, or a film: save it as JPEG"
        elif not start:
            what = "is empty: give a photo, as JPEG or PNG"
        else:
            what = "is no picture: give a photo, as JPEG or PNG"
        raise ValueError(f"'{path}' {what}") from None
    except DAMAGE as error:
        raise ValueError(_damaged(path, error)) from None


def _damaged(path: str | Path, error: BaseException) -> str:
    """Say what Pillow stumbled on."""
    why = " ".join(str(error).split()) or type(error).__name__
    return f"'{path}' is damaged: {why}; copy or take it anew"


def _too_large(path: str | Path, error: Exception) -> str:
    """Say how many pixels it has; Pillow opens none that would unpack to gigabytes."""
    count, limit = re.findall(r"\d+", str(error))[:2]
    return f"'{path}' has {int(count):,} pixels: scale it down to less than {int(limit):,}"


def scaled_down(picture: Image.Image) -> Image.Image:
    """The picture, of at most AREA pixels; as it is, if its pixels are no grays or colors.

    Large ones are scaled down before all else, so that no second large copy of them is made.
    """
    picture = picture.convert("L") if picture.mode == "1" else picture
    if picture.mode in PLAIN and "transparency" not in picture.info:
        scale = min((AREA / (picture.width * picture.height)) ** 0.5, 1)
        width, height = (max(round(side * scale), 1) for side in picture.size)
        picture.thumbnail((width, height), Image.Resampling.BOX, reducing_gap=2)
    return picture


def upright(picture: Image.Image) -> Image.Image:
    """The picture turned as its EXIF data says; what is wrong with those is no reason to fail."""
    try:
        return ImageOps.exif_transpose(picture)
    except DAMAGE:
        return picture


def on_a_ground(picture: Image.Image) -> Image.Image:
    """The picture in color; where it is transparent, on white, or on black if its ink is light."""
    if picture.mode.startswith(("I", "F")):  # 16 bits or more
        numbers = np.asarray(picture, np.float32)
        low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
        gray = np.nan_to_num(numbers - low) * (255 / max(high - low, 1e-9))
        return Image.fromarray(gray.astype(np.uint8)).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    color = picture.convert("RGBA")
    gray, cover = np.asarray(color.convert("L"), np.float32), np.asarray(color.getchannel("A"))
    light = (gray * cover).sum() > 127 * cover.sum(dtype=np.float64) and cover.mean() < 127
    ground = Image.new("RGBA", color.size, (0, 0, 0) if light else (255, 255, 255))
    return Image.alpha_composite(ground, color).convert("RGB")
