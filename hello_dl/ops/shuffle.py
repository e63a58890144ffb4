"""Channels into pictures and back: r² channels are a picture that is r times as high and wide."""

from __future__ import annotations

from typing import Any

from hello_dl.ops.shape import permute, reshape
from hello_dl.ops.sliding import whole


def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """Make of (..., c·r², h, w) a block (..., c, h·r, w·r), r being `upscale_factor`.

    The r² channels are the entries of a tile of r x r (Shi et al. 2016).
    """
    r = _factor("pixel_shuffle", input, upscale_factor)
    *before, channels, height, width = input.shape
    if channels % r**2:
        raise ValueError(f"pixel_shuffle: {channels} channels are no multiple of {r}² = {r**2}")
    tiles = reshape(input, shape=(*before, channels // r**2, r, r, height, width))
    n = len(before)
    tiles = permute(tiles, dims=(*range(n + 1), n + 3, n + 1, n + 4, n + 2))
    return reshape(tiles, shape=(*before, channels // r**2, height * r, width * r))


def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """Make of (..., c, h·r, w·r) a block (..., c·r², h, w): undo `pixel_shuffle`."""
    r = _factor("pixel_unshuffle", input, downscale_factor)
    *before, channels, height, width = input.shape
    if height % r or width % r:
        raise ValueError(f"pixel_unshuffle: {height} x {width} is no multiple of {r}")
    n = len(before)
    tiles = reshape(input, shape=(*before, channels, height // r, r, width // r, r))
    tiles = permute(tiles, dims=(*range(n + 1), n + 2, n + 4, n + 1, n + 3))
    return reshape(tiles, shape=(*before, channels * r**2, height // r, width // r))


def _factor(op: str, input: Any, r: int) -> int:
    r = whole(r, f"{op}: the factor")
    if len(input.shape) < 3:
        raise ValueError(f"{op}: the input has the shape (..., c, h, w), not {input.shape}")
    return r


def channel_shuffle(input: Any, groups: int) -> Any:
    """Deal the channels of (n, c, ...) out anew, so that each group gets some of every group."""
    if len(input.shape) < 3:
        raise ValueError(f"channel_shuffle: the input has the shape (n, c, ...), not {input.shape}")
    n, channels, *rest = input.shape
    if channels % whole(groups, "channel_shuffle: groups"):
        raise ValueError(f"channel_shuffle: {channels} channels do not fall into {groups} groups")
    parts = reshape(input, shape=(n, groups, channels // groups, *rest))
    dims = (0, 2, 1, *range(3, len(rest) + 3))
    return reshape(permute(parts, dims=dims), shape=input.shape)
