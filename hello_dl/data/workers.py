"""Workers prepare batches ahead of the one who trains: threads here, processes in processes.py.

Both kinds take the same tasks and hand out the results in the order in which the tasks were given:

    workers.give(task)          may be called many times ahead
    workers.take(timeout)       the result of the oldest task; raises what its worker has raised
    workers.close()             ends them; also done when the object is forgotten

A thread shares everything with us, so nothing is copied, and numpy and Pillow compute side by side.
Python code does not: for a data set of slow Python there are processes.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

Task = Any
Work = Callable[[Task], Any]
Start = Callable[[int], Any] | None  # worker_init_fn
PATIENCE = 0.5  # seconds that a worker has to end by itself


class WorkerInfo(NamedTuple):
    """What a worker knows of itself: `get_worker_info()`."""

    id: int  # 0, 1, ..., num_workers - 1
    num_workers: int
    seed: int
    dataset: Any


_mine = threading.local()


def get_worker_info() -> WorkerInfo | None:
    """In a worker of a DataLoader what is known of it; None elsewhere."""
    return getattr(_mine, "info", None)


def prepare(info: WorkerInfo, start: Start) -> BaseException | None:
    """Say to a new worker which one it is; return what its own preparation has raised."""
    _mine.info = info
    try:
        if start is not None:
            start(info.id)
    except BaseException as error:
        return error
    return None


class ThreadWorkers:
    """Workers that are threads of this process."""

    def __init__(self, work: Work, infos: list[WorkerInfo], start: Start = None) -> None:
        self._tasks: queue.SimpleQueue = queue.SimpleQueue()
        self._waiting: deque[Future] = deque()
        self._over = threading.Event()
        # The threads must not know `self`: it could not be forgotten while they run.
        shared = (self._tasks, self._over, work, start)
        self._threads = [
            threading.Thread(target=_serve, args=(*shared, info), daemon=True) for info in infos
        ]
        for thread in self._threads:
            thread.start()

    def give(self, task: Task) -> None:
        """Have a task done by whoever is free."""
        future: Future = Future()
        self._waiting.append(future)
        self._tasks.put((future, task))

    def take(self, timeout: float | None = None) -> Any:
        """The result of the oldest task."""
        future = self._waiting.popleft()
        try:
            future.exception(timeout)
        except TimeoutError:
            raise RuntimeError(f"no batch within timeout={timeout:g} seconds") from None
        return future.result()

    def close(self) -> None:
        """End the threads; one that is in the middle of a task ends after it."""
        if sys.is_finalizing():
            return  # they end with Python
        self._over.set()
        for _ in self._threads:
            self._tasks.put(None)
        deadline = time.monotonic() + PATIENCE
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        self._threads = []

    def __del__(self) -> None:
        if getattr(self, "_threads", None):
            self.close()


def _serve(
    tasks: queue.SimpleQueue,
    over: threading.Event,
    work: Work,
    start: Start,
    info: WorkerInfo,
) -> None:
    """What a thread does: task after task until it is over."""
    trouble = prepare(info, start)
    while (item := tasks.get()) is not None and not over.is_set():
        future, task = item
        try:
            if trouble is not None:
                raise trouble
            future.set_result(work(task))
        except BaseException as error:
            future.set_exception(error)
        del item, future, task  # a batch belongs to the one who takes it
