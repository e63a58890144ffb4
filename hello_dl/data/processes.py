"""Workers that are processes, for data sets of slow Python, which threads cannot run side by side.

They get the data set by pickle, or on Linux as they are split off, and send batches back through a
pipe. Nothing can wait for ever: a worker reads its tasks on a thread of its own, so neither end of
the pipe is ever full while both write; and who finds the pipe closed knows that the other is gone.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import random
import signal
import threading
import time
import traceback
from contextlib import suppress
from io import BytesIO
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from hello_dl.backend.random import manual_seed
from hello_dl.data.workers import PATIENCE, Start, Task, Work, WorkerInfo, prepare
from hello_dl.tensor import Tensor


class RemoteError(Exception):
    """The traceback in a worker process, as text: the cause of the error raised here."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


class ProcessWorkers:
    """Workers that are processes; task k goes to worker k modulo their number."""

    def __init__(
        self,
        work: Work,
        infos: list[WorkerInfo],
        start: Start = None,
        context: Any = None,
    ) -> None:
        if context is None or isinstance(context, str):
            context = multiprocessing.get_context(context)
        self._owner, self._given, self._taken = os.getpid(), 0, 0
        self._processes: list[Any] = []
        self._pipes: list[Connection] = []
        for info in infos:
            ours, theirs = context.Pipe()
            copied = ours if context.get_start_method() == "fork" else None
            arguments = (copied, theirs, work, start, info)
            process = context.Process(target=_serve_process, args=arguments, daemon=True)
            try:
                process.start()
            except (pickle.PicklingError, AttributeError, TypeError) as error:
                self.close()
                raise TypeError(
                    f"the data set or collate_fn cannot be sent to a worker process: {error}; "
                    "use functions and classes at the top of a file, or worker='thread'"
                ) from error
            theirs.close()
            self._processes.append(process)
            self._pipes.append(ours)

    def give(self, task: Task) -> None:
        """Send a task to the worker whose turn it is."""
        which = self._given % len(self._pipes)
        self._given += 1
        with suppress(BrokenPipeError, ConnectionResetError):  # `take` says that it is dead
            self._pipes[which].send(task)

    def take(self, timeout: float | None = None) -> Any:
        """The result of the oldest task."""
        which = self._taken % len(self._pipes)
        self._taken += 1
        pipe, process = self._pipes[which], self._processes[which]
        try:
            if not pipe.poll(timeout):
                raise RuntimeError(f"no batch within timeout={timeout:g} seconds")
            well, content = pickle.loads(pipe.recv_bytes())
        except (EOFError, ConnectionResetError, BrokenPipeError):
            process.join(PATIENCE)
            raise RuntimeError(
                f"worker process {which} died with exit code {process.exitcode}: "
                + _why(process.exitcode)
            ) from None
        if not well:
            error, text = content
            error.__cause__ = RemoteError(text)
            raise error
        return content

    def close(self) -> None:
        """End the processes: they are asked to, and after a moment made to."""
        if os.getpid() != self._owner:
            return  # a worker that was split off from us has a copy of this object
        for pipe in self._pipes:
            with suppress(OSError):
                pipe.send(None)
            pipe.close()
        deadline = time.monotonic() + PATIENCE
        for process in self._processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.terminate()
                process.join(PATIENCE)
            if process.is_alive():
                process.kill()
                process.join()
        self._pipes, self._processes = [], []

    def __del__(self) -> None:
        if getattr(self, "_processes", None):
            self.close()


def _serve_process(
    copied: Connection | None,
    pipe: Connection,
    work: Work,
    start: Start,
    info: WorkerInfo,
) -> None:
    """What a worker process does: task after task until it is told to end, or we are gone."""
    if copied is not None:
        copied.close()  # our end of the pipe: it would seem alive while a worker still had it
    threadpool_limits(1)  # each worker is one of many: it does not share its sums with threads
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for us: we end the workers
    manual_seed(info.seed)
    tasks: queue.SimpleQueue = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, tasks), daemon=True).start()
    trouble = prepare(info, start)
    while (task := tasks.get()) is not None:
        try:
            if trouble is not None:
                raise trouble
            _seed_python(task)
            message = _pickled((True, work(task)))
        except BaseException as error:
            message = _told(error, info.id)
        try:
            pipe.send_bytes(message)
        except OSError:
            return  # nobody listens any more


def _seed_python(task: Task) -> None:
    """Start `random` and `numpy.random` anew, so that what a data set draws depends on the batch.

    Else every process, and every epoch of new processes, would draw the same numbers again.
    """
    numbers = np.random.SeedSequence(task.seed, spawn_key=(task.epoch, task.number, 1))
    seed = numbers.generate_state(4)
    random.seed(seed.tobytes())
    np.random.seed(seed)


def _listen(pipe: Connection, tasks: queue.SimpleQueue) -> None:
    """Take tasks out of the pipe at once, so that who sends them never has to wait."""
    try:
        while (task := pipe.recv()) is not None:
            tasks.put(task)
        with suppress(queue.Empty):  # it is over: what has not begun is not wanted any more
            while True:
                tasks.get_nowait()
        tasks.put(None)
    except (EOFError, OSError):
        os._exit(1)  # the process that trains is gone: whatever is being done is for nobody


def _told(error: BaseException, worker: int) -> bytes:
    """An error as it is sent: itself if that can be done, and its traceback as text."""
    text = "".join(traceback.format_exception(error))
    error.add_note(f"(raised in worker process {worker})")
    try:
        message = _pickled((False, (error, text)))
        pickle.loads(message)  # some errors can be pickled but not made again
    except Exception:
        kind = RuntimeError(f"{type(error).__name__} in worker process {worker}: {error}")
        message = _pickled((False, (kind, text)))
    return message


class _Pickler(pickle.Pickler):
    """Pickles Tensors as the numbers that they hold."""

    def reducer_override(self, obj: Any) -> Any:
        """Say how to make `obj` again."""
        return (_tensor, (obj.numpy(),)) if isinstance(obj, Tensor) else NotImplemented


def _tensor(array: Any) -> Tensor:
    return Tensor(array, device="cpu")


def _pickled(message: Any) -> bytes:
    out = BytesIO()
    _Pickler(out, pickle.HIGHEST_PROTOCOL).dump(message)
    return out.getvalue()


def _why(code: int | None) -> str:
    """What may be behind the exit code of a worker process."""
    if code is not None and code < 0:
        return f"the system ended it (signal {-code}); perhaps memory ran out"
    if code != 1:
        return "something in the data set has ended it"
    return "a script that uses worker processes needs `if __name__ == '__main__':` around its start"
