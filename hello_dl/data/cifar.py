"""CIFAR-10, 60,000 pictures of ten kinds of things in color: Krizhevsky 2009.

The archive holds pickles, and to load a pickle is to run what it says. So it is opened only if its
SHA-256 is right, and even then nothing but arrays can be made of it.
"""

from __future__ import annotations

import hashlib
import pickle
import tarfile
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from hello_dl.data.files import read_arrays, write_arrays
from hello_dl.data.folder import ImageFolder
from hello_dl.data.images import Change, ImageSet
from hello_dl.data.mirrors import Progress
from hello_dl.data.sources import (
    FIX_FILE,
    DataError,
    Source,
    UnavailableError,
    bring,
    cache_dir,
    check,
    places,
)

ARCHIVE = Source(
    name="cifar-10-python.tar.gz",
    folder="cifar10",
    mirrors=("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
    sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    size=170_498_071,
    packed=True,
)
PICTURES = "cifar10-images.zip"  # some of the pictures, as JPEG: train/CLASS/0000.jpg
HALVES = {True: [f"data_batch_{i}" for i in range(1, 6)], False: ["test_batch"]}


class CIFAR10(ImageSet):
    """50,000 pictures (`train`) or 10,000 others, (3, 32, 32) red, green, blue; found as MNIST is.

    Where the archive is not, but `cifar10-images.zip` lies in a data folder, its pictures are
    taken: fewer, and not the same to the bit, as they have been JPEGs. `note` then says so.
    """

    names = (
        "airplane", "automobile", "bird", "cat", "deer",
        "dog", "frog", "horse", "ship", "truck",
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
        folders = places() if root is None else [Path(root).expanduser()]
        archives = [path for folder in folders for path in ARCHIVE.paths(folder, True)]
        pictures, note = find_pictures(folders), ""
        if pictures and not any(map(Path.is_file, archives)):
            path = pictures
            images, targets = _from_pictures(path, "train" if train else "test")
            note = f"{len(images):,} of the pictures, from the JPEGs in {PICTURES}"
        else:
            path = bring(ARCHIVE, root, download, progress)
            check(ARCHIVE, path)
            images, targets = _from_archive(path, HALVES[train])
        where = str(path.parent)
        super().__init__(images, targets, self.names, transform, target_transform, where, note)


def both_halves(data: str | Path | None = None) -> tuple[CIFAR10, CIFAR10] | None:
    """The pictures to learn from and those to test with, if they are on this machine, else None."""
    with suppress(UnavailableError):
        return CIFAR10(data, True, download=False), CIFAR10(data, False, download=False)
    return None


def find_pictures(folders: list[Path]) -> Path | None:
    """Return the first zip of JPEGs in these folders, or None."""
    return next((path for folder in folders if (path := folder / PICTURES).is_file()), None)


def _from_archive(path: Path, members: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (n, 3, 32, 32) and classes (n,) out of some of the archive's pickles."""
    wanted = {f"cifar-10-batches-py/{member}" for member in members}
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.name in wanted and (file := archive.extractfile(member)):
                    found[member.name] = _batch(file.read())
    except (tarfile.TarError, EOFError, OSError, pickle.UnpicklingError, KeyError) as error:
        raise DataError(f"{path} is damaged: {error}", FIX_FILE) from None
    if missing := sorted(wanted - found.keys()):
        raise DataError(f"{path} has no {missing[0]}", FIX_FILE)
    parts = [found[name] for name in sorted(wanted)]
    return np.concatenate([x for x, _ in parts]), np.concatenate([y for _, y in parts])


def _batch(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and classes in one pickle: rows of 3072 bytes, a plane of each color in turn."""
    batch = ArraysOnly(BytesIO(content), encoding="latin1").load()
    images = np.asarray(batch["data"], np.uint8).reshape(-1, 3, 32, 32)
    return images, np.asarray(batch["labels"], np.int64)


class ArraysOnly(pickle.Unpickler):
    """Loads a pickle of plain things and numpy's arrays; an UnpicklingError for all else."""

    def find_class(self, module: str, name: str) -> Any:
        """The three things that an array is made of."""
        reconstruct = np.empty(0).__reduce__()[0]
        known = {"_reconstruct": reconstruct, "ndarray": np.ndarray, "dtype": np.dtype}
        if module.partition(".")[0] == "numpy" and name in known:
            return known[name]
        raise pickle.UnpicklingError(f"its pickle asks for {module}.{name}, which is no array")


def _from_pictures(path: Path, half: str) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (n, 3, 32, 32) and classes (n,) out of the zip of JPEGs.

    To decode them takes seconds. So they are kept in the user's cache, under the zip's SHA-256.
    """
    kept = _kept(path, half)
    if kept and (found := read_arrays(kept, 2)):
        return found[0], found[1]
    folder = ImageFolder(path, folder=half)
    if tuple(folder.classes) != CIFAR10.names:
        raise DataError(f"{path}/{half} holds other classes: {', '.join(folder.classes)}", FIX_FILE)
    arrays = folder.arrays()
    if kept:
        write_arrays(kept, arrays)
    return arrays


def _kept(path: Path, half: str) -> Path | None:
    """The file in the cache for half of the pictures of this zip; None if there can be none."""
    with suppress(OSError, DataError), open(path, "rb") as file:
        key = hashlib.file_digest(file, "sha256").hexdigest()[:16]
        return cache_dir() / ARCHIVE.folder / f"{key}-{half}.npz"
    return None
