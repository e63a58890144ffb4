"""Byte pair encoding: the pair of tokens that is most frequent becomes a token, again and again.

It starts from single bytes, so any text can be written with it. (Gage 1994, for compression;
Sennrich, Haddow and Birch 2016, for language models; on bytes: Radford et al. 2019, GPT-2.)
"""

from __future__ import annotations

import heapq
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from hello_dl.text.tokenizer import Tokenizer

Pair = tuple[int, int]

# Words, numbers, signs, spaces: a token never reaches from one into another. A space belongs to the
# word after it. None is longer than 32 signs, so that a text without spaces is as quick as another.
WORDS = re.compile(
    r"'(?:[sdmt]|ll|ve|re)\b| ?[^\W\d_]{1,32}| ?\d{1,32}| ?(?:[^\s\w]|_){1,32}"
    r"|\s{1,32}(?!\S)|\s"
)


class BPETokenizer(Tokenizer):
    """Bytes, and `merges`: pairs of tokens that are one. Merge number i makes token 256 + i.

    BPETokenizer.train(text, 1024) learns the merges from a text.
    """

    kind = "bpe"

    def __init__(self, merges: Iterable[Sequence[int]], specials: Sequence[str] = ()) -> None:
        self.merges: list[Pair] = [(int(left), int(right)) for left, right in merges]
        self.table = [bytes([i]) for i in range(256)]
        for left, right in self.merges:
            if not 0 <= min(left, right) <= max(left, right) < len(self.table):
                raise ValueError(f"({left}, {right}) merges a token that is made only later")
            self.table.append(self.table[left] + self.table[right])
        super().__init__(len(self.table), specials)
        self._ranks = {pair: 256 + i for i, pair in enumerate(self.merges)}
        self._word = lru_cache(100_000)(self._merged)  # most words of a text come again

    @classmethod
    def train(cls, text: str, vocab_size: int, specials: Sequence[str] = ()) -> BPETokenizer:
        """Learn merges from a text until there are `vocab_size` tokens, or no pair comes twice.

        The special tokens are among them, and are not learned from.
        """
        count = vocab_size - 256 - len(specials)
        if count < 0:
            raise ValueError(
                f"vocab_size={vocab_size} is too small: bytes and {len(specials)} special tokens "
                f"take {256 + len(specials)}"
            )
        longest_first = sorted(map(re.escape, specials), key=len, reverse=True)
        parts = re.split("|".join(longest_first), text) if specials else [text]
        words = Counter(word for part in parts for word in WORDS.findall(part))
        return cls(learn_merges(words, count), specials)

    def _encode(self, text: str) -> list[int]:
        numbers: list[int] = []
        for word in WORDS.findall(text):
            numbers += self._word(word)
        return numbers

    def _merged(self, word: str) -> list[int]:
        """Return the tokens of a word: what was learned first is merged first."""
        tokens = list(word.encode())
        while len(tokens) > 1:
            ranked = ((self._ranks.get(pair, len(self.table)), pair) for pair in pairwise(tokens))
            merged, pair = min(ranked)
            if merged == len(self.table):
                break
            tokens = replaced(tokens, pair, merged)
        return tokens

    def _bytes(self, number: int) -> bytes:
        return self.table[number]

    def _state(self) -> dict[str, Any]:
        return {"merges": self.merges}


def learn_merges(counts: Counter[str], count: int) -> list[Pair]:
    """Return up to `count` pairs, the most frequent first; of equals the smaller numbers first.

    To count all pairs again after each merge would take hours. Only words with the pair change, so
    we keep for each pair how often it comes, and in which words; and a heap to find the largest,
    in which numbers that have changed meanwhile are corrected when they come to the top.
    """
    words = [(list(word.encode()), n) for word, n in counts.items()]
    frequency: Counter[Pair] = Counter()
    holders: defaultdict[Pair, set[int]] = defaultdict(set)
    for i, (tokens, n) in enumerate(words):
        for pair in pairwise(tokens):
            frequency[pair] += n
            holders[pair].add(i)
    heap = [(-n, pair) for pair, n in frequency.items()]
    heapq.heapify(heap)
    merges: list[Pair] = []
    while heap and len(merges) < count:
        known, pair = heapq.heappop(heap)
        now = frequency[pair]
        if now < 2:
            continue
        if -known != now:
            heapq.heappush(heap, (-now, pair))
            continue
        merged = 256 + len(merges)
        merges.append(pair)
        changed: set[Pair] = set()
        for i in holders.pop(pair):
            tokens, n = words[i]
            after = replaced(tokens, pair, merged)
            for old in pairwise(tokens):
                frequency[old] -= n
            for new in pairwise(after):
                frequency[new] += n
                if merged in new:  # the others were there before
                    holders[new].add(i)
                    changed.add(new)
            words[i] = after, n
        del frequency[pair]
        for new in changed:
            heapq.heappush(heap, (-frequency[new], new))
    return merges


def replaced(tokens: list[int], pair: Pair, merged: int) -> list[int]:
    """Put `merged` for every such pair of tokens, from left to right."""
    result, i, last = [], 0, len(tokens) - 1
    left, right = pair
    while i <= last:
        if tokens[i] == left and i < last and tokens[i + 1] == right:
            result.append(merged)
            i += 2
        else:
            result.append(tokens[i])
            i += 1
    return result
