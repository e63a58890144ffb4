"""The training loop: guess, measure, backward, step.

What it leaves to others: where batches come from (feed.py), how far a run is (run.py), what is
saved (saving.py), and to see when numbers are no numbers any more (lookout.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hello_dl import functional as F
from hello_dl.nn import Module
from hello_dl.optim import Optimizer
from hello_dl.optim.lr_scheduler import ReduceLROnPlateau
from hello_dl.tensor import Tensor
from hello_dl.train.batches import Batch, Measure, device_of_model, measure_with
from hello_dl.train.early_stopping import EarlyStopping
from hello_dl.train.feed import Feed, Portion
from hello_dl.train.log import Log
from hello_dl.train.lookout import Lookout
from hello_dl.train.records import Reading, Training
from hello_dl.train.run import Run, Validate
from hello_dl.train.saving import Stateful
from hello_dl.train.settings import (
    check_counts,
    check_loader,
    check_model,
    check_needs,
    check_out,
    check_schedule,
)
from hello_dl.train.statistics import Watch


def fit(
    model: Module,
    loader: Iterable[Batch],
    *,
    optimizer: Optimizer,
    loss: Callable[..., Tensor] | None = F.cross_entropy,
    metrics: Mapping[str, Callable[[Tensor, Tensor], Any]] | None = None,
    step_loss: Callable[[Module, Batch], Any] | None = None,
    epochs: int = 1,
    schedule: Any = None,
    schedule_every: str = "step",
    accumulate: int = 1,
    clip: float | None = None,
    validate: Validate | None = None,
    monitor: str = "loss",
    mode: str = "min",
    patience: int | None = None,
    min_delta: float = 0.0,
    out: str | Path | None = None,
    resume: bool = False,
    save_every: int | None = None,
    log_every: int | None = None,
    tensorboard: bool = False,
    statistics: int | None = None,
    also: Mapping[str, Stateful] | None = None,
) -> Training:
    """Train a model, and yield a `Step` after every update and an `Epoch` after every pass.

        for progress in fit(model, loader, optimizer=optimizer, epochs=3):
            print(progress.step, progress.loss)  # break when you like

    loader       what gives batches once an epoch: a DataLoader, or a list. A batch is (inputs,
                 targets), or (input, input, targets), or a dict with its targets under that name.
    loss         loss(model(inputs), targets); None if the model itself returns the loss
    metrics      what else to measure: {"accuracy": accuracy} gives Step.metrics["accuracy"]
    step_loss    for any other contract: step_loss(model, batch) gives the loss, or (loss, metrics)
    schedule     of optim.lr_scheduler; moves after every update, or with schedule_every="epoch"
                 after every epoch. ReduceLROnPlateau does that always, by what `monitor` says.
    accumulate   batches to an update, which is that of one batch with all of their samples
    clip         the length to which a longer gradient is cut
    validate     a loader of held-out batches, or a function of the model that gives {name: number};
                 called after every epoch, in evaluation mode and without a graph
    monitor      the number of validation by which `best` is chosen; `mode` is "min" or "max"
    patience     stop after so many epochs in a row that are not better by more than `min_delta`
    out          a folder for `last.safetensors`, written after every epoch, every `save_every`
                 updates, and when the caller breaks off; for `best.safetensors`; and for
                 `metrics.jsonl`, with a line for every epoch and every `log_every` updates.
                 `tensorboard` puts the same into files for TensorBoard.
    resume       go on from `last.safetensors` exactly where it was saved, if it is there. Make
                 model, optimizer, schedule and loader as for the first start.
    statistics   look into the layers every so many updates: Step.statistics.table()
    also         more objects with state_dict() and load_state_dict() to save and to resume

    The model is switched to training; batches are moved to its device. A loss or gradient that is
    not finite ends it with a NonFiniteError, which says what operation it came from; the weights
    are then as before that step. Settings that make no sense and checkpoints that do not fit are a
    ValueError at once.
    """
    check_model(model, optimizer, metrics or {})
    check_loader(loader, validate)
    counts = {"save_every": save_every, "log_every": log_every, "statistics": statistics}
    check_counts(epochs=epochs, accumulate=accumulate, **counts)
    check_schedule(schedule, schedule_every, validate, optimizer)
    check_needs("validate", validate, patience=patience)
    files = {"resume": resume, "save_every": save_every, "log_every": log_every}
    check_needs("out", out, **files, tensorboard=tensorboard, also=also)
    if out is not None:
        check_out(out)
    measure = measure_with(loss, metrics or {}, step_loss)
    by_epoch = schedule_every == "epoch" or isinstance(schedule, ReduceLROnPlateau)
    by_step = None if by_epoch else schedule
    run = Run(
        model,
        Feed(loader, accumulate, device_of_model(model)),
        optimizer,
        measure,
        epochs,
        schedule=schedule,
        schedule_every="epoch" if by_epoch else "step",
        validate=validate,
        stopping=EarlyStopping(monitor, mode, patience, min_delta),
        lookout=Lookout(model, optimizer, by_step, measure, gradient, clip),
        watch=Watch(model, optimizer, statistics) if statistics else None,
        log=Log(Path(out), log_every, tensorboard) if out is not None else None,
        save_every=save_every,
    )
    if out is not None:
        run.keep_in(Path(out), also or {}, resume)
    return train(run)


def train(run: Run) -> Training:
    """The loop itself, at whatever point the run is."""
    model, optimizer = run.model, run.optimizer
    model.train()
    with run:  # when the caller breaks off, it is saved
        while run.unfinished:
            for portions in run.feed:  # one batch, or as many as `accumulate` says
                run.begin_step(portions)
                with np.errstate(all="ignore"):  # `check` sees what is nan or inf
                    reading = gradient(model, optimizer, run.measure, portions)
                    run.check(portions, reading)
                    optimizer.step()
                yield run.end_step(reading)
                run.save_if_due()
            yield run.end_epoch()
            run.save()


def gradient(
    model: Module, optimizer: Optimizer, measure: Measure, portions: list[Portion]
) -> Reading:
    """Guess, measure, backward: leave the gradient of a step at the parameters."""
    reading = Reading()
    optimizer.zero_grad()
    for batch, samples, share in portions:
        loss, numbers = measure(model, batch)  # guess, and measure how wrong that is
        loss.backward(share)  # which weight had what part in it?
        reading.add(loss, numbers, samples)
    return reading
