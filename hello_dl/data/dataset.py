"""Data sets, under PyTorch's names: something with a length that gives sample number i.

A data set of your own needs `__getitem__` and `__len__`. If it can fetch many samples faster than
one by one, it may have PyTorch's hook `__getitems__(indices)` as well: that returns a list of
samples, or, which is faster still, a whole batch, such as a tuple of arrays.
"""

from __future__ import annotations

import math
import operator
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from hello_dl.backend import is_array, module_of
from hello_dl.data.collate import default_collate, samples_of
from hello_dl.data.randomness import Seed, generator_of
from hello_dl.data.transforms.base import Transform
from hello_dl.tensor import Tensor

Sample = Any
Change = Callable[[Any], Any]


class Dataset:
    """Samples by number: write `__getitem__(self, index)` and `__len__(self)`."""

    def __getitem__(self, index: int) -> Sample:
        raise TypeError(f"{type(self).__name__} needs a __getitem__(self, index)")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Samples one after the other, as from a stream: write `__iter__(self)`."""

    def __iter__(self) -> Iterator[Sample]:
        raise TypeError(f"{type(self).__name__} needs an __iter__(self) that yields samples")


class TensorDataset(Dataset):
    """Tensors or arrays that belong together: sample i is row i of each of them, in a tuple.

    >>> TensorDataset(np.array([1.0, 2.0]), np.array([0, 1]))[1]
    (np.float64(2.0), np.int64(1))

    `transform` changes the first part of a sample and `target_transform` the last. A loader gives
    a transform of ours the whole batch at once, which draws anew for every picture in it; any
    other function gets one sample after the other. Tensors may lie on a GPU, batches then do too.
    """

    def __init__(
        self,
        *tensors: Any,
        transform: Change | None = None,
        target_transform: Change | None = None,
    ) -> None:
        if not tensors:
            raise ValueError("TensorDataset needs at least one Tensor or array")
        self.tensors = tuple(
            t if isinstance(t, Tensor) or is_array(t) else Tensor(t) for t in tensors
        )
        lengths = [t.shape[0] if t.shape else None for t in self.tensors]
        if lengths[0] is None or len(set(lengths)) > 1:
            shapes = ", ".join(str(tuple(t.shape)) for t in self.tensors)
            raise ValueError(
                f"all parts need the same length along axis 0: the shapes are {shapes}"
            )
        self.transform, self.target_transform = transform, target_transform

    def __len__(self) -> int:
        return self.tensors[0].shape[0]

    def __getitem__(self, index: Any) -> tuple[Any, ...]:
        changes = self.transform is not None or self.target_transform is not None
        if changes and isinstance(index, slice | list | np.ndarray):
            some = self.__getitems__(np.arange(len(self))[index].tolist())
            return tuple(default_collate(some)) if isinstance(some, list) else some
        sample = [tensor[index] for tensor in self.tensors]
        if self.transform is not None:
            sample[0] = transformed(self.transform, sample[0])
        if self.target_transform is not None:
            sample[-1] = self.target_transform(sample[-1])
        return tuple(sample)

    def __getitems__(self, indices: Sequence[int]) -> tuple[Any, ...] | list[Sample]:
        """The batch of these samples; a list of samples if a transform takes one at a time."""
        if self.target_transform is not None or not takes_batches(self.transform):
            return [self[i] for i in indices]
        rows = np.asarray(indices)
        batch = [_rows(tensor, rows) for tensor in self.tensors]
        if self.transform is not None:
            batch[0] = self.transform.batch(batch[0])  # type: ignore[attr-defined]
        return tuple(batch)


class Subset(Dataset):
    """The samples of another data set at the given indices."""

    def __init__(self, dataset: Any, indices: Sequence[int]) -> None:
        self.dataset, self.indices = dataset, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: Any) -> Sample:
        if isinstance(index, list):
            return self.dataset[[self.indices[i] for i in index]]
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> Any:
        """The samples, or the batch, as the other data set gives them."""
        return get_items(self.dataset, [self.indices[i] for i in indices])


class ConcatDataset(Dataset):
    """Several data sets as one, one after the other. `a + b` makes one of two."""

    def __init__(self, datasets: Iterable[Any]) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset needs at least one data set")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise ValueError("ConcatDataset needs data sets with a length, not IterableDatasets")
        self.cumulative_sizes = list(accumulate(len(dataset) for dataset in self.datasets))

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]

    def _place(self, index: int) -> tuple[int, int]:
        """Which data set a sample is in, and its index there."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range: there are {len(self)} samples")
        index %= len(self)
        which = bisect_right(self.cumulative_sizes, index)
        return which, index - (self.cumulative_sizes[which - 1] if which else 0)

    def __getitem__(self, index: int) -> Sample:
        which, inner = self._place(index)
        return self.datasets[which][inner]

    def __getitems__(self, indices: Sequence[int]) -> list[Sample]:
        """The samples; each data set is asked once, for all of its own."""
        samples: list[Sample] = [None] * len(indices)
        places = [self._place(index) for index in indices]
        for which, dataset in enumerate(self.datasets):
            mine = [n for n, place in enumerate(places) if place[0] == which]
            found = get_items(dataset, [places[n][1] for n in mine]) if mine else []
            found = found if isinstance(found, list) else samples_of(found, len(mine))
            for n, sample in zip(mine, found, strict=True):
                samples[n] = sample
        return samples


def random_split(dataset: Any, lengths: Sequence[float], generator: Seed = None) -> list[Subset]:
    """Split a data set at random into Subsets of the given lengths, or fractions that sum to 1.

    Fractions are rounded down, and what is left goes one by one to the first parts. `generator` is
    a seed or a numpy Generator. ValueError for lengths that do not sum to the whole.
    """
    n = len(dataset)
    if math.isclose(sum(lengths), 1):
        for i, fraction in enumerate(lengths):
            if not 0 <= fraction <= 1:
                raise ValueError(f"the fraction at {i} is {fraction}, and must be between 0 and 1")
        counts = [math.floor(n * fraction) for fraction in lengths]
        for i in range(n - sum(counts)):
            counts[i % len(counts)] += 1
        for i, count in enumerate(counts):
            if not count:
                warnings.warn(f"part {i} of the split has no samples", stacklevel=2)
    else:
        counts = [_whole(length) for length in lengths]
    if sum(counts) != n:
        told = f"the lengths {list(lengths)} sum to {sum(counts)}"
        raise ValueError(f"{told}, not to the {n} samples: give lengths or fractions of the whole")
    order = generator_of(generator).permutation(n).tolist()
    return [Subset(dataset, order[end - c : end]) for end, c in zip(accumulate(counts), counts)]


def get_items(dataset: Any, indices: Sequence[int]) -> Any:
    """Ask a data set for many samples: a list of them, or whatever its `__getitems__` gives.

    A class that overrides `__getitem__` alone means it: what it inherits is not asked then.
    """
    for kind in type(dataset).__mro__:
        if callable(vars(kind).get("__getitems__")):
            return dataset.__getitems__(list(indices))
        if "__getitem__" in vars(kind):
            break
    return [dataset[i] for i in indices]


def transformed(transform: Change, picture: Any) -> Any:
    """Apply a transform to one picture, in the same way as to a batch of one."""
    if takes_batches(transform) and (isinstance(picture, Tensor) or is_array(picture)):
        return transform.batch(picture[None])[0]  # type: ignore[attr-defined]
    return transform(picture)


def takes_batches(transform: Change | None) -> bool:
    """Tell whether a transform can change a whole batch: ours, or none at all."""
    return transform is None or (isinstance(transform, Transform) and transform.batched)


def _rows(tensor: Any, rows: np.ndarray) -> Any:
    """Pick rows of an array or a Tensor, which then is an array."""
    array = tensor.data if isinstance(tensor, Tensor) else tensor
    xp = module_of(array)
    if xp is not np and np.any((rows < -len(array)) | (rows >= len(array))):  # cupy would wrap
        raise IndexError(f"an index is out of range: there are {len(array)} samples")
    return xp.take(array, xp.asarray(rows, np.int64), axis=0)


def _whole(length: float) -> int:
    try:
        count = operator.index(length)  # type: ignore[arg-type]
    except TypeError:
        count = -1
    if count < 0:
        told = "whole numbers of at least 0, or fractions that sum to 1"
        raise ValueError(f"a length of {length!r} makes no sense here: give {told}")
    return count
