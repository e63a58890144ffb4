"""Schedules made of schedules: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from hello_dl.optim.lr_scheduler.base import LRScheduler, checked_optimizer, checked_state
from hello_dl.optim.lr_scheduler.curves import in_order
from hello_dl.optim.lr_scheduler.plateau import ReduceLROnPlateau
from hello_dl.optim.optimizer import Optimizer


class _Composed(LRScheduler):
    """What both share: they hold schedules of one optimizer, and save them with themselves."""

    unsaved = ("optimizer", "_schedulers")

    def __init__(self, optimizer: Optimizer | None, schedulers: Iterable[LRScheduler]) -> None:
        self._schedulers = list(schedulers)
        if not self._schedulers:
            raise ValueError(f"{type(self).__name__} needs schedulers, and got none")
        for i, part in enumerate(self._schedulers):
            if not isinstance(part, LRScheduler):
                raise TypeError(f"schedulers[{i}] is no schedule: {part!r:.60}")
            if isinstance(part, ReduceLROnPlateau):
                raise ValueError(
                    f"schedulers[{i}] is a ReduceLROnPlateau, whose step needs a number: "
                    "step it by itself"
                )
            optimizer = optimizer or part.optimizer
            if part.optimizer is not optimizer:
                raise ValueError(f"schedulers[{i}] belongs to another optimizer")
        self.optimizer = checked_optimizer(optimizer)

    def rewind(self) -> None:
        """Go back to before step 0, with all parts and the base rates."""
        for part in self._schedulers:
            part.rewind()
        self.last_epoch = -1

    def _note(self) -> None:
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return a snapshot of the progress, with those of all parts."""
        return {**super().state_dict(), "_schedulers": [p.state_dict() for p in self._schedulers]}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` has returned."""
        new = checked_state(self, state_dict)
        pairs = list(zip(self._schedulers, new.pop("_schedulers")))
        for part, state in pairs:
            checked_state(part, state)  # all of them before any is changed
        for part, state in pairs:
            part.load_state_dict(state)
        vars(self).update(new)


class SequentialLR(_Composed):
    """One schedule after another: at each of the `milestones`, which are steps, the next begins.

    It begins at its own step 0, from the base rates. A warm-up, then a long fall, say.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        super().__init__(checked_optimizer(optimizer), schedulers)
        self._milestones = in_order(milestones)
        if len(self._milestones) != len(self._schedulers) - 1:
            raise ValueError(
                f"{len(self._schedulers)} schedulers need {len(self._schedulers) - 1} milestones "
                f"between them, got {len(self._milestones)}"
            )
        self.restart()
        for _ in range(last_epoch + 1):
            self.step()

    def step(self) -> None:  # type: ignore[override]
        """Go to the next step, of the schedule whose turn it is."""
        self.last_epoch += 1
        part = self._schedulers[bisect_right(self._milestones, self.last_epoch)]
        if self.last_epoch in self._milestones:
            part.restart()
        else:
            part.step()
        self._note()


class ChainedScheduler(_Composed):
    """Several schedules at once: their shares multiply."""

    def __init__(
        self, schedulers: Iterable[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        super().__init__(optimizer, schedulers)
        self.last_epoch = self._schedulers[0].last_epoch
        self._note()

    def step(self) -> None:  # type: ignore[override]
        """Go to the next step of every schedule, one after another."""
        for part in self._schedulers:
            part.step()
        self.last_epoch += 1
        self._note()
