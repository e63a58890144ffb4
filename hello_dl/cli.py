"""The command `hello-dl`: the course, digits, handwriting, pictures of graphs, data, the doctor.

Everything heavy is imported inside the command that needs it, so that the list of lessons is there
at once. What goes wrong is one line that names the value and the fix, and exit code 2.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from hello_dl.show.output import hanging
from hello_dl.show.trouble import complain
from hello_dl.usage import decimal, run_app, whole

WIDTH = 100  # columns of --help, at most

ABOUT = "How does deep learning actually work? From one number to a language model."

app = typer.Typer(
    name="hello-dl",
    help=ABOUT,
    add_completion=False,
    pretty_exceptions_enable=False,  # a bug shows Python's own traceback
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
)

DataOption = Annotated[
    str | None,
    typer.Option("--data", metavar="DIR", help="Folder that holds the data files."),
]


# ---------------------------------------------------------------------------------- the course


def _show_version(wanted: bool) -> None:
    if wanted:
        from hello_dl import __version__

        print(f"hello_dl {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def course(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """How does deep learning actually work? `hello-dl` alone lists the course."""
    if context.invoked_subcommand is not None:
        return
    from hello_dl.course import PARTS, lessons
    from hello_dl.progress import ran

    there = lessons()
    print(f"hello_dl: {ABOUT}")
    found = ((lesson.number, ran(lesson.number)) for lesson in there)
    runs = {number: run for number, run in found if run is not None}
    indent = 11 + max((len(lesson.title) for lesson in there), default=0)
    for part, (name, numbers) in enumerate(PARTS, 1):
        here = [lesson for lesson in there if lesson.number in numbers]
        if here:
            print(f"\nPart {part} · {name}")
        for lesson in here:
            run = runs.get(lesson.number)
            mark = " " if run is None else "~" if run.quick else "✓"
            row = f"  {mark} {lesson.number:02}  {lesson.title}".ljust(indent) + lesson.question
            hanging(row, indent)
    if runs:
        print("\n✓ ran to its end here   ~ had a quick look")
    untouched = [lesson for lesson in there if lesson.number not in runs]
    glanced = [lesson for lesson in there if lesson.number in runs and runs[lesson.number].quick]
    for to_run in (untouched + glanced)[:1]:
        print(f"\nNext: hello-dl lesson {to_run.number}   {to_run.question}")
    print("Also: hello-dl digits, read, draw, data, doctor; each has --help.")


@app.command()
def lesson(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="As hello-dl lists them.")],
    quick: Annotated[bool, typer.Option("--quick", help="A first look, in seconds.")] = False,
    device: Annotated[
        str, typer.Option(metavar="NAME", help="Where blocks of numbers live: cpu or cuda.")
    ] = "cpu",
    data: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder that holds MNIST, or `strokes` for drawn digits."),
    ] = None,
    out: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder for pictures [out/lessons/NN].")
    ] = None,
) -> None:
    """Run a lesson, such as 3.

    It begins by naming the file with its code, to read beside it.
    """
    from hello_dl.course import lessons
    from hello_dl.show.plots import usable_matplotlib

    there = {lesson.number: lesson for lesson in lessons()}
    if not number.isdecimal() or int(number) not in there:
        known = ", ".join(map(str, there)) or "none: this installation has no lessons"
        raise ValueError(f"there is no lesson '{number}'; the lessons are {known}")
    flags = ["--quick"] if quick else []
    for option, value in (("--device", device), ("--data", data), ("--out", out)):
        flags += [] if value is None else [f"{option}={value}"]
    usable_matplotlib()  # here, as a lesson imports it with its first lines
    running = subprocess.Popen([sys.executable, str(there[int(number)].path), *flags])
    while running.poll() is None:
        with suppress(KeyboardInterrupt):  # Ctrl-C reaches the lesson too: let it end in its way
            running.wait()
    code = running.returncode
    raise typer.Exit(code if code >= 0 else 128 - code)  # below 0: ended by a signal


# --------------------------------------------------------------------------- digits and pictures


@app.command()
def digits(
    data: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder that holds MNIST, or `strokes` for drawn digits."),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(
            parser=whole,
            metavar="N",
            help="Times through the data: 10, with --augment 25, or 2 if quick.",
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="Digits that a step learns from.")
    ] = 64,
    optimizer: Annotated[
        str,
        typer.Option(metavar="NAME", help="sgd, adam, adamw, rmsprop, adagrad or lion."),
    ] = "sgd",
    lr: Annotated[
        float | None,
        typer.Option(
            parser=decimal,
            metavar="RATE",
            help="Learning rate at the start; it falls to 0.  [default: suits the optimizer]",
        ),
    ] = None,
    augment: Annotated[
        bool, typer.Option("--augment", help="Turn and shift the digits a little, always anew.")
    ] = False,
    seed: Annotated[
        int, typer.Option(parser=whole, metavar="N", help="The same seed gives the same training.")
    ] = 0,
    out: Annotated[str, typer.Option(metavar="DIR", help="Folder for the files.")] = "out/digits",
    quick: Annotated[bool, typer.Option("--quick", help="Learn from a part of the data.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="One line an epoch, no colors.")] = False,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="Which net to train: mlp or mlp-large.")
    ] = "mlp",
    device: Annotated[
        str, typer.Option(metavar="NAME", help="Where to compute: cpu or cuda.")
    ] = "cpu",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that was stopped or killed.")
    ] = False,
    show: Annotated[
        int | None,
        typer.Option(
            parser=whole, metavar="N", help="Train nothing: load the net and read N digits."
        ),
    ] = None,
) -> None:
    """Watch a network learn handwritten digits."""
    from hello_dl.train.digits import DigitsOptions
    from hello_dl.train.digits import run as run_job

    options = DigitsOptions(
        data=data,
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=lr,
        augment=augment,
        seed=seed,
        out=out,
        quick=quick,
        plain=plain,
        model=model,
        device=device,
        resume=resume,
        show=show,
    )
    if run_job(options).interrupted:
        raise typer.Exit(130)


@app.command()
def read(
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="A page of handwriting.")],
    letters: Annotated[bool, typer.Option("--letters/--digits", help="What is on it.")] = False,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Picture to write, with a box around each character."),
    ] = None,
    model: Annotated[str, typer.Option(metavar="NAME", help="Which net reads.")] = "lenet",
) -> None:
    """Read a photo of handwriting.

    Prints its text line by line, and how sure the net is of it. Exit code 1: nothing is on it.
    """
    from hello_dl.read.command import ReadOptions
    from hello_dl.read.command import run as run_job

    if not run_job(ReadOptions(photo=photo, letters=letters, out=out, model=model)):
        raise typer.Exit(1)


@app.command(context_settings={"ignore_unknown_options": True})  # `-a*b` is no option
def draw(
    expression: Annotated[
        str, typer.Argument(metavar="EXPRESSION", help='Such as "((a*b + c).tanh()*d).exp()".')
    ],
    numbers: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=NUMBER", help="Such as a=2 b=-3.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Picture to write: .svg, .png, .dot or .txt."),
    ] = None,
) -> None:
    """Draw the graph of an expression.

    Computes it and all gradients; without --out the graph is text.
    """
    from hello_dl.graph import ancestors
    from hello_dl.show.expression import assignments, not_finite, parse
    from hello_dl.show.graph import draw as draw_graph

    for word in numbers or []:
        if word.startswith("-"):  # no name begins so
            known = "hello-dl draw knows --out, --help"
            raise ValueError(f"no such option: {word.partition('=')[0]}; {known}")
    values = assignments(numbers or [])
    result = parse(expression, values)
    result.backward(retain_graph=True)
    picture = draw_graph(result, out)
    inputs = {node.name: node for node in ancestors(result) if node.op == "input"}

    print(f"{expression} = {result.data:.6g}\n")
    width = max(len("name"), *map(len, values))
    print(f"{'name':{width}}  {'value':>12}  {'gradient':>12}")
    for name, value in values.items():
        print(f"{name:{width}}  {value:12.6g}  {inputs[name].grad:12.6g}")
    print()
    if out is None:
        print(picture.text)
    for path in picture.written:
        print(f"picture: {path}")
    if picture.note:
        print(picture.note)
    if note := not_finite(result):
        print(note)


# ------------------------------------------------------------------------------ data and doctor


@app.command("data")
def data_command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Data sets to fetch, or `all`.", metavar="NAME")
    ] = None,
    data: DataOption = None,
) -> None:
    """List the data sets, or fetch some.

    As in: hello-dl data mnist
    """
    from hello_dl.data.catalog import datasets
    from hello_dl.doctor import megabytes

    known = datasets()
    if not names:
        places = {name: dataset.where(data) for name, dataset in known.items()}
        for name, dataset in known.items():
            size = megabytes(dataset.size) if dataset.size else ""
            where = places[name] or f"not here: hello-dl data {name} downloads it"
            hanging(f"{name:13} {size:>7}  {dataset.what}", 23)
            hanging(" " * 23 + where, 23)
        return
    for name in names:
        if name not in known and name != "all":
            choices = ", ".join(known)
            raise ValueError(f"there is no data set '{name}'; the data sets are {choices}, or all")
    failed = False
    for name in known if "all" in names else dict.fromkeys(names):
        failed = not _fetch(name, data) or failed
    if failed:
        raise typer.Exit(2)


def _fetch(name: str, data: str | None) -> bool:
    """Bring one data set and say where it is; tell whether it is there now."""
    from hello_dl.data.catalog import datasets
    from hello_dl.show.output import Output

    dataset = datasets()[name]
    try:
        with Output(sys.stdout).downloads() as progress:
            paths = dataset.fetch(data, progress=progress)
    except ValueError as error:
        complain(str(error))
        return False
    where = f"checked, in {paths[0].parent}" if paths else f"{dataset.where()}, needs no file"
    print(f"{name}: {where}")
    return True


@app.command()
def doctor() -> None:
    """Check this machine, and say what to do."""
    from hello_dl.doctor import examine

    for finding in examine():
        mark = "-" if finding.to_do else "✓"
        hanging(f"{mark} {finding.what:19} {finding.found}", 22)
        if finding.to_do:
            hanging(" " * 22 + f"→ {finding.to_do}", 24)
        sys.stdout.flush()  # the next one may take a while


# --------------------------------------------------------------------------------- the command


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, or those of the process; return the exit code."""
    return run_app(app, "hello-dl", arguments)
