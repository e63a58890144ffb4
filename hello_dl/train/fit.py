"""The training loop: guess, measure, backward, step. And its counterpart, predicting."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hello_dl import functional as F
from hello_dl.backend import random
from hello_dl.graph import no_grad
from hello_dl.nn import Module
from hello_dl.optim import SGD
from hello_dl.tensor import Tensor


class Step(NamedTuple):
    """What is known after one step of training, measured on its batch before the step."""

    epoch: int  # passes through the data, this one included: 1, 2, ...
    number: int  # steps so far: 1, 2, ...
    loss: float
    right: int  # pictures of the batch that were read right
    seen: int  # pictures in the batch
    lr: float


def as_input(images: np.ndarray) -> Tensor:
    """Pictures with ink 0..255 (uint8) as a net takes them: ink 0..1 in float32."""
    return Tensor(np.multiply(images, 1 / 255, dtype=np.float32))


def steps_per_epoch(count: int, batch_size: int) -> int:
    """How many batches `count` pictures make; the last one may be smaller."""
    return -(-count // batch_size)


def fit(
    model: Module,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int,
    batch_size: int,
    lr: float,
    momentum: float = 0.9,
) -> Iterator[Step]:
    """Train `model` on pictures (n, 28, 28) uint8 and labels (n,), yielding after every step.

    The learning rate falls in a straight line from `lr` to 0: large steps to get there fast, small
    ones to settle. Every epoch goes through all pictures once, shuffled. A loss that is not finite
    is a ValueError: from there, nothing can be learned any more.
    """
    optimizer = SGD(model.parameters(), lr, momentum)
    steps, number = epochs * steps_per_epoch(len(images), batch_size), 0
    model.train()
    for epoch in range(1, epochs + 1):
        shuffled = random.generator().permutation(len(images))
        for start in range(0, len(images), batch_size):
            batch = shuffled[start : start + batch_size]
            optimizer.lr = lr * (1 - number / steps)
            number += 1

            logits = model(as_input(images[batch]))
            loss = F.cross_entropy(logits, Tensor(labels[batch]))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

            if not math.isfinite(loss.item()):
                raise ValueError(
                    f"the loss is {loss.item()} at step {number}, with lr {lr:g}: "
                    f"the steps are too large, try --lr {min(lr / 10, 0.05):g}"
                )
            right = int((logits.data.argmax(1) == labels[batch]).sum())
            yield Step(epoch, number, loss.item(), right, len(batch), optimizer.lr)


@no_grad()
def predict(model: Module, images: np.ndarray, batch_size: int = 1000) -> np.ndarray:
    """Probabilities (n, 10) that the model gives to pictures (n, 28, 28) uint8."""
    training = model.training
    model.eval()
    batches = (images[i : i + batch_size] for i in range(0, len(images), batch_size))
    probabilities = [model(as_input(batch)).softmax().numpy() for batch in batches]
    model.train(training)
    return np.concatenate(probabilities)
