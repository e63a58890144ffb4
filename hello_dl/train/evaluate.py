"""Trying a model without training it: the means of its loss and metrics, and what it predicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from hello_dl import functional as F
from hello_dl.graph import no_grad
from hello_dl.nn import Module
from hello_dl.tensor import Tensor
from hello_dl.train.batches import (
    Batch,
    Measure,
    count_samples,
    device_of_model,
    measure_with,
    moved,
)
from hello_dl.train.records import Reading


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Switch a model to evaluation and record no graph; afterwards every module is as it was."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with no_grad():
            yield
    finally:
        for module, training in before:
            module.training = training


def evaluate(
    model: Module,
    loader: Iterable[Batch],
    *,
    loss: Callable[..., Tensor] | None = F.cross_entropy,
    metrics: Mapping[str, Callable[[Tensor, Tensor], Any]] | None = None,
    step_loss: Callable[[Module, Batch], Any] | None = None,
) -> dict[str, float]:
    """Return {"loss": ..., and the metrics}: means over all samples of the loader.

    The arguments are those of `fit`. Runs without a graph, in evaluation mode, and puts the mode of
    every module back. Raises ValueError if there is nothing to try.
    """
    return measured_means(model, loader, measure_with(loss, metrics or {}, step_loss))


def measured_means(model: Module, loader: Iterable[Batch], measure: Measure) -> dict[str, float]:
    """Return the means of what `measure` gives over all samples of the loader."""
    device, reading = device_of_model(model), Reading()
    with evaluating(model):
        for batch in loader:
            batch = moved(batch, device)
            reading.add(*measure(model, batch), count_samples(batch))
    if not reading.samples:
        raise ValueError("the loader to evaluate on gives no batches")
    return reading.numbers()


def predict(model: Module, inputs: Iterable[Any]) -> np.ndarray:
    """Return what the model makes of batches of inputs, end to end, in CPU memory."""
    device = device_of_model(model)
    with evaluating(model):
        outputs = [model(moved(batch, device)).numpy() for batch in inputs]
    if not outputs:
        raise ValueError("there are no batches of inputs to predict from")
    return np.concatenate(outputs)
