"""What a worker does: make one batch, out of the samples that a task names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from hello_dl.data.collate import Batch, default_collate, default_convert, samples_of
from hello_dl.data.dataset import get_items
from hello_dl.data.randomness import Stream


class Task(NamedTuple):
    """One batch to fetch: which, and of which samples."""

    seed: int
    epoch: int
    number: int  # 1, 2, ... within the epoch
    indices: Any  # of a batch; one index without batching; None: the next of an IterableDataset


class Fetch:
    """Fetches batches of a data set with `__getitem__`, here or in a worker."""

    def __init__(self, dataset: Any, collate_fn: Callable[[Any], Batch], batched: bool) -> None:
        self.dataset, self.collate_fn, self.batched = dataset, collate_fn, batched

    def __call__(self, task: Task) -> Batch:
        """Fetch one batch."""
        with Stream(task.seed, task.epoch, task.number):
            if not self.batched:
                return self.collate_fn(self.dataset[task.indices])
            found = get_items(self.dataset, task.indices)
            if isinstance(found, list):
                return self.collate_fn(found)
            if self.collate_fn is default_collate:  # a whole batch is collated already
                return default_convert(list(found) if type(found) is tuple else found)
            return self.collate_fn(samples_of(found, len(task.indices)))


class End:
    """What is fetched after the last batch of an IterableDataset."""


class FetchNext(Fetch):
    """Fetches the batches of an IterableDataset, one after the other."""

    def __init__(
        self, dataset: Any, collate_fn: Callable[[Any], Batch], size: int | None, full: bool
    ) -> None:
        super().__init__(dataset, collate_fn, size is not None)
        self.size, self.full, self.done = size or 1, full, 0
        self.samples: Iterator[Any] | None = None

    def __call__(self, task: Task) -> Batch:
        """Fetch the next batch, or the first that was not handed out before."""
        found: list[Any] = []
        while self.done < task.number:  # where we go on in an epoch, there are some to skip
            self.done += 1
            with Stream(task.seed, task.epoch, self.done):
                if self.samples is None:
                    self.samples = iter(self.dataset)
                found = list(islice(self.samples, self.size))
        if len(found) < (self.size if self.full else 1):
            return End()
        with Stream(task.seed, task.epoch, task.number):
            return self.collate_fn(found if self.batched else found[0])
