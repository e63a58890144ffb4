"""The transforms of every pipeline: Compose, ToTensor, Normalize, Lambda."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hello_dl.backend import DEFAULT_FLOAT, Array, device_of, is_array, is_floating, module_of
from hello_dl.data.transforms.base import CHANNELS, Transform, from_pillow
from hello_dl.tensor import Tensor


class Compose(Transform):
    """One transform after the other. It takes whole batches if all of them do."""

    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = list(transforms)
        for i, transform in enumerate(self.transforms):
            if not callable(transform):
                raise TypeError(f"transform {i} of Compose is {transform!r:.60}: give functions")

    @property
    def batched(self) -> bool:  # type: ignore[override]
        """Whether a whole batch may be given at once."""
        return all(isinstance(t, Transform) and t.batched for t in self.transforms)

    def __call__(self, picture: Any) -> Any:
        """Give the picture to the first, what it makes to the second, and so on."""
        for transform in self.transforms:
            picture = transform(picture)
        return picture

    def batch(self, pictures: Any) -> Any:
        """Change a batch (N, H, W) or (N, C, H, W)."""
        for transform in self.transforms:
            pictures = transform.batch(pictures)  # type: ignore[attr-defined]
        return pictures

    def __repr__(self) -> str:
        return "\n    ".join(["Compose(", *map(repr, self.transforms)]) + "\n)"


class ToTensor(Transform):
    """A picture as a file has it becomes a Tensor (C, H, W) as a net takes it.

    Takes pictures of Pillow's and arrays (H, W) or (H, W, C), also (C, H, W) if there are 1, 3 or
    4 channels. uint8, 0..255, becomes float32, 0..1; other numbers stay what they are.
    """

    def __call__(self, picture: Any) -> Tensor:
        """Make a Tensor (C, H, W) of one picture."""
        if hasattr(picture, "getbands"):
            return self.batch(from_pillow(picture)[None])[0]
        array = picture.data if isinstance(picture, Tensor) else picture
        if not is_array(array) or array.ndim not in (2, 3):
            what = f"of shape {array.shape}" if is_array(array) else f"{picture!r:.60}"
            raise TypeError(f"ToTensor takes one picture (H, W) or (H, W, C), not {what}")
        if array is picture and array.ndim == 3:
            first, _, last = array.shape
            if first not in CHANNELS or last in CHANNELS:
                array = module_of(array).moveaxis(array, -1, 0)
        return self.batch(array[None])[0]

    def batch(self, pictures: Any) -> Tensor:
        """Make (N, C, H, W) of (N, H, W) or (N, C, H, W): the channels are first already."""
        array = pictures.data if isinstance(pictures, Tensor) else pictures
        array = array[:, None] if array.ndim == 3 else array
        if array.dtype == np.uint8:
            xp = module_of(array)
            array = xp.true_divide(array, xp.float32(255), dtype=DEFAULT_FLOAT)
        return Tensor(array, device=device_of(array))


class Normalize(Transform):
    """(picture - mean) / std for each channel. `inplace` overwrites the picture given."""

    def __init__(self, mean: Any, std: Any, inplace: bool = False) -> None:
        self.mean, self.std, self.inplace = mean, std, inplace
        self._mean, self._std = (np.atleast_1d(np.asarray(x, np.float64)) for x in (mean, std))
        if (self._std == 0).any():
            raise ValueError(f"std={std!r}: a picture cannot be divided by 0")

    def apply(self, pictures: Array, generator: np.random.Generator) -> Array:
        """Change pictures (N, C, H, W)."""
        channels = pictures.shape[1]
        if not is_floating(pictures.dtype):
            raise TypeError(f"Normalize takes floats, not {pictures.dtype}: put ToTensor before it")
        if not {len(self._mean), len(self._std)} <= {1, channels}:
            told = f"mean {self.mean} and std {self.std}"
            raise ValueError(f"Normalize has {told} for pictures with {channels} channels")
        xp, dtype = module_of(pictures), pictures.dtype
        mean, std = (xp.asarray(x.reshape(-1, 1, 1), dtype) for x in (self._mean, self._std))
        out = pictures if self.inplace else xp.empty_like(pictures)
        xp.subtract(pictures, mean, out=out)
        return xp.divide(out, std, out=out)


class Lambda(Transform):
    """A function of your own. Say `batched=True` if it takes a batch (N, C, H, W) as well."""

    def __init__(self, lambd: Callable[[Any], Any], batched: bool = False) -> None:
        if not callable(lambd):
            raise TypeError(f"Lambda needs a function, not {lambd!r:.60}")
        self.lambd, self.batched = lambd, batched

    def __call__(self, picture: Any) -> Any:
        """Give the function the picture as it is."""
        return self.lambd(picture)

    def batch(self, pictures: Any) -> Any:
        """Give the function the batch as it is."""
        return self.lambd(pictures)
