"""What the main job says while it trains and after."""

from __future__ import annotations

import numpy as np
from rich.text import Text

from hello_dl.show.digits import (
    Picture,
    confusion_table,
    crop,
    draw_digit,
    in_rows,
    percent,
    verdict,
)
from hello_dl.show.output import Output
from hello_dl.train.metrics import Diary, Epoch, confusion, worst_mistakes

WORST = 6  # mistakes that are shown


def epoch_line(epoch: Epoch, epochs: int) -> str:
    """One epoch in less than 80 columns."""
    return (
        f"epoch {epoch.epoch:>{len(str(epochs))}} of {epochs}   loss {epoch.loss:.4f}   "
        f"train {percent(epoch.train_accuracy)}   test {percent(epoch.test_accuracy)}   "
        f"{epoch.images_per_second:,.0f} images/s"
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
    pictures = []
    for image, given, actual in zip(crop(images), probabilities, labels.tolist()):
        predicted = int(given.argmax())
        digit = draw_digit(image)
        pictures.append([*digit, *verdict(predicted, actual, float(given[predicted]))])
    return in_rows(pictures, output.width)
