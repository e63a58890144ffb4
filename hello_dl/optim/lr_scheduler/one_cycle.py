"""One cycle: up, and down again. The momentum goes the other way."""

from __future__ import annotations

import math
from typing import Any

from hello_dl.optim.groups import check_settings
from hello_dl.optim.lr_scheduler.base import LRScheduler, checked_optimizer, for_each_group
from hello_dl.optim.lr_scheduler.cosine import half_wave
from hello_dl.optim.lr_scheduler.curves import check_share
from hello_dl.optim.optimizer import Optimizer

# What the rate and the momentum of a group go between in a phase, by their names in the group.
_RISE = ("initial_lr", "max_lr", "max_momentum", "base_momentum")
_FALL = ("max_lr", "min_lr", "base_momentum", "max_momentum")
_RETURN = ("max_lr", "initial_lr", "base_momentum", "max_momentum")
_VANISH = ("initial_lr", "min_lr", "max_momentum", "max_momentum")


class OneCycleLR(LRScheduler):
    """Up to `max_lr` and down again to almost nothing, once (Smith and Topin 2018).

    The momentum goes the other way: where steps are large, less of the old direction is kept.

    total_steps     how many steps there will be, or `epochs` times `steps_per_epoch`
    pct_start       the share of them in which the rate rises
    anneal_strategy "cos" for half a wave, "linear" for a straight line
    cycle_momentum  whether to change the momentum (of SGD), or the first of the betas (of Adam)
    base_momentum, max_momentum   where it is while the rate is at its top, and at the ends
    div_factor      the rate begins at max_lr / div_factor
    final_div_factor  ... and ends at that beginning divided by final_div_factor
    three_phase     fall to the beginning as slowly as it rose, and only then to the end

    `max_lr` and the momenta may be lists with a value for each parameter group. It sets the rate,
    whatever it was before. A step beyond the last is a ValueError.
    """

    chains = False

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        checked_optimizer(optimizer)
        check_share("pct_start", pct_start)
        for name, value in (("div_factor", div_factor), ("final_div_factor", final_div_factor)):
            check_settings(**{name: value})
            if not value:
                raise ValueError(f"{name} must be above 0, got {value}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy is 'cos' or 'linear', not {anneal_strategy!r}")
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        self.pct_start, self.three_phase = pct_start, three_phase
        self.anneal_strategy, self.cycle_momentum = anneal_strategy, cycle_momentum
        if last_epoch == -1:
            tops = for_each_group("max_lr", max_lr, optimizer)
            check_settings(**{f"max_lr of group {i}": top for i, top in enumerate(tops)})
            if cycle_momentum:
                _give_momenta(optimizer, base_momentum, max_momentum)
            for group, top in zip(optimizer.param_groups, tops):
                group["initial_lr"], group["max_lr"] = top / div_factor, top
                group["min_lr"] = group["initial_lr"] / final_div_factor
        super().__init__(optimizer, last_epoch)

    def lr_at(self, i: int, t: int) -> float:
        """Return the rate of group i at step t."""
        share, (start, end, _, _) = self._phase(t)
        group = self.optimizer.param_groups[i]
        return self._between(group[start], group[end], share)

    def step(self, epoch: int | None = None) -> None:
        """Go to the next step and set the rates, and with them the momenta."""
        t = self.last_epoch + 1 if epoch is None else epoch
        if t > self.total_steps:
            raise ValueError(f"step {t} of a schedule that was made for {self.total_steps} steps")
        super().step(epoch)
        if self.cycle_momentum:
            share, (_, _, start, end) = self._phase(t)
            for group in self.optimizer.param_groups:
                momentum = self._between(group[start], group[end], share)
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum

    def _phase(self, t: int) -> tuple[float, tuple[str, str, str, str]]:
        """Return in which phase step t is, and which share of that is over."""
        top, last = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if self.three_phase:
            phases = [(top, _RISE), (2 * top, _RETURN), (last, _VANISH)]
        else:
            phases = [(top, _RISE), (last, _FALL)]
        start = 0.0
        for end, names in phases[:-1]:
            if t <= end:
                return ((t - start) / (end - start) if end > start else 1.0), names
            start = end
        return ((t - start) / (last - start) if last > start else 1.0), phases[-1][1]

    def _between(self, start: float, end: float, share: float) -> float:
        """Return the point between two numbers at this share of the way."""
        left = half_wave(share) if self.anneal_strategy == "cos" else 1 - share
        return end + (start - end) * left


def _give_momenta(optimizer: Optimizer, base_momentum: Any, max_momentum: Any) -> None:
    """Keep in every group between what its momentum goes."""
    if not {"momentum", "betas"} & optimizer.defaults.keys():
        raise ValueError(
            f"{type(optimizer).__name__} has no momentum and no betas to cycle: "
            "use cycle_momentum=False"
        )
    bases = for_each_group("base_momentum", base_momentum, optimizer)
    tops = for_each_group("max_momentum", max_momentum, optimizer)
    for low, high in zip(bases, tops):
        check_share("base_momentum", low)
        check_share("max_momentum", high)
    for group, low, high in zip(optimizer.param_groups, bases, tops):
        group["base_momentum"], group["max_momentum"] = low, high


def _total(total_steps: int | None, epochs: int | None, steps_per_epoch: int | None) -> int:
    """Return how many steps there are; raises ValueError where that is not said."""
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ValueError("OneCycleLR needs total_steps, or epochs and steps_per_epoch")
    counts: list[Any] = [total_steps] if total_steps is not None else [epochs, steps_per_epoch]
    for count in counts:
        if not isinstance(count, int) or count < 1:
            raise ValueError(f"steps and epochs must be whole numbers above 0, got {count!r}")
    return math.prod(counts)
