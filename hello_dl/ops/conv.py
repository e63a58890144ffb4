"""Convolution: one small kernel of weights looks at every place of a picture (LeCun et al. 1989).

What is learned for one place holds at all of them, so a digit that is shifted is found all the
same, and there are few weights to learn. (To be exact it is a correlation: the kernel of a
convolution in mathematics is mirrored.)
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
from hello_dl.ops.arrange import stack_list
from hello_dl.ops.pad import padded
from hello_dl.ops.rule import rule
from hello_dl.ops.sliding import (
    Sizes,
    arriving,
    lifted,
    lowered,
    once,
    placed,
    places_in,
    whole,
    windows_of,
)


@rule(floats=True)
def conv2d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
):
    """Slide kernels over pictures: each gives the sum of what lies under it times its weights.

    x         (n, channels, height, width), or one picture (channels, height, width)
    weight    (out, channels / groups, kernel height, kernel width)
    bias      (out,)
    stride    steps from one place to the next; padding: zeros around the picture, or "same" or
              "valid"; dilation: steps between what neighbors in a kernel meet
    groups    the channels fall into so many groups that do not see each other
    """
    return _convolved(2, x, weight, bias, stride, padding, dilation, groups)


def conv2d_composed(
    input: Any, weight: Any, bias: Any = None, stride: Sizes = 1, padding: Sizes | str = 0
) -> Any:
    """Spell `conv2d` as a loop over all places of the kernels."""
    windows, (high, wide) = placed(input, weight, stride, padding)
    (kh, kw), (down, across), (rows_around, columns_around), _ = windows
    picture = padded(input, (*columns_around, *rows_around))  # (n, channels, height, width)
    rows = []
    for y in range(0, high * down, down):
        row = []
        for x in range(0, wide * across, across):
            window = picture[:, None, :, y : y + kh, x : x + kw]  # (n, 1, channels, kh, kw)
            row.append((window * weight).sum((2, 3, 4)))  # (n, out)
        rows.append(stack_list(row, -1))
    result = stack_list(rows, -2)  # (n, out, places down, places across)
    return result if bias is None else result + bias.reshape(-1, 1, 1)


@rule(floats=True)
def conv1d(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
):
    """Slide kernels along lines: (n, channels, length) by (out, channels / groups, kernel length).

    The options are those of `conv2d`.
    """
    return _convolved(1, x, weight, bias, stride, padding, dilation, groups)


def _convolved(
    axes: int,
    x: Array,
    weight: Array,
    bias: Array | None,
    stride: Sizes,
    padding: Sizes | str,
    dilation: Sizes,
    groups: int,
):
    """Compute a convolution along one axis or two."""
    pictures = lifted(x, axes)
    if weight.ndim != axes + 2:
        raise ValueError(f"the weight has {axes + 2} axes: (out, channels / groups, kernel size)")
    channels, (out, per_group) = pictures.shape[1], weight.shape[:2]
    groups = whole(groups, "groups")
    if not weight.size:
        raise ValueError("the kernels have no numbers")
    if channels != per_group * groups:
        taken = f"{per_group} in each of groups={groups}" if groups != 1 else f"{per_group}"
        raise ValueError(f"the input has {channels} channels, and the weight takes {taken}")
    if out % groups:
        raise ValueError(f"{out} kernels do not fall into groups={groups} of one size")
    check_bias(bias, out)
    windows = windows_of(weight.shape[2:], axes, stride, padding, dilation, words=True)
    places_in(windows, pictures)
    pictures, kernels = arranged(pictures), lifted(weight, axes)
    y = correlate(pictures, kernels, windows, groups, bias)

    above = once(lambda g: arranged(arriving(g, x, axes)))

    def pull_x(g):
        gradient = correlate_input(above(g), kernels, windows, pictures.shape[2:], groups)
        return lowered(gradient, axes, x.ndim)

    def pull_weight(g):
        return correlate_weight(above(g), pictures, windows, groups).reshape(weight.shape)

    pulls = (pull_x, pull_weight, lambda g: channel_sums(above(g)))
    return lowered(y, axes, x.ndim), pulls if bias is not None else pulls[:2]


def check_bias(bias: Array | None, out: int) -> None:
    """Raise ValueError for a bias that is not a number for each of `out` channels."""
    if bias is not None and bias.shape != (out,):
        raise ValueError(f"bias has the shape ({out},), a number for each kernel")
