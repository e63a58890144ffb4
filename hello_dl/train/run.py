"""What stands behind the loop of fit.py: the books of a run, and when to save and to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hello_dl.nn import Module
from hello_dl.optim import Optimizer
from hello_dl.optim.lr_scheduler import ReduceLROnPlateau
from hello_dl.train.batches import Batch, Measure
from hello_dl.train.early_stopping import EarlyStopping
from hello_dl.train.evaluate import evaluating, measured_means
from hello_dl.train.feed import Feed, Portion, length
from hello_dl.train.log import Log
from hello_dl.train.lookout import Lookout
from hello_dl.train.records import Epoch, Means, Reading, Step, plain_numbers
from hello_dl.train.saving import BEST, LAST, Checkpoints, RandomState, Stateful
from hello_dl.train.statistics import Watch

Validate = Iterable[Batch] | Callable[[Module], Mapping[str, Any]]


@dataclass
class Progress:
    """How far a run is, in plain numbers."""

    step: int = 0  # updates so far
    epochs: int = 0  # that are done, validation included
    lr: float = 0.0  # of the last update
    seconds: float = 0.0  # since training began, in this process and those before
    training_seconds: float = 0.0  # in the epoch that is under way
    means: Means = field(default_factory=Means)  # likewise

    def state_dict(self) -> dict[str, Any]:
        """Return all of it for a checkpoint."""
        return asdict(self)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there."""
        vars(self).update(state, means=Means(**state["means"]))


@dataclass(eq=False)
class Run:
    """A training run: what `fit` was asked for, and how far it is."""

    model: Module
    feed: Feed
    optimizer: Optimizer
    measure: Measure
    epochs: int
    schedule: Any
    schedule_every: str
    validate: Validate | None
    stopping: EarlyStopping
    lookout: Lookout
    watch: Watch | None
    log: Log | None
    save_every: int | None
    checkpoints: Checkpoints | None = None
    progress: Progress = field(default_factory=Progress)

    def __post_init__(self) -> None:
        steps = self.feed.steps  # in an epoch
        self.steps = None if steps is None else self.epochs * steps

    def keep_in(self, folder: Path, also: Mapping[str, Stateful], resume: bool) -> None:
        """Save in this folder from now on; with `resume` begin by going to what is saved there."""
        may_be_stateful = {
            "model": self.model,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "feed": self.feed,
            "validate": self.validate,  # a loader has a position, too
            "progress": self.progress,
            "stopping": self.stopping,
            "random": RandomState(),
            "log": self.log,
        }
        if taken := set(may_be_stateful) & set(also):
            raise ValueError(f"also={{{min(taken)!r}: ...}}: that name is taken, use another one")
        parts: dict[str, Any] = {
            name: part for name, part in may_be_stateful.items() if hasattr(part, "load_state_dict")
        }
        facts = {
            "optimizer": type(self.optimizer).__name__,
            "schedule": type(self.schedule).__name__,
            "batches in an epoch": length(self.feed.loader),
            "batch_size": getattr(self.feed.loader, "batch_size", None),
        }
        log = parts.pop("log")
        self.checkpoints = Checkpoints(folder, {**parts, **also, "log": log}, facts)
        if resume:
            self.checkpoints.resume()

    def __enter__(self) -> Run:
        self.saved = self._position
        self.clock = time.perf_counter()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        """Let go of everything; a caller who broke off between two steps leaves a checkpoint."""
        try:
            if self.watch:
                self.watch.end()
            if error is GeneratorExit:
                self.save()
        finally:
            if self.log:
                self.log.close()

    @property
    def unfinished(self) -> bool:
        """Whether there is an epoch to begin, or to finish."""
        return self.progress.epochs < self.epochs and not self.stopping.finished

    # ------------------------------------------------------------------------------------- a step

    def begin_step(self, portions: list[Portion]) -> None:
        """Remember how it is, in case that this step goes wrong."""
        self.lookout.begin_step(portions)
        self.progress.lr = self.optimizer.lr
        if self.watch:
            self.watch.begin(self.progress.step + 1)

    def check(self, portions: list[Portion], reading: Reading) -> None:
        """Clip the gradient if asked to; an error if it or the loss is not finite."""
        if self.lookout.end_passes(self.progress.step + 1, portions, reading):
            self._look()
        if self.watch:
            self.watch.before_update()

    def _look(self) -> None:
        """Make sure that all is well so far, and add up what was measured."""
        for reading in self.lookout.look():
            self.progress.means.add(reading.numbers(), reading.samples)

    def end_step(self, reading: Reading) -> Step:
        """Count the step, let the learning rate follow its schedule, and say how it was."""
        progress = self.progress
        progress.step += 1
        if self.schedule is not None and self.schedule_every == "step":
            self.schedule.step()
        self._count_time(training=True)
        step = Step(
            epoch=progress.epochs + 1,
            epochs=self.epochs,
            step=progress.step,
            steps=self.steps,
            lr=progress.lr,
            seconds=progress.seconds,
            statistics=self.watch.end() if self.watch else None,
            reading=reading,
        )
        if self.log:
            self.log.step(step)
        return step

    # ----------------------------------------------------------------------------------- an epoch

    def end_epoch(self) -> Epoch:
        """Validate, keep the best, and say how it was."""
        self._look()
        self._count_time(training=True)
        validation = self._validation()
        best = bool(validation) and self.stopping.update(validation)
        if self.schedule is not None and self.schedule_every == "epoch":
            plateau = isinstance(self.schedule, ReduceLROnPlateau)
            self.schedule.step(*[validation[self.stopping.monitor]] if plateau else [])
        self._count_time(training=False)

        progress, means = self.progress, self.progress.means
        numbers, seconds = means.means(), progress.training_seconds
        progress.epochs += 1
        progress.means, progress.training_seconds = Means(), 0.0
        epoch = Epoch(
            epoch=progress.epochs,
            epochs=self.epochs,
            step=progress.step,
            steps=self.steps,
            loss=numbers.pop("loss"),
            lr=progress.lr,
            samples=means.samples,
            samples_per_second=means.samples / max(seconds, 1e-9),
            seconds=progress.seconds,
            metrics=numbers,
            validation=validation,
            best=best,
            patience=self.stopping.left,
        )
        if self.log:
            self.log.epoch(epoch)
        if self.checkpoints and best:
            self.checkpoints.save(BEST)
        return epoch

    def _validation(self) -> dict[str, float]:
        if self.validate is None:
            return {}
        with np.errstate(all="ignore"):
            if not callable(self.validate):
                return measured_means(self.model, self.validate, self.measure)
            with evaluating(self.model):
                measured = self.validate(self.model)
        if not isinstance(measured, Mapping):
            raise TypeError(f"validate gives {{name: number}}, not {measured!r:.60}")
        return plain_numbers(measured)

    def _count_time(self, training: bool) -> None:
        now = time.perf_counter()
        self.progress.seconds += now - self.clock
        self.progress.training_seconds += now - self.clock if training else 0
        self.clock = now

    # --------------------------------------------------------------------------------------- saving

    @property
    def _position(self) -> tuple[int, int]:
        return self.progress.step, self.progress.epochs

    def save_if_due(self) -> None:
        """Write a checkpoint every `save_every` steps."""
        if self.save_every and self.progress.step % self.save_every == 0:
            self.save()

    def save(self) -> None:
        """Write a checkpoint, unless there is one of just this step."""
        if self.checkpoints and self.saved != self._position:
            self._look()
            self.checkpoints.save(LAST)
            self.saved = self._position
