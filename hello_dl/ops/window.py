"""Windows that slide over a block."""

from __future__ import annotations

from hello_dl.backend import DEFAULT_FLOAT, Array, is_half, module_of
from hello_dl.ops.axes import axis_of
from hello_dl.ops.rule import rule


@rule(halves=True)
def unfold(x: Array, *, dimension: int, size: int, step: int = 1):
    """Let a window of `size` entries slide along an axis, `step` by step; it is the last axis.

    Nothing is copied: an entry lies in several windows, and gets the gradients of all of them.
    """
    axis, xp = axis_of(dimension, x.ndim), module_of(x)
    length = x.shape[axis] if x.ndim else 1
    if not 0 <= size <= length or step < 1:
        raise ValueError(f"no window of {size} in steps of {step} fits in {length} entries")
    before = (slice(None),) * axis
    line = x if x.ndim else x.reshape(1)
    windows = xp.lib.stride_tricks.sliding_window_view(line, size, axis)
    y = windows[(*before, slice(None, None, step))] if x.ndim else windows[0]

    def pull(g):
        gradient = xp.zeros(line.shape, DEFAULT_FLOAT if is_half(x.dtype) else x.dtype)
        g, count = g.astype(gradient.dtype, copy=False), y.shape[axis] if x.ndim else 1
        for k in range(size):  # what lies at place k of all windows
            gradient[(*before, slice(k, k + count * step, step))] += g[..., k]
        return gradient.reshape(x.shape)

    return y, pull
