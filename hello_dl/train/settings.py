"""What `fit` is asked for, checked before anything begins: errors of one line with the fix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hello_dl.data.dataset import Dataset, IterableDataset
from hello_dl.data.files import make_writable
from hello_dl.nn import Module
from hello_dl.optim import Optimizer
from hello_dl.optim.lr_scheduler import ReduceLROnPlateau
from hello_dl.train.log import METRICS
from hello_dl.train.records import Epoch, Step
from hello_dl.train.saving import BEST, LAST


def check_counts(**counts: int | None) -> None:
    """Raise ValueError that names the first count which is no whole number from 1 on."""
    for name, count in counts.items():
        if count is not None and (type(count) is bool or not isinstance(count, int) or count < 1):
            raise ValueError(f"{name} must be a whole number of 1 or more, not {count!r}")


def check_model(model: Module, optimizer: Optimizer, metrics: Any) -> None:
    """Raise an error if this is no model, or the optimizer has other parameters than the model."""
    if not isinstance(model, Module):
        raise TypeError(f"fit trains a Module, not {model!r:.60}")
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"fit takes an optimizer such as optim.SGD(model.parameters(), lr=0.1), "
            f"not {optimizer!r:.60}"
        )
    if set(model.parameters()).isdisjoint(optimizer.parameters):
        raise ValueError(
            "the optimizer has none of the model's parameters: make it with model.parameters()"
        )
    if not isinstance(metrics, Mapping) or not all(map(callable, metrics.values())):
        raise TypeError(
            "metrics are functions by name, such as {'accuracy': accuracy}, not "
            + f"{metrics!r:.60}"
        )
    for name in metrics:
        if name in Epoch._fields or hasattr(Step, name):
            raise ValueError(f"a metric cannot be called {name!r}: training measures that itself")


def check_loader(loader: Any, validate: Any) -> None:
    """Raise a TypeError for what gives no batches."""
    if isinstance(loader, Dataset) and not isinstance(loader, IterableDataset):
        raise TypeError(
            f"fit takes batches, and a {type(loader).__name__} gives samples: "
            "DataLoader(dataset, batch_size=64, shuffle=True)"
        )
    if not _gives_items(loader):
        raise TypeError(f"fit takes a DataLoader, or a list of batches, not {loader!r:.60}")
    if validate is not None and not callable(validate) and not _gives_items(validate):
        raise TypeError(f"validate is a loader, or a function of the model, not {validate!r:.60}")


def _gives_items(loader: Any) -> bool:
    return hasattr(loader, "__iter__") or hasattr(loader, "__getitem__")


def check_schedule(schedule: Any, schedule_every: str, validate: Any, optimizer: Optimizer) -> None:
    """Raise an error for a schedule that could not be followed."""
    if schedule_every not in ("step", "epoch"):
        raise ValueError(f"schedule_every={schedule_every!r}: use 'step' or 'epoch'")
    if schedule is not None and not hasattr(schedule, "step"):
        raise TypeError(f"a schedule is one of optim.lr_scheduler, not {schedule!r:.60}")
    if getattr(schedule, "optimizer", optimizer) is not optimizer:
        raise ValueError(
            "the schedule moves the learning rate of another optimizer: make it with this one"
        )
    if isinstance(schedule, ReduceLROnPlateau) and validate is None:
        raise ValueError("ReduceLROnPlateau needs validate=, which gives the number it looks at")


def check_needs(needed: str, there: Any, **settings: Any) -> None:
    """Raise ValueError for a setting that means nothing without another one."""
    why = {"out": "a folder for the files", "validate": "which says how good an epoch was"}
    for name, setting in settings.items():
        if setting and there is None:
            raise ValueError(f"{name}={setting!r:.40} needs {needed}=, {why[needed]}")


def check_out(out: Any) -> None:
    """Make the folder; a ValueError, before any work is done, if nothing can be written there."""
    if not isinstance(out, str | Path):
        raise TypeError(f"out is a folder, such as 'out/mine', not {out!r:.60}")
    make_writable(out, f"out={str(out)!r}", (LAST, BEST, METRICS))
