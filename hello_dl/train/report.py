"""What the main job says while it trains and after."""

from __future__ import annotations

import numpy as np
from rich.text import Text

from hello_dl.show.digits import Picture, captioned, confusion_table, percent, verdict
from hello_dl.show.output import Output
from hello_dl.train.diary import Diary
from hello_dl.train.metrics import confusion, worst_mistakes
from hello_dl.train.records import Epoch

WORST = 6  # mistakes that are shown


def epoch_line(epoch: Epoch) -> str:
    """One epoch in less than 80 columns."""
    trained, tested = epoch.metrics["accuracy"], epoch.validation["accuracy"]
    return (
        f"epoch {epoch.epoch:>{len(str(epoch.epochs))}} of {epoch.epochs}   "
        f"loss {epoch.loss:.4f}   train {percent(trained)}   test {percent(tested)}   "
        f"{epoch.samples_per_second:,.0f} images/s"
    )


def score(right: int, count: int, data: str) -> str:
    """How many were read right: `97.93 % (9,793 of 10,000, MNIST)`."""
    return f"{percent(right / count)} ({right:,} of {count:,}, {data})"


def training(diary: Diary, interrupted: bool) -> Picture:
    """How long it took, or where it was stopped."""
    steps, seconds = diary.epochs[-1].step, diary.epochs[-1].seconds
    took = f"{steps:,} steps in {seconds:.1f} s"
    return [Text(f"stopped after {took}" if interrupted else f"done   {took}")]


def mistakes(diary: Diary, output: Output) -> Picture:
    """Which test digits were taken for which, and the worst mistakes, drawn."""
    images, labels, probabilities = diary.images, diary.labels, diary.probabilities
    lines = [Text(), *confusion_table(confusion(probabilities, labels)), Text()]
    worst = worst_mistakes(probabilities, labels, WORST)
    if worst:
        lines += [Text("The worst mistakes, those it was surest of:"), Text()]
        lines += readings(images[worst], probabilities[worst], labels[worst], output)
        lines += [Text()]
    return lines


def readings(
    images: np.ndarray, probabilities: np.ndarray, labels: np.ndarray, output: Output
) -> Picture:
    """Digits side by side, each with what the net made of it."""
    predicted = probabilities.argmax(1).tolist()
    sure = probabilities.max(1).tolist()
    return captioned(list(images), map(verdict, predicted, labels.tolist(), sure), output.width)
