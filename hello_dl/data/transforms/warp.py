"""Transforms that mix pixels: each new pixel is read from some place between the old ones.

For every pixel of the result we ask where it comes from, a place (x, y) in the old picture, and
read there: the nearest pixel, or the four around it, weighted by how near they are (bilinear).
RandomAffine and RandomRotation take all places through one matrix for each picture,
ElasticTransform shifts every place a little on its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hello_dl.backend import Array, module_of
from hello_dl.data.transforms.base import Transform
from hello_dl.data.transforms.geometry import fill_of, known

INTERPOLATIONS = ("nearest", "bilinear")
AT_ONCE = 1 << 18  # pixels of results computed at a time: what the processor's cache can hold


class RandomAffine(Transform):
    """Turn, shift, scale and shear by chance; the meaning of the arguments is torchvision's.

    degrees     turn clockwise, between -degrees and degrees, or (from, to)
    translate   (a, b): shift by whole pixels, up to a * width to a side and b * height up or down
    scale       (from, to): factor of the size
    shear       degrees: along x within ±shear, or (from, to), or (from, to) for x and then for y
    fill        for what lies outside of the picture; a number, or one for each channel
    center      (x, y) that stays where it is; default: the middle
    """

    def __init__(
        self,
        degrees: Any,
        translate: Any = None,
        scale: Any = None,
        shear: Any = None,
        interpolation: str = "nearest",
        fill: Any = 0,
        center: Any = None,
    ) -> None:
        self.degrees = _range("degrees", degrees)
        shares, ends = "two fractions between 0 and 1", "(from, to), both above 0"
        self.translate = _two("translate", translate, shares, lambda share: 0 <= share <= 1)
        self.scale = _two("scale", scale, ends, lambda factor: factor > 0)
        self.shear = None if shear is None else _range("shear", shear, (2, 4))
        self.interpolation = known("interpolation", _name(interpolation), INTERPOLATIONS)
        self.fill, self.center = fill, _two("center", center, "(x, y) in pixels")

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W)."""
        n, _, height, width = pictures.shape

        def uniform(low: float, high: float) -> np.ndarray:
            return low + (high - low) * generator.random(n)

        angle = uniform(*self.degrees)
        shift, scale, shear = np.zeros((2, n)), np.ones(n), np.zeros((2, n))
        if self.translate is not None:
            far = (self.translate[0] * width, self.translate[1] * height)
            shift = np.rint([uniform(-far[0], far[0]), uniform(-far[1], far[1])])
        if self.scale is not None:
            scale = uniform(*self.scale)
        if self.shear is not None:
            shear[0] = uniform(*self.shear[:2])
            if len(self.shear) == 4:
                shear[1] = uniform(*self.shear[2:])
        options = (self.interpolation, self.fill, self.center)
        return affine(pictures, angle, shift, scale, shear, *options)


class RandomRotation(Transform):
    """Turn counterclockwise, between -degrees and degrees, or (from, to); see RandomAffine."""

    def __init__(
        self, degrees: Any, interpolation: str = "nearest", center: Any = None, fill: Any = 0
    ) -> None:
        self._affine = RandomAffine(degrees, None, None, None, interpolation, fill, center)
        self.degrees, self.interpolation = self._affine.degrees, self._affine.interpolation
        self.center, self.fill = center, fill

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W)."""
        low, high = self.degrees
        angle = -(low + (high - low) * generator.random(len(pictures)))
        options = {"interpolation": self.interpolation, "fill": self.fill, "center": self.center}
        return affine(pictures, angle, **options)


class ElasticTransform(Transform):
    """Shift every pixel by noise that is smoothed, as handwriting varies: Simard et al. 2003.

    Both shifts of a pixel are noise in -1..1, averaged over its surroundings by a Gaussian of
    `sigma` pixels, times alpha / 2 pixels: torchvision's meaning. (x, y) may have their own.
    """

    def __init__(
        self,
        alpha: Any = 50.0,
        sigma: Any = 5.0,
        interpolation: str = "bilinear",
        fill: Any = 0,
    ) -> None:
        self.alpha, self.sigma = _both("alpha", alpha), _both("sigma", sigma)
        self.interpolation = known("interpolation", _name(interpolation), INTERPOLATIONS)
        self.fill = fill

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W)."""
        xp, (n, _, height, width) = module_of(pictures), pictures.shape
        places = []
        grid = np.meshgrid(np.arange(width), np.arange(height))  # x, then y: (H, W)
        for start, alpha, sigma in zip(grid, self.alpha, self.sigma):
            noise = generator.random((n, height, width), np.float32) * 2 - 1
            down, across = gaussian(height, sigma), gaussian(width, sigma)
            shift = np.matmul(np.matmul(down, noise), across.T) * np.float32(alpha / 2)
            places.append(xp.asarray(start.astype(np.float32) + shift))
        return read_at(pictures, places[0], places[1], self.interpolation, self.fill)


# ------------------------------------------------------------------------------- where from


def affine(
    pictures: Array,
    angle: Any = 0.0,
    translate: Any = (0.0, 0.0),
    scale: Any = 1.0,
    shear: Any = (0.0, 0.0),
    interpolation: str = "nearest",
    fill: Any = 0,
    center: Any = None,
) -> Array:
    """Pictures (N, C, H, W) turned by `angle` degrees clockwise, sheared, scaled and shifted.

    Every number may be an array (N,), one for each picture.
    """
    xp, (n, _, height, width) = module_of(pictures), pictures.shape
    middle = np.array([(width - 1) / 2, (height - 1) / 2])  # of the pixels' own coordinates
    fixed = middle if center is None else np.asarray(center, np.float64) - 0.5
    matrix = inverse_matrix(*(np.radians(np.broadcast_to(a, (n,))) for a in (angle, *shear)))
    matrix = matrix / np.broadcast_to(scale, (n,))[:, None, None]
    start = fixed + np.stack([np.broadcast_to(t, (n,)) for t in translate], axis=1)
    offset = fixed - (matrix @ start[:, :, None])[:, :, 0]  # place = matrix @ pixel + offset
    dtype = np.float64 if pictures.dtype == np.float64 else np.float32
    matrix, offset = xp.asarray(matrix, dtype), xp.asarray(offset, dtype)
    across, down = xp.arange(width, dtype=dtype), xp.arange(height, dtype=dtype)[:, None]
    x, y = (
        (matrix[:, i, 0, None] * across + offset[:, i, None])[:, None, :]
        + matrix[:, i, 1, None, None] * down
        for i in (0, 1)
    )  # (N, H, W) each
    return read_at(pictures, x, y, interpolation, fill)


def inverse_matrix(angle: np.ndarray, shear_x: np.ndarray, shear_y: np.ndarray) -> np.ndarray:
    """Matrices (N, 2, 2) from a pixel of the result back to where it was; angles in radians.

    The way there shears along x, then along y, and then turns, as in torchvision.
    """
    turned = angle - shear_y
    a, c = np.cos(turned) / np.cos(shear_y), np.sin(turned) / np.cos(shear_y)
    b, d = -a * np.tan(shear_x) - np.sin(angle), -c * np.tan(shear_x) + np.cos(angle)
    return np.stack([np.stack([d, -b], -1), np.stack([-c, a], -1)], -2)  # its determinant is 1


def gaussian(size: int, sigma: float) -> np.ndarray:
    """A matrix (size, size) that smooths a line: each place becomes an average of those around.

    Weights fall as exp(-d² / 2 sigma²), out to 4 sigma; beyond its ends the line is mirrored.
    """
    if sigma <= 0:
        return np.eye(size, dtype=np.float32)
    reach = (int(8 * sigma + 1) | 1) // 2
    distance = np.arange(-reach, reach + 1)
    weights = np.exp(-(distance**2) / (2 * sigma**2))
    period = max(2 * (size - 1), 1)  # there and back again: 0 1 2 3 2 1
    place = (np.arange(size)[:, None] + distance) % period
    matrix = np.zeros((size, size))
    np.add.at(matrix, (np.arange(size)[:, None], np.minimum(place, period - place) % size), weights)
    return (matrix / weights.sum()).astype(np.float32)


# ---------------------------------------------------------------------------------- reading


def read_at(pictures: Array, x: Array, y: Array, interpolation: str, fill: Any) -> Array:
    """Pictures (N, C, H, W) with pixel (n, :, i, j) read at x[n, i, j], y[n, i, j]."""
    xp, (n, channels, height, width) = module_of(pictures), pictures.shape
    dtype = pictures.dtype
    exact = interpolation == "nearest" or dtype in (np.float32, np.float64)
    read = _nearest if interpolation == "nearest" else _bilinear
    out = xp.empty((n, channels, *x.shape[1:]), dtype)
    step = max(1, AT_ONCE // max(1, channels * math.prod(x.shape[1:])))
    for first in range(0, n, step):
        some = slice(first, first + step)
        framed = _framed(pictures[some], fill, dtype if exact else np.float32)
        result = read(framed, x[some], y[some], height, width)
        out[some] = xp.rint(result) if dtype.kind in "iu" and not exact else result
    return out


def _framed(pictures: Array, fill: Any, dtype: Any) -> Array:
    """Pictures with a frame of `fill`, one pixel wide: what is read of what lies outside."""
    xp, (n, channels, height, width) = module_of(pictures), pictures.shape
    out = xp.empty((n, channels, height + 2, width + 2), dtype)
    out[...] = fill_of(fill, pictures)
    out[:, :, 1:-1, 1:-1] = pictures
    return out


def _index(framed: Array, row: Array, column: Array) -> Array:
    """Where the pixels (n, :, row, column) lie in the framed pictures as one long line."""
    xp, (n, channels, height, width) = module_of(framed), framed.shape
    index = row * width
    index += column
    first = xp.arange(n * channels, dtype=index.dtype).reshape(n, channels, 1, 1)
    return index[:, None] + first * (height * width)  # (N, C, H, W)


def _nearest(framed: Array, x: Array, y: Array, height: int, width: int) -> Array:
    """Read the pixel that is nearest to each place."""
    xp = module_of(framed)
    column = xp.clip(xp.rint(x), -1, width).astype(np.int32) + 1
    row = xp.clip(xp.rint(y), -1, height).astype(np.int32) + 1
    return framed.reshape(-1).take(_index(framed, row, column))


def _bilinear(framed: Array, x: Array, y: Array, height: int, width: int) -> Array:
    """Read the four pixels around each place, weighted by how near it is to them."""
    xp, line = module_of(framed), framed.reshape(-1)
    x, y = xp.clip(x, -1, width) + 1, xp.clip(y, -1, height) + 1  # in the framed picture
    column, row = xp.minimum(x.astype(np.int32), width), xp.minimum(y.astype(np.int32), height)
    right, below = (x - column)[:, None], (y - row)[:, None]  # 0..1: how far to the next pixel
    right, below = right.astype(framed.dtype, copy=False), below.astype(framed.dtype, copy=False)
    index = _index(framed, row, column)
    top = _mixed(line.take(index), line.take(index + 1), right)
    index += framed.shape[-1]
    bottom = _mixed(line.take(index), line.take(index + 1), right)
    return _mixed(top, bottom, below)


def _mixed(a: Array, b: Array, share: Array) -> Array:
    """A where the share is 0, b where it is 1, and in between a mixture; overwrites both."""
    b -= a
    b *= share
    a += b
    return a


# -------------------------------------------------------------------------------- arguments


def _range(name: str, value: Any, lengths: tuple[int, ...] = (2,)) -> tuple[float, ...]:
    """A range of degrees: (-value, value) of one number, else as it is given."""
    if not isinstance(value, tuple | list):
        if value < 0:
            raise ValueError(
                f"{name}={value}: one number is a range around 0, and must be positive"
            )
        return (-float(value), float(value))
    if len(value) not in lengths:
        told = " or ".join(str(length) for length in lengths)
        raise ValueError(f"{name}={value!r}: give one number, or {told} of them")
    return tuple(float(v) for v in value)


def _two(
    name: str, value: Any, told: str, valid: Callable[[float], bool] = math.isfinite
) -> tuple[float, float] | None:
    """Two numbers, or None; ValueError with what is to be given instead."""
    if value is None:
        return None
    both = tuple(value) if isinstance(value, tuple | list | np.ndarray) else ()
    if len(both) != 2 or not all(map(valid, both)):
        raise ValueError(f"{name}={value!r}: give {told}")
    return both


def _both(name: str, value: Any) -> tuple[float, float]:
    """A number for x and one for y."""
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    both = both * 2 if len(both) == 1 else both
    if len(both) != 2:
        raise ValueError(f"{name}={value!r}: give one number, or one for x and one for y")
    return float(both[0]), float(both[1])


def _name(interpolation: Any) -> str:
    """The name of an interpolation, of which torchvision has an enumeration."""
    return getattr(interpolation, "value", interpolation)
