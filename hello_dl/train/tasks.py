"""What there is to learn: digits and letters. What differs between the two, the job asks here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hello_dl.data.digits import Characters, load_digits
from hello_dl.data.idx import read_idx
from hello_dl.data.letters import load_letters
from hello_dl.data.mirrors import Progress
from hello_dl.data.mnist import TEST_IMAGES, TEST_LABELS
from hello_dl.data.sources import find, read
from hello_dl.data.strokes import DIGITS, LETTERS

Load = Callable[[str | Path | None, bool, Progress], Characters]
Pictures = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Task:
    """A job of learning to read characters, `hello-dl NAME`.

    load      gets them: load(data, download, progress)
    sources   where from, in words
    model     the net that is trained unless --model names another
    alphabet  of drawn characters; others may have another one
    others    pictures of others, never seen in training, and their labels: (name, load them); the
              latter gives None where they are not on this machine
    """

    name: str
    load: Load
    sources: str
    model: str
    alphabet: str = DIGITS
    others: tuple[str, Callable[[], Pictures | None]] | None = None

    @property
    def folder(self) -> str:
        """Where the files go unless --out says otherwise."""
        return f"out/{self.name}"


def _digits(data: str | Path | None, download: bool, progress: Progress) -> Characters:
    return load_digits(data, download, progress)


def _letters(data: str | Path | None, download: bool, progress: Progress) -> Characters:
    return load_letters(data)


def _mnist_test() -> Pictures | None:
    """MNIST's test digits, if they are on this machine; DataError if they are damaged."""
    image_file, label_file = find(TEST_IMAGES), find(TEST_LABELS)
    if image_file is None or label_file is None:
        return None
    images = read_idx(read(TEST_IMAGES, image_file), str(image_file))
    return images, read_idx(read(TEST_LABELS, label_file), str(label_file))


TASKS = {
    "digits": Task(
        name="digits",
        load=_digits,
        sources="MNIST, or if it cannot be had, drawn by hello_dl",
        model="mlp",
        others=("MNIST", _mnist_test),
    ),
    "letters": Task(
        name="letters",
        load=_letters,
        sources="EMNIST if it is on this machine, else drawn by hello_dl",
        model="lenet",
        alphabet=LETTERS,
    ),
}
