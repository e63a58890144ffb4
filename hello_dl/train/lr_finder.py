"""Which learning rate? Try them all, from far too small to far too large, and look at the loss.

Smith 2015, "Cyclical learning rates for training neural networks": raise the rate a little at every
step. At first nothing happens, then the loss falls, then the steps are too large and it explodes.
A good rate lies where it falls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from hello_dl import functional as F
from hello_dl.data.files import replacing
from hello_dl.nn import Module
from hello_dl.optim import Optimizer
from hello_dl.tensor import Tensor
from hello_dl.train.batches import Batch, device_of_model, measure_with
from hello_dl.train.feed import Feed, Portion
from hello_dl.train.saving import RandomState, Stateful, restore, snapshot

MEMORY = 0.9  # of the moving average through the losses
EXPLODED = 4.0  # times the smallest loss: there is no use in going on


class LRCurve(NamedTuple):
    """Learning rates that were tried, rising, and the loss (smoothed) at each."""

    lrs: list[float]
    losses: list[float]
    suggestion: float  # inside the longest way down
    steepest: float  # where the loss falls fastest

    def save(self, path: str | Path) -> None:
        """Write a PNG of the curve."""
        from hello_dl.show.plots import draw_lr_curve

        with replacing(Path(path)) as part:
            draw_lr_curve(part, self.lrs, self.losses, self.suggestion)


def find_lr(
    model: Module,
    loader: Iterable[Batch],
    optimizer: Optimizer,
    loss: Callable[..., Tensor] | None = F.cross_entropy,
    *,
    start: float = 1e-7,
    end: float = 10.0,
    steps: int = 100,
    step_loss: Callable[[Module, Batch], Any] | None = None,
) -> LRCurve:
    """Train for some steps with learning rates from `start` to `end`, and suggest one.

    Stops early once the loss has exploded. Afterwards model, optimizer, random numbers and the
    position of the loader are as they were, and gradients are forgotten. Raises ValueError where
    nothing can be told, as when the loss is nan from the first step.
    """
    if not 0 < start < end < math.inf or steps < 10:
        raise ValueError(
            f"find_lr needs 0 < start < end and at least 10 steps, not {start}, {end}, {steps}"
        )
    feed = Feed(loader, 1, device_of_model(model))
    lrs = np.geomspace(start, end, steps).tolist()
    with _as_before(model, optimizer, feed):
        model.train()
        measure = measure_with(loss, {}, step_loss)
        losses = list(_losses(model, _forever(feed), optimizer, measure, lrs))
    if not losses:
        raise ValueError("the loss is nan or inf at the very first step: see what it is made of")
    if len(losses) < 10:
        raise ValueError(
            f"the loss exploded within {len(losses)} steps from lr {start:g} on: try a smaller "
            "start, or see whether the model works at all"
        )
    lrs = lrs[: len(losses)]
    return LRCurve(lrs, losses, lrs[valley(losses)], lrs[steepest(losses)])


@contextmanager
def _as_before(model: Module, optimizer: Optimizer, feed: Feed) -> Iterator[None]:
    """Put everything back at the end of a `with` block, whatever happens in it."""
    parts: dict[str, Stateful] = {"model": model, "optimizer": optimizer, "feed": feed}
    parts["random"] = RandomState()
    before, modes = snapshot(parts), [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        restore(parts, before)
        optimizer.zero_grad()
        for module, training in modes:
            module.training = training


def _losses(
    model: Module,
    portions: Iterator[Portion],
    optimizer: Optimizer,
    measure: Callable[[Module, Batch], Any],
    lrs: list[float],
) -> Iterator[float]:
    """Yield the smoothed loss of one step with each learning rate, until it has exploded."""
    mixed = weight = 0.0
    best = math.inf
    for lr, portion in zip(lrs, portions):
        optimizer.lr = lr
        optimizer.zero_grad()
        with np.errstate(all="ignore"):
            measured = measure(model, portion.batch)[0]
            measured.backward()
            optimizer.step()
        mixed = MEMORY * mixed + (1 - MEMORY) * measured.item()
        weight = MEMORY * weight + (1 - MEMORY)
        smoothed = mixed / weight
        if not smoothed < EXPLODED * best and best < math.inf or not math.isfinite(smoothed):
            return
        best = min(best, smoothed)
        yield smoothed


def _forever(feed: Feed) -> Iterator[Portion]:
    """Yield batches, epoch after epoch."""
    while True:
        for (portion,) in feed:
            yield portion


def steepest(losses: list[float]) -> int:
    """Return the index at which the loss falls fastest on its way to its smallest value.

    The rates grow by a factor, so that is over their logarithm.
    """
    bottom = int(np.argmin(losses))
    return int(np.gradient(losses[: max(bottom + 1, 2)]).argmin())


def valley(losses: list[float]) -> int:
    """Return the index half way down the longest way down: fastai's rule, which bears noise best.

    That way is the longest sequence of losses, each below all of the sequence before it.
    """
    longest = np.ones(len(losses), int)  # of the sequences that end here
    for i in range(1, len(losses)):
        lower = longest[:i][np.array(losses[:i]) > losses[i]]
        longest[i] = lower.max(initial=0) + 1
    bottom = int(longest.argmax())
    top = bottom - int(longest[bottom]) + 1
    return top + (bottom - top) // 2
