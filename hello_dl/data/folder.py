"""Pictures in folders, one folder for each class, also inside of a zip file.

root/cat/123.jpg        ImageFolder("root")
root/dog/xyz.png        ImageFolder("pictures.zip")  or  ImageFolder("pictures.zip/root")
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from hello_dl.data.dataset import Change, Dataset, takes_batches
from hello_dl.data.sources import DataError, in_words
from hello_dl.data.transforms.base import from_pillow

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


class ImageFolder(Dataset):
    """Pictures `root/CLASS/name.jpg`; sample i is (picture, class), a picture of Pillow's.

    root        a folder, or a zip file; `folder`, or what stands after the zip's name, is inside
    transform   changes the picture: ToTensor() makes it one for a net
    mode        "RGB", or "L" for gray, or another mode of Pillow's, or None for each file's own
    classes     the names of the folders, sorted; class_to_idx gives their numbers
    samples     (path, class) of every picture, also called imgs; targets has the classes alone

    A folder without classes, and a picture that cannot be read, are a DataError that names it.
    Workers may share it: every process opens the zip anew.
    """

    def __init__(
        self,
        root: str | Path,
        transform: Change | None = None,
        target_transform: Change | None = None,
        *,
        folder: str = "",
        mode: str | None = "RGB",
    ) -> None:
        self.root, self.mode = str(root), mode
        self.transform, self.target_transform = transform, target_transform
        place, inside = _split(Path(os.path.expanduser(root)))
        self._files = (_Zip if place.is_file() else _Folder)(place, str(inside / folder))
        names = [name for name in self._files.names() if "/" in name and not _is_hidden(name)]
        self._names = sorted(name for name in names if name.lower().endswith(EXTENSIONS))
        kinds = [name.partition("/")[0] for name in self._names]
        self.classes = sorted(set(kinds))
        folders = {name.partition("/")[0] for name in names}
        fix = f"they are root/CLASS/name, ending in {', '.join(EXTENSIONS)}"
        if not folders:
            raise DataError(f"'{self._files.at()}' holds no folders of pictures", fix)
        if empty := sorted(folders - set(kinds)):
            raise DataError(f"'{self._files.at(empty[0])}' is no folder of pictures", fix)
        self.class_to_idx = {name: number for number, name in enumerate(self.classes)}
        self.targets = [self.class_to_idx[kind] for kind in kinds]
        self.samples = self.imgs = [
            (self._files.at(name), target) for name, target in zip(self._names, self.targets)
        ]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        picture = self.picture(index)
        if self.transform is not None:
            picture = self.transform(picture)
        return picture, self._target(index)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Any, Any] | list[Any]:
        """The batch of these pictures, transformed at once, if they are of one size."""
        if self.transform is None or not takes_batches(self.transform):
            return [self[i] for i in indices]
        blocks = [from_pillow(self.picture(i)) for i in indices]
        targets = [self._target(i) for i in indices]
        if len({block.shape for block in blocks}) == 1:
            pictures = self.transform.batch(np.stack(blocks))  # type: ignore[attr-defined]
            if self.target_transform is None:
                return pictures, np.asarray(targets)
            return list(zip(pictures, targets))
        one = self.transform.batch  # type: ignore[attr-defined]
        return [(one(block[None])[0], target) for block, target in zip(blocks, targets)]

    def picture(self, index: int) -> Any:
        """Picture number `index`, of Pillow's kind, as it is in the file."""
        from PIL import Image

        name = self._names[index]
        try:
            with Image.open(BytesIO(self._files.read(name))) as picture:
                return picture.convert(self.mode) if self.mode else picture.copy()
        except Exception as error:  # Pillow's readers raise whatever comes up
            told = f"{self._files.at(name)} cannot be read as a picture: {_words(error)}"
            raise DataError(told, "replace it, or delete it") from None

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """All pictures (n, C, H, W), which must be of one size, and their classes (n,)."""
        blocks = [from_pillow(self.picture(i)) for i in range(len(self))]
        return np.stack(blocks), np.asarray(self.targets, np.int64)

    def _target(self, index: int) -> Any:
        target = self.targets[index]
        return target if self.target_transform is None else self.target_transform(target)

    def __repr__(self) -> str:
        told = f"{len(self):,} pictures, {len(self.classes)} classes"
        return f"{type(self).__name__}({self.root!r}: {told})"


class _Folder:
    """Files in a folder."""

    def __init__(self, place: Path, inside: str) -> None:
        self.root = place / inside
        if not self.root.is_dir():
            raise DataError(f"there is no folder '{self.root}'", "name a folder, or a zip file")

    def names(self) -> list[str]:
        """Paths of all files below; those of folders end in a slash."""
        found = []
        for folder, inner, files in os.walk(self.root, followlinks=True):
            here = Path(folder).relative_to(self.root)
            found += [(here / name).as_posix() for name in files]
            found += [(here / name).as_posix() + "/" for name in inner]
        return found

    def at(self, name: str = "") -> str:
        """The whole path of a file."""
        return str(self.root / name)

    def read(self, name: str) -> bytes:
        """What a file holds."""
        return (self.root / name).read_bytes()


class _Zip:
    """Files in a zip file. Opened once in every process: two cannot share a place to read at."""

    def __init__(self, place: Path, inside: str) -> None:
        self.place, self.inside = place, "" if inside == "." else inside.strip("/") + "/"
        self._opened: tuple[int, zipfile.ZipFile] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"place": self.place, "inside": self.inside}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["place"], state["inside"] or ".")  # type: ignore[misc]

    def archive(self) -> zipfile.ZipFile:
        """The archive, opened by this process; zipfile lets threads share it."""
        opened = self._opened
        if opened is None or opened[0] != os.getpid():
            try:
                opened = self._opened = os.getpid(), zipfile.ZipFile(self.place)
            except (zipfile.BadZipFile, OSError) as error:
                told = f"{self.place} is no zip file that can be read: {_words(error)}"
                raise DataError(told, "replace it with a whole copy") from None
        return opened[1]

    def names(self) -> list[str]:
        """Paths of all files and folders below the inner folder."""
        start = len(self.inside)
        return [n[start:] for n in self.archive().namelist() if n.startswith(self.inside)]

    def at(self, name: str = "") -> str:
        """The path of a file, as if the zip were a folder."""
        return f"{self.place}/{self.inside}{name}"

    def read(self, name: str) -> bytes:
        """What a file holds."""
        return self.archive().read(self.inside + name)


def _split(path: Path) -> tuple[Path, PurePosixPath]:
    """Part "pictures.zip/train" into the zip file and the folder inside; others stay whole."""
    for parent in path.parents:
        if parent.suffix.lower() == ".zip" and parent.is_file():
            return parent, PurePosixPath(path.relative_to(parent).as_posix())
    return path, PurePosixPath()


def _is_hidden(name: str) -> bool:
    """Tell whether some part of a path is one that systems hide, such as `.DS_Store`."""
    return any(part.startswith((".", "__MACOSX")) for part in name.split("/"))


def _words(error: Exception) -> str:
    """What an error says, in one line, without the buffers that Pillow names."""
    text = in_words(error)
    return "it is none that Pillow knows" if "BytesIO" in text else text
