"""The main job, `hello-dl digits`: train a net on handwritten digits, and show how it reads them.

Read `run` first, then `train`. The loop is in fit.py, what can be chosen in digits_options.py, what
is left behind in files.py, and what is said in report.py.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from threadpoolctl import threadpool_limits

from hello_dl.backend import device
from hello_dl.backend.random import manual_seed
from hello_dl.data import transforms
from hello_dl.data.dataset import TensorDataset
from hello_dl.data.digits import Digits, load_digits
from hello_dl.data.idx import read_idx
from hello_dl.data.loader import DataLoader
from hello_dl.data.mnist import TEST_IMAGES, TEST_LABELS
from hello_dl.data.sources import DataError, find, named_folder, read
from hello_dl.models import make_model
from hello_dl.nn import Module
from hello_dl.optim.lr_scheduler import LambdaLR
from hello_dl.show.dashboard import Words
from hello_dl.show.digit_panel import DigitPanel
from hello_dl.show.output import Output
from hello_dl.train import checkpoint, files, report, state
from hello_dl.train.diary import Diary, Line, read_digits
from hello_dl.train.digits_options import DigitsOptions
from hello_dl.train.fit import fit
from hello_dl.train.interrupt import CtrlC
from hello_dl.train.live import live
from hello_dl.train.metrics import accuracy, right_answers
from hello_dl.train.nonfinite import NonFiniteError
from hello_dl.train.records import Epoch, Step, Training
from hello_dl.train.saving import UnsavedError

QUICK = 10_000  # digits to learn from with --quick
LEARNED = 0.2  # of the test digits: who guesses reads 0.1 of them right
WORDS = Words("digits", "on training digits", "on test digits", "Ctrl-C stops and saves")

OnStep = Callable[[Step], None]


@dataclass(frozen=True)
class Result:
    """How it went."""

    data: str = ""  # the test set: "MNIST" or "strokes"
    right: int = 0  # test digits that were read right
    count: int = 0  # test digits; 0 if it was stopped before there was anything to test
    interrupted: bool = False
    epochs: tuple[Line, ...] = ()
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
        with device(options.device):
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
    if options.resume:
        options = options.as_in(state.read(files.unfinished_run(out))["options"])
    digits = load(options, output)
    manual_seed(options.seed)
    model = make_model(options.model)
    diary = Diary(model, digits)
    training = prepare(options, digits, model, diary, out)
    announce(options, digits, model, diary, output)

    interrupted, unsaved = False, ""
    panel = DigitPanel(output, *digits[2:4], diary.read)
    title = f"hello-dl digits  {options.model} on {digits.name}"
    shown = live(training, title, output=output, panel=panel, words=WORDS, line=report.epoch_line)
    try:
        learn(shown, diary, panel, on_step)
    except NonFiniteError as error:
        fix = f"the steps are too large, try --lr {min(options.rate / 10, 0.05):g}"
        raise ValueError(f"{error.what}; {fix}") from None
    except KeyboardInterrupt:
        if not diary.losses:
            raise  # nothing is learned yet: keep what an earlier run has saved
        interrupted = True
    except UnsavedError as error:  # what was learned is worth a report all the same
        unsaved = str(error)
    diary.end_early()
    return finish(options, model, diary, out, output, interrupted, unsaved)


def prepare(
    options: DigitsOptions, digits: Digits, model: Module, diary: Diary, out: Path
) -> Training:
    """Put the training together; a run to be resumed is then where it was."""
    bent = transforms.RandomAffine(10, (0.08, 0.08), (0.9, 1.1), interpolation="bilinear")
    changes = [transforms.ToTensor(), *[bent] * options.augment]
    loader = DataLoader(
        TensorDataset(*digits[:2], transform=transforms.Compose(changes)),
        options.batch_size,
        shuffle=True,
        num_workers=1 if options.augment else 0,  # while one batch is learned, the next is bent
    )
    optimizer, steps = options.make_optimizer(model), options.passes * len(loader)
    return fit(
        model,
        loader,
        optimizer=optimizer,
        metrics={"accuracy": accuracy},
        epochs=options.passes,
        schedule=LambdaLR(optimizer, lambda step: 1 - step / steps),
        validate=diary.test,
        monitor="accuracy",
        mode="max",
        out=out / files.UNFINISHED,
        resume=options.resume,
        also={"options": options, "diary": diary},
    )


def learn(training: Training, diary: Diary, panel: DigitPanel, on_step: OnStep | None) -> None:
    """Go through the training; a Ctrl-C on the way ends it between two steps."""
    # Products this small are done before it pays to share them, and on a busy machine the threads
    # of a shared one wait for each other: that can take thirty times as long.
    threads = None if "OPENBLAS_NUM_THREADS" in os.environ else 1
    with threadpool_limits(threads, "blas"), CtrlC() as ctrl_c, closing(training):
        for record in training:
            diary.note(record)
            if isinstance(record, Epoch):
                panel.misread = diary.misread()
            elif on_step:
                on_step(record)
            if ctrl_c.pressed:
                raise KeyboardInterrupt


def finish(
    options: DigitsOptions,
    model: Module,
    diary: Diary,
    out: Path,
    output: Output,
    interrupted: bool,
    unsaved: str,
) -> Result:
    """Save what was learned, and say how well that works."""
    about = {"model": options.model, "data": diary.data, "seed": str(options.seed)}
    written, note = [], ""
    try:
        written += files.save(out, model, diary, about)
        pictures, note = files.draw_pictures(out, model, diary, f"{options.model} on {diary.data}")
        written += pictures
        if not interrupted and not unsaved:
            shutil.rmtree(out / files.UNFINISHED, ignore_errors=True)
    except KeyboardInterrupt:
        interrupted = True
    except ValueError as error:  # said at the end
        unsaved = str(error)
    output.show(report.training(diary, interrupted))
    if not interrupted:
        output.show(report.mistakes(diary, output))
    for line in note.splitlines():
        output.say(line)
    if written:
        output.say(f"saved  {', '.join(file.name for file in written)} in {out}")
    if interrupted:
        where = "" if options.out == DigitsOptions.out else f" --out {options.out}"
        output.say(f"to go on: hello-dl digits --resume{where}")
    if diary.data != "MNIST":
        try_mnist(model, output)
    right, count = right_answers(diary.probabilities, diary.labels), len(diary.labels)
    if right < LEARNED * count and not interrupted:
        output.say(
            f"It did not learn: try a smaller --lr, such as {min(options.rate / 10, 0.05):g}."
        )
    epochs = tuple(diary.epochs)
    return Result(diary.data, right, count, interrupted, epochs, tuple(written), unsaved)


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


def announce(
    options: DigitsOptions, digits: Digits, model: Module, diary: Diary, output: Output
) -> None:
    """Say what will happen."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    steps = -(-len(digits.train_labels) // options.batch_size)
    output.say(f"net    {options.model}, {parameters:,} parameters")
    optimizer = "" if options.optimizer == "sgd" else f"{options.optimizer}, "
    output.say(
        f"train  {options.passes} x {steps:,} steps of {options.batch_size} digits, {optimizer}"
        f"learning rate {options.rate:g} falling to 0, seed {options.seed}"
    )
    if diary.losses:
        output.say(f"resume after {len(diary.losses):,} steps")


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
    right = right_answers(read_digits(model, images), labels)
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
    probabilities = read_digits(model, images)
    chosen = np.random.default_rng(options.seed).choice(len(labels), many, replace=False)
    output.show(report.readings(images[chosen], probabilities[chosen], labels[chosen], output))
    output.say()
    return Result(digits.name, right_answers(probabilities, labels), len(labels))
