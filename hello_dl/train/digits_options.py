"""What can be chosen for the digits job, and how a run that goes on takes over what was chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, NamedTuple

from hello_dl import optim
from hello_dl.backend import check_device
from hello_dl.models import MODELS
from hello_dl.nn import Module


class Choice(NamedTuple):
    """An optimizer as `--optimizer` knows it."""

    make: Callable[..., optim.Optimizer]
    lr: float  # that suits the digits, unless --lr says another one
    settings: Mapping[str, Any]


OPTIMIZERS = {
    "sgd": Choice(optim.SGD, 0.05, {"momentum": 0.9}),
    "adam": Choice(optim.Adam, 0.002, {}),
    "adamw": Choice(optim.AdamW, 0.002, {}),
    "rmsprop": Choice(optim.RMSprop, 0.001, {}),
    "adagrad": Choice(optim.Adagrad, 0.02, {}),
    "lion": Choice(optim.Lion, 0.0003, {}),
}

# What belongs to a run and not to how it is started or shown: one that goes on keeps it.
KEPT = ("data", "epochs", "batch_size", "lr", "seed", "quick", "model", "optimizer", "augment")


@dataclass(frozen=True)
class DigitsOptions:
    """What can be chosen; ValueError where it makes no sense."""

    data: str | Path | None = None  # a folder that holds MNIST, or "strokes"; None: look for it
    epochs: int | None = None  # None: 10, or 25 with `augment`, or 2 with `quick`
    batch_size: int = 64
    lr: float | None = None  # at the start; it falls to 0. None: what suits the optimizer
    seed: int = 0
    out: str | Path = "out/digits"
    quick: bool = False  # learn from some of the digits, in a second or two
    plain: bool = False  # no live display
    model: str = "mlp"
    optimizer: str = "sgd"
    augment: bool = False  # turn, shift and scale the digits a little, anew in every epoch
    device: str = "cpu"
    resume: bool = False  # go on with the run in `out` that was stopped or killed
    show: int | None = None  # do not train: load the model in `out` and read so many digits
    download: bool = True

    def __post_init__(self) -> None:
        counts = {"epochs": self.epochs, "batch-size": self.batch_size, "show": self.show}
        for name, value in counts.items():
            if value is not None and value < 1:
                raise ValueError(f"--{name} must be 1 or more, not {value}")
        if self.lr is not None and not 0 < self.lr < math.inf:
            raise ValueError(f"--lr must be above 0, such as 0.05, not {self.lr}")
        if not str(self.out).strip():
            raise ValueError("--out is empty: name a folder, such as out/digits")
        if self.seed < 0:
            raise ValueError(f"--seed must be 0 or more, not {self.seed}")
        if self.model not in MODELS:
            raise ValueError(f"there is no net '{self.model}'; --model takes {', '.join(MODELS)}")
        if self.optimizer not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise ValueError(f"there is no optimizer '{self.optimizer}'; --optimizer takes {known}")
        object.__setattr__(self, "device", check_device(self.device))  # warns once, here

    @property
    def passes(self) -> int:
        """How many epochs that makes."""
        return self.epochs or (2 if self.quick else 25 if self.augment else 10)

    @property
    def rate(self) -> float:
        """The learning rate at the start."""
        return self.lr or OPTIMIZERS[self.optimizer].lr

    def make_optimizer(self, model: Module) -> optim.Optimizer:
        """Make the optimizer for a model."""
        make, _, settings = OPTIMIZERS[self.optimizer]
        return make(model.parameters(), lr=self.rate, **settings)

    # As a part of a checkpoint.

    def state_dict(self) -> dict[str, Any]:
        """Return what belongs to the run."""
        chosen = asdict(self)
        return {name: chosen[name] for name in KEPT} | {"data": self.data and str(self.data)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to do: a run that goes on has been started `as_in` its checkpoint."""

    def as_in(self, run: Mapping[str, Any]) -> DigitsOptions:
        """Take over what belongs to a run; ValueError for a flag that asks for something else."""
        default = {field.name: field.default for field in fields(self)}
        for name in KEPT:
            here, there = getattr(self, name), run[name]
            if here not in (default[name], MISSING) and str(here) != str(there):
                flag = "--" + name.replace("_", "-")
                raise ValueError(
                    f"{flag} is {there} in the run to go on with, not {here}: leave {flag} out, "
                    "or --resume"
                )
        return replace(self, **run)
