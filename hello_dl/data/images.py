"""What all sets of pictures have in common: two arrays, the names of the classes, a Dataset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hello_dl.data.dataset import TensorDataset
from hello_dl.data.idx import read_idx
from hello_dl.data.mirrors import Progress
from hello_dl.data.sources import DataError, Source, bring, read

Change = Callable[[Any], Any]


class ImageSet(TensorDataset):
    """Pictures and their classes, as arrays and as a Dataset.

    images      (n, H, W) gray or (n, C, H, W) in color, uint8, 0..255; torchvision's `data`
    targets     (n,) int64, which class each of them is
    classes     the names of the classes
    where       the folder in which they were found
    note        what else is to say about them, in one line, or nothing

    Sample i is (picture, class); `transform` and `target_transform` change the one and the other.
    """

    def __init__(
        self,
        images: np.ndarray,
        targets: np.ndarray,
        classes: Sequence[str],
        transform: Change | None = None,
        target_transform: Change | None = None,
        where: str = "",
        note: str = "",
    ) -> None:
        super().__init__(images, targets, transform=transform, target_transform=target_transform)
        self.images, self.targets, self.classes = images, targets, list(classes)
        self.where, self.note = where, note

    @property
    def data(self) -> np.ndarray:
        """The pictures, by torchvision's name."""
        return self.images

    @property
    def class_to_idx(self) -> dict[str, int]:
        """The number of each class by its name."""
        return {name: number for number, name in enumerate(self.classes)}

    def __repr__(self) -> str:
        n, *shape = self.images.shape
        size = " x ".join(map(str, shape))
        told = f"{n:,} pictures of {size}, {len(self.classes)} classes, from {self.where}"
        return f"{type(self).__name__}({told})"


def read_pair(
    images: Source,
    labels: Source,
    classes: int,
    root: str | Path | None,
    download: bool,
    progress: Progress | None,
) -> tuple[np.ndarray, np.ndarray, str]:
    """Pictures (n, 28, 28) and labels (n,) out of two IDX files, and the folder they are in."""
    paths = [bring(source, root, download, progress) for source in (images, labels)]
    arrays = [
        read_idx(read(source, path), str(path)) for source, path in zip((images, labels), paths)
    ]
    return *matched(arrays[0], arrays[1], paths[0], classes, images.fix), str(paths[0].parent)


def matched(
    images: np.ndarray, labels: np.ndarray, where: Path | str, classes: int, fix: str
) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, 28, 28) and labels (n,) as int64 if they belong together, else a DataError."""
    if images.shape != (len(labels), 28, 28) or labels.ndim != 1:
        told = f"images {images.shape} and labels {labels.shape}"
        raise DataError(f"{where} and its labels do not belong together: {told}", fix)
    if len(labels) and labels.max() >= classes:
        told = f"the labels of {where} reach {labels.max()}, not 0 to {classes - 1}"
        raise DataError(told, fix)
    return images, labels.astype(np.int64)
