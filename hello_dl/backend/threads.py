"""Several cores at once, for kernels that are more than one product of matrices.

BLAS shares a product among the cores by itself, but what numpy does before and after it, copying
and adding, keeps one core busy and leaves the others idle. numpy lets other threads run while it
computes: so a kernel cuts its work into pieces, and each thread does a piece from beginning to end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from contextvars import copy_context
from functools import cache
from typing import Any, TypeVar

WORTH = 0.5  # milliseconds of work; from there on it pays to wake up other threads

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def count() -> int:
    """Return how many threads there are to work: as many as BLAS has, or is limited to."""
    libraries = _blas().lib_controllers
    return max((library.num_threads for library in libraries), default=1)


def share(milliseconds: float) -> int:
    """Return how many threads should work on what one of them would do in this time."""
    return count() if milliseconds >= WORTH else 1


def together(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], threads: int
) -> list[Result]:
    """Return [work(piece) for piece in pieces], done by so many threads.

    Products of matrices are then done by each thread alone. For a small one, too, that is better:
    to share it takes about as long as to do it, and much longer where other programs run.
    """
    with _blas().limit(limits=1) if count() > 1 else nullcontext():
        if threads == 1 or len(pieces) < 2:
            return [work(piece) for piece in pieces]
        contexts = [copy_context() for _ in pieces]  # numpy.errstate holds in the threads as well
        return list(_pool(threads).map(lambda c, piece: c.run(work, piece), contexts, pieces))


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # when it is needed: not every program is

    return ThreadpoolController().select(user_api="blas")


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "hello_dl")


if hasattr(os, "register_at_fork"):  # a process that was forked off has none of the threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
