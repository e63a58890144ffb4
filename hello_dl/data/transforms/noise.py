"""Transforms that spoil pictures on purpose: a net that must read through it relies on less."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from hello_dl.backend import Array, is_floating, module_of
from hello_dl.data.transforms.base import Transform, probability
from hello_dl.data.transforms.geometry import fill_of


class GaussianNoise(Transform):
    """Noise of the normal distribution on every pixel, in units of the brightest, which is 1.

    uint8 pictures, 0..255, get 255 times as much. With `clip` the result stays between 0 and the
    brightest: put it before Normalize, or say clip=False.
    """

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> None:
        if sigma < 0:
            raise ValueError(f"sigma={sigma}: a spread cannot be negative")
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W)."""
        xp, dtype = module_of(pictures), pictures.dtype
        if dtype != np.uint8 and not is_floating(dtype):
            raise TypeError(f"GaussianNoise takes floats or uint8, not {dtype}")
        brightest = 255 if dtype == np.uint8 else 1
        noise = xp.asarray(generator.standard_normal(pictures.shape, np.float32))
        noise *= self.sigma * brightest
        noise += self.mean * brightest
        noise = noise.astype(np.float64) if dtype == np.float64 else noise
        noise += pictures
        if self.clip or dtype == np.uint8:
            xp.clip(noise, 0, brightest, out=noise)
        return (
            xp.rint(noise).astype(dtype) if dtype == np.uint8 else noise.astype(dtype, copy=False)
        )


class RandomErasing(Transform):
    """With probability `p`, a rectangle is painted over: Zhong et al. 2017.

    scale     (from, to): its share of the picture's area
    ratio     (from, to): its height over its width
    value     what it is painted with: a number, one for each channel, or "random" for noise
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ) -> None:
        self.p, self.scale, self.ratio = probability(p), scale, ratio
        self.value, self.inplace = value, inplace
        if not 0 <= scale[0] <= scale[1] <= 1:
            raise ValueError(
                f"scale={scale!r}: give (from, to), shares of the area between 0 and 1"
            )
        if not 0 < ratio[0] <= ratio[1]:
            raise ValueError(f"ratio={ratio!r}: give (from, to), both above 0")
        if isinstance(value, str) and value != "random":
            raise ValueError(f"value={value!r}: give a number, one for each channel, or 'random'")

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W)."""
        xp = module_of(pictures)
        inside = xp.asarray(self._rectangles(pictures.shape, generator))[:, None]  # (N, 1, H, W)
        if self.value == "random":
            paint = xp.asarray(generator.standard_normal(pictures.shape, np.float32))
            paint = paint.astype(pictures.dtype)
        else:
            paint = fill_of(self.value, pictures)
        painted = xp.where(inside, paint, pictures)
        if not self.inplace:
            return painted
        pictures[...] = painted
        return pictures

    def _rectangles(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """True inside of the rectangle of each picture (N, H, W); some pictures have none."""
        n, _, height, width = shape
        tries = (n, 10)  # a rectangle that is too long for the picture is drawn again
        low, high = self.scale
        area = (low + (high - low) * generator.random(tries)) * height * width
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        ratio = np.exp(low + (high - low) * generator.random(tries))
        h, w = np.rint(np.sqrt(area * ratio)), np.rint(np.sqrt(area / ratio))
        fits = (h < height) & (w < width)
        first = (np.arange(n), fits.argmax(axis=1))
        chosen = (generator.random(n) < self.p) & fits.any(axis=1)
        h, w = h[first] * chosen, w[first]  # of no height where nothing is painted
        top = np.floor(generator.random(n) * (height - h + 1))
        left = np.floor(generator.random(n) * (width - w + 1))

        def within(start: np.ndarray, length: np.ndarray, size: int) -> np.ndarray:
            place = np.arange(size)
            return (place >= start[:, None]) & (place < (start + length)[:, None])

        return within(top, h, height)[:, :, None] & within(left, w, width)[:, None, :]
