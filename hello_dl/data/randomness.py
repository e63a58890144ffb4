"""Where chance comes from while data is prepared: one stream of numbers for every batch.

A transform asks `current_generator()`. A DataLoader opens the stream of the batch that it fetches,
`with Stream(seed, epoch, batch):`, so the numbers drawn depend on these three alone, and not on how
many workers there are or which of them was first. `rand` and its kind draw from it too, so a data
set may use them. Outside of a loader it is the generator that `manual_seed` sets. Streams are apart
for each thread.
"""

from __future__ import annotations

import operator
from functools import cached_property

import numpy as np

from hello_dl.backend import random

Seed = int | np.random.Generator | None


class Stream:
    """Random numbers that depend on a seed and a place, such as epoch 2, batch 7.

    >>> with Stream(0, 2, 7):
    ...     current_generator().integers(10)
    np.int64(3)

    The generator is made when it is first asked for: a batch that needs no chance pays nothing.
    """

    def __init__(self, seed: int, *place: int) -> None:
        self.seed, self.place = seed, place

    @cached_property
    def generator(self) -> np.random.Generator:
        """The generator of this place."""
        numbers = np.random.SeedSequence(self.seed, spawn_key=self.place)
        return np.random.Generator(np.random.PCG64(numbers))

    def __enter__(self) -> Stream:
        self._before, random.here.stream = random.here.stream, self
        return self

    def __exit__(self, *_: object) -> None:
        random.here.stream = self._before


def current_generator() -> np.random.Generator:
    """Return the generator that transforms and samplers draw from here and now."""
    return random.generator()


def generator_of(seed: Seed) -> np.random.Generator:
    """Return a generator for a seed, the generator itself if it is one, or the current one.

    A seed gives other numbers in every epoch of a loader: it takes the place of the loader's.
    """
    if seed is None:
        return current_generator()
    if isinstance(seed, np.random.Generator):
        return seed
    stream = random.here.stream
    return Stream(checked(seed), *(stream.place if stream else ())).generator


def new_seed(seed: Seed) -> int:
    """Return the seed of a series of streams: as given, drawn from a generator, or a new one.

    A new one is a child of `manual_seed`'s. It takes no number out of the generator, so what a
    model draws is the same with and without a loader beside it.
    """
    if seed is None:
        child = random.generator().bit_generator.seed_seq.spawn(1)[0]  # type: ignore[attr-defined]
        return int(child.generate_state(1, np.uint64)[0] >> 1)
    return int(seed.integers(2**63)) if isinstance(seed, np.random.Generator) else checked(seed)


def checked(seed: int) -> int:
    """Return a seed that was given as a number; TypeError if it is none, ValueError below 0."""
    if isinstance(seed, bool | np.bool_) or not hasattr(seed, "__index__"):
        raise TypeError(
            f"generator={seed!r:.60}: give a seed such as 0, a numpy Generator "
            "(numpy.random.default_rng(0)), or None for that of manual_seed"
        )
    if operator.index(seed) < 0:
        raise ValueError(f"generator={seed}: a seed is a whole number of at least 0")
    return operator.index(seed)
