"""Early stopping: which epoch was the best in validation, and when to give up waiting for more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


class EarlyStopping:
    """Watches one number of validation, such as its loss.

    An epoch is the best so far if the number is better than the best one by more than `min_delta`
    (`mode` says what better is: "min" or "max"). After `patience` epochs in a row that are not,
    `finished` is True; with `patience=None` never. nan is never better.
    """

    def __init__(
        self,
        monitor: str = "loss",
        mode: str = "min",
        patience: int | None = None,
        min_delta: float = 0.0,
    ) -> None:
        if mode not in ("min", "max"):
            raise ValueError(f"mode={mode!r}: use 'min' for a loss, 'max' for an accuracy")
        if patience is not None and patience < 1:
            raise ValueError(f"patience is a number of epochs, 1 or more, not {patience}")
        if not 0 <= min_delta < math.inf:
            raise ValueError(f"min_delta must be 0 or more, not {min_delta}")
        self.monitor, self.mode, self.patience, self.min_delta = monitor, mode, patience, min_delta
        self.best: float | None = None
        self.waited = 0  # epochs since the best one

    def update(self, validation: Mapping[str, float]) -> bool:
        """Take note of an epoch; tell whether it is the best so far."""
        if self.monitor not in validation:
            known = ", ".join(map(repr, validation)) or "nothing"
            raise ValueError(f"monitor={self.monitor!r}: validation measures {known}")
        now = validation[self.monitor]
        sign = 1 if self.mode == "max" else -1
        better = (
            not math.isnan(now) if self.best is None else sign * (now - self.best) > self.min_delta
        )
        if better:
            self.best, self.waited = now, 0
        else:
            self.waited += 1
        return better

    @property
    def left(self) -> int | None:
        """Epochs that may still pass without a better one."""
        return None if self.patience is None else max(self.patience - self.waited, 0)

    @property
    def finished(self) -> bool:
        """Whether it is time to stop."""
        return self.left == 0

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint holds of it."""
        return {"best": self.best, "waited": self.waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        self.best, self.waited = state["best"], state["waited"]
