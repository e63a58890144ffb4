"""What all transforms share: pictures of every kind go in, and come out as the same kind.

A picture is (H, W) or (C, H, W), a batch of pictures (..., C, H, W): a Tensor, an array of numpy or
cupy. Pillow's pictures and uint8 arrays (H, W, C) with 1, 3 or 4 channels, as files have them, are
understood too. Inside, all of them are one block (N, C, H, W), and a transform is one function of
that block, in which every picture gets its own random numbers. No gradient goes through it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hello_dl.backend import Array, device_of, is_array
from hello_dl.data.randomness import current_generator
from hello_dl.tensor import Tensor

CHANNELS = (1, 3, 4)  # gray, color, color with transparency


class Transform:
    """A change of pictures. One of your own needs `apply(pictures, generator)`.

    `transform(picture)` takes one picture or a batch (..., C, H, W), in which each picture gets
    its own random numbers. `transform.batch(pictures)` always takes the first axis as that of the
    batch, so that (N, H, W) are N pictures; loaders use it. The numbers come from `generator`,
    numpy's, which is that of the batch while a loader works, and else that of `manual_seed`.
    """

    batched = True  # False: only one picture at a time

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W); the result may be of another size, but has N rows."""
        raise TypeError(f"{type(self).__name__} needs an apply(self, pictures, generator)")

    def __call__(self, picture: Any) -> Any:
        """Change one picture, or a batch (..., C, H, W)."""
        block, restore = as_block(picture, type(self).__name__)
        return restore(self.apply(block, current_generator()))

    def batch(self, pictures: Any) -> Any:
        """Change a batch (N, H, W) or (N, C, H, W)."""
        block, restore = as_block(pictures, type(self).__name__, batch=True)
        return restore(self.apply(block, current_generator()))

    def __repr__(self) -> str:
        told = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if not k.startswith("_"))
        return f"{type(self).__name__}({told})"


def as_block(picture: Any, who: str, batch: bool = False) -> tuple[Array, Callable[[Array], Any]]:
    """Return pictures as one block (N, C, H, W), and how to make the kind that came in of another.

    `who` wants them, for the error message. TypeError for what is no picture.
    """
    if hasattr(picture, "getbands"):  # Pillow's
        array = from_pillow(picture)
        return array[None], lambda block: to_pillow(block[0])
    array = picture.data if isinstance(picture, Tensor) else picture
    if not is_array(array) or array.ndim < 2 + batch:
        what = f"of shape {array.shape}" if is_array(array) else f"{picture!r:.60}"
        shapes = "(N, H, W) or (N, C, H, W)" if batch else "(H, W), (C, H, W) or (N, C, H, W)"
        raise TypeError(f"{who} takes pictures {shapes} as Tensor or array, not {what}")
    last = isinstance(picture, np.ndarray) and channels_last(array)
    if last:
        array = np.moveaxis(array, -1, -3)
    gray = array.ndim == 2 + batch  # no axis of channels
    above = array.shape[: -2 if gray else -3]
    channels = 1 if gray else array.shape[-3]
    block = array.reshape(math.prod(above), channels, *array.shape[-2:])

    def restore(changed: Array) -> Any:
        changed = changed.reshape(*above, *changed.shape[2 if gray else 1 :])
        changed = np.moveaxis(changed, -3, -1) if last else changed
        is_tensor = isinstance(picture, Tensor)
        return Tensor(changed, device=device_of(changed)) if is_tensor else changed

    return block, restore


def channels_last(array: np.ndarray) -> bool:
    """Tell whether this is (..., H, W, C) as files have it, and not (..., C, H, W)."""
    sizes = array.shape
    is_file = array.dtype == np.uint8 and array.ndim >= 3
    return is_file and sizes[-1] in CHANNELS and sizes[-3] not in CHANNELS


def from_pillow(picture: Any) -> np.ndarray:
    """The pixels of a picture of Pillow's, (C, H, W)."""
    array = np.array(picture.convert("L") if picture.mode == "1" else picture)
    return array[None] if array.ndim == 2 else np.ascontiguousarray(np.moveaxis(array, -1, 0))


def to_pillow(pixels: np.ndarray) -> Any:
    """A picture of Pillow's from its pixels (C, H, W)."""
    from PIL import Image

    return Image.fromarray(pixels[0] if len(pixels) == 1 else np.moveaxis(pixels, 0, -1).copy())


def pair(value: Any, name: str) -> tuple[int, int]:
    """Return two whole numbers (height, width); one number stands for both."""
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    both = both * 2 if len(both) == 1 else both
    if len(both) != 2 or not all(isinstance(n, int | np.integer) and n > 0 for n in both):
        raise ValueError(f"{name}={value!r}: give a number of pixels, or (height, width)")
    return int(both[0]), int(both[1])


def probability(p: float) -> float:
    """Return p; ValueError unless it lies between 0 and 1."""
    if not 0 <= p <= 1:
        raise ValueError(f"p={p} is no probability: it must be between 0 and 1")
    return float(p)
