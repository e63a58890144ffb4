"""A schedule that looks at the results."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hello_dl.optim.groups import check_settings
from hello_dl.optim.lr_scheduler.base import (
    LRScheduler,
    checked_optimizer,
    checked_state,
    for_each_group,
    the_same_groups,
)
from hello_dl.optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """Lower the rate when a number, such as the validation loss, has stopped getting better.

    `step(metrics)` is given that number. The rate is multiplied by `factor` once it has not become
    better for more than `patience` steps in a row.

    mode            "min" where smaller numbers are better, "max" where larger ones are
    threshold       how much better counts: a share of the best so far, or in threshold_mode "abs"
                    a difference
    cooldown        steps after a reduction in which bad ones do not count
    min_lr          no lower than this; may be a list with a value for each parameter group
    eps             a reduction by less than this is left out
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        self.optimizer = checked_optimizer(optimizer)
        check_settings(factor=factor, patience=patience, threshold=threshold, cooldown=cooldown)
        check_settings(eps=eps)
        if factor >= 1:
            raise ValueError(f"factor must be below 1, or the rate does not fall, got {factor}")
        for name, value, valid in (
            ("mode", mode, ("min", "max")),
            ("threshold_mode", threshold_mode, ("rel", "abs")),
        ):
            if value not in valid:
                raise ValueError(f"unknown {name} {value!r}: use one of {', '.join(valid)}")
        self.min_lrs = for_each_group("min_lr", min_lr, optimizer)
        check_settings(**{f"min_lr of group {i}": least for i, least in enumerate(self.min_lrs)})
        self.mode, self.factor, self.patience = mode, factor, patience
        self.threshold, self.threshold_mode = threshold, threshold_mode
        self.cooldown, self.eps = cooldown, eps
        self.best = math.inf if mode == "min" else -math.inf
        self.cooldown_counter = self.num_bad_epochs = self.last_epoch = 0
        self._last_lr = [group["lr"] for group in optimizer.param_groups]

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Take in the number of this step, and lower the rates if it is time."""
        try:
            current = float(metrics)
        except (TypeError, ValueError):
            raise TypeError(f"step() needs one number to go by, got {metrics!r:.60}") from None
        the_same_groups(self.optimizer, len(self.min_lrs))
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.cooldown_counter > 0:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def _is_better(self, current: float) -> bool:
        """Tell whether a number is better than the best so far, by enough; nan never is."""
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            return sign * current > sign * self.best * (1 + sign * self.threshold)
        return sign * current > sign * self.best + self.threshold

    def _reduce(self) -> None:
        """Multiply every rate by the factor, down to its least."""
        for group, least in zip(self.optimizer.param_groups, self.min_lrs):
            new = max(group["lr"] * self.factor, least)
            if group["lr"] - new > self.eps:
                group["lr"] = new

    def state_dict(self) -> dict[str, Any]:
        """Return a snapshot of settings and progress; `best` is None where there is none yet."""
        best = self.best if math.isfinite(self.best) else None
        return {**super().state_dict(), "best": best}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` has returned."""
        new = checked_state(self, state_dict)
        if new["best"] is None:
            new["best"] = math.inf if new["mode"] == "min" else -math.inf
        vars(self).update(new)
