"""The command `hello-dl read`: a photo in, its text out, line by line, and a picture with boxes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from PIL import Image

from hello_dl.data.files import replacing
from hello_dl.data.mirrors import Progress
from hello_dl.data.mnist import Halves, load_mnist
from hello_dl.data.sources import UnavailableError
from hello_dl.models import MODELS, make_model
from hello_dl.read.boxes import draw_boxes
from hello_dl.read.examples import ALPHABETS
from hello_dl.read.photo import open_photo
from hello_dl.read.reader import UNSURE, Reader, Reading
from hello_dl.read.report import report
from hello_dl.read.training import OnRecord, load_reader, save_reader, train_reader
from hello_dl.show.output import Output
from hello_dl.train.live import epoch_line
from hello_dl.train.records import Epoch, Step

BEST = "lenet"  # the net that is used unless another is named
NO_WRITING = 0.2  # how sure the net is in the mean of what is probably none
UNCLEAR = 0.3  # share of question marks from which on something else may be on the photo


@dataclass(frozen=True)
class ReadOptions:
    """What can be chosen; ValueError where it makes no sense."""

    photo: str
    letters: bool = False  # else digits
    out: str | None = None  # the picture with boxes
    model: str = BEST
    download: bool = True  # MNIST, where it is not on this machine

    def __post_init__(self) -> None:
        if self.model not in MODELS:
            raise ValueError(f"there is no net '{self.model}'; --model takes {', '.join(MODELS)}")
        if self.out is not None:
            check_out(Path(self.out), Path(self.photo))

    @property
    def what(self) -> str:
        """What is read: "digits" or "letters"."""
        return "letters" if self.letters else "digits"


def check_out(out: Path, photo: Path) -> None:
    """ValueError if no picture can be written there: better said before minutes of training."""
    Image.init()
    if Image.EXTENSION.get(out.suffix.lower()) not in Image.SAVE:
        raise ValueError(f"--out '{out}' is no name of a picture: let it end in .png or .jpg")
    if out.resolve() == photo.resolve():
        raise ValueError(f"--out '{out}' is the photo itself: choose another name")
    if out.is_dir():
        raise ValueError(f"--out '{out}' is a folder: give it the name of a picture, too")
    there = next(path for path in out.absolute().parents if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = "no permission for" if there.is_dir() else "there is no folder"
        raise ValueError(f"--out '{out}' cannot be written: {why} '{there}'")


def write_boxes(out: str, photo: Image.Image, reading: Reading) -> None:
    """Write the picture with boxes, whole or not at all; ValueError where that fails."""
    try:
        with replacing(Path(out)) as part:
            draw_boxes(photo, reading).save(part)
    except OSError as error:
        raise ValueError(f"--out '{out}' cannot be written: {error.strerror or error}") from None


def run(options: ReadOptions, stdout: TextIO | None = None) -> bool:
    """Read the photo and say what is on it; False if there is nothing.

    What the user can mend is a ValueError or OSError of one line.
    """
    output = Output(stdout or sys.stdout)
    photo = open_photo(options.photo)  # before a net is trained for nothing
    reader = get_reader(options, output)
    reading = reader.read(photo)
    if not reading.lines:
        output.say(f"{options.photo}: no writing found")
        return False
    output.say(f"{options.photo}: {about(reading, options.what)}")
    output.say()
    output.show(report(reading))
    characters = [character for line in reading.lines for character in line]
    if sum(c.sure for c in characters) < NO_WRITING * len(characters):
        output.say("Perhaps this is no writing at all.")
    elif sum(c.sure < UNSURE for c in characters) > UNCLEAR * len(characters):
        other = "digits, leave out --letters" if options.letters else "letters, add --letters"
        output.say(f"Much of it is unclear: if these are {other}.")
    if options.out is not None:
        write_boxes(options.out, photo, reading)
        output.say(f"{options.out}: every character in a box, with its label")
    return True


def about(reading: Reading, what: str) -> str:
    """What there is: `5 lines, 52 digits, tilted by 1.9 degrees`."""
    lines, count = len(reading.lines), sum(map(len, reading.lines))
    parts = [f"{lines} line{'s' * (lines != 1)}", f"{count} {what if count != 1 else what[:-1]}"]
    if abs(reading.tilt) >= 0.5:
        side = "clockwise" if reading.tilt > 0 else "counterclockwise"
        parts.append(f"turned {abs(reading.tilt):.1f} degrees {side}")
    if reading.board:
        parts.append("light on dark")
    return ", ".join(parts)


# ------------------------------------------------------------------------------------- the net


def get_reader(options: ReadOptions, output: Output) -> Reader:
    """The reader out of the cache, else a new one, trained now and kept there.

    Digits are learned from MNIST and strokes, or where MNIST cannot be had from strokes alone.
    """
    what, model = options.what, options.model
    mnist = None
    if what == "digits":
        if reader := load_reader(what, model, "mnist"):
            return reader
        mnist = mnist_if_there(download=False)
    if mnist is None:
        if reader := load_reader(what, model, "strokes"):
            return reader
        if what == "digits" and options.download:
            with output.downloads() as progress:
                mnist = mnist_if_there(progress=progress)
    source = "characters that we draw" if mnist is None else "MNIST and digits that we draw"
    output.say(f"No net here reads {what} yet: one is trained now, once, from {source}.")
    net = make_model(model, len(ALPHABETS[what]) + 1)
    try:
        with shown(output) as on_record:
            reader = train_reader(what, net, mnist, on_record=on_record)
    except KeyboardInterrupt:
        output.say("Interrupted: no net is kept, the next run trains it from the beginning.")
        raise
    try:
        save_reader(reader, what, model, "strokes" if mnist is None else "mnist")
    except OSError as error:
        output.say(f"It could not be kept, and is trained again next time: {error.strerror}")
    return reader


def mnist_if_there(download: bool = True, progress: Progress | None = None) -> Halves | None:
    """MNIST, found as everywhere or downloaded; None if it cannot be had."""
    try:
        return load_mnist(download=download, progress=progress)
    except UnavailableError:
        return None


@contextmanager
def shown(output: Output) -> Iterator[OnRecord]:
    """Give a function that shows how far training is: a bar, or in a file a line an epoch."""
    if not output.console:

        def tell(record: Step | Epoch) -> None:
            if isinstance(record, Epoch):
                output.say(epoch_line(record))

        yield tell
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=output.console, transient=True) as bars:
        task = bars.add_task("drawing examples", total=None)

        def update(record: Step | Epoch) -> None:
            bars.update(task, description="training", completed=record.step, total=record.steps)

        yield update
