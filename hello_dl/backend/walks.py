"""Compiled kernels for recurrent layers: when there are some, and how threads share a walk."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy

from hello_dl.backend import Array, fast
from hello_dl.backend.gemm import A_MILLISECOND
from hello_dl.backend.threads import cut, share, together

GROUP = 8  # sequences that stay together: a step takes few of them about as long as one alone


def kernels(*blocks: Array | None) -> ModuleType | None:
    """Return the module of kernels that walk with these blocks, or None; the first one is x."""
    return fast.kernels(*(block for block in blocks if block is not None), module="fast_walks")


def apart(
    kernel: Callable[..., Any], walk: Sequence[tuple[slice, int]], weight: Array, *blocks: Any
) -> None:
    """Let a kernel do a walk, in threads that share the sequences.

    The walk has the rows of every step, and how many they are. The weight, and the blocks that are
    only read, may lie in memory as they like; those that are written to lie in rows.
    """
    table = numpy.array([(rows.start, b) for rows, b in walk], "int64").reshape(-1, 2)
    blocks = tuple(x if isinstance(x, bool) else numpy.ascontiguousarray(x) for x in blocks)
    weight, sequences = numpy.ascontiguousarray(weight), int(table[:, 1].max(initial=0))
    threads = share(int(table[:, 1].sum()) * weight.size / A_MILLISECOND)

    def work(part: slice) -> None:
        kernel(table, weight, *blocks, part.start * GROUP, min(part.stop * GROUP, sequences))

    together(work, cut(math.ceil(sequences / GROUP), threads), threads)
