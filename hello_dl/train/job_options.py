"""What can be chosen for a job, and how a run that goes on takes over what was chosen."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hello_dl.backend import check_device
from hello_dl.models import check_name
from hello_dl.train.recipes import OPTIMIZERS, RECIPES, Recipe
from hello_dl.train.tasks import TASKS, Task

# What belongs to a run and not to how it is started or shown: one that goes on keeps it.
KEPT = ("data", "epochs", "batch_size", "lr", "seed", "quick", "model", "optimizer", "augment")


@dataclass(frozen=True)
class JobOptions:
    """What can be chosen; None is what suits the net. ValueError where a choice makes no sense."""

    name: str = "digits"  # of the task
    data: str | Path | None = None  # a folder with the data, or "strokes"; None: look for it
    epochs: int | None = None
    batch_size: int | None = None
    lr: float | None = None  # the largest that the learning rate gets
    seed: int = 0
    out: str | Path | None = None  # None: the task's folder
    quick: bool = False  # learn from some of the data, in seconds
    plain: bool = False  # no live display
    model: str | None = None
    optimizer: str | None = None
    augment: bool | None = None  # turn, shift and scale the pictures a little, always anew
    device: str = "cpu"
    resume: bool = False  # go on with the run in `out` that was stopped or killed
    show: int | None = None  # do not train: load the model in `out` and read so many pictures
    download: bool = True

    def __post_init__(self) -> None:
        counts = {"epochs": self.epochs, "batch-size": self.batch_size, "show": self.show}
        for name, value in counts.items():
            if value is not None and value < 1:
                raise ValueError(f"--{name} must be 1 or more, not {value}")
        if self.lr is not None and not 0 < self.lr < math.inf:
            raise ValueError(f"--lr must be above 0, such as 0.05, not {self.lr}")
        if self.out is not None and not str(self.out).strip():
            raise ValueError(f"--out is empty: name a folder, such as {self.task.folder}")
        if self.seed < 0:
            raise ValueError(f"--seed must be 0 or more, not {self.seed}")
        check_name(self.net)
        if self.optimizer is not None and self.optimizer not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise ValueError(f"there is no optimizer '{self.optimizer}'; --optimizer takes {known}")
        object.__setattr__(self, "device", check_device(self.device))  # warns once, here

    @property
    def task(self) -> Task:
        """What is to be learned."""
        return TASKS[self.name]

    @property
    def net(self) -> str:
        """The name of the net."""
        return self.model or self.task.model

    @property
    def folder(self) -> str | Path:
        """Where the files go."""
        return self.task.folder if self.out is None else self.out

    def command(self, *flags: str) -> str:
        """The command that works on the same folder: `hello-dl digits --resume --out mine`."""
        where = () if self.out is None else ("--out", str(self.out))
        return " ".join(("hello-dl", self.name, *flags, *where))

    @property
    def smaller(self) -> str:
        """The flag to try where the steps were too large."""
        return f"--lr {min(self.recipe.lr / 10, 0.05):g}"

    @cached_property
    def recipe(self) -> Recipe:
        """How the net is trained: its recipe, and what was chosen instead."""
        known = RECIPES[self.net]
        optimizer, lr = self.optimizer or known.optimizer, self.lr or known.lr
        if self.lr is None and optimizer != known.optimizer:
            lr = OPTIMIZERS[optimizer].lr
        augment = known.augment if self.augment is None else self.augment
        epochs = known.augmented_epochs if augment else known.epochs
        batch_size = known.quick.batch_size if self.quick else known.batch_size
        return replace(
            known,
            optimizer=optimizer,
            lr=lr,
            epochs=self.epochs or (known.quick.epochs if self.quick else epochs),
            batch_size=self.batch_size or batch_size,
            augment=augment,
        )

    # As a part of a checkpoint.

    def state_dict(self) -> dict[str, Any]:
        """Return what belongs to the run, and what was left to the recipe as that has it."""
        chosen = {**asdict(self), **asdict(self.recipe), "model": self.net}
        kept = {name: chosen[name] for name in ("name", *KEPT)}
        return kept | {"data": self.data and str(self.data)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to do: a run that goes on has been started `as_in` its checkpoint."""

    def as_in(self, run: Mapping[str, Any]) -> JobOptions:
        """Take over what belongs to a run; ValueError for a flag that asks for something else."""
        run = dict(run)
        if (task := run.pop("name", self.name)) != self.name:
            raise ValueError(f"the run to go on with learns {task}: hello-dl {task} --resume")
        default = {field.name: field.default for field in fields(self)}
        for name in KEPT:
            here, there = getattr(self, name), run.get(name, getattr(self, name))
            if here != default[name] and str(here) != str(there):
                flag = "--" + name.replace("_", "-")
                raise ValueError(
                    f"{flag} is {there} in the run to go on with, not {here}: leave {flag} out, "
                    "or --resume"
                )
        return replace(self, **run)
