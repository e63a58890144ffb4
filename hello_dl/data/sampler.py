"""Samplers: in which order the samples of a data set are taken, under PyTorch's names.

Chance comes from `generator`, a seed or a numpy Generator, or without one from the loader. With a
seed, its own or the loader's, an order depends on the seed and the number of the epoch alone; a
Generator goes on where it was, so a loader that is resumed cannot tell what its order would be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from typing import Any

import numpy as np

from hello_dl.backend import is_array, to_device
from hello_dl.data.randomness import Seed, checked, generator_of

Indices = np.ndarray  # (n,) int64


class Sampler:
    """Something that yields indices; the base of PyTorch's name for samplers of your own."""

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{type(self).__name__} needs an __iter__(self) that yields indices")


class IndexSampler(Sampler):
    """A sampler that knows all of its indices at once, so that a loader can start anywhere."""

    def indices(self) -> Indices:
        """The indices of one epoch, in order."""
        raise TypeError(f"{type(self).__name__} needs indices(self), which returns an array")

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices().tolist())


class SequentialSampler(IndexSampler):
    """First to last."""

    def __init__(self, data_source: Sized) -> None:
        self.data_source = data_source

    def indices(self) -> Indices:
        """0, 1, 2, ..."""
        return np.arange(len(self.data_source))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(IndexSampler):
    """All samples in a random order; with `replacement`, `num_samples` picked independently.

    More samples than there are, without replacement, are several whole passes, each shuffled.
    """

    def __init__(
        self,
        data_source: Sized,
        replacement: bool = False,
        num_samples: int | None = None,
        generator: Seed = None,
    ) -> None:
        self.data_source, self.replacement = data_source, replacement
        self._num_samples = None if num_samples is None else _count("num_samples", num_samples)
        self.generator = _valid(generator)

    @property
    def num_samples(self) -> int:
        """How many indices an epoch has."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def indices(self) -> Indices:
        """Shuffled or picked."""
        n, wanted, generator = len(self.data_source), self.num_samples, generator_of(self.generator)
        if not n:
            return np.arange(0)
        if self.replacement:
            return generator.integers(n, size=wanted)
        passes = [generator.permutation(n) for _ in range(-(-wanted // n))]
        return np.concatenate(passes)[:wanted] if passes else np.arange(0)

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(IndexSampler):
    """The given indices in a random order."""

    def __init__(self, indices: Sequence[int], generator: Seed = None) -> None:
        self._indices, self.generator = np.asarray(indices, np.int64), _valid(generator)

    def indices(self) -> Indices:
        """Shuffled."""
        return generator_of(self.generator).permutation(self._indices)

    def __len__(self) -> int:
        return len(self._indices)


class WeightedRandomSampler(IndexSampler):
    """Indices 0..len(weights), each as often as its weight says; weights need not sum to 1.

    For a data set in which some classes are rare: weight every sample with 1 / (size of its class).
    """

    def __init__(
        self,
        weights: Any,
        num_samples: int,
        replacement: bool = True,
        generator: Seed = None,
    ) -> None:
        on_host = to_device(weights, "cpu") if is_array(weights) else weights
        self.weights = np.asarray(on_host, np.float64)
        self.num_samples = _count("num_samples", num_samples)
        self.replacement, self.generator = replacement, _valid(generator)
        shape = self.weights.shape
        if len(shape) != 1 or not shape[0]:
            raise ValueError(f"weights is one number for each sample, not a block of shape {shape}")
        if (
            not np.isfinite(self.weights).all()
            or (self.weights < 0).any()
            or not self.weights.any()
        ):
            raise ValueError("weights must be finite and at least 0, and one of them above 0")
        possible = np.count_nonzero(self.weights)
        if not replacement and self.num_samples > possible:
            raise ValueError(
                f"num_samples={num_samples} without replacement, and {possible} samples have a "
                "weight above 0: use replacement=True"
            )

    def indices(self) -> Indices:
        """Picked by weight."""
        generator = generator_of(self.generator)
        if not self.replacement:
            p = self.weights / self.weights.sum()
            return generator.choice(len(p), self.num_samples, replace=False, p=p)
        edges = np.cumsum(self.weights)  # sample i owns the stretch up to edges[i]
        found = np.searchsorted(edges, generator.random(self.num_samples) * edges[-1], side="right")
        return np.minimum(found, np.flatnonzero(self.weights)[-1])  # 1 - tiny may round to the end

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of `batch_size` indices out of another sampler; the last one may be shorter."""

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool) -> None:
        if not isinstance(drop_last, bool):
            raise ValueError(f"drop_last is True or False, not {drop_last!r}")
        self.sampler, self.drop_last = sampler, drop_last
        self.batch_size = _count("batch_size", batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        batch = []
        for index in self.sampler:
            batch.append(index)
            if len(batch) == self.batch_size:
                yield batch
                batch = []
        if batch and not self.drop_last:
            yield batch

    def __len__(self) -> int:
        n = len(self.sampler)  # type: ignore[arg-type]
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)


def _count(name: str, number: int) -> int:
    """Return a number of samples; ValueError unless it is whole and positive."""
    if isinstance(number, bool) or not hasattr(number, "__index__") or number.__index__() < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {number!r}")
    return number.__index__()


def _valid(seed: Seed) -> Seed:
    """Return a seed or a generator, checked."""
    return checked(seed) if isinstance(seed, int) else seed
