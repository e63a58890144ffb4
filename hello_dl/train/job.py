"""The main job, `hello-dl digits` and `hello-dl letters`: train a net, and show how it reads.

Read `run` first, then `train`. The loop is in fit.py, what there is to learn in tasks.py, how each
net is trained best in recipes.py, what can be chosen in job_options.py, what is left behind in
files.py, and what is said in report.py.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from hello_dl.backend import current_device, device
from hello_dl.backend.random import manual_seed
from hello_dl.backend.threads import undivided_products
from hello_dl.data import transforms
from hello_dl.data.dataset import TensorDataset
from hello_dl.data.digits import Characters
from hello_dl.data.loader import DataLoader
from hello_dl.data.sources import DataError, named_folder
from hello_dl.models import MODELS, make_model
from hello_dl.nn import Module
from hello_dl.show.dashboard import Words
from hello_dl.show.digit_panel import DigitPanel
from hello_dl.show.output import Output
from hello_dl.tensor import Tensor
from hello_dl.train import checkpoint, files, report, spoil, state
from hello_dl.train.diary import Diary, read_pictures
from hello_dl.train.fit import fit
from hello_dl.train.interrupt import CtrlC
from hello_dl.train.job_options import JobOptions
from hello_dl.train.live import live
from hello_dl.train.metrics import accuracy, right_answers
from hello_dl.train.nonfinite import NonFiniteError
from hello_dl.train.records import Epoch, Step, Training
from hello_dl.train.report import Result
from hello_dl.train.saving import UnsavedError

LEARNED = 2.0  # times as many right as who guesses has
WARM_UP = 3  # batches

OnStep = Callable[[Step], None]


def run(options: JobOptions, stdout: TextIO | None = None, on_step: OnStep | None = None) -> Result:
    """Do the job and tell of it on `stdout`; the last line is always the test accuracy.

    `on_step` is called after every step of training. Ctrl-C ends the training, saves what there
    is, and the result says so. What the user can mend is a ValueError of one line; files that an
    earlier run has saved are then as they were.
    """
    output = Output(stdout or sys.stdout, options.plain)
    try:
        with device(options.device), undivided_products():
            result = show(options, output) if options.show else train(options, output, on_step)
    except KeyboardInterrupt:
        output.say("Stopped. Nothing was saved.")
        result = Result(interrupted=True)
    output.say(result.last_line)
    if result.unsaved:
        raise ValueError(result.unsaved)
    return result


# ------------------------------------------------------------------------------------ training


def train(options: JobOptions, output: Output, on_step: OnStep | None = None) -> Result:
    """Train, save and report."""
    out = files.writable_folder(options.folder)
    if options.resume:
        options = options.as_in(state.read(files.unfinished_run(out))["options"])
    pictures = load(options, output)
    if current_device() == "cuda":
        warm_up(options, pictures, output)
    manual_seed(options.seed)
    model = make_model(options.net, len(pictures.alphabet))
    diary = Diary(model, pictures)
    training = prepare(options, pictures, model, diary, out)
    output.show(report.announcement(options, pictures, model, diary))

    interrupted, unsaved = False, ""
    panel = DigitPanel(output, *pictures[2:4], diary.read, pictures.alphabet)
    title, name = f"hello-dl {options.name}  {options.net} on {pictures.name}", options.name
    words = Words(name, f"on training {name}", f"on test {name}", "Ctrl-C stops and saves")
    shown = live(training, title, output=output, panel=panel, words=words, line=report.epoch_line)
    try:
        learn(shown, diary, panel, on_step)
    except NonFiniteError as error:
        fix = f"the steps are too large, try {options.smaller}"
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
    options: JobOptions, pictures: Characters, model: Module, diary: Diary, out: Path | None
) -> Training:
    """Put the training together; a run to be resumed is then where it was."""
    recipe, on_gpu = options.recipe, current_device() == "cuda"
    examples: tuple[Any, ...] = pictures[:2]
    changes: list[transforms.Transform] = [transforms.ToTensor()]
    if recipe.augment:
        shift, grow = (0.08, 0.08), (0.9, 1.1)
        changes += [transforms.RandomAffine(10, shift, grow, interpolation="bilinear")]
    elif on_gpu:
        examples = tuple(map(Tensor, examples))  # all of them lie there from the beginning
    loader = DataLoader(
        TensorDataset(*examples, transform=transforms.Compose(changes)),
        recipe.batch_size,
        shuffle=True,
        # While one batch is learned, the next ones are bent.
        num_workers=(4 if on_gpu else 1) if recipe.augment else 0,
    )
    optimizer, steps = recipe.make_optimizer(model), recipe.epochs * len(loader)
    return fit(
        model,
        loader,
        optimizer=optimizer,
        metrics={"accuracy": accuracy},
        epochs=recipe.epochs,
        schedule=recipe.make_schedule(optimizer, steps),
        validate=diary.test,
        monitor="accuracy",
        mode="max",
        out=out / files.UNFINISHED if out else None,
        resume=options.resume and out is not None,
        also={"options": options, "diary": diary} if out else None,
    )


def learn(training: Training, diary: Diary, panel: DigitPanel, on_step: OnStep | None) -> None:
    """Go through the training; a Ctrl-C on the way ends it between two steps."""
    with CtrlC() as ctrl_c, closing(training):
        for record in training:
            diary.note(record)
            if isinstance(record, Epoch):
                panel.misread = diary.misread()
            elif on_step:
                on_step(record)
            if ctrl_c.pressed:
                raise KeyboardInterrupt


def warm_up(options: JobOptions, pictures: Characters, output: Output) -> None:
    """Let the GPU do all of it once, on a few pictures and with a net that is thrown away.

    What runs there is compiled when it is first used, which takes seconds, once on a machine.
    """
    start, few = time.perf_counter(), WARM_UP * options.recipe.batch_size
    some = pictures.first(few, len(pictures.test_labels))
    model = make_model(options.net, len(pictures.alphabet))
    diary = Diary(model, some)
    for record in prepare(options, some, model, diary, out=None):
        diary.note(record)
        if isinstance(record, Epoch):
            break
    seconds = time.perf_counter() - start
    output.say(f"gpu    warmed up in {seconds:.1f} s, which do not count as training")


def finish(
    options: JobOptions,
    model: Module,
    diary: Diary,
    out: Path,
    output: Output,
    interrupted: bool,
    unsaved: str,
) -> Result:
    """Save what was learned, and say how well that works."""
    written: list[Path] = []
    note, spoiled = "", {}
    try:
        written += files.save(out, model, diary, {"model": options.net, "seed": str(options.seed)})
        drawn, note = files.draw_pictures(out, model, diary, f"{options.net} on {diary.data}")
        written += drawn
        if not interrupted:
            spoiled = spoil.accuracies(diary)
        if not interrupted and not unsaved:
            shutil.rmtree(out / files.UNFINISHED, ignore_errors=True)
    except KeyboardInterrupt:
        interrupted = True
    except ValueError as error:  # said at the end
        unsaved = str(error)
    output.show(report.training(diary, interrupted))
    if not interrupted:
        output.show(report.mistakes(diary, output))
        output.show(report.further(diary, spoiled))
    for line in note.splitlines():
        output.say(line)
    if written:
        output.say(f"saved  {', '.join(file.name for file in written)} in {out}")
    if interrupted:
        output.say(f"to go on: {options.command('--resume')}")
    try_others(options, model, diary, output)
    right, count = right_answers(diary.probabilities, diary.labels), len(diary.labels)
    if right < LEARNED * count / len(diary.alphabet) and not interrupted:
        output.say(f"It did not learn: try smaller steps, {options.smaller}.")
    epochs = tuple(diary.epochs)
    return Result(diary.data, right, count, interrupted, epochs, tuple(written), unsaved)


def try_others(options: JobOptions, model: Module, diary: Diary, output: Output) -> None:
    """Say how many it reads right of pictures of quite another kind, if there are any here."""
    name, load_them = options.task.others or ("", lambda: None)
    if diary.data == name:
        return
    try:
        images, labels = load_them() or (None, None)
    except DataError as error:
        output.say(f"{name} could not be tried: {error}")
        return
    if images is not None and labels is not None:
        right = right_answers(read_pictures(model, images), labels)
        score = report.score(right, len(labels), name)
        output.say(f"real handwriting, which it never saw: {score}")


# --------------------------------------------------------------------------- data, and showing


def load(options: JobOptions, output: Output) -> Characters:
    """Get the pictures, with `quick` fewer of them, and say which they are."""
    task, name, drawn = options.task, options.name, options.data == "strokes"
    if options.data is not None and not drawn:
        named_folder(options.data, "--data")  # a wrong one is an error before anything is said
    output.say(f"Getting {name}: {'drawn by hello_dl' if drawn else task.sources} ...")
    with output.downloads() as progress:
        pictures = task.load(options.data, options.download, progress)
    if options.quick:
        pictures = pictures.first(options.recipe.quick.learn, options.recipe.quick.test)
    learn, test = len(pictures.train_labels), len(pictures.test_labels)
    if options.recipe.batch_size > learn:
        raise ValueError(
            f"--batch-size {options.recipe.batch_size} is more than the {learn:,} {name} to learn "
            "from; 64 is a good size"
        )
    output.say(f"data   {pictures.name} {pictures.note}: {learn:,} to learn from, {test:,} to test")
    return pictures


def show(options: JobOptions, output: Output) -> Result:
    """Load the model of an earlier run, and draw some test pictures with what it reads."""
    path, first = Path(options.folder) / files.MODEL, f"hello-dl {options.name}"
    try:
        about = checkpoint.read(path)[1]
        net, alphabet = about.get("model"), about.get("alphabet", options.task.alphabet)
        net = net if options.model is None and net in MODELS else options.net
        model = make_model(net, len(alphabet))
        checkpoint.load(path, model)
    except ValueError as error:
        fix = f"run {options.command()} to replace it, or name another folder with --out"
        if not path.exists():
            fix = f"run {first} first, or name the folder of its model with --out"
        raise ValueError(f"{error}; {fix}") from None
    pictures = load(options, output)
    if pictures.alphabet != alphabet:
        raise ValueError(f"'{path}' reads {alphabet}, and here are {pictures.alphabet}: use --data")
    images, labels, many = pictures.test_images, pictures.test_labels, options.show or 0
    if many > len(labels):
        raise ValueError(f"--show {many} is more than the {len(labels):,} test {options.name}")
    output.say(f"net    {net} from {path}, trained on {about.get('data', '?')}")
    output.say()
    probabilities = read_pictures(model, images)
    chosen = np.random.default_rng(options.seed).choice(len(labels), many, replace=False)
    seen = images[chosen], probabilities[chosen], labels[chosen]
    output.show(report.readings(*seen, alphabet, output))
    output.say()
    return Result(pictures.name, right_answers(probabilities, labels), len(labels))
