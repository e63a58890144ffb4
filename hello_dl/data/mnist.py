"""MNIST, 70,000 handwritten digits, and the table of every data set that the library knows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hello_dl.data.idx import read_idx
from hello_dl.data.mirrors import Progress
from hello_dl.data.sources import (
    NAMES,
    TINY_SHAKESPEARE,
    DataError,
    Source,
    fetch,
    find,
    read,
)

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


def _mnist(name: str, sha256: str, size: int) -> Source:
    """One of the four files; some copies on the web have a dot before idx."""
    return Source(
        name=name,
        folder="mnist",
        mirrors=tuple(f"{mirror}{name}.gz" for mirror in MIRRORS),
        sha256=sha256,
        size=size,
        spellings=(name.replace("-idx", ".idx"),),
        instead=", or use the drawn strokes: --data strokes",
    )


TRAIN_IMAGES = _mnist(
    "train-images-idx3-ubyte",
    "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    size=47_040_016,
)
TRAIN_LABELS = _mnist(
    "train-labels-idx1-ubyte",
    "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    size=60_008,
)
TEST_IMAGES = _mnist(
    "t10k-images-idx3-ubyte",
    "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    size=7_840_016,
)
TEST_LABELS = _mnist(
    "t10k-labels-idx1-ubyte",
    "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    size=10_008,
)


class MNIST(NamedTuple):
    """The digits as they come: ink 0..255 on 28 x 28 pixels, and which digit each one is."""

    train_images: np.ndarray  # (60000, 28, 28) uint8, 255 is full ink
    train_labels: np.ndarray  # (60000,) int64, 0..9
    test_images: np.ndarray  # (10000, 28, 28) uint8
    test_labels: np.ndarray  # (10000,) int64
    where: str  # the folder in which they were found


def load_mnist(
    data: str | Path | None = None,
    download: bool = True,
    progress: Progress | None = None,
) -> MNIST:
    """MNIST from `data`, $HELLO_DL_DATA, ./data or the cache, else downloaded into the cache.

    All four files are found before the first is read. Every file is checked by its SHA-256; a
    DataError in one line names what is missing, damaged or unreachable, and the fix.
    """
    sources = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
    paths = [fetch(source, data, download, progress) for source in sources]
    arrays = [
        read_idx(read(source, path), str(path)) for source, path in zip(sources, paths, strict=True)
    ]
    train = _pair(arrays[0], arrays[1], paths[0])
    test = _pair(arrays[2], arrays[3], paths[2])
    return MNIST(*train, *test, where=str(paths[0].parent))


def _pair(images: np.ndarray, labels: np.ndarray, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, 28, 28) and labels (N,) as int64 if they belong together, else a DataError."""
    if images.shape != (len(labels), 28, 28) or labels.ndim != 1:
        told = f"images {images.shape} and labels {labels.shape}"
        raise DataError(f"{path} and its labels do not belong together: {told}", TRAIN_IMAGES.fix)
    if len(labels) and labels.max() > 9:
        told = f"the labels of {path} reach {labels.max()}, not 0 to 9"
        raise DataError(told, TRAIN_IMAGES.fix)
    return images, labels.astype(np.int64)


@dataclass(frozen=True)
class DataSet:
    """A row of the table that `hello-dl data` shows."""

    name: str
    what: str
    sources: tuple[Source, ...]  # none: the library makes the data itself

    @property
    def size(self) -> int:
        """Bytes of all its files, unpacked."""
        return sum(source.size for source in self.sources)

    def where(self, data: str | Path | None = None) -> str | None:
        """The folder that holds its files, not yet checked; None if one of them is missing."""
        if not self.sources:
            return "made by hello_dl"
        paths = [find(source, data) for source in self.sources]
        found = [str(path.parent) for path in paths if path is not None]
        return found[0] if len(found) == len(paths) else None

    def fetch(
        self,
        data: str | Path | None = None,
        download: bool = True,
        progress: Progress | None = None,
    ) -> list[Path]:
        """The paths of its files, found or downloaded, and checked; DataError as `load_mnist`."""
        paths = [fetch(source, data, download, progress) for source in self.sources]
        for source, path in zip(self.sources, paths, strict=True):
            read(source, path)
        return paths


def datasets() -> dict[str, DataSet]:
    """Every data set that the library knows, by name, in the order of the course."""
    rows = (
        DataSet("strokes", "digits and letters drawn by hello_dl itself, needs no file", ()),
        DataSet(
            "mnist",
            "70,000 handwritten digits, 28 x 28 pixels",
            (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS),
        ),
        DataSet("names", "32,033 first names, one a line", (NAMES,)),
        DataSet("shakespeare", "1.1 million characters of Shakespeare", (TINY_SHAKESPEARE,)),
    )
    return {row.name: row for row in rows}
