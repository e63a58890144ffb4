"""Copies from CPU memory to the GPU that run beside its computing.

A copy is only asynchronous out of pinned memory, which the system cannot move, and only on a stream
of its own. So a batch goes: into a pinned buffer (by the CPU), into a buffer on the GPU (on the
stream for copies), and when it is its turn, into new blocks (on the stream that computes). There
are two buffers of each kind, so one batch can be on its way while the one before is taken. Events
keep each stream from touching a buffer that the other has not done with: cupy's memory pool orders
nothing between two streams.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy

from hello_dl.backend import Array, _cupy, cuda_trouble

ALIGNMENT = 256  # bytes: every block in a buffer begins at a multiple


def pinned(array: numpy.ndarray) -> numpy.ndarray:
    """Return a copy of an array in pinned memory; the array itself where there is no GPU."""
    if cuda_trouble() is not None or not array.nbytes:
        return array
    out = _pinned_bytes(array.nbytes).view(array.dtype).reshape(array.shape)
    out[...] = array
    return out


def _pinned_bytes(count: int) -> numpy.ndarray:
    memory = _cupy().cuda.alloc_pinned_memory(count)
    return numpy.frombuffer(memory, numpy.uint8, count)  # which keeps the memory alive


class _Buffer:
    """One of the two lanes: a buffer on either side, and what has been done with them."""

    def __init__(self) -> None:
        event = _cupy().cuda.Event
        self.copied, self.taken = event(disable_timing=True), event(disable_timing=True)
        self.host: Any = ()  # bytes, pinned
        self.device: Any = ()  # bytes on the GPU, as many

    def reserve(self, count: int, stream: Any) -> None:
        """Have room for so many bytes."""
        if len(self.host) < count:
            self.taken.synchronize()  # nobody reads the old buffer any more
            self.host = _pinned_bytes(count)
            with stream:
                self.device = _cupy().empty(count, numpy.uint8)


class Upload(NamedTuple):
    """Blocks on their way: in which buffer, and for each its bytes from and to, dtype, shape."""

    buffer: _Buffer
    blocks: list[tuple[int, int, numpy.dtype, tuple[int, ...]]]


class Uploader:
    """Brings arrays to the GPU: `begin` early, `finish` late, at most two under way."""

    def __init__(self) -> None:
        self._stream = _cupy().cuda.Stream(non_blocking=True)
        self._buffers = [_Buffer(), _Buffer()]
        self._turn = 0

    def begin(self, arrays: list[numpy.ndarray]) -> Upload:
        """Start to copy; the arrays may be changed as soon as this returns."""
        buffer, self._turn = self._buffers[self._turn], 1 - self._turn
        buffer.copied.synchronize()  # the copy before last is out of the pinned buffer
        blocks, end = [], 0
        for array in arrays:
            start = math.ceil(end / ALIGNMENT) * ALIGNMENT
            end = start + array.nbytes
            blocks.append((start, end, array.dtype, array.shape))
        buffer.reserve(max(end, 1), self._stream)
        for array, (start, stop, dtype, shape) in zip(arrays, blocks):
            buffer.host[start:stop].view(dtype).reshape(shape)[...] = array
        self._stream.wait_event(buffer.taken)
        buffer.device.data.copy_from_host_async(buffer.host.ctypes.data, end, self._stream)
        buffer.copied.record(self._stream)
        return Upload(buffer, blocks)

    def finish(self, upload: Upload) -> list[Array]:
        """Return new blocks on the GPU; what is computed with them waits for the copy by itself."""
        now = _cupy().cuda.get_current_stream()
        now.wait_event(upload.buffer.copied)
        device = upload.buffer.device
        out = [
            device[start:stop].view(dtype).reshape(shape).copy()
            for start, stop, dtype, shape in upload.blocks
        ]
        upload.buffer.taken.record(now)
        return out

    def close(self) -> None:
        """Wait for what is under way: only then may the buffers go."""
        self._stream.synchronize()
