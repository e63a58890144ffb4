"""The table of every data set that the library knows, which `hello-dl data` shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hello_dl.data import cifar, emnist
from hello_dl.data.mirrors import Progress
from hello_dl.data.mnist import FASHION, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from hello_dl.data.sources import Source, check, fetch, find, places
from hello_dl.data.texts import NAMES, TINY_SHAKESPEARE


@dataclass(frozen=True)
class DataSet:
    """A row of the table that `hello-dl data` shows."""

    name: str
    what: str
    sources: tuple[Source, ...]  # none: it needs no file
    instead: Callable[[str | Path | None], str | None] | None = None  # what else will do

    @property
    def size(self) -> int:
        """Bytes of all its files, unpacked where their unpacked size is known."""
        return sum(source.size for source in self.sources)

    def where(self, data: str | Path | None = None) -> str | None:
        """The folder that holds its files, not yet checked; None if one of them is missing."""
        if not self.sources:
            return "part of Python" if self.name == "python-topics" else "made by hello_dl"
        paths = [find(source, data) for source in self.sources]
        if None in paths:
            return self.instead(data) if self.instead else None
        return str(paths[0].parent)  # type: ignore[union-attr]

    def fetch(
        self,
        data: str | Path | None = None,
        download: bool = True,
        progress: Progress | None = None,
    ) -> list[Path]:
        """The paths of its files, found or downloaded, and checked; DataError as `load_mnist`."""
        paths = [fetch(source, data, download, progress) for source in self.sources]
        for source, path in zip(self.sources, paths, strict=True):
            check(source, path)
        return paths


def _jpegs(data: str | Path | None) -> str | None:
    """Where some of CIFAR-10 lies as JPEGs, in words, or None."""
    path = cifar.find_pictures(places(data))
    return f"some of them, as JPEGs: {path}" if path else None


def datasets() -> dict[str, DataSet]:
    """Every data set that the library knows, by name, in the order of the course."""
    mnist = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)
    rows = (
        DataSet("strokes", "digits and letters drawn by hello_dl itself, needs no file", ()),
        DataSet("mnist", "70,000 handwritten digits, 28 x 28 pixels", mnist),
        DataSet("fashion-mnist", "70,000 pieces of clothing", (*FASHION[True], *FASHION[False])),
        DataSet("emnist", "814,255 handwritten digits and letters", (emnist.ARCHIVE,)),
        DataSet("cifar10", "60,000 pictures of ten kinds, in color", (cifar.ARCHIVE,), _jpegs),
        DataSet("names", "32,033 first names, one a line", (NAMES,)),
        DataSet("shakespeare", "1.1 million characters of Shakespeare", (TINY_SHAKESPEARE,)),
        DataSet("python-topics", "the topics of Python's help, a text that is always there", ()),
    )
    return {row.name: row for row in rows}
