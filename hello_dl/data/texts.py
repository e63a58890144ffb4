"""Texts to learn from: first names, Shakespeare, and one that every Python brings along."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from hello_dl.data.mirrors import Progress
from hello_dl.data.sources import DataError, Source, UnavailableError, fetch, read

TINY_SHAKESPEARE = Source(
    name="tinyshakespeare.txt",
    folder="text",
    mirrors=(
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    ),
    sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    size=1_115_394,
    instead=", or use the text that comes with Python: load_python_topics(), or --config pydoc",
)
NAMES = Source(
    name="names.txt",
    folder="text",
    mirrors=("https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",),
    sha256="0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
    size=228_145,
)


class Text(NamedTuple):
    """A text and where it is from."""

    text: str
    name: str  # "Shakespeare" or "Python's topics"
    note: str  # where it was found, and why it is not the other one, in one line


class Words(NamedTuple):
    """Words of the letters a to z, and where they are from."""

    words: list[str]
    name: str  # "names" or "words of Python's help"
    note: str  # where they were found, and why they are not the others, in one line


def load_names(
    data: str | Path | None = None, download: bool = True, progress: Progress | None = None
) -> list[str]:
    """32,033 first names in small letters, the most common one first; DataError as `fetch`."""
    path = fetch(NAMES, data, download, progress)
    return read(NAMES, path).decode("utf-8").split()


def load_shakespeare(
    data: str | Path | None = None, download: bool = True, progress: Progress | None = None
) -> str:
    """1,115,394 characters of Shakespeare's plays; DataError as `fetch`."""
    path = fetch(TINY_SHAKESPEARE, data, download, progress)
    return read(TINY_SHAKESPEARE, path).decode("utf-8")


def load_python_topics() -> str:
    """The topics of Python's own help(): half a million characters that are always there.

    The same text for the same version of Python. DataError where a Python was packed without it.
    """
    try:
        from pydoc_data.topics import topics
    except ImportError:
        told = "this Python has no pydoc_data, the topics of its help()"
        raise DataError(told, "install the whole of Python's standard library") from None
    return "\n\n".join(topics[name].strip() for name in sorted(topics)) + "\n"


def load_text(
    data: str | Path | None = None, download: bool = True, progress: Progress | None = None
) -> Text:
    """Return Shakespeare if he is found or can be downloaded, else the topics of Python's help.

    `data` is a folder that holds the file, or the word "python". What is damaged is a DataError.
    """
    if data == "python":
        return Text(load_python_topics(), "Python's topics", "from pydoc_data, part of Python")
    try:
        path = fetch(TINY_SHAKESPEARE, data, download, progress)
    except UnavailableError:
        why = "could not be downloaded"
        if not download:
            why = "is not on this machine (hello-dl data shakespeare fetches it)"
        note = f"from pydoc_data, part of Python, as Shakespeare {why}"
        return Text(load_python_topics(), "Python's topics", note)
    text = read(TINY_SHAKESPEARE, path).decode("utf-8")
    return Text(text, "Shakespeare", f"from {path.parent}")


def load_words(
    data: str | Path | None = None, download: bool = True, progress: Progress | None = None
) -> Words:
    """Return first names if they are found or can be downloaded, else words of Python's help.

    `data` is a folder that holds names.txt, or the word "python". What is damaged is a DataError.
    """
    note = "as they were asked for"
    if data != "python":
        try:
            path = fetch(NAMES, data, download, progress)
            return Words(read(NAMES, path).decode("utf-8").split(), "names", f"from {path.parent}")
        except UnavailableError:
            note = "as names could not be downloaded"
            if not download:
                note = "as names are not on this machine"
    found = re.findall(r"\b[a-z]{3,14}\b", load_python_topics().lower())
    return Words(sorted(set(found)), "words of Python's help", note)
