"""Transposed convolution: every entry of a small picture stamps a kernel into a larger one.

It is what brings gradients back through a convolution, used forwards: to enlarge.
"""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array
from hello_dl.backend.conv import (
    arranged,
    channel_sums,
    correlate,
    correlate_input,
    correlate_weight,
)
from hello_dl.ops.conv import check_bias
from hello_dl.ops.pad import padded
from hello_dl.ops.rule import rule
from hello_dl.ops.sliding import (
    Sizes,
    arriving,
    as_pair,
    lifted,
    lowered,
    once,
    per_axis,
    whole,
    windows_of,
)


@rule(floats=True)
def conv_transpose2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
):
    """Add up kernels, each times an entry of the input, `stride` apart.

    x         (n, channels, height, width), or one picture (channels, height, width)
    weight    (channels, out / groups, kernel height, kernel width)
    bias      (out,)
    padding   so much is cut off around the result
    output_padding   rows and columns more below and on the right: a convolution with a stride
                     makes one size of several, and this says which one it was

    Of a height h it makes (h - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1.
    """
    return _stamped(2, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d_composed(input: Any, weight: Any, bias: Any = None, stride: Sizes = 1) -> Any:
    """Spell `conv_transpose2d` as a loop over all entries of the pictures."""
    down, across = per_axis(stride, 2, "stride")
    (_, _, height, width), (kh, kw) = input.shape, weight.shape[2:]
    full = (height - 1) * down + kh, (width - 1) * across + kw
    result: Any = 0
    for y in range(height):
        for x in range(width):
            entries = input[:, :, y, x]  # (n, channels)
            stamp = (entries[:, :, None, None, None] * weight).sum(1)  # (n, out, kh, kw)
            top, left = y * down, x * across
            around = (left, full[1] - left - kw, top, full[0] - top - kh)
            result = result + padded(stamp, around)
    return result if bias is None else result + bias.reshape(-1, 1, 1)


@rule(floats=True)
def conv_transpose1d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
):
    """Add up kernels along lines: (n, channels, length) by (channels, out / groups, kernel length).

    The options are those of `conv_transpose2d`.
    """
    return _stamped(1, x, weight, bias, stride, padding, output_padding, groups, dilation)


def _stamped(
    axes: int,
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Sizes,
    padding: Sizes,
    output_padding: Sizes,
    groups: int,
    dilation: Sizes,
):
    """Compute a transposed convolution along one axis or two."""
    pictures = lifted(x, axes)
    if weight.ndim != axes + 2:
        raise ValueError(f"the weight has {axes + 2} axes: (channels, out / groups, kernel size)")
    groups = whole(groups, "groups")
    if not weight.size:
        raise ValueError("the kernels have no numbers")
    if pictures.shape[1] != len(weight) or len(weight) % groups:
        raise ValueError(
            f"the input has {pictures.shape[1]} channels, the weight takes {len(weight)}, "
            f"and groups={groups} must be a part of both"
        )
    check_bias(bias, weight.shape[1] * groups)
    windows = windows_of(weight.shape[2:], axes, stride, padding, dilation)
    more = as_pair(per_axis(output_padding, axes, "output_padding", 0), 0)
    steps = list(zip(windows.stride, windows.dilation))
    if any(n >= max(pair) for n, pair in zip(more, steps) if n):
        raise ValueError(f"output_padding={output_padding} must be below the stride or dilation")
    height, width = (
        (n - 1) * step - 2 * pad + spread * (size - 1) + extra + 1
        for n, (step, spread), (pad, _), size, extra in zip(
            pictures.shape[2:], steps, windows.padding, windows.kernel, more
        )
    )
    if min(height, width) < 1:
        raise ValueError(f"padding={padding} leaves nothing: {height} x {width} entries")
    pictures, kernels = arranged(pictures), lifted(weight, axes)
    y = correlate_input(pictures, kernels, windows, (height, width), groups)
    if bias is not None:
        y += bias.reshape(-1, 1, 1)

    above = once(lambda g: arranged(arriving(g, x, axes)))

    def pull_x(g):
        gradient = correlate(above(g), kernels, windows, groups)
        size = tuple(slice(n) for n in pictures.shape)  # a large output_padding has one place more
        return lowered(gradient[size], axes, x.ndim)

    def pull_weight(g):
        return correlate_weight(pictures, above(g), windows, groups).reshape(weight.shape)

    pulls = (pull_x, pull_weight, lambda g: channel_sums(above(g)))
    return lowered(y, axes, x.ndim), pulls if bias is not None else pulls[:2]
