"""Token files, and batches out of them: a text of any length, of which only pieces are in memory.

A token file is the numbers and nothing else, two bytes each (or four, for more than 65,536 tokens).
It is mapped into memory: the system reads what is looked at, when it is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hello_dl.data.files import replacing
from hello_dl.tensor import Tensor
from hello_dl.text.tokenizer import Tokenizer

Tokens = np.ndarray  # (length,) of whole numbers, in memory or mapped


class Batch(NamedTuple):
    """Tokens (n, block_size), and the token that comes after each: (n, block_size)."""

    tokens: Tensor
    targets: Tensor


def read_text(path: str | Path) -> str:
    """Read a text file; ValueError of one line where it is missing, empty or not UTF-8.

    Ends of lines are Python's then, as from `open`, and a mark of UTF-8 at the beginning is gone.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8").removeprefix("\ufeff")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8: byte {error.start:,} is {error.object[error.start]:#04x}; "
            "save it as UTF-8 text"
        ) from None
    if not text.strip():
        raise ValueError(f"{path} is empty: there is nothing to learn from")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def write_tokens(path: str | Path, tokenizer: Tokenizer, pieces: Iterable[str]) -> int:
    """Write the tokens of a text that comes in pieces, whole or not at all; returns how many.

    Pieces end where a word ends, such as at the ends of lines: no token reaches across.
    """
    count, dtype = 0, dtype_of(tokenizer.vocab_size)
    with replacing(Path(path)) as part, part.open("wb") as file:
        for piece in pieces:
            tokens = np.array(tokenizer.encode(piece), dtype)
            file.write(tokens.tobytes())
            count += len(tokens)
    return count


def open_tokens(path: str | Path, vocab_size: int) -> Tokens:
    """Map a token file into memory; ValueError for one that is empty or cut off."""
    try:
        dtype, size = np.dtype(dtype_of(vocab_size)), Path(path).stat().st_size
        if not size or size % dtype.itemsize:
            raise ValueError(f"{path} is no file of tokens: it has {size} bytes")
        return np.memmap(path, dtype, "r")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None


def dtype_of(vocab_size: int) -> str:
    """Return what token numbers are written as: little-endian, of two bytes or four."""
    return "<u2" if vocab_size <= 2**16 else "<u4"


def split(tokens: Tokens, share: float = 0.1) -> tuple[Tokens, Tokens]:
    """Cut off the end, this share of the whole, for validation; both are views."""
    if not 0 < share < 1:
        raise ValueError(f"the share for validation is between 0 and 1, not {share}")
    cut = int(len(tokens) * (1 - share))
    return tokens[:cut], tokens[cut:]


def check_sizes(tokens: Tokens, block_size: int, batch_size: int) -> None:
    """Raise ValueError for windows of no size, and for a text that is too short for one."""
    for name, size in (("block_size", block_size), ("batch_size", batch_size)):
        if size < 1:
            raise ValueError(f"{name} must be 1 or more, not {size}")
    if len(tokens) <= block_size:
        raise ValueError(
            f"the text has {len(tokens):,} tokens, and a window takes {block_size + 1}: use a "
            "longer text or a smaller block_size"
        )


class RandomWindows:
    """Batches of windows from anywhere in the text, `steps` of them an epoch.

    With `total` there are so many in all epochs together, and fewer in the last one. What batch
    number b of epoch e is depends on the seed, e and b alone: a run that is resumed goes on exactly
    where it was.
    """

    def __init__(
        self,
        tokens: Tokens,
        block_size: int,
        batch_size: int,
        steps: int,
        seed: int = 0,
        total: int | None = None,
    ) -> None:
        check_sizes(tokens, block_size, batch_size)
        self.tokens, self.block_size, self.batch_size = tokens, block_size, batch_size
        self.steps, self.seed, self.total = steps, seed, total
        self.epoch = self.done = 0

    def __len__(self) -> int:
        if self.total is None:
            return self.steps
        return max(min(self.steps, self.total - self.epoch * self.steps), 0)

    def __iter__(self) -> Iterator[Batch]:
        while self.done < len(self):
            rng = np.random.default_rng((self.seed, self.epoch, self.done))
            starts = rng.integers(len(self.tokens) - self.block_size, size=self.batch_size)
            self.done += 1
            yield batch_at(self.tokens, starts, self.block_size)
        self.epoch, self.done = self.epoch + 1, 0

    def state_dict(self) -> dict[str, int]:
        """Return where it is."""
        return {"epoch": self.epoch, "done": self.done}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.epoch, self.done = state["epoch"], state["done"]


class OrderedWindows:
    """All windows of a text one after the other, or `batches` batches evenly spread over it.

    Every token is a target once. For validation: the same windows every time.
    """

    def __init__(
        self, tokens: Tokens, block_size: int, batch_size: int, batches: int | None = None
    ) -> None:
        check_sizes(tokens, block_size, batch_size)
        self.tokens, self.block_size, self.batch_size = tokens, block_size, batch_size
        starts = np.arange(0, len(tokens) - block_size, block_size)
        if batches is not None and batches * batch_size < len(starts):
            picked = np.linspace(0, len(starts) - 1, batches * batch_size).astype(np.int64)
            starts = starts[picked]
        self.starts = starts

    def __len__(self) -> int:
        return -(-len(self.starts) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        for first in range(0, len(self.starts), self.batch_size):
            yield batch_at(
                self.tokens, self.starts[first : first + self.batch_size], self.block_size
            )


def batch_at(tokens: Tokens, starts: np.ndarray, block_size: int) -> Batch:
    """Return the windows that begin at `starts`, and the same one token later."""
    places = starts[:, None] + np.arange(block_size + 1)
    windows = tokens[places].astype(np.int64)
    return Batch(Tensor(windows[:, :-1], device="cpu"), Tensor(windows[:, 1:], device="cpu"))
