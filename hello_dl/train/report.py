"""What the job says before it trains, while it does, and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.text import Text

from hello_dl.data.digits import Characters
from hello_dl.nn import Module
from hello_dl.show.digits import (
    Picture,
    captioned,
    confusion_table,
    frequent_confusions,
    percent,
    verdict,
)
from hello_dl.show.output import Output
from hello_dl.train.diary import Diary, Line
from hello_dl.train.job_options import JobOptions
from hello_dl.train.metrics import confusion, worst_mistakes
from hello_dl.train.records import Epoch

WORST = 6  # mistakes that are shown
TABLE = 12  # classes from which on a table of who is taken for whom is too wide


@dataclass(frozen=True)
class Result:
    """How it went."""

    data: str = ""  # the test set: "MNIST" or "strokes"
    right: int = 0  # test pictures that were read right
    count: int = 0  # test pictures; 0 if it was stopped before there was anything to test
    interrupted: bool = False
    epochs: tuple[Line, ...] = ()
    files: tuple[Path, ...] = ()
    unsaved: str = ""  # why the files could not be written

    @property
    def last_line(self) -> str:
        """`test accuracy 97.93 % (9,793 of 10,000, MNIST)`."""
        if not self.count:
            return "test accuracy not measured: it was stopped before"
        return f"test accuracy {score(self.right, self.count, self.data)}"


def announcement(options: JobOptions, pictures: Characters, model: Module, diary: Diary) -> Picture:
    """What will happen."""
    recipe = options.recipe
    parameters = sum(parameter.numel() for parameter in model.parameters())
    steps = -(-len(pictures.train_labels) // recipe.batch_size)
    lines = [
        f"net    {options.net}, {parameters:,} parameters",
        f"train  {recipe.epochs} x {steps:,} steps of {recipe.batch_size} {options.name}, "
        f"seed {options.seed}",
        f"with   {recipe.way}" + ", augmented" * recipe.augment,
    ]
    lines += [f"resume after {len(diary.losses):,} steps"] if diary.losses else []
    return [Text(line) for line in lines]


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
    learning = sum(line.training_seconds for line in diary.epochs)
    took = f"{steps:,} steps in {seconds:.1f} s ({learning:.2f} s training, the rest testing)"
    return [Text(f"stopped after {took}" if interrupted else f"done   {took}")]


def mistakes(diary: Diary, output: Output) -> Picture:
    """Which test pictures were taken for which, and the worst mistakes, drawn."""
    images, labels, probabilities = diary.images, diary.labels, diary.probabilities
    counts = confusion(probabilities, labels)
    lines = [Text()]
    if len(diary.alphabet) < TABLE:
        lines += confusion_table(counts)
    elif confused := frequent_confusions(counts, diary.alphabet):
        lines += [Text("Most often misread:"), Text(), *confused]
    lines += [Text()]
    worst = worst_mistakes(probabilities, labels, WORST)
    if worst:
        lines += [Text("The worst mistakes, those it was surest of:"), Text()]
        seen = images[worst], probabilities[worst], labels[worst]
        lines += [*readings(*seen, diary.alphabet, output), Text()]
    return lines


def readings(
    images: np.ndarray,
    probabilities: np.ndarray,
    labels: np.ndarray,
    alphabet: str,
    output: Output,
) -> Picture:
    """Pictures side by side, each with what the net made of it."""
    predicted = [alphabet[number] for number in probabilities.argmax(1).tolist()]
    actual = [alphabet[number] for number in labels.tolist()]
    sure = probabilities.max(1).tolist()
    return captioned(list(images), map(verdict, predicted, actual, sure), output.width)


def further(diary: Diary, spoiled: Mapping[str, float]) -> Picture:
    """What else there is to know of how well it reads: in capitals or not, and spoiled pictures."""
    guessed = diary.probabilities.argmax(1)
    before = float(np.mean(guessed == diary.labels))
    lines = []
    if (folded := diary.alphabet.lower()) != diary.alphabet and len(set(folded)) < len(folded):
        letters = np.array(list(folded))
        same = float(np.mean(letters[guessed] == letters[diary.labels]))
        lines += [f"test accuracy if c and C count as one: {percent(same)}"]
    for how, share in spoiled.items():
        lines += [f"test accuracy {how}: {percent(share)} ({100 * (share - before):+.2f})"]
    return [Text(line) for line in lines]
