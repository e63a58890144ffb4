"""The way back from max pooling: the entries that were kept, where they stood, and zeros."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hello_dl.ops.index import scatter
from hello_dl.ops.shape import flatten, reshape
from hello_dl.ops.sliding import Sizes, per_axis


def max_unpool2d(
    input: Any,
    indices: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Any:
    """Put what `max_pool2d` with `return_indices` has kept back into pictures of zeros.

    Several sizes lead to one size of the result; `output_size`, the last two axes or the whole
    shape, says which it was. Without it, it is the smallest one without overlaps.
    """
    return _put_back(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool1d(
    input: Any,
    indices: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    output_size: Sequence[int] | None = None,
) -> Any:
    """Put what `max_pool1d` with `return_indices` has kept back into lines of zeros."""
    return _put_back(1, input, indices, kernel_size, stride, padding, output_size)


def _put_back(
    axes: int,
    input: Any,
    indices: Any,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    output_size: Sequence[int] | None,
) -> Any:
    op, before = f"max_unpool{axes}d", len(input.shape) - axes
    if tuple(input.shape) != tuple(indices.shape):
        raise ValueError(f"{op}: input {input.shape} and indices {indices.shape} differ in shape")
    if before not in (1, 2):
        raise ValueError(f"{op}: the input has the shape (n, channels, ...), not {input.shape}")
    kernel = per_axis(kernel_size, axes, "kernel_size")
    step = kernel if stride is None else per_axis(stride, axes, "stride")
    pads = per_axis(padding, axes, "padding", 0)
    slide = list(zip(input.shape[before:], kernel, step, pads))
    size = tuple((n - 1) * s - 2 * pad + k for n, k, s, pad in slide)
    if output_size is not None:
        wanted = tuple(output_size)[-axes:]
        if len(wanted) < axes or any(abs(n - m) >= s for n, m, s in zip(wanted, size, step)):
            raise ValueError(f"{op}: output_size {wanted} must be {size} give or take the stride")
        size = wanted
    lines = flatten(input, before, -1)
    blank = input.new_zeros((*input.shape[:before], math.prod(size)))
    try:
        filled = scatter(blank, indices.reshape(lines.shape), lines, dim=before)
    except IndexError:
        room = " x ".join(map(str, size))
        raise ValueError(f"{op}: indices beyond {room} entries: say output_size=...") from None
    return reshape(filled, shape=(*input.shape[:before], *size))
