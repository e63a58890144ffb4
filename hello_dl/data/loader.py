"""DataLoader: batches of a data set, in order or shuffled, prepared ahead, and on the GPU in time.

The arguments are PyTorch's. What is ours: workers are threads unless processes are asked for;
`device="cuda"` copies batch k + 1 to the GPU while batch k is used; and the position is exact:
`state_dict()` is three numbers, and a loader that loads them goes on with the very next batch.

What comes out depends on the seed alone, not on the workers: the order of an epoch on (seed,
epoch), and what transforms draw on (seed, epoch, number of the batch).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from itertools import islice, repeat
from typing import Any

from hello_dl.backend import check_device, current_device, random
from hello_dl.data.collate import Batch, default_collate, default_convert
from hello_dl.data.dataset import IterableDataset
from hello_dl.data.fetch import End, Fetch, FetchNext, Task
from hello_dl.data.placing import on_host, uploaded
from hello_dl.data.randomness import Seed, Stream, new_seed
from hello_dl.data.sampler import BatchSampler, IndexSampler, RandomSampler, SequentialSampler
from hello_dl.data.workers import ThreadWorkers, WorkerInfo

WORKERS = ("thread", "process")


class DataLoader:
    """Batches of a data set, one epoch for each `for` loop.

    `num_workers` prepare `prefetch_factor` batches each ahead of their time; they are threads, or
    with `worker="process"` (or a `multiprocessing_context`) processes. What a worker raises is
    raised here, in its turn, with the worker's own traceback. `generator` is a seed or a numpy
    Generator; without one, `manual_seed` decides. `device` is where batches come to lie, by default
    the current one; `pin_memory` is for those who copy them on their own.

    `epoch` counts the epochs that are done. A loop that is left early ends its epoch for good:
    the next loop begins a new one, unless `load_state_dict` says where to go on.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Batch] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Seed = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        worker: str | None = None,
        device: str | None = None,
    ) -> None:
        worker = worker or ("thread" if multiprocessing_context is None else "process")
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers, worker)
        _check_sampling(dataset, batch_size, shuffle, sampler, batch_sampler, drop_last)
        self.dataset, self.drop_last, self.num_workers = dataset, drop_last, num_workers
        self.timeout, self.worker_init_fn, self.worker = timeout, worker_init_fn, worker
        self.multiprocessing_context = multiprocessing_context
        self.prefetch_factor = (prefetch_factor or 2) if num_workers else None
        self.persistent_workers, self.pin_memory = persistent_workers, pin_memory
        self.device = device if device is None else check_device(device)
        self.generator = generator

        self._streaming = isinstance(dataset, IterableDataset)
        if sampler is None and batch_sampler is None and not self._streaming:
            sampler = RandomSampler(dataset) if shuffle else SequentialSampler(dataset)
        if batch_sampler is None and batch_size is not None and not self._streaming:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)  # type: ignore[arg-type]
            self.batch_size: int | None = batch_sampler.batch_size
        else:
            self.batch_size = batch_size if self._streaming else None
        self.sampler, self.batch_sampler = sampler, batch_sampler
        self._batched = self.batch_sampler is not None or self.batch_size is not None
        self.collate_fn = collate_fn or (default_collate if self._batched else default_convert)

        self._seed = new_seed(generator)
        self._seeded_by: Any = random.generator()
        self._epoch = self._batch = 0  # where whoever takes the batches is
        self._running: object | None = None  # the loop that the position follows
        self._workers: Any = None  # that outlast an epoch

    def __len__(self) -> int:
        """How many batches an epoch has; TypeError if nobody can know."""
        if not self._streaming:
            batches = self.sampler if self.batch_sampler is None else self.batch_sampler
            return len(batches)  # type: ignore[arg-type]
        samples, size = len(self.dataset), self.batch_size or 1
        return samples // size if self.drop_last else -(-samples // size)

    # Where we are.

    @property
    def epoch(self) -> int:
        """How many epochs are done; may be set."""
        self._follow_manual_seed()
        return self._epoch

    @epoch.setter
    def epoch(self, number: int) -> None:
        self._follow_manual_seed()
        self._epoch, self._batch, self._running = _at_least_0("epoch", number), 0, None

    def state_dict(self) -> dict[str, int]:
        """The position: the seed, the epoch, and how many of its batches have been handed out."""
        self._follow_manual_seed()
        return {"seed": self._seed, "epoch": self._epoch, "batch": self._batch}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Let the next loop go on from a position; ValueError if it is none of this loader."""
        expected = ("seed", "epoch", "batch")
        if not isinstance(state, Mapping) or set(state) != set(expected):
            names = ", ".join(map(str, state)) if isinstance(state, Mapping) else repr(state)
            raise ValueError(f"the position of a DataLoader has seed, epoch and batch, not {names}")
        seed, epoch, batch = (_at_least_0(name, state[name]) for name in expected)
        if not self._streaming and batch > len(self):
            raise ValueError(
                f"batch {batch} is beyond the {len(self)} batches of an epoch: the position was "
                "taken with another data set or batch_size"
            )
        self._seed, self._epoch, self._batch = seed, epoch, batch
        self._seeded_by = self._running = None  # what was seeded until now has no say any more

    def _follow_manual_seed(self) -> None:
        """Begin at epoch 0 again if `manual_seed` was called since the last loop.

        Not if the seed was given or loaded, and not in the middle of a loop.
        """
        if self._running is not None:
            return
        before, self._seeded_by = self._seeded_by, random.generator()
        if self.generator is None and before is not None and before is not self._seeded_by:
            self._seed, self._epoch, self._batch = new_seed(None), 0, 0

    # The loop.

    def __iter__(self) -> Generator[Batch, None, None]:
        """Begin an epoch, or go on in the one whose position was loaded."""
        if self._running is not None:  # the loop before was left early
            self._epoch, self._batch, self._running = self._epoch + 1, 0, None
        self._follow_manual_seed()
        self._running = run = object()
        return self._run(run, self._seed, self._epoch, self._batch)

    def _run(self, run: object, seed: int, epoch: int, first: int) -> Generator[Batch, None, None]:
        tasks = (
            Task(seed, epoch, number, indices)
            for number, indices in enumerate(self._indices(seed, epoch, first), first + 1)
        )
        with closing(self._placed(self._prepared(tasks))) as batches:
            for number, batch in enumerate(batches, first + 1):
                if self._running is run:
                    self._batch = number
                yield batch
        if self._running is run:
            self._epoch, self._batch, self._running = epoch + 1, 0, None

    def _indices(self, seed: int, epoch: int, first: int) -> Iterator[Any]:
        """Yield the indices of each batch from `first` on; of each sample if none are batched."""
        if self._streaming:
            yield from repeat(None)
        source: Any = self.sampler if self.batch_sampler is None else self.batch_sampler
        in_batches = type(source) is BatchSampler
        sampler, size = (source.sampler, source.batch_size) if in_batches else (source, 1)
        order = Stream(seed, epoch, 0)
        if isinstance(sampler, IndexSampler) and type(sampler).__iter__ is IndexSampler.__iter__:
            with order:  # all indices are known at once: a batch is a slice of them
                indices = sampler.indices()
            for start in range(first * size, len(source) * size, size):
                some = indices[start : start + size].tolist()
                yield some if in_batches else some[0]
            return
        with order:
            rest = islice(iter(source), first, None)
        while True:
            with order:  # a sampler that draws as it goes draws from this epoch's numbers
                some = next(rest, None)
            if some is None:
                return
            yield some

    def _prepared(self, tasks: Iterator[Task]) -> Generator[Batch, None, None]:
        """Yield the batches of tasks, in order; with workers they are begun ahead."""
        if not self.num_workers:
            fetch = self._fetch()
            for task in tasks:
                if isinstance(batch := fetch(task), End):
                    return
                yield batch
            return
        workers, self._workers = self._workers or self._start_workers(), None
        waiting = 0
        try:
            for task in islice(tasks, self.num_workers * (self.prefetch_factor or 1)):
                workers.give(task)
                waiting += 1
            while waiting:
                batch = workers.take(self.timeout or None)
                waiting -= 1
                if isinstance(batch, End):
                    return
                for task in islice(tasks, 1):
                    workers.give(task)
                    waiting += 1
                yield batch
            if self.persistent_workers and not self._streaming:
                self._workers, workers = workers, None
        finally:
            if workers is not None:
                workers.close()

    def _fetch(self) -> Fetch:
        """Make what fetches batches, here or in workers."""
        if self._streaming:
            return FetchNext(self.dataset, self.collate_fn, self.batch_size, self.drop_last)
        return Fetch(self.dataset, self.collate_fn, self._batched)

    def _start_workers(self) -> Any:
        """Start threads or processes. A stream has one beginning, so one worker reads all of it."""
        count = 1 if self._streaming else self.num_workers
        seed = Stream(self._seed, self._epoch).generator.integers(2**31)  # other ones each epoch
        infos = [WorkerInfo(i, count, int(seed) + i, self.dataset) for i in range(count)]
        if self.worker == "thread":
            return ThreadWorkers(self._fetch(), infos, self.worker_init_fn)
        from hello_dl.data.processes import ProcessWorkers

        context = self.multiprocessing_context
        return ProcessWorkers(self._fetch(), infos, self.worker_init_fn, context)

    def _placed(self, batches: Generator[Batch, None, None]) -> Generator[Batch, None, None]:
        """Yield the batches where they are wanted: on the GPU, or pinned, or as they are."""
        device = self.device or current_device()
        if device == "cuda":
            return uploaded(batches)
        if self.device is None and not self.pin_memory:
            return batches
        return on_host(batches, move=self.device == "cpu", pin=self.pin_memory)


# --------------------------------------------------------------------------------- arguments


def _check_workers(
    num_workers: int,
    timeout: float,
    prefetch_factor: int | None,
    persistent_workers: bool,
    worker: str,
) -> None:
    """Raise ValueError where the arguments about workers make no sense."""
    _at_least_0("num_workers", num_workers)
    if timeout < 0:
        raise ValueError(f"timeout={timeout}: seconds cannot be negative; 0 waits for ever")
    if worker not in WORKERS:
        raise ValueError(f"unknown worker {worker!r}: use one of {', '.join(WORKERS)}")
    if not num_workers and (prefetch_factor is not None or persistent_workers):
        told = f"prefetch_factor={prefetch_factor}, persistent_workers={persistent_workers}"
        raise ValueError(f"{told} are about workers, and num_workers is 0: give num_workers=2")
    if prefetch_factor is not None and _at_least_0("prefetch_factor", prefetch_factor) < 1:
        raise ValueError("prefetch_factor=0: each worker needs at least 1 batch to prepare")


def _check_sampling(
    dataset: Any,
    batch_size: int | None,
    shuffle: bool | None,
    sampler: Any,
    batch_sampler: Any,
    drop_last: bool,
) -> None:
    """Raise ValueError where two arguments both say which samples to take."""
    if isinstance(dataset, IterableDataset):
        if shuffle or sampler is not None or batch_sampler is not None:
            raise ValueError(
                "an IterableDataset gives its own order: leave out shuffle, sampler, batch_sampler"
            )
        if batch_size is not None and _at_least_0("batch_size", batch_size) < 1:
            raise ValueError("batch_size=0: a batch needs at least 1 sample")
    else:
        own_order = sampler is not None or batch_sampler is not None  # nobody asks for the length
        for method in ("__getitem__",) if own_order else ("__getitem__", "__len__"):
            if not hasattr(dataset, method):
                raise TypeError(
                    f"a data set needs __getitem__ and __len__; {type(dataset).__name__} has no "
                    f"{method}. Samples that come one after the other are an IterableDataset"
                )
    if sampler is not None and shuffle:
        raise ValueError("shuffle=True and a sampler both say in which order: give one of them")
    others = batch_size != 1 or shuffle or sampler is not None or drop_last
    if batch_sampler is not None and others:
        raise ValueError(
            "a batch_sampler says all of batch_size, shuffle, sampler and drop_last: leave them out"
        )
    if batch_size is None and drop_last:
        raise ValueError("drop_last=True drops a short batch, and batch_size=None makes no batches")


def _at_least_0(name: str, number: int) -> int:
    """Return a whole number; ValueError if it is none, or negative."""
    if isinstance(number, bool) or not hasattr(number, "__index__") or number.__index__() < 0:
        raise ValueError(f"{name} must be a whole number of at least 0, not {number!r:.60}")
    return number.__index__()
