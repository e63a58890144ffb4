"""MNIST, 70,000 handwritten digits, and Fashion-MNIST, as many pieces of clothing."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from hello_dl.data.idx import read_idx
from hello_dl.data.images import Change, ImageSet, matched, read_pair
from hello_dl.data.mirrors import Progress
from hello_dl.data.sources import Source, fetch, read

MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
FASHION_MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)


def _mnist(name: str, sha256: str, size: int) -> Source:
    """One of the four files; some copies on the web have a dot before idx."""
    return Source(
        name=name,
        folder="mnist",
        mirrors=tuple(f"{mirror}{name}.gz" for mirror in MNIST_MIRRORS),
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


def _fashion(name: str, sha256: str, size: int) -> Source:
    """One of the four files, which are called as MNIST's; known by the sums of the packed ones."""
    return Source(
        name=name,
        folder="fashion-mnist",
        mirrors=tuple(f"{mirror}{name}.gz" for mirror in FASHION_MIRRORS),
        sha256=sha256,
        size=size,
        packed=True,
        shared_name=True,
        also_in=("FashionMNIST/raw", "fashion", "fashion_mnist"),
    )


FASHION = {
    True: (
        _fashion(
            "train-images-idx3-ubyte",
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            size=26_421_880,
        ),
        _fashion(
            "train-labels-idx1-ubyte",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            size=29_515,
        ),
    ),
    False: (
        _fashion(
            "t10k-images-idx3-ubyte",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            size=4_422_102,
        ),
        _fashion(
            "t10k-labels-idx1-ubyte",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            size=5_148,
        ),
    ),
}


class MNIST(ImageSet):
    """60,000 handwritten digits (`train`) or 10,000 others, 28 x 28 pixels, ink 255 on 0.

    They are looked for as `hello-dl data` says, or in the folder `root`. What is not there is
    downloaded, into the cache or into `root`, unless `download` is False. DataError in one line.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        train: bool = True,
        transform: Change | None = None,
        target_transform: Change | None = None,
        download: bool = True,
        progress: Progress | None = None,
    ) -> None:
        sources = (TRAIN_IMAGES, TRAIN_LABELS) if train else (TEST_IMAGES, TEST_LABELS)
        images, targets, where = read_pair(*sources, 10, root, download, progress)
        super().__init__(images, targets, "0123456789", transform, target_transform, where)


class FashionMNIST(ImageSet):
    """60,000 pieces of clothing (`train`) or 10,000 others: Xiao et al. 2017. As MNIST."""

    names = (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    )  # fmt: skip

    def __init__(
        self,
        root: str | Path | None = None,
        train: bool = True,
        transform: Change | None = None,
        target_transform: Change | None = None,
        download: bool = True,
        progress: Progress | None = None,
    ) -> None:
        images, targets, where = read_pair(*FASHION[train], 10, root, download, progress)
        super().__init__(images, targets, self.names, transform, target_transform, where)


class Halves(NamedTuple):
    """Both halves of MNIST as plain arrays: ink 0..255, and which digit each one is."""

    train_images: np.ndarray  # (60000, 28, 28) uint8, 255 is full ink
    train_labels: np.ndarray  # (60000,) int64, 0..9
    test_images: np.ndarray  # (10000, 28, 28) uint8
    test_labels: np.ndarray  # (10000,) int64
    where: str  # the folder in which they were found


def load_mnist(
    data: str | Path | None = None,
    download: bool = True,
    progress: Progress | None = None,
) -> Halves:
    """MNIST from `data`, $HELLO_DL_DATA, ./data or the cache, else downloaded into the cache.

    All four files are found before the first is read. Every file is checked by its SHA-256; a
    DataError in one line names what is missing, damaged or unreachable, and the fix.
    """
    sources = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
    paths = [fetch(source, data, download, progress) for source in sources]
    arrays = [
        read_idx(read(source, path), str(path)) for source, path in zip(sources, paths, strict=True)
    ]
    train = matched(arrays[0], arrays[1], paths[0], 10, TRAIN_IMAGES.fix)
    test = matched(arrays[2], arrays[3], paths[2], 10, TRAIN_IMAGES.fix)
    return Halves(*train, *test, where=str(paths[0].parent))
