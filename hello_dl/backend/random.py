"""Random numbers, one generator for each device, all set by one `manual_seed`."""

from __future__ import annotations

import operator
from typing import Any

import numpy

from hello_dl.backend import DEFAULT_FLOAT, Array, DType, _cupy, current_device

_seed = 0
_generators: dict[str, Any] = {}


def manual_seed(seed: int) -> None:
    """Start all random numbers anew: the same seed gives the same numbers on the same device."""
    global _seed
    truth = isinstance(seed, bool | numpy.bool_)  # older versions of numpy count with it
    if truth or not hasattr(seed, "__index__") or operator.index(seed) < 0:
        raise ValueError(f"a seed is a whole number of at least 0, got {seed!r}")
    _seed = operator.index(seed)
    _generators.clear()


def generator(device: str | None = None) -> Any:
    """Return the generator of a device (numpy's `default_rng` or cupy's)."""
    device = device or current_device()
    if device not in _generators:
        if device == "cpu":
            _generators[device] = numpy.random.default_rng(_seed)
        else:
            _generators[device] = _cupy().random.default_rng(_seed)
    return _generators[device]


def uniform(
    shape: tuple[int, ...],
    low: float = 0.0,
    high: float = 1.0,
    dtype: DType = DEFAULT_FLOAT,
    device: str | None = None,
) -> Array:
    """Draw numbers evenly from [low, high)."""
    unit = generator(device).random(shape, dtype=dtype)  # [0, 1)
    return unit * (high - low) + low


def normal(
    shape: tuple[int, ...],
    mean: float = 0.0,
    std: float = 1.0,
    dtype: DType = DEFAULT_FLOAT,
    device: str | None = None,
) -> Array:
    """Draw numbers from the normal distribution."""
    return generator(device).standard_normal(shape, dtype=dtype) * std + mean
