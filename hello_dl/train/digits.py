"""The main job, `hello-dl digits`: train a net on handwritten digits, and show how it reads them.

Read `run` first, then `train`. The loop is in fit.py, what is left behind in files.py, and what
is said in report.py.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from rich.text import Text
from threadpoolctl import threadpool_limits

from hello_dl.backend.random import manual_seed
from hello_dl.data.digits import Digits, load_digits
from hello_dl.data.idx import read_idx
from hello_dl.data.mnist import TEST_IMAGES, TEST_LABELS
from hello_dl.data.sources import DataError, find, named_folder, read
from hello_dl.models import MODELS, make_model
from hello_dl.nn import Module
from hello_dl.show.dashboard import Dashboard
from hello_dl.show.output import Output
from hello_dl.train import checkpoint, files, report
from hello_dl.train.fit import Step, fit, predict, steps_per_epoch
from hello_dl.train.metrics import Diary, Epoch, right_answers

QUICK = 10_000  # digits to learn from with --quick
LEARNED = 0.2  # of the test digits: who guesses reads 0.1 of them right

OnStep = Callable[[Step], None]


@dataclass(frozen=True)
class DigitsOptions:
    """What can be chosen; ValueError where it makes no sense."""

    data: str | Path | None = None  # a folder that holds MNIST, or "strokes"; None: look for it
    epochs: int | None = None  # None: 10, or 2 with `quick`
    batch_size: int = 64
    lr: float = 0.05  # at the start; it falls to 0
    seed: int = 0
    out: str | Path = "out/digits"
    quick: bool = False  # learn from some of the digits, in a second or two
    plain: bool = False  # no live display
    model: str = "mlp"
    show: int | None = None  # do not train: load the model in `out` and read so many digits
    download: bool = True

    def __post_init__(self) -> None:
        counts = {"epochs": self.epochs, "batch-size": self.batch_size, "show": self.show}
        for name, value in counts.items():
            if value is not None and value < 1:
                raise ValueError(f"--{name} must be 1 or more, not {value}")
        if not 0 < self.lr < math.inf:
            raise ValueError(f"--lr must be above 0, such as 0.05, not {self.lr}")
        if not str(self.out).strip():
            raise ValueError("--out is empty: name a folder, such as out/digits")
        if self.seed < 0:
            raise ValueError(f"--seed must be 0 or more, not {self.seed}")
        if self.model not in MODELS:
            raise ValueError(f"there is no net '{self.model}'; --model takes {', '.join(MODELS)}")

    @property
    def passes(self) -> int:
        """How many epochs that makes."""
        return self.epochs or (2 if self.quick else 10)


@dataclass(frozen=True)
class Result:
    """How it went."""

    data: str = ""  # the test set: "MNIST" or "strokes"
    right: int = 0  # test digits that were read right
    count: int = 0  # test digits; 0 if it was stopped before there was anything to test
    interrupted: bool = False
    epochs: tuple[Epoch, ...] = ()
    files: tuple[Path, ...] = ()
    unsaved: str = ""  # why the files could not be written

    @property
    def last_line(self) -> str:
        """`test accuracy 97.93 % (9,793 of 10,000, MNIST)`."""
        if not self.count:
            return "test accuracy not measured: it was stopped before"
        return f"test accuracy {report.score(self.right, self.count, self.data)}"


def run(
    options: DigitsOptions, stdout: TextIO | None = None, on_step: OnStep | None = None
) -> Result:
    """Do the job and tell of it on `stdout`; the last line is always the test accuracy.

    `on_step` is called after every step of training. Ctrl-C ends the training, saves what there
    is, and the result says so. What the user can mend is a ValueError of one line; files that an
    earlier run has saved are then as they were.
    """
    output = Output(stdout or sys.stdout, options.plain)
    try:
        result = show(options, output) if options.show else train(options, output, on_step)
    except KeyboardInterrupt:
        output.say("Stopped. Nothing was saved.")
        result = Result(interrupted=True)
    output.say(result.last_line)
    if result.unsaved:
        raise ValueError(result.unsaved)
    return result


# ------------------------------------------------------------------------------------ training


def train(options: DigitsOptions, output: Output, on_step: OnStep | None = None) -> Result:
    """Train, save and report."""
    out = files.writable_folder(options.out)
    digits = load(options, output)
    manual_seed(options.seed)
    model = make_model(options.model)
    announce(options, digits, model, output)

    diary, interrupted = Diary(model, digits.test_images, digits.test_labels), False
    try:
        learn(options, digits, model, diary, output, on_step)
    except KeyboardInterrupt:
        if not diary.losses:
            raise  # nothing is learned yet: keep what an earlier run has saved
        interrupted = True
    if output.console:  # the live display is gone: leave behind what it has shown
        output.show(Text(report.epoch_line(epoch, options.passes)) for epoch in diary.epochs)
    if diary.untested:  # it was stopped in the middle of an epoch
        diary.end_epoch()

    about = {"model": options.model, "data": digits.name, "seed": str(options.seed)}
    written, note, unsaved = [], "", ""
    try:
        written += files.save(out, model, diary, about)
        pictures, note = files.draw_pictures(out, model, diary, f"{options.model} on {digits.name}")
        written += pictures
    except KeyboardInterrupt:
        interrupted = True
    except ValueError as error:  # said at the end: what was learned is worth a report all the same
        unsaved = str(error)
    output.show(report.training(diary, interrupted))
    if not interrupted:
        output.show(report.mistakes(diary, output))
    for line in note.splitlines():
        output.say(line)
    if written:
        output.say(f"saved  {', '.join(file.name for file in written)} in {out}")
    if digits.name != "MNIST":
        try_mnist(model, output)
    right, count = right_answers(diary.probabilities, diary.labels), len(diary.labels)
    if right < LEARNED * count and not interrupted:
        output.say(f"It did not learn: try a smaller --lr, such as {min(options.lr / 10, 0.05):g}.")
    epochs = tuple(diary.epochs)
    return Result(digits.name, right, count, interrupted, epochs, tuple(written), unsaved)


def learn(
    options: DigitsOptions,
    digits: Digits,
    model: Module,
    diary: Diary,
    output: Output,
    on_step: OnStep | None,
) -> None:
    """Train on the training digits and test after every epoch; live where the output allows."""
    epochs, batch_size = options.passes, options.batch_size
    steps = steps_per_epoch(len(digits.train_labels), batch_size)
    training = fit(
        model,
        digits.train_images,
        digits.train_labels,
        epochs=epochs,
        batch_size=batch_size,
        lr=options.lr,
    )
    display = None
    if output.console:
        title = f"{options.model} on {digits.name}"
        display = Dashboard(output, title, epochs, steps, *digits[2:4], diary.read)
    quiet = np.errstate(over="ignore", invalid="ignore")  # `fit` complains of what matters
    # Products this small are done before it pays to share them, and on a busy machine the threads
    # of a shared one wait for each other: that can take thirty times as long.
    threads = None if "OPENBLAS_NUM_THREADS" in os.environ else 1
    with display or nullcontext(), threadpool_limits(threads, "blas"), quiet:
        for step in training:
            diary.step(step)
            if display:
                display.step(step.epoch, step.loss, step.right, step.seen, step.lr)
            if on_step:
                on_step(step)
            if step.number % steps:
                continue
            epoch = diary.end_epoch()
            if display:
                display.tested(epoch.test_accuracy, diary.misread())
            else:
                output.say(report.epoch_line(epoch, epochs))


# --------------------------------------------------------------------------- data, and showing


def load(options: DigitsOptions, output: Output) -> Digits:
    """Get the digits, with `quick` fewer to learn from, and say which they are."""
    drawn = options.data == "strokes"
    if options.data is not None and not drawn:
        named_folder(options.data, "--data")  # a wrong one is an error before anything is said
    what = "drawn by hello_dl" if drawn else "MNIST, or if it cannot be had, drawn by hello_dl"
    output.say(f"Getting digits: {what} ...")
    with output.downloads() as progress:
        digits = load_digits(options.data, options.download, progress)
    if options.quick:
        images, labels = digits.train_images[:QUICK], digits.train_labels[:QUICK]
        digits = digits._replace(train_images=images, train_labels=labels)
    learn, test = len(digits.train_labels), len(digits.test_labels)
    if options.batch_size > learn:
        raise ValueError(
            f"--batch-size {options.batch_size} is more than the {learn:,} digits to learn from; "
            "64 is a good size"
        )
    output.say(f"data   {digits.name} {digits.note}: {learn:,} to learn from, {test:,} to test")
    return digits


def announce(options: DigitsOptions, digits: Digits, model: Module, output: Output) -> None:
    """Say what will happen."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    steps = steps_per_epoch(len(digits.train_labels), options.batch_size)
    output.say(f"net    {options.model}, {parameters:,} parameters")
    output.say(
        f"train  {options.passes} x {steps:,} steps of {options.batch_size} digits, "
        f"learning rate {options.lr:g} falling to 0, seed {options.seed}"
    )


def try_mnist(model: Module, output: Output) -> None:
    """Say how many of MNIST's test digits are read right, if MNIST is on this machine."""
    try:
        image_file, label_file = find(TEST_IMAGES), find(TEST_LABELS)
        if image_file is None or label_file is None:
            return
        images = read_idx(read(TEST_IMAGES, image_file), str(image_file))
        labels = read_idx(read(TEST_LABELS, label_file), str(label_file))
    except DataError as error:
        output.say(f"MNIST could not be tried: {error}")
        return
    right = right_answers(predict(model, images), labels)
    score = report.score(right, len(labels), "MNIST")
    output.say(f"real handwriting, which it never saw: {score}")


def show(options: DigitsOptions, output: Output) -> Result:
    """Load the model of an earlier run, and draw some test digits with what it reads."""
    path, model = Path(options.out) / files.MODEL, make_model(options.model)
    try:
        about = checkpoint.load(path, model)
    except ValueError as error:
        again = "" if options.out == DigitsOptions.out else f" --out {options.out}"
        fix = f"run hello-dl digits{again} to replace it, or name another folder with --out"
        if not path.exists():
            fix = "run hello-dl digits first, or name the folder of its model with --out"
        raise ValueError(f"{error}; {fix}") from None
    digits = load(options, output)
    images, labels = digits.test_images, digits.test_labels
    many = options.show or 0
    if many > len(labels):
        raise ValueError(f"--show {many} is more than the {len(labels):,} test digits")
    output.say(f"net    {options.model} from {path}, trained on {about.get('data', '?')}")
    output.say()
    probabilities = predict(model, images)
    chosen = np.random.default_rng(options.seed).choice(len(labels), many, replace=False)
    output.show(report.readings(images[chosen], probabilities[chosen], labels[chosen], output))
    output.say()
    return Result(digits.name, right_answers(probabilities, labels), len(labels))
