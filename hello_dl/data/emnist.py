"""EMNIST, 814,255 handwritten digits and letters, put right: Cohen et al. 2017.

NIST's pictures come transposed, as Matlab stored them, and the letters are numbered from 1. Here
they are upright, and all classes are numbered from 0.
"""

from __future__ import annotations

import string
import zipfile
from pathlib import Path

import numpy as np

from hello_dl.data.idx import read_idx
from hello_dl.data.images import Change, ImageSet, matched
from hello_dl.data.mirrors import Progress
from hello_dl.data.sources import FIX_FILE, DataError, Source, bring, check

ARCHIVE = Source(
    name="gzip.zip",
    folder="emnist",
    mirrors=("https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",),
    sha256="fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e",
    size=561_753_746,
    spellings=("emnist.zip", "EMNIST.zip", "emnist-gzip.zip"),
    packed=True,
)

_ALL = string.digits + string.ascii_uppercase + string.ascii_lowercase
_MERGED = string.digits + string.ascii_uppercase + "abdefghnqrt"  # small letters of their own shape
CLASSES = {
    "byclass": _ALL,
    "bymerge": _MERGED,
    "balanced": _MERGED,
    "letters": string.ascii_lowercase,
    "digits": string.digits,
    "mnist": string.digits,
}


class EMNIST(ImageSet):
    """Digits and letters of one `split`, 28 x 28 pixels, ink 255 on 0; looked for as MNIST is.

    split       classes                                       to train, to test
    byclass     62: digits, capitals, small letters           697,932   116,323
    bymerge     47: letters that look alike are one           697,932   116,323
    balanced    47, each of them equally often                112,800    18,800
    letters     26: capitals and small letters as one         124,800    20,800
    digits      10, each of them equally often                240,000    40,000
    mnist       10, as many as in MNIST                        60,000    10,000
    """

    splits = tuple(CLASSES)

    def __init__(
        self,
        root: str | Path | None = None,
        split: str = "balanced",
        train: bool = True,
        transform: Change | None = None,
        target_transform: Change | None = None,
        download: bool = True,
        progress: Progress | None = None,
    ) -> None:
        if split not in CLASSES:
            raise ValueError(f"unknown split {split!r}: use one of {', '.join(CLASSES)}")
        path = bring(ARCHIVE, root, download, progress)
        check(ARCHIVE, path)
        images, targets = _read(path, split, "train" if train else "test")
        where = str(path.parent)
        super().__init__(images, targets, CLASSES[split], transform, target_transform, where)
        self.split = split


def _read(path: Path, split: str, half: str) -> tuple[np.ndarray, np.ndarray]:
    """Upright pictures (n, 28, 28) and classes (n,) from 0, out of the archive."""
    arrays = []
    try:
        with zipfile.ZipFile(path) as archive:
            for kind in ("images-idx3", "labels-idx1"):
                ending = f"emnist-{split}-{half}-{kind}-ubyte.gz"
                name = next((n for n in archive.namelist() if n.endswith(ending)), ending)
                arrays.append(read_idx(archive.read(name), f"{path}/{name}"))
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{path} is damaged: {error.args[0]}", FIX_FILE) from None
    images, labels = arrays
    if split == "letters":
        if len(labels) and labels.min() < 1:
            raise DataError(f"{path} has a letter numbered 0: they begin with 1", FIX_FILE)
        labels = labels - 1
    upright = np.ascontiguousarray(images.swapaxes(1, 2)) if images.ndim == 3 else images
    return matched(upright, labels, path, len(CLASSES[split]), FIX_FILE)
