"""The recipes: how each net is best trained on digits and letters, unless flags say otherwise.

Here is what was tried out, in one table: `RECIPES`, a row for each net of models/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from hello_dl import optim
from hello_dl.nn import Module
from hello_dl.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR


class Choice(NamedTuple):
    """An optimizer as `--optimizer` knows it."""

    make: Callable[..., optim.Optimizer]
    lr: float  # that suits most nets, unless the recipe or --lr says another one
    settings: Mapping[str, Any]


OPTIMIZERS = {
    "sgd": Choice(optim.SGD, 0.05, {"momentum": 0.9}),
    "adam": Choice(optim.Adam, 0.002, {}),
    "adamw": Choice(optim.AdamW, 0.002, {}),
    "rmsprop": Choice(optim.RMSprop, 0.001, {}),
    "adagrad": Choice(optim.Adagrad, 0.02, {}),
    "lion": Choice(optim.Lion, 0.0003, {}),
}


class Quick(NamedTuple):
    """What `--quick` makes do with, so that it takes seconds."""

    epochs: int
    learn: int  # pictures to learn from
    test: int  # pictures to test with
    batch_size: int = 64


@dataclass(frozen=True)
class Recipe:
    """How to train a net.

    schedule    of the learning rate: "falling" from `lr` to 0, for nets that bear large steps
                from the start; or "one-cycle", up to `lr` and down, which takes fewer steps
    augment     whether pictures are bent anew in every epoch: then more `epochs` pay
    """

    optimizer: str
    lr: float
    schedule: str
    epochs: int
    augmented_epochs: int
    batch_size: int
    augment: bool
    quick: Quick

    def make_optimizer(self, model: Module) -> optim.Optimizer:
        """Make the optimizer for a model."""
        make, _, settings = OPTIMIZERS[self.optimizer]
        return make(model.parameters(), lr=self.lr, **settings)

    def make_schedule(self, optimizer: optim.Optimizer, steps: int) -> LRScheduler:
        """Make the schedule for so many steps."""
        if self.schedule == "falling":
            return LambdaLR(optimizer, lambda step: 1 - step / steps)
        momentum = self.optimizer not in ("rmsprop", "adagrad")  # those have none to move
        return OneCycleLR(optimizer, self.lr, total_steps=steps, cycle_momentum=momentum)

    @property
    def way(self) -> str:
        """Say how it goes: `adamw, learning rate up to 0.003 and down to 0`."""
        between = f"{self.lr:g} falling to 0"
        if self.schedule == "one-cycle":
            between = f"up to {self.lr:g} and down to 0"
        return f"{self.optimizer}, learning rate {between}"

    @property
    def in_words(self) -> str:
        """Say all of it, for --help."""
        epochs = f"{self.epochs} epochs, {self.augmented_epochs} with --augment"
        if self.augment:
            epochs = f"--augment, {self.augmented_epochs} epochs, {self.epochs} without"
        return f"{epochs}; batches of {self.batch_size}; {self.way}"


# fmt: off
RECIPES = {
    #                  optimizer lr     schedule     epochs, augmented, batch, augment, quick
    "mlp":       Recipe("sgd",   0.05,  "falling",   10, 25,  64, False, Quick(2, 10_000, 10_000)),
    "mlp-large": Recipe("sgd",   0.05,  "falling",   10, 25,  64, False, Quick(2, 10_000, 10_000)),
    "lenet":     Recipe("adamw", 0.003, "one-cycle", 12, 25,  64, False, Quick(2, 10_000, 2_000)),
    "cnn":       Recipe("adamw", 0.008, "one-cycle", 6, 16, 128, True,  Quick(2, 4_000, 2_000)),
    "resnet":    Recipe("adamw", 0.005, "one-cycle", 6, 16, 128, True,  Quick(2, 1_500, 1_000, 32)),
}
# fmt: on
