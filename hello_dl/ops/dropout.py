"""Dropout: leave some numbers out at random, so that a network does not lean on any of them."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, device_of, kernels, random
from hello_dl.ops.rule import rule
from hello_dl.ops.shape import squeeze, unsqueeze


@rule(floats=True)
def dropout(x: Array, *, p: float = 0.5, training: bool = True):
    """Put 0 for each entry with probability `p`, and divide the others by 1 - p.

    So the expected sum stays what it was, and without `training` nothing is to be done (Srivastava
    et al. 2014). The choices come from the random numbers of the device.
    """
    return _dropped(x, x.shape, p, training)


@rule(floats=True)
def feature_dropout(x: Array, *, p: float = 0.5, training: bool = True):
    """Do `dropout` with whole channels: one choice for each (n, c) of (n, c, ...)."""
    if x.ndim < 2:
        raise ValueError("the input has the shape (n, channels, ...)")
    return _dropped(x, x.shape[:2] + (1,) * (x.ndim - 2), p, training)


def _dropped(x: Array, choices: tuple[int, ...], p: float, training: bool):
    """Leave out with probability `p`, where a block of so many choices is stretched to x."""
    if not 0 <= p <= 1:
        raise ValueError(f"p is a probability between 0 and 1, got {p}")
    if not training or p == 0:
        return x, lambda g: g
    mask = random.keep_mask(choices, p, device_of(x))
    return kernels.kept(x, mask, p), lambda g: kernels.kept(g, mask, p)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Do `dropout` with whole channels of (n, c, length) or (c, length); a new block, always."""
    if len(input.shape) not in (2, 3):
        raise ValueError(f"dropout1d takes (n, c, length) or (c, length), not {input.shape}")
    if len(input.shape) == 2:
        return squeeze(feature_dropout(unsqueeze(input, 0), p=p, training=training), 0)
    return feature_dropout(input, p=p, training=training)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Do `dropout` with whole channels of (n, c, height, width); a new block, always."""
    return feature_dropout(input, p=p, training=training)
