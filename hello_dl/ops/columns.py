"""Windows written down as columns, and added up again; with them a convolution is one product."""

from __future__ import annotations

import math
from typing import Any

from hello_dl.backend import Array
from hello_dl.backend import columns as kernels
from hello_dl.ops.pad import padded
from hello_dl.ops.rule import rule
from hello_dl.ops.shape import reshape
from hello_dl.ops.sliding import Sizes, lifted, per_axis, placed, places_in, windows_of


@rule(floats=True)
def im2col(
    x: Array,
    *,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
):
    """Write down every window of pictures (n, channels, height, width) as a column.

    Gives (n, channels · kernel height · kernel width, windows). An entry stands in as many columns
    as there are windows that it is in.
    """
    pictures = lifted(x, 2)
    windows = windows_of(kernel_size, 2, stride, padding, dilation)
    places_in(windows, pictures)
    y, size = kernels.columns(pictures, windows), pictures.shape[2:]

    def pull(g):
        g = g.astype(x.dtype, copy=False)
        return kernels.from_columns(g if x.ndim == 4 else g[None], windows, size).reshape(x.shape)

    return (y if x.ndim == 4 else y[0]), pull


@rule(floats=True)
def col2im(
    x: Array,
    *,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
):
    """Add columns (n, channels · kernel size, windows) up where `im2col` has them from.

    Gives pictures (n, channels, *output_size).
    """
    windows = windows_of(kernel_size, 2, stride, padding, dilation)
    height, width = per_axis(output_size, 2, "output_size")
    down, across = windows.places((height, width))
    if x.ndim not in (2, 3):
        raise ValueError("the input has the shape (n, channels · kernel size, windows)")
    if x.shape[-2] % math.prod(windows.kernel) or x.shape[-1] != down * across:
        raise ValueError(
            f"pictures of {height} x {width} have {down * across} windows of "
            f"{math.prod(windows.kernel)} entries for each channel"
        )
    y = kernels.from_columns(x if x.ndim == 3 else x[None], windows, (height, width))

    def pull(g):
        g = g.astype(x.dtype, copy=False)
        return kernels.columns(g if x.ndim == 3 else g[None], windows).reshape(x.shape)

    return (y if x.ndim == 3 else y[0]), pull


def unfold(
    input: Any,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Any:
    """Write down every window of pictures (n, channels, height, width) as a column.

    Gives (n, channels · kernel height · kernel width, windows).
    """
    return im2col(input, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)


def fold(
    input: Any,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Any:
    """Add columns up where `unfold` has them from: pictures (n, channels, *output_size)."""
    options = {"dilation": dilation, "padding": padding, "stride": stride}
    return col2im(input, output_size=output_size, kernel_size=kernel_size, **options)


def conv2d_by_columns(
    input: Any, weight: Any, bias: Any = None, stride: Sizes = 1, padding: Sizes | str = 0
) -> Any:
    """Do `conv2d` with im2col: windows are the columns of a matrix, kernels the rows of another.

    (Chellapilla, Puri and Simard 2006.)
    """
    windows, (down, across) = placed(input, weight, stride, padding)
    rows_around, columns_around = windows.padding
    picture = padded(input, (*columns_around, *rows_around))  # (n, channels, height, width)
    columns = unfold(picture, weight.shape[2:], stride=stride)  # (n, channels·kh·kw, windows)
    kernels = reshape(weight, shape=(weight.shape[0], -1))  # (out, channels·kh·kw)
    y = (kernels @ columns).reshape(len(input), len(weight), down, across)  # (n, out, down, across)
    return y if bias is None else y + bias.reshape(-1, 1, 1)
