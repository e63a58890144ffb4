"""The course: `hello-dl` alone lists it, `hello-dl lesson` runs one."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from typing import Annotated

import typer

from hello_dl.show.output import hanging

ABOUT = "How does deep learning actually work? From one number to a language model."


def _show_version(wanted: bool) -> None:
    if wanted:
        from hello_dl import __version__

        print(f"hello_dl {__version__}")
        raise typer.Exit


def course(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """How does deep learning actually work? `hello-dl` alone lists the course."""
    if context.invoked_subcommand is not None:
        return
    list_lessons()


def list_lessons() -> None:
    """Print the course: what there is, what ran here before, and what is next."""
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
    print("Also: hello-dl digits, letters, read, draw, data, doctor; each has --help.")


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
