"""Tokenizers: from text to whole numbers and back. Characters, bytes, and what they share.

A net knows numbers only. Each character can have one (few tokens, long texts), or each byte of
UTF-8 (256 tokens, any text at all), or frequent runs of bytes (bpe.py).
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hello_dl.data.files import replacing


class Tokenizer:
    """Base of the tokenizers: `encode` makes numbers of a text, and `decode` the text of them.

    specials  tokens that stand for no text, such as "<|end|>", with the numbers after all others.
              In a text that is encoded they are read as such unless `specials=False`.
    """

    kind = ""
    kinds: dict[str, type[Tokenizer]] = {}

    def __init_subclass__(cls) -> None:
        Tokenizer.kinds[cls.kind] = cls

    def __init__(self, size: int, specials: Sequence[str] = ()) -> None:
        if len(set(specials)) < len(specials) or "" in specials:
            raise ValueError(f"special tokens differ and are not empty: {list(specials)}")
        self.specials = {token: size + i for i, token in enumerate(specials)}
        self._texts = {number: token for token, number in self.specials.items()}
        longest_first = sorted(map(re.escape, specials), key=len, reverse=True)
        self._splits = re.compile(f"({'|'.join(longest_first)})") if specials else None
        self.vocab_size = size + len(specials)

    def encode(self, text: str, specials: bool = True) -> list[int]:
        """Return the numbers of a text; ValueError for a character that it has no number for."""
        if not isinstance(text, str):
            raise TypeError(f"a text is a str, not {type(text).__name__}: {text!r:.40}")
        try:
            return self._numbers_of(text, specials)
        except UnicodeEncodeError as error:
            raise ValueError(
                f"{error.object[error.start]!r} is half a character, and UTF-8 has whole ones "
                'only: read the text without errors="surrogateescape"'
            ) from None

    def _numbers_of(self, text: str, specials: bool) -> list[int]:
        if self._splits is None or not specials:
            return self._encode(text)
        numbers: list[int] = []
        for part in self._splits.split(text):
            known = self.specials.get(part)
            numbers += self._encode(part) if known is None else [known]
        return numbers

    def decode(self, numbers: Iterable[int]) -> str:
        """Return the text of numbers. Bytes that are no UTF-8 are shown as �."""
        return "".join(self.stream(numbers))

    def stream(self, numbers: Iterable[int]) -> Iterator[str]:
        """Yield the text of each number as soon as it is complete: "é" may be two tokens."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        for number in numbers:
            number = int(number)
            if number in self._texts:
                yield decoder.decode(b"", True) + self._texts[number]
                decoder.reset()
            else:
                yield decoder.decode(self.bytes_of(number))
        yield decoder.decode(b"", True)

    def bytes_of(self, number: int) -> bytes:
        """Return what one token stands for, in UTF-8; ValueError for one that there is not."""
        if not 0 <= number < self.vocab_size:
            raise ValueError(f"there is no token {number}: they go from 0 to {self.vocab_size - 1}")
        return self._bytes(number)

    def _encode(self, text: str) -> list[int]:
        raise TypeError(f"{type(self).__name__} has no method `_encode`: define one")

    def _bytes(self, number: int) -> bytes:
        raise TypeError(f"{type(self).__name__} has no method `_bytes`: define one")

    # As plain data, for files.

    def state(self) -> dict[str, Any]:
        """Return what makes this tokenizer, as plain data that JSON can hold."""
        return {"kind": self.kind, "specials": list(self.specials)} | self._state()

    def _state(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Tokenizer:
        """Make a tokenizer of what `state` has returned."""
        options = dict(state)
        kind = options.pop("kind", None)
        if kind not in Tokenizer.kinds:
            known = ", ".join(filter(None, Tokenizer.kinds))
            raise ValueError(f"there is no tokenizer of the kind {kind!r}; known are {known}")
        return Tokenizer.kinds[kind](**options)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokenizer) and self.state() == other.state()

    __hash__ = None  # type: ignore[assignment]  # it can be compared, but is no key


class CharTokenizer(Tokenizer):
    """A number for every character of a vocabulary, in the order of their code points."""

    kind = "characters"

    def __init__(self, characters: str, specials: Sequence[str] = ()) -> None:
        self.characters = "".join(sorted(set(characters)))
        if not self.characters:
            raise ValueError("a vocabulary needs a character at least: the text is empty")
        super().__init__(len(self.characters), specials)
        self._numbers = {character: i for i, character in enumerate(self.characters)}

    def _encode(self, text: str) -> list[int]:
        try:
            return [self._numbers[character] for character in text]
        except KeyError as missing:
            character = missing.args[0]
            raise ValueError(
                f"the character {character!r} is not among the {len(self.characters)} of this "
                f"vocabulary: {''.join(c for c in self.characters if c.isprintable())}"
            ) from None

    def _bytes(self, number: int) -> bytes:
        return self.characters[number].encode()

    def _state(self) -> dict[str, Any]:
        return {"characters": self.characters}


class ByteTokenizer(Tokenizer):
    """The bytes of UTF-8 as they are: any text, 256 tokens."""

    kind = "bytes"

    def __init__(self, specials: Sequence[str] = ()) -> None:
        super().__init__(256, specials)

    def _encode(self, text: str) -> list[int]:
        return list(text.encode())

    def _bytes(self, number: int) -> bytes:
        return bytes([number])


def save_tokenizer(path: str | Path, tokenizer: Tokenizer) -> None:
    """Write a tokenizer to a JSON file, whole or not at all."""
    with replacing(Path(path)) as part:
        part.write_text(json.dumps(tokenizer.state(), ensure_ascii=True), "utf-8")


def load_tokenizer(path: str | Path) -> Tokenizer:
    """Read what `save_tokenizer` has written; ValueError for what is no such file."""
    try:
        state = json.loads(Path(path).read_text("utf-8"))
        return Tokenizer.from_state(state)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, json.JSONDecodeError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no tokenizer that was saved by hello_dl: {error}") from None
