"""Where the text of a job comes from: one of those we know, or a file of the user's own."""

from __future__ import annotations

import random
from pathlib import Path

from hello_dl.data.mirrors import Progress
from hello_dl.data.sources import UnavailableError
from hello_dl.data.texts import Text, load_names, load_python_topics, load_text
from hello_dl.text.bpe import BPETokenizer
from hello_dl.text.corpus import read_text
from hello_dl.text.tokenizer import ByteTokenizer, CharTokenizer, Tokenizer

BPE_SIZE = 1024  # tokens that BPE learns here


def get_text(
    name: str,
    data: str | Path | None = None,
    download: bool = True,
    progress: Progress | None = None,
) -> Text:
    """Return "shakespeare", "names" or "pydoc"; or the file `data`, whatever the name.

    Where a text cannot be had it is Python's topics, and the note says so.
    """
    if data is not None and not Path(data).is_dir():
        return Text(read_text(data), Path(data).name, f"from {data}")
    if name == "pydoc":
        return load_text("python")
    if name == "names":
        try:
            names = load_names(data, download, progress)
        except UnavailableError:
            topics = "from pydoc_data, part of Python, as names could not be had"
            return Text(load_python_topics(), "Python's topics", topics)
        random.Random(0).shuffle(names)  # else the rarest are kept for validation
        return Text("\n".join(names) + "\n", "names", "one on each line, shuffled")
    return load_text(data, download, progress)


def make_tokenizer(kind: str, text: str) -> Tokenizer:
    """Make a tokenizer for a text: of "characters", "bytes" or "bpe"."""
    if kind == "characters":
        return CharTokenizer(text)
    return ByteTokenizer() if kind == "bytes" else BPETokenizer.train(text, BPE_SIZE)
