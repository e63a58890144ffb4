"""How convolution, pooling and unfolding read their arguments: sizes, steps, and padding.

What slides along a line (n, channels, length) slides over a picture of height 1, and one example
without the axis n is a batch of one: so there is one way to compute, for (n, channels, h, w).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from hello_dl.backend import Array
from hello_dl.backend.windows import Pair, Windows

Sizes = int | Sequence[int]  # one number for all axes, or one for each


def per_axis(sizes: Sizes | str, axes: int, name: str, least: int = 1) -> tuple[int, ...]:
    """Read one number for all axes, or one for each; ValueError for one below `least`."""
    try:
        given: Sequence[Any] = sizes if isinstance(sizes, Sequence) else (sizes,)
        numbers = tuple(operator.index(n) for n in given)
    except TypeError:
        raise TypeError(f"{name} takes whole numbers, not {sizes!r:.60}") from None
    if len(numbers) == 1:
        numbers *= axes
    if len(numbers) != axes or min(numbers) < least:
        many = f"{axes} of them" if axes > 1 else "a tuple of it"
        raise ValueError(f"{name} is a whole number from {least} on, or {many}, not {sizes!r:.60}")
    return numbers


def whole(number: int, name: str, least: int = 1) -> int:
    """Read one whole number; ValueError for one below `least`."""
    try:
        read = operator.index(number)
    except TypeError:
        raise TypeError(f"{name} takes a whole number, not {number!r:.60}") from None
    if read < least:
        raise ValueError(f"{name} is a whole number from {least} on, not {number}")
    return read


def as_pair(numbers: tuple[int, ...], first: int = 1) -> Pair:
    """Read (width,) as (first, width): what a line needs as a picture of height 1."""
    return (first, numbers[0]) if len(numbers) == 1 else (numbers[0], numbers[1])


def windows_of(
    kernel: Sizes,
    axes: int,
    stride: Sizes | None = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    words: bool = False,
) -> Windows:
    """Make the windows of a kernel that slides along one axis or two.

    A stride of None is the size of the kernel. With `words` padding may be one: "same" pads so that
    there are as many places as entries, one more behind than before if it is odd; "valid" does not.
    """
    sizes = per_axis(kernel, axes, "kernel_size")
    steps = sizes if stride is None else per_axis(stride, axes, "stride")
    spread = per_axis(dilation, axes, "dilation")
    if words and padding == "same":
        if max(steps) > 1:
            raise ValueError(f"padding='same' needs stride=1, not {stride}")
        both = [d * (n - 1) for d, n in zip(spread, sizes)]
        pads = tuple((n // 2, n - n // 2) for n in both)
    elif words and isinstance(padding, str):
        if padding != "valid":
            raise ValueError(f"unknown padding {padding!r}: use 'same', 'valid' or whole numbers")
        pads = ((0, 0),) * axes
    else:
        pads = tuple((n, n) for n in per_axis(padding, axes, "padding", 0))
    around = ((0, 0), pads[0]) if axes == 1 else (pads[0], pads[1])
    return Windows(as_pair(sizes), as_pair(steps), around, as_pair(spread))


def lifted(x: Array, axes: int) -> Array:
    """See an example, or a line, as (n, channels, h, w)."""
    if x.ndim not in (axes + 1, axes + 2):
        one = "(channels, length)" if axes == 1 else "(channels, height, width)"
        raise ValueError(f"the input has the shape (n, {one[1:]}, or {one} for one")
    x = x if x.ndim == axes + 2 else x[None]
    return x if axes == 2 else x[:, :, None]


def arriving(g: Array, x: Array, axes: int) -> Array:
    """See a gradient as (n, channels, h, w), in the dtype in which x was computed with."""
    return lifted(g.astype(x.dtype, copy=False), axes)


def lowered(y: Array, axes: int, ndim: int) -> Array:
    """See (n, channels, h, w) as the input was that `lifted` was given, which had `ndim` axes."""
    y = y if axes == 2 else y[:, :, 0]
    return y if ndim == axes + 2 else y[0]


def once(arrange: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """Keep the last result of a function: two pulls ask for the same gradient, arranged."""
    last: tuple[Any, Any] = (None, None)

    def kept(x: Array) -> Array:
        nonlocal last
        if last[0] is not x:
            last = x, arrange(x)
        return last[1]

    return kept


def placed(input: Any, weight: Any, stride: Sizes, padding: Sizes | str) -> tuple[Windows, Pair]:
    """Return the windows of a convolution that is spelled out, and how many there are, as a pair.

    ValueError for pictures and kernels that do not go together: of many shapes the operations it is
    spelled in would make something without a word.
    """
    if len(input.shape) != 4 or len(weight.shape) != 4 or input.shape[1] != weight.shape[1]:
        raise ValueError(
            "pictures (n, channels, height, width) go with kernels (out, channels, height, width), "
            f"and not {tuple(input.shape)} with {tuple(weight.shape)}"
        )
    windows = windows_of(weight.shape[2:], 2, stride, padding, words=True)
    return windows, places_in(windows, input)


def places_in(windows: Windows, pictures: Array) -> Pair:
    """Return how many places there are down and across; ValueError where there is none."""
    size: Any = pictures.shape[2:]
    places = windows.places(size)
    if not all(places):
        reach = [d * (n - 1) + 1 for d, n in zip(windows.dilation, windows.kernel)]
        pad = " with its padding" if any(map(sum, windows.padding)) else ""
        raise ValueError(
            f"the kernel reaches over {reach[0]} x {reach[1]} entries and does not fit into "
            f"{size[0]} x {size[1]}{pad}"
        )
    return places
