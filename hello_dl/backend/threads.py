"""Several cores at once, for kernels that are more than one product of matrices.

BLAS shares a product among the cores by itself, but what numpy does before and after it, copying
and adding, keeps one core busy and leaves the others idle. numpy lets other threads run while it
computes: so a kernel cuts its work into pieces, and each thread does a piece from beginning to end.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import cache
from typing import Any, TypeVar

WORTH = 0.4  # milliseconds; with less work for each it does not pay to wake up another thread
PIECES = 2  # for each thread, so that one that is held up leaves some to the others

Piece = TypeVar("Piece")
Result = TypeVar("Result")

_pool_alone: ContextVar[int | None] = ContextVar("_pool_alone", default=None)  # threads, if so


@contextmanager
def undivided_products() -> Iterator[None]:
    """Within a `with` block, BLAS has one thread; here work is shared among as many as it had.

    Products of a small net are done before it pays to share them, and on a busy machine the threads
    of BLAS wait for each other: that can take thirty times as long. Does nothing where the user has
    said how many threads BLAS should have, with OPENBLAS_NUM_THREADS.
    """
    if "OPENBLAS_NUM_THREADS" in os.environ:
        yield
        return
    before = _pool_alone.set(count())
    try:
        with one_blas_thread():
            yield
    finally:
        _pool_alone.reset(before)


def are_products_undivided() -> bool:
    """Tell whether this is within `undivided_products`."""
    return _pool_alone.get() is not None


def count() -> int:
    """Return how many threads there are to work: as many as BLAS has, or is limited to."""
    if (threads := _pool_alone.get()) is not None:
        return threads
    return max((library.num_threads for library in _libraries()), default=1)


def share(milliseconds: float) -> int:
    """Return how many threads should work on what one of them would do in this time."""
    return min(count(), max(int(milliseconds / WORTH), 1)) if milliseconds >= WORTH else 1


def together(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], threads: int
) -> list[Result]:
    """Return [work(piece) for piece in pieces], done by so many threads.

    Products of matrices are then done by each thread alone. For a small one, too, that is better:
    to share it takes about as long as to do it, and much longer where other programs run.
    """
    with one_blas_thread():
        return _spread(work, pieces, threads)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS do products in the thread that asks for them, within a `with` block."""
    several = [(library, n) for library in _libraries() if (n := library.num_threads) > 1]
    for library, _ in several:
        library.set_num_threads(1)
    try:
        yield
    finally:
        for library, n in several:
            library.set_num_threads(n)


def ranges(work: Callable[[int, int], Any], size: int, milliseconds: float) -> None:
    """Do `work(first, end)` for all numbers below size, in ranges, by several threads if it pays.

    For work without products of matrices, which takes one thread so many milliseconds.
    """
    threads = share(milliseconds)
    _spread(lambda part: work(part.start, part.stop), cut(size, threads), threads)


def cut(size: int, threads: int) -> list[slice]:
    """Cut the numbers below size into ranges, a few for each thread."""
    many = max(min(size, PIECES * threads), 1) if threads > 1 else 1
    cuts = [size * i // many for i in range(many + 1)]
    return [slice(*ends) for ends in zip(cuts, cuts[1:])]


def _spread(work: Callable[[Piece], Result], pieces: Sequence[Piece], threads: int) -> list[Result]:
    """Let threads, this one among them, take a piece whenever they are done with their last.

    Those that the system has not let begin when all pieces are taken are not waited for.
    """
    if threads < 2 or len(pieces) < 2:
        return [work(piece) for piece in pieces]
    results: list[Any] = [None] * len(pieces)
    numbers = iter(range(len(pieces)))  # whoever asks gets the next one

    def take() -> None:
        for number in numbers:
            results[number] = work(pieces[number])

    helpers = min(threads, len(pieces)) - 1
    contexts = [copy_context() for _ in range(helpers)]  # numpy.errstate holds in them as well
    others = [_pool(threads - 1).submit(context.run, take) for context in contexts]
    try:
        take()
    finally:
        begun = [other for other in others if not other.cancel()]
        wait(begun)
    for other in begun:
        other.result()  # raises what was raised there
    return results


def blas_paths() -> list[str]:
    """Return the files of the BLAS libraries that are loaded."""
    return [library.filepath for library in _libraries()]


@cache
def _libraries() -> list[Any]:
    from threadpoolctl import ThreadpoolController  # when it is needed: not every program is

    return ThreadpoolController().select(user_api="blas").lib_controllers


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "hello_dl")


if hasattr(os, "register_at_fork"):  # a process that was forked off has none of the threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
