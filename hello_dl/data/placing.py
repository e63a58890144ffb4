"""Where the batches of a loader come to lie: on the GPU, or in CPU memory, pinned or not."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from contextlib import closing
from typing import Any

import numpy as np

from hello_dl.backend import copies, to_device
from hello_dl.data.collate import Batch, map_leaves
from hello_dl.tensor import Tensor

Batches = Generator[Batch, None, None]


def uploaded(batches: Batches) -> Batches:
    """Yield batches on the GPU; the next one is on its way while this one is used."""
    uploader, under_way = copies.Uploader(), deque[tuple[Batch, copies.Upload]]()

    def arrived() -> Batch:
        batch, upload = under_way.popleft()
        blocks = iter(uploader.finish(upload))
        return map_leaves(batch, lambda x: Tensor(next(blocks)) if _is_on_host(x) else x)

    try:
        with closing(batches):
            for batch in batches:
                under_way.append((batch, uploader.begin(_host_arrays(batch))))
                if len(under_way) == 2:
                    yield arrived()
            while under_way:
                yield arrived()
    finally:
        uploader.close()


def on_host(batches: Batches, move: bool, pin: bool) -> Batches:
    """Yield batches with what is on the GPU moved into CPU memory, and what is there pinned."""

    def placed(leaf: Any) -> Any:
        if not isinstance(leaf, Tensor):
            return leaf
        array = to_device(leaf.data, "cpu") if move else leaf.data
        is_here = isinstance(array, np.ndarray)
        return Tensor(copies.pinned(array), device="cpu") if pin and is_here else Tensor(array)

    with closing(batches):
        for batch in batches:
            yield map_leaves(batch, placed)


def _host_arrays(batch: Batch) -> list[np.ndarray]:
    """List the arrays in CPU memory that the Tensors of a batch hold, in order."""
    found: list[np.ndarray] = []
    map_leaves(batch, lambda x: found.append(x.data) if _is_on_host(x) else None)
    return found


def _is_on_host(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and isinstance(leaf.data, np.ndarray)
