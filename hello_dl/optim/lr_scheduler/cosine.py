"""Schedules that fall like half a wave: slowly, fast, slowly."""

from __future__ import annotations

import math
from typing import Any

from hello_dl.optim.groups import check_settings
from hello_dl.optim.lr_scheduler.base import LRScheduler
from hello_dl.optim.optimizer import Optimizer


def half_wave(x: float) -> float:
    """Return (1 + cos πx) / 2: it falls from 1 at x = 0 to 0 at x = 1, and is level at both."""
    return (1 + math.cos(math.pi * x)) / 2


class CosineAnnealingLR(LRScheduler):
    """Half a wave down to `eta_min` in `T_max` steps (Loshchilov and Hutter 2017).

    Beyond these it comes up again the way it went, as in PyTorch.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        _check_wave("T_max", T_max, eta_min)
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def share(self, t: int) -> float:
        """Return the height of the wave at step t."""
        return half_wave(t / self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half waves, one after another, each `T_mult` times as long as the one before it.

    The first takes `T_0` steps; a new one starts at the top (Loshchilov and Hutter 2017). It sets
    the rate, whatever it was before. `step(epoch)` also takes parts of an epoch, such as 3.5.
    """

    chains = False

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        _check_wave("T_0", T_0, eta_min)
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a whole number above 0, got {value!r}")
        self.T_0, self.T_mult, self.eta_min = T_0, T_mult, eta_min
        super().__init__(optimizer, last_epoch)

    def share(self, t: float) -> float:
        """Return the height of the wave that step t falls into."""
        length = self.T_0
        if self.T_mult == 1:
            t %= length
        while t >= length:
            t -= length
            length *= self.T_mult
        return half_wave(t / length)

    def step(self, epoch: float | None = None) -> None:
        """Go to the next step, or to `epoch`, of which parts count, and set the rates."""
        if epoch is not None and not epoch >= 0:
            raise ValueError(f"epoch must be 0 or more, got {epoch}")
        super().step(epoch)  # type: ignore[arg-type]
        self.last_epoch = math.floor(self.last_epoch)


def _check_wave(name: str, length: Any, eta_min: Any) -> None:
    check_settings(**{name: length, "eta_min": eta_min})
    if not length:
        raise ValueError(f"{name} must be above 0, got {length}")
