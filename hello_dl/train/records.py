"""What training tells of itself: a `Step` after every update, an `Epoch` after every pass."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from hello_dl.train.statistics import Statistics


@dataclass
class Means:
    """Means over samples, of numbers that come batch by batch."""

    samples: int = 0
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, numbers: Mapping[str, float], samples: int) -> None:
        """Take note of the means over so many samples."""
        self.samples += samples
        for name, number in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + samples * number

    def means(self) -> dict[str, float]:
        """Return the means over all samples so far."""
        return {name: total / self.samples for name, total in self.sums.items()}


class Reading:
    """What one step has measured. Numbers on a GPU stay there until somebody asks for one.

    To ask is to wait until the GPU has come so far, and it then has nothing to do for a while.
    """

    __slots__ = ("_numbers", "_parts", "grad_norm", "samples")

    def __init__(self) -> None:
        self.samples = 0
        self.grad_norm: Any = 0.0
        self._parts: list[tuple[dict[str, Any], int]] = []  # of every batch
        self._numbers: dict[str, float] | None = None

    def add(self, loss: Any, numbers: dict[str, Any], samples: int) -> None:
        """Take note of what was measured on a batch."""
        self._parts.append(({"loss": loss} | numbers | {"loss": loss}, samples))  # it comes first
        self.samples += samples

    def numbers(self) -> dict[str, float]:
        """Return the means over all samples: the metrics, and "loss"."""
        if self._numbers is None:
            if len(self._parts) == 1:
                self._numbers = plain_numbers(self._parts[0][0])
            else:
                means = Means()
                for numbers, samples in self._parts:
                    means.add(plain_numbers(numbers), samples)
                self._numbers = means.means()
            self._parts, self.grad_norm = [], float(self.grad_norm)
        return self._numbers

    def __repr__(self) -> str:
        return f"Reading(samples={self.samples}, {self.numbers()}, grad_norm={self.grad_norm})"

    def is_finite(self) -> bool:
        """Tell whether the loss and the length of the gradient are numbers."""
        return math.isfinite(self.numbers()["loss"] + self.grad_norm)


def plain_numbers(numbers: Mapping[str, Any]) -> dict[str, float]:
    """Make floats of Tensors and arrays of one number each."""
    try:
        return {name: float(number) for name, number in numbers.items()}
    except (TypeError, ValueError):
        return {name: _plain_number(name, number) for name, number in numbers.items()}


def _plain_number(name: str, number: Any) -> float:
    """Make a float of one number; a TypeError that has its name if it is none."""
    try:
        return float(number)
    except (TypeError, ValueError):
        shape = getattr(number, "shape", ())
        what = f"an array of shape {shape}: take its mean" if shape else f"{number!r:.60}"
        raise TypeError(f"the metric {name!r} must give one number, not {what}") from None


class Step(NamedTuple):
    """One update of the weights, measured on its samples before the update."""

    epoch: int  # the pass through the data that it belongs to: 1, 2, ...
    epochs: int  # passes that are planned
    step: int  # updates since training began, this one included: 1, 2, ...
    steps: int | None  # updates that are planned; None if the loader does not say how long it is
    lr: float  # learning rate, of the first parameter group
    seconds: float  # since training began, pauses before a resume left out
    statistics: Statistics | None  # of every layer, where they were asked for
    reading: Reading  # which has the numbers below

    @property
    def samples(self) -> int:
        """How many samples it learned from."""
        return self.reading.samples

    @property
    def loss(self) -> float:
        """The mean over its samples."""
        return self.reading.numbers()["loss"]

    @property
    def grad_norm(self) -> float:
        """The length of the gradient, before it was clipped."""
        return float(self.reading.grad_norm)

    @property
    def metrics(self) -> dict[str, float]:
        """What else was measured, such as {"accuracy": 0.95}."""
        return {name: x for name, x in self.reading.numbers().items() if name != "loss"}


class Epoch(NamedTuple):
    """One pass through the data, and what validation says after it."""

    epoch: int
    epochs: int
    step: int  # updates since training began
    steps: int | None
    loss: float  # mean over the samples, each before the update that it was used for
    lr: float  # of the last update
    samples: int  # in this epoch
    samples_per_second: float  # while training, validation left out
    seconds: float  # since training began, pauses before a resume left out
    metrics: dict[str, float]  # means over the training samples, as for the loss
    validation: dict[str, float]  # such as {"loss": 0.1, "accuracy": 0.97}; {} without `validate`
    best: bool  # no earlier epoch did better in validation
    patience: int | None  # epochs that may still pass without a better one; None: any number


Training = Generator[Step | Epoch, None, None]  # what `fit` returns: to be gone through once
