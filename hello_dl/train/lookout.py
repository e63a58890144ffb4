"""The lookout: sees to it that loss and gradient stay finite, and goes back where they are not.

On a CPU it looks at every step, before the update. To look at a number on a GPU is to wait for it,
which a small model cannot afford; so there it looks once in several steps, and keeps what it takes
to go back to the last time. If something is wrong then, the steps since are done again, one by one,
with a look at each.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from hello_dl.nn import Module
from hello_dl.nn.utils import clip_grad_norm_, get_total_norm
from hello_dl.optim import Optimizer
from hello_dl.train.batches import Measure, device_of_model, size_in_bytes
from hello_dl.train.feed import Portion
from hello_dl.train.nonfinite import Moment, NonFiniteError, explain
from hello_dl.train.records import Reading

STEPS = 16  # from one look to the next, on a GPU
BYTES = 64 * 2**20  # of batches that are kept to do steps again
LARGE = 128 * 2**20  # bytes of a model: it keeps a GPU busy, so that to wait for it costs nothing

Passes = Callable[[Module, Optimizer, Measure, list[Portion]], Reading]  # `gradient` in fit.py


class Lookout:
    """Watches the steps of a training; `passes` goes forward and backward through one."""

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        schedule: Any,  # that moves after every step, or None
        measure: Measure,
        passes: Passes,
        clip: float | None,
    ) -> None:
        if clip is not None and not (isinstance(clip, int | float) and 0 < clip < math.inf):
            raise ValueError(f"clip is a length above 0, such as 1.0, not {clip!r}")
        self.model, self.optimizer, self.schedule = model, optimizer, schedule
        self.measure, self.passes, self.clip = measure, passes, clip
        small = sum(p.data.nbytes for p in optimizer.parameters) <= LARGE
        self.may_wait = device_of_model(model) != "cpu" and small
        self.at_once = not self.may_wait  # look before the update
        self.moment = Moment(model)
        self.unseen: list[tuple[int, list[Portion], Reading]] = []  # steps since the last look
        self.before: Any = None  # a snapshot of how it was then
        self.bytes = 0  # of their batches

    def begin_step(self, portions: list[Portion]) -> None:
        """Keep what a step that goes wrong would have to go back to."""
        if self.may_wait:
            self.bytes += sum(size_in_bytes(portion.batch) for portion in portions)
            if not self.unseen:
                self.at_once = self.bytes > BYTES // 2
                self.before = None if self.at_once else self._snapshot()
        if not self.unseen:
            self.moment.note()

    def end_passes(self, step: int, portions: list[Portion], reading: Reading) -> bool:
        """Cut the gradient if it is too long; tell whether it is time to look."""
        reading.grad_norm = self._grad_norm()
        self.unseen.append((step, portions, reading))
        return self.at_once or len(self.unseen) >= STEPS or self.bytes > BYTES

    def look(self) -> list[Reading]:
        """Return what the steps since the last look have measured; NonFiniteError if one is bad."""
        unseen, self.unseen, self.bytes = self.unseen, [], 0
        for step, portions, reading in unseen:
            if not reading.is_finite():
                raise self._explained(step, portions) if self.at_once else self._done_again(unseen)
        return [reading for _, _, reading in unseen]

    def _grad_norm(self) -> Any:
        """Return the length of the gradient; on a GPU as an array, for which nobody waits yet."""
        if self.clip is not None:
            return clip_grad_norm_(self.optimizer.parameters, self.clip)
        if self.at_once:
            return self.optimizer.grad_norm()
        return get_total_norm(p.grad for p in self.optimizer.parameters if p.grad is not None)

    def _explained(self, step: int, portions: list[Portion]) -> NonFiniteError:
        """Find out what went wrong in a step, the weights being those before it."""
        lr = self.optimizer.lr
        return explain(self.model, self.optimizer, self.measure, portions, self.moment, step, lr)

    def _done_again(self, steps: list[tuple[int, list[Portion], Reading]]) -> NonFiniteError:
        """Go back to the last look and do these steps again, up to the one that goes wrong."""
        self._go_back(self.before)
        for step, portions, _ in steps:
            self.moment.note()
            with np.errstate(all="ignore"):
                reading = self.passes(self.model, self.optimizer, self.measure, portions)
                reading.grad_norm = self._grad_norm()
                if not reading.is_finite():
                    return self._explained(step, portions)
                self.optimizer.step()
            if self.schedule is not None:
                self.schedule.step()
        first, last = steps[0][0], steps[-1][0]
        return NonFiniteError(
            f"the loss or a gradient was nan or inf in one of the steps {first} to {last}, but not "
            "when they were done again: the model does not compute the same every time",
            last,
            None,
        )

    def _snapshot(self) -> dict[str, Any]:
        """Return copies, on the device, of what a step changes beside `moment`."""
        return {
            "model": {name: array.copy() for name, array in self.model.state_dict().items()},
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule and self.schedule.state_dict(),
        }

    def _go_back(self, before: dict[str, Any]) -> None:
        """Go back to a snapshot."""
        self.model.load_state_dict(before["model"])
        self.optimizer.load_state_dict(before["optimizer"])
        if self.schedule is not None:
            self.schedule.load_state_dict(before["schedule"])
        self.moment.restore()
