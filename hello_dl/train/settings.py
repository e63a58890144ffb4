"""What `fit` is asked for, checked before anything begins: errors of one line with the fix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hello_dl.nn import Module
from hello_dl.optim import Optimizer
from hello_dl.optim.lr_scheduler import ReduceLROnPlateau
from hello_dl.train.records import Epoch, Step


def check_counts(**counts: int | None) -> None:
    """Raise ValueError that names the first count which is no whole number from 1 on."""
    for name, count in counts.items():
        if count is not None and (type(count) is bool or not isinstance(count, int) or count < 1):
            raise ValueError(f"{name} must be a whole number of 1 or more, not {count!r}")


def check_model(model: Module, optimizer: Optimizer, metrics: Iterable[str]) -> None:
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
    for name in metrics:
        if name in Epoch._fields or hasattr(Step, name):
            raise ValueError(f"a metric cannot be called {name!r}: training measures that itself")


def check_schedule(schedule: Any, schedule_every: str, validate: Any) -> None:
    """Raise an error for a schedule that could not be followed."""
    if schedule_every not in ("step", "epoch"):
        raise ValueError(f"schedule_every={schedule_every!r}: use 'step' or 'epoch'")
    if schedule is not None and not hasattr(schedule, "step"):
        raise TypeError(f"a schedule is one of optim.lr_scheduler, not {schedule!r:.60}")
    if isinstance(schedule, ReduceLROnPlateau) and validate is None:
        raise ValueError("ReduceLROnPlateau needs validate=, which gives the number it looks at")


def check_needs(needed: str, there: Any, **settings: Any) -> None:
    """Raise ValueError for a setting that means nothing without another one."""
    why = {"out": "a folder for the files", "validate": "which says how good an epoch was"}
    for name, setting in settings.items():
        if setting and there is None:
            raise ValueError(f"{name}={setting!r:.40} needs {needed}=, {why[needed]}")
