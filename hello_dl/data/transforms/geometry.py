"""Transforms that move pixels without mixing them: pad, crop, flip; and Resize."""

from __future__ import annotations

from typing import Any

import numpy as np

from hello_dl.backend import Array, device_of, module_of, to_device
from hello_dl.data.transforms.base import Transform, from_pillow, pair, probability

RESAMPLING = ("nearest", "bilinear", "bicubic", "box", "hamming", "lanczos")
PADDING_MODES = ("constant", "edge", "reflect", "symmetric")


class Pad(Transform):
    """A border around the picture: a number, (left and right, top and bottom), or all four.

    `padding_mode` is constant (then `fill`, one number or one for each channel), edge, reflect or
    symmetric, as numpy.pad has them. The four are left, top, right, bottom.
    """

    def __init__(self, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> None:
        self.padding, self.fill = padding, fill
        self.padding_mode = known("padding_mode", padding_mode, PADDING_MODES)
        self._sides = _sides(padding)

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W)."""
        return padded(pictures, self._sides, self.fill, self.padding_mode)


class CenterCrop(Transform):
    """The middle of the picture, `size` pixels or (height, width); padded with 0 if too small."""

    def __init__(self, size: Any) -> None:
        self.size = pair(size, "size")

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W)."""
        (h, w), (height, width) = self.size, pictures.shape[2:]
        more_h, more_w = max(h - height, 0), max(w - width, 0)
        sides = (more_w // 2, more_h // 2, (more_w + 1) // 2, (more_h + 1) // 2)
        pictures = padded(pictures, sides, 0)
        height, width = pictures.shape[2:]
        top, left = round((height - h) / 2), round((width - w) / 2)
        return pictures[:, :, top : top + h, left : left + w].copy()


class RandomCrop(Transform):
    """A piece of `size` pixels, or (height, width), from anywhere in the picture.

    The picture may be padded before, on all sides (`padding`, as in Pad), or where it is smaller
    than the piece (`pad_if_needed`).
    """

    def __init__(
        self,
        size: Any,
        padding: Any = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        self.size, self.padding = pair(size, "size"), padding
        self.pad_if_needed, self.fill = pad_if_needed, fill
        self.padding_mode = known("padding_mode", padding_mode, PADDING_MODES)
        self._sides = (0, 0, 0, 0) if padding is None else _sides(padding)

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W)."""
        (h, w), n = self.size, len(pictures)
        pictures = padded(pictures, self._sides, self.fill, self.padding_mode)
        if self.pad_if_needed:
            height, width = pictures.shape[2:]
            more_w, more_h = max(w - width, 0), max(h - height, 0)
            sides = (more_w, more_h, more_w, more_h)
            pictures = padded(pictures, sides, self.fill, self.padding_mode)
        height, width = pictures.shape[2:]
        if height < h or width < w:
            raise ValueError(
                f"a piece {self.size} does not fit into a picture {(height, width)}: "
                "take a smaller size, or padding=..., or pad_if_needed=True"
            )
        xp = module_of(pictures)
        top = xp.asarray(generator.integers(height - h + 1, size=n))
        left = xp.asarray(generator.integers(width - w + 1, size=n))
        pieces = xp.lib.stride_tricks.sliding_window_view(pictures, (h, w), (2, 3))
        return pieces[xp.arange(n), :, top, left]  # (N, C, h, w), copied


class RandomHorizontalFlip(Transform):
    """Left and right exchanged, with probability `p`."""

    _axis = -1

    def __init__(self, p: float = 0.5) -> None:
        self.p = probability(p)

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W)."""
        chosen = np.flatnonzero(generator.random(len(pictures)) < self.p)
        xp = module_of(pictures)
        chosen, out = xp.asarray(chosen), pictures.copy()
        out[chosen] = xp.flip(pictures[chosen], self._axis)
        return out


class RandomVerticalFlip(RandomHorizontalFlip):
    """Top and bottom exchanged, with probability `p`."""

    _axis = -2


class Resize(Transform):
    """The whole picture at another size, by Pillow, which averages where it shrinks.

    `size` is (height, width), or the length of the shorter side, whose proportions are kept.
    """

    def __init__(self, size: Any, interpolation: str = "bilinear") -> None:
        sides = pair(size, "size")
        self.size = sides if isinstance(size, tuple | list) and len(size) == 2 else sides[0]
        self.interpolation = known("interpolation", interpolation, RESAMPLING)

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W); those on a GPU make the way through CPU memory."""
        from PIL import Image

        height, width = pictures.shape[2:]
        h, w = self.size if isinstance(self.size, tuple) else _shorter(self.size, height, width)
        way = Image.Resampling[self.interpolation.upper()]
        on_host = to_device(pictures, "cpu")
        as_float = on_host.dtype != np.uint8
        layers = on_host.reshape(-1, height, width).astype(np.float32 if as_float else np.uint8)
        made = [from_pillow(Image.fromarray(layer).resize((w, h), way))[0] for layer in layers]
        block = np.stack(made) if made else np.empty((0, h, w))
        block = block.reshape(*pictures.shape[:2], h, w).astype(on_host.dtype, copy=False)
        return to_device(block, device_of(pictures))


def padded(
    pictures: Array, sides: tuple[int, int, int, int], fill: Any = 0, mode: str = "constant"
) -> Array:
    """Pictures (N, C, H, W) with so many pixels more at the left, top, right and bottom.

    Negative numbers cut pixels off.
    """
    left, top, right, bottom = sides
    if not any(sides):
        return pictures
    height, width = pictures.shape[2:]
    cut = (
        slice(max(-top, 0), height - max(-bottom, 0)),
        slice(max(-left, 0), width - max(-right, 0)),
    )
    pictures = pictures[:, :, cut[0], cut[1]]
    left, top, right, bottom = (max(side, 0) for side in sides)
    xp, around = module_of(pictures), ((0, 0), (0, 0), (top, bottom), (left, right))
    if mode != "constant":
        return xp.pad(pictures, around, mode=mode)
    n, channels, h, w = pictures.shape
    out = xp.empty((n, channels, top + h + bottom, left + w + right), pictures.dtype)
    out[...] = fill_of(fill, pictures)
    out[:, :, top : top + h, left : left + w] = pictures
    return out


def fill_of(fill: Any, pictures: Array) -> Array:
    """What empty places are filled with, as an array (1 or C, 1, 1); ValueError for another C."""
    numbers = np.atleast_1d(np.asarray(0 if fill is None else fill, np.float64))
    if numbers.ndim != 1 or len(numbers) not in (1, pictures.shape[1]):
        told = f"{pictures.shape[1]} channels: give one number, or one for each channel"
        raise ValueError(f"fill={fill!r} for pictures with {told}")
    return module_of(pictures).asarray(numbers.reshape(-1, 1, 1).astype(pictures.dtype))


def _sides(padding: Any) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, of one, two or four numbers."""
    numbers = tuple(padding) if isinstance(padding, tuple | list) else (padding,)
    whole = all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in numbers)
    if not whole or len(numbers) not in (1, 2, 4):
        told = (
            "one number of pixels, (left and right, top and bottom), or (left, top, right, bottom)"
        )
        raise ValueError(f"padding={padding!r}: give {told}")
    return (numbers * (4 // len(numbers)))[:4]  # type: ignore[return-value]


def _shorter(size: int, height: int, width: int) -> tuple[int, int]:
    """The size at which the shorter side is `size` long and the proportions are kept."""
    if height <= width:
        return size, int(size * width / height)
    return int(size * height / width), size


def known(name: str, value: str, names: tuple[str, ...]) -> str:
    """Return the value; ValueError listing the known ones."""
    if value not in names:
        raise ValueError(f"unknown {name} {value!r}: use one of {', '.join(names)}")
    return value
