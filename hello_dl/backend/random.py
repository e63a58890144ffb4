"""Random numbers for each device, all set by one `manual_seed`, and a state that can be saved.

On the CPU numpy's own generator draws. On a GPU, and for the masks of dropout on either, the bits
come from a counter (philox.py).
"""

from __future__ import annotations

import math
import operator
import threading
from collections.abc import Mapping
from typing import Any

import numpy

from hello_dl.backend import (
    DEFAULT_FLOAT,
    FLOAT64,
    Array,
    DType,
    check_device,
    current_device,
    dtype_of,
    module_of,
    to_device,
)
from hello_dl.backend.philox import PER_BLOCK, bits

_seed = 0
_generator = numpy.random.default_rng(_seed)
_next_block = {"cpu": 0, "cuda": 0}  # of each device's counter


class Here(threading.local):
    """What this thread draws from on the CPU, in place of the common generator.

    A loader sets it while it prepares a batch; `stream` is something that has a `generator`.
    """

    stream: Any = None


here = Here()


def manual_seed(seed: int) -> None:
    """Start all random numbers anew: the same seed gives the same numbers on the same device."""
    global _seed, _generator
    truth = isinstance(seed, bool | numpy.bool_)  # older versions of numpy count with it
    if truth or not hasattr(seed, "__index__") or operator.index(seed) < 0:
        raise ValueError(f"a seed is a whole number of at least 0, got {seed!r}")
    if here.stream is not None:  # a data set, while a loader prepares a batch: for this batch only
        here.stream.generator = numpy.random.default_rng(operator.index(seed))
        return
    _seed = operator.index(seed)
    _generator = numpy.random.default_rng(_seed)
    _next_block.update(cpu=0, cuda=0)


def generator() -> numpy.random.Generator:
    """Return numpy's generator, from which the CPU draws here and now."""
    return _generator if here.stream is None else here.stream.generator


_common = generator  # by a name that no argument hides


class Generator(numpy.random.Generator):
    """A stream of random numbers beside the common one: `Generator().manual_seed(7)`.

    It is one of numpy's generators. It draws on the CPU, for whatever device.
    """

    def __init__(self, device: str = "cpu") -> None:
        check_device(device)
        super().__init__(numpy.random.PCG64(0))

    def manual_seed(self, seed: int) -> Generator:
        """Start the stream anew; returns the generator."""
        self.bit_generator.state = numpy.random.PCG64(seed).state
        return self


def random_bits(count: int, device: str) -> Array:
    """Draw numbers of 32 random bits (uint32) from the device's counter."""
    drawn = bits(_seed % 2**128, _next_block[device], count, device)
    _next_block[device] += -(-count // PER_BLOCK)
    return drawn


def keep_mask(shape: tuple[int, ...], p: float, device: str) -> Array:
    """Draw a block of bools, each of them False with probability `p`: what dropout keeps."""
    return (random_bits(math.prod(shape), device) >= _threshold(p)).reshape(shape)


def _threshold(p: float) -> numpy.uint32:
    return numpy.uint32(min(round(p * 2**32), 2**32 - 1))


class Replay:
    """Masks that can be drawn once more: they are numbered, and each keeps its place.

    So what is needed again on the way back need not be kept: `keep_mask` is asked for it again.
    """

    def __init__(self, device: str) -> None:
        self.device, self.seed = device, _seed % 2**128
        self.places: dict[int, int] = {}  # number of a mask: its first block of the counter

    def reserve(self, number: int, count: int) -> None:
        """Give a mask of so many entries its number, and its place."""
        self.places[number] = _next_block[self.device]
        _next_block[self.device] += -(-count // PER_BLOCK)

    def keep_mask(self, number: int, shape: tuple[int, ...], p: float) -> Array:
        """Draw the mask of that number, or the same one again, as the function `keep_mask` does."""
        drawn = bits(self.seed, self.places[number], math.prod(shape), self.device)
        return (drawn >= _threshold(p)).reshape(shape)


def uniform(
    shape: tuple[int, ...],
    low: float = 0.0,
    high: float = 1.0,
    dtype: DType = DEFAULT_FLOAT,
    device: str | None = None,
    generator: numpy.random.Generator | None = None,
) -> Array:
    """Draw numbers evenly from [low, high)."""
    dtype = dtype_of(dtype)
    unit = _unit(shape, _drawn_as(dtype), check_device(device or current_device()), generator)
    return (unit * (high - low) + low).astype(dtype, copy=False)


def normal(
    shape: tuple[int, ...],
    mean: float = 0.0,
    std: float = 1.0,
    dtype: DType = DEFAULT_FLOAT,
    device: str | None = None,
    generator: numpy.random.Generator | None = None,
) -> Array:
    """Draw numbers from the normal distribution."""
    dtype = dtype_of(dtype)
    device = check_device(device or current_device())
    if device == "cpu" or generator is not None:
        source = generator or _common()
        drawn = to_device(numpy.asarray(source.standard_normal(shape, _drawn_as(dtype))), device)
    else:  # Box and Muller 1958: an angle and a distance make two; one of them will do
        unit = _unit((2, *shape), _drawn_as(dtype), device)
        xp = module_of(unit)
        drawn = xp.sqrt(-2 * xp.log(1 - unit[0])) * xp.cos(2 * math.pi * unit[1])
    return (drawn * std + mean).astype(dtype, copy=False)


def get_state() -> dict[str, Any]:
    """Return where all generators stand, as plain numbers that JSON can hold."""
    return {
        "seed": _seed,
        "numpy": _generator.bit_generator.state,
        "next_block": dict(_next_block),
    }


def set_state(state: Mapping[str, Any]) -> None:
    """Go on from where `get_state` was called."""
    global _seed
    _generator.bit_generator.state = state["numpy"]
    _seed = state["seed"]
    _next_block.update(state["next_block"])


def _unit(
    shape: tuple[int, ...],
    dtype: numpy.dtype,
    device: str,
    generator: numpy.random.Generator | None = None,
) -> Array:
    """Draw numbers evenly from [0, 1)."""
    if device == "cpu" or generator is not None:
        return to_device(numpy.asarray((generator or _common()).random(shape, dtype)), device)
    count = math.prod(shape)
    if dtype == FLOAT64:
        drawn = random_bits(2 * count, device).view(numpy.uint64)
        return (drawn >> numpy.uint64(11)).reshape(shape) * 2.0**-53
    drawn = random_bits(count, device) >> numpy.uint32(8)  # 24 bits: what float32 has room for
    return drawn.reshape(shape).astype(DEFAULT_FLOAT) * 2.0**-24


def _drawn_as(dtype: numpy.dtype) -> numpy.dtype:
    """Return the dtype to draw in: numpy draws float32 and float64 only."""
    return FLOAT64 if dtype == FLOAT64 else DEFAULT_FLOAT
