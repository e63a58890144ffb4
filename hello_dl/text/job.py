"""The job `hello-dl train-text`: a language model learns a text, and writes samples meanwhile.

Read `run` first, then `train`. The loop is in train/fit.py, the recipes in recipes.py, what can be
chosen in options.py.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from hello_dl.backend import device
from hello_dl.backend.gemm import set_float32_matmul_precision
from hello_dl.backend.random import manual_seed
from hello_dl.backend.threads import undivided_products
from hello_dl.data.files import make_writable
from hello_dl.models.text import TextModel
from hello_dl.show.dashboard import Words
from hello_dl.show.output import Output
from hello_dl.text.corpus import dtype_of
from hello_dl.text.generate import generate
from hello_dl.text.halves import Halves, loss_of
from hello_dl.text.options import TextOptions
from hello_dl.text.panel import TextPanel, folded
from hello_dl.text.recipes import size_of
from hello_dl.text.saved import MODEL, Writer, save_writer
from hello_dl.text.source import get_text, make_tokenizer
from hello_dl.text.tokenizer import Tokenizer
from hello_dl.train import checkpoint, state
from hello_dl.train.fit import fit
from hello_dl.train.interrupt import CtrlC
from hello_dl.train.live import live
from hello_dl.train.nonfinite import NonFiniteError
from hello_dl.train.records import Epoch, Training
from hello_dl.train.saving import BEST, LAST, UnsavedError

UNFINISHED = "unfinished"  # a folder with the checkpoint, as long as the run has not ended
LOOK = 40  # batches of a validation on the way; at the end it is the whole text
SAMPLE = 200  # tokens of a sample
WORDS = Words("windows", "in training", "in validation", "Ctrl-C stops and saves")


@dataclass(frozen=True)
class Result:
    """How it went."""

    config: str = ""
    loss: float | None = None  # of the whole validation text; None if there was nothing to try
    steps: int = 0
    seconds: float = 0.0  # of training, validation left out
    interrupted: bool = False
    unsaved: str = ""  # why the files could not be written

    @property
    def last_line(self) -> str:
        """`validation loss 1.8731 (shakespeare-cpu, 2,000 steps, 171 s)`."""
        if self.loss is None:
            return "validation loss not measured: it was stopped before"
        told = f"{self.config}, {self.steps:,} steps, {self.seconds:.0f} s"
        return f"validation loss {self.loss:.4f} ({told})"


@dataclass
class Course:
    """How far a run is, and with which text: a part of its checkpoint."""

    text: str  # a digest
    steps: int = 0
    seconds: float = 0.0  # of training, up to the last validation
    since: float = 0.0  # and from there on

    def state_dict(self) -> dict[str, Any]:
        """Return all of it."""
        return asdict(self)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.steps, self.seconds, self.since = (state[x] for x in ("steps", "seconds", "since"))


def run(options: TextOptions, stdout: TextIO | None = None) -> Result:
    """Do the job and tell of it on `stdout`; the last line is always the validation loss.

    Ctrl-C ends the training and saves what there is. What the user can mend is a ValueError of one
    line; files that an earlier run has saved are then as they were.
    """
    output = Output(stdout or sys.stdout, options.plain)
    try:
        with device(options.device), undivided_products():
            result = train(options, output)
    except KeyboardInterrupt:
        output.say("Stopped. Nothing was saved.")
        result = Result(interrupted=True)
    output.say(result.last_line)
    if result.unsaved:
        raise ValueError(result.unsaved)
    return result


def train(options: TextOptions, output: Output) -> Result:
    """Train, save and report."""
    out = make_writable(options.folder, f"--out '{options.folder}'", (MODEL,))
    begun = state.read(unfinished_run(out)) if options.resume else None
    if begun is not None:
        options = options.as_in(begun["options"])
    if options.device == "cuda":
        set_float32_matmul_precision("high")  # its tensor cores, in TF32
    output.say("Getting the text ...")
    with output.downloads() as progress:
        text = get_text(options.recipe.text, options.data, options.download, progress)
    course = Course(hashlib.sha256(text.text.encode()).hexdigest())
    if begun is not None and begun["course"]["text"] != course.text:
        raise ValueError(
            f"the text ({text.name}) is not the one that the run in '{out}' began with: bring that "
            "back, or leave --resume out to begin anew"
        )
    tokenizer = make_tokenizer(options.tokenizer, text.text)
    numbers = np.array(tokenizer.encode(text.text), dtype_of(tokenizer.vocab_size))
    halves = Halves(numbers, options)
    manual_seed(options.seed)
    model = options.recipe.make_model(options.model, tokenizer.vocab_size)
    training = prepare(options, halves, model, course, out)
    announce(options, text, tokenizer, halves, model, course, output)
    writer = Writer(options.model, model, tokenizer, {"text": text.name})
    interrupted, unsaved = False, ""
    try:
        learn(training, writer, course, options, output)
    except NonFiniteError as error:
        raise ValueError(f"{error.what}: the steps are too large for it") from None
    except KeyboardInterrupt:
        if not course.steps:
            raise  # nothing is learned yet: keep what an earlier run has saved
        interrupted = True
    except UnsavedError as error:  # what was learned is worth a report all the same
        unsaved = str(error)
    return finish(options, halves, writer, course, out, output, interrupted, unsaved)


def prepare(
    options: TextOptions, halves: Halves, model: TextModel, course: Course, out: Path
) -> Training:
    """Put the training together; a run to be resumed is then where it was."""
    recipe = options.recipe
    optimizer = recipe.make_optimizer(model, options.model)
    return fit(
        model,
        halves.windows(),
        optimizer=optimizer,
        step_loss=loss_of,
        epochs=-(-recipe.steps // recipe.every),
        schedule=recipe.make_schedule(optimizer),
        clip=recipe.clip,
        validate=lambda model: {"loss": halves.loss(model, LOOK)},
        out=out / UNFINISHED,
        resume=options.resume,
        also={"options": options, "course": course},
    )


def announce(
    options: TextOptions,
    text: Any,
    tokenizer: Tokenizer,
    halves: Halves,
    model: TextModel,
    course: Course,
    output: Output,
) -> None:
    """Say what will happen."""
    recipe = options.recipe
    counts = f"{len(halves.train):,} to learn from, {len(halves.validation):,} for validation"
    output.say(f"text   {text.name}, {text.note}")
    output.say(f"tokens {tokenizer.vocab_size:,} different ones ({tokenizer.kind}); {counts}")
    output.say(f"net    {options.model}, {size_of(model):,} parameters")
    output.say(
        f"train  {recipe.steps:,} steps of {recipe.batch_size} x {recipe.block_size} tokens, "
        f"adamw, learning rate up to {recipe.rate(options.model):g}, seed {options.seed}"
    )
    if course.steps:
        output.say(f"resume after {course.steps:,} steps")


def learn(
    training: Training, writer: Writer, course: Course, options: TextOptions, output: Output
) -> None:
    """Go through the training; a Ctrl-C on the way ends it between two steps."""
    panel = TextPanel()
    title = f"hello-dl train-text  {options.model}, {options.config}"
    shown = live(training, title, output=output, panel=panel, words=WORDS, line=epoch_line)
    with CtrlC() as ctrl_c, closing(shown):
        last = None  # when the record before was made
        for record in shown:
            course.steps = record.step
            course.since += 0 if last is None else record.seconds - last
            last = record.seconds
            if isinstance(record, Epoch):
                course.seconds += record.samples / record.samples_per_second
                course.since = 0
                text = sample(writer, options.seed)
                panel.show(text, record.step)
                if not output.console:
                    say_sample(text, output)
            if ctrl_c.pressed:
                raise KeyboardInterrupt


def epoch_line(epoch: Epoch) -> str:
    """What is known after so many steps, in less than 80 columns."""
    line = f"step {epoch.step:>6,}   loss {epoch.loss:.4f}   validation "
    line += f"{epoch.validation['loss']:.4f}   {epoch.samples_per_second:,.0f} windows/s"
    return line + ("   best" if epoch.best else "")


def sample(writer: Writer, seed: int) -> str:
    """Let it write a little."""
    tokens = generate(writer.model, writer.beginning(), SAMPLE, temperature=0.8, seed=seed)
    return writer.tokenizer.decode(tokens).strip("\n")


def say_sample(text: str, output: Output) -> None:
    """Write a sample, a little to the right."""
    for row in text.splitlines():
        for line in folded(row, output.width - 6):
            output.say(f"    | {line}")


def finish(
    options: TextOptions,
    halves: Halves,
    writer: Writer,
    course: Course,
    out: Path,
    output: Output,
    interrupted: bool,
    unsaved: str,
) -> Result:
    """Take the best weights, measure them on all of the validation text, and save them."""
    model, best = writer.model, out / UNFINISHED / BEST
    if not interrupted and not unsaved and best.exists():
        checkpoint.load(best, model)
    loss = halves.loss(model)
    about = {"loss": f"{loss:.4f}", "steps": str(course.steps), "config": options.config}
    try:
        save_writer(out / MODEL, writer._replace(about=writer.about | about), options.recipe)
        if not interrupted and not unsaved:
            shutil.rmtree(out / UNFINISHED, ignore_errors=True)
        output.say(f"saved  {MODEL} in {out}")
    except OSError as error:
        unsaved = f"'{out}' cannot be written to: {error.strerror or error}; make room there"
    where = "" if options.out is None else f" --out {out}"
    if interrupted:
        output.say(f"to go on: hello-dl train-text --resume{where or f' --model {options.model}'}")
    output.say(f"to let it write: hello-dl write --model {options.model}{where}")
    done = options.config, loss, course.steps, course.seconds + course.since
    return Result(*done, interrupted, unsaved)


def unfinished_run(out: Path) -> Path:
    """Return the checkpoint of the run to go on with; ValueError if there is none."""
    path = out / UNFINISHED / LAST
    if not path.exists():
        raise ValueError(
            f"there is no unfinished run in '{out}' to go on with: leave --resume out to begin "
            "one, or name its folder with --out"
        )
    return path
