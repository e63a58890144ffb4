"""What is measured: accuracy, which digits are mistaken for which, and a diary of training."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from hello_dl.data.files import replacing
from hello_dl.nn import Module
from hello_dl.train.fit import Step, predict


@dataclass(frozen=True)
class Epoch:
    """A line of metrics.jsonl: one epoch, or the part of it that was done."""

    epoch: int  # 1, 2, ...
    step: int  # steps since training began
    loss: float  # mean over the batches of this epoch, each before its step
    train_accuracy: float  # 0..1, likewise
    test_accuracy: float  # 0..1, at the end of this epoch
    seconds: float  # since training began
    lr: float  # of the last step
    images_per_second: float  # while training in this epoch


class Diary:
    """What happens in training, step by step, and what a test says after every epoch."""

    def __init__(self, model: Module, images: np.ndarray, labels: np.ndarray) -> None:
        self.model, self.images, self.labels = model, images, labels  # of the test
        self.losses: list[float] = []  # of every step
        self.epochs: list[Epoch] = []
        self.probabilities = np.empty((0, 10), np.float32)  # (test digits, 10) in the last test
        self.right = self.seen = 0  # training digits in this epoch
        self.began = self.epoch_began = time.perf_counter()

    def step(self, step: Step) -> None:
        """Note a step."""
        self.last = step
        self.right += step.right
        self.seen += step.seen
        self.losses.append(step.loss)  # at last: a Ctrl-C on the way leaves a whole diary

    @property
    def untested(self) -> list[float]:
        """The losses since the last test."""
        return self.losses[self.epochs[-1].step if self.epochs else 0 :]

    def end_epoch(self) -> Epoch:
        """Test, and note this epoch, or the part of it that was done."""
        now = time.perf_counter()
        self.probabilities = predict(self.model, self.images)
        losses = self.untested
        epoch = Epoch(
            epoch=self.last.epoch,
            step=self.last.number,
            loss=sum(losses) / len(losses),
            train_accuracy=self.right / self.seen,
            test_accuracy=accuracy(self.probabilities, self.labels),
            seconds=now - self.began,
            lr=self.last.lr,
            images_per_second=self.seen / (now - self.epoch_began),
        )
        self.epochs.append(epoch)
        self.right = self.seen = 0
        self.epoch_began = time.perf_counter()
        return epoch

    def read(self, images: np.ndarray) -> np.ndarray:
        """What the model as it is now makes of pictures: probabilities (n, 10)."""
        return predict(self.model, images)

    def misread(self) -> list[int]:
        """Which test digits the last test got wrong."""
        return np.flatnonzero(self.probabilities.argmax(1) != self.labels).tolist()


def write_metrics(path: Path, epochs: Iterable[Epoch]) -> None:
    """Write one JSON object a line, whole or not at all."""
    with replacing(path) as part:
        lines = [json.dumps(asdict(epoch)) + "\n" for epoch in epochs]
        part.write_text("".join(lines), encoding="utf-8")


def right_answers(probabilities: np.ndarray, labels: np.ndarray) -> int:
    """How many rows of (n, classes) have their largest entry at the label (n,)."""
    return int((probabilities.argmax(1) == labels).sum())


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of right answers, 0..1."""
    return right_answers(probabilities, labels) / len(labels)


def confusion(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Counts (classes, classes): row = actual class, column = predicted class."""
    classes = probabilities.shape[1]
    pairs = labels * classes + probabilities.argmax(1)
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


def worst_mistakes(probabilities: np.ndarray, labels: np.ndarray, most: int) -> list[int]:
    """Rows that are wrong, those with the highest confidence in the wrong answer first."""
    wrong = np.flatnonzero(probabilities.argmax(1) != labels)
    surest_first = np.argsort(-probabilities[wrong].max(1), kind="stable")
    return wrong[surest_first][:most].tolist()
