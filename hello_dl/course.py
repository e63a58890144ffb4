"""The course: which lessons there are, what they ask, which ran here, and the frame of each.

A lesson is a script `NN_slug.py` whose docstring begins with its title and its question:

    Lesson 03 · Backward through a graph: how does one gradient reach every number?

    What you will see, in a few lines more.

It opens with `lesson = begin(__doc__, __file__)` and ends with `lesson.finish(learned, try_this)`.
Between the two it prints, draws, and states the range of its results with `lesson.expect`.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import math
import random
import re
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console
from rich.text import Text
from threadpoolctl import threadpool_limits

from hello_dl.backend import device
from hello_dl.backend.random import manual_seed
from hello_dl.data.sources import named_folder
from hello_dl.progress import Run, record
from hello_dl.show.terminal import is_live, make_safe
from hello_dl.show.trouble import complain, warn_in_one_line, without_traceback

if TYPE_CHECKING:
    from hello_dl.show.graph import Picture

PARTS = (
    ("numbers", range(1, 7)),
    ("blocks", range(7, 11)),
    ("pictures", range(11, 19)),
    ("sequences", range(19, 23)),
    ("machines", range(23, 29)),
    ("shipping", range(29, 32)),
)
WIDTH = 80  # columns: what a lesson prints reads well in any window
_OPENING = re.compile(r"Lesson (\d\d) · ([^:]+): (.+)")


# --------------------------------------------------------------------------------- the lessons


@dataclass(frozen=True)
class Outline:
    """What the course list says about a lesson."""

    number: int
    title: str
    question: str
    path: Path

    @property
    def name(self) -> str:
        """The lesson as one refers to it: `Lesson 03 · Backward through a graph`."""
        return f"Lesson {self.number:02} · {self.title}"


def lessons() -> list[Outline]:
    """List the lessons of this checkout, or of the installed package, in order."""
    project = Path(__file__).parents[1]
    checkout = (project / "pyproject.toml").is_file()
    folder = project / "lessons" if checkout else Path(__file__).parent / "_lessons"
    return [outline(path) for path in sorted(folder.glob("[0-9][0-9]_*.py"))]


def outline(path: Path) -> Outline:
    """Read the opening of a lesson, which is not run for it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return read_opening(ast.get_docstring(tree) or "", path)


def read_opening(docstring: str, path: Path) -> Outline:
    """Take title and question from a docstring; ValueError where it opens otherwise."""
    opening = " ".join(docstring.strip().split("\n\n")[0].split())
    match = _OPENING.fullmatch(opening)
    if not match or not path.name.startswith(match[1]):
        wanted = f"'Lesson {path.name[:2]} · Title: question?'"
        raise ValueError(f"{path.name} opens with '{opening:.60}': begin it with {wanted}")
    question = match[3][0].upper() + match[3][1:]
    return Outline(int(match[1]), match[2], question, path)


def following(number: int, among: Sequence[Outline]) -> Outline | None:
    """Return the first lesson after `number`, or None after the last."""
    return next((lesson for lesson in among if lesson.number > number), None)


# ------------------------------------------------------------------------ the frame of a lesson


class Lesson:
    """The frame of a running lesson: its options, and everything it says that is not its own.

    quick    a first look in seconds instead of the whole thing
    device   "cpu" or "cuda": new blocks are made there
    data     the folder named with --data, or None
    out      the folder for pictures; it exists
    live     stdout is a terminal that can redraw; where it is not, print plain lines
    """

    def __init__(self, about: Outline, options: argparse.Namespace) -> None:
        self.about = about
        self.quick: bool = options.quick
        self.device: str = options.device
        self.data: str | None = options.data
        self.out: Path = options.out or Path("out") / "lessons" / f"{about.number:02}"
        self.live = is_live(sys.stdout)
        self._began = time.perf_counter()
        self._missed: list[str] = []
        self._console = Console(
            force_terminal=self.live, highlight=False, width=None if self.live else WIDTH
        )

    def section(self, title: str) -> None:
        """Print a heading: a new step of the lesson begins."""
        line = "─" * max(2, min(WIDTH, self._console.width) - len(title) - 4)
        self._console.print(
            Text.assemble("\n", ("── ", "dim"), (title, "bold"), (f" {line}", "dim"))
        )

    def expect(self, label: str, value: float, low: float, high: float, unit: str = "") -> None:
        """Print a result beside the range to expect. Outside of it, the lesson ends as failed."""
        space = " " if unit else ""
        wanted = f"expect {_range(low, high)}"
        inside = low <= value <= high
        line = Text.assemble(label, ": ", (f"{_number(value)}{space}{unit}", "bold"))
        line.append(f"   ({wanted})", "dim") if inside else line.append(f"   {wanted}!", "bold red")
        self._console.print(line, soft_wrap=True)
        if not inside:
            self._missed.append(label)

    def saved(self, picture: str | Path | Picture) -> None:
        """Say where a picture was written; of a graph's, also what it leaves out."""
        if isinstance(picture, str | Path):
            paths, note = [Path(picture)], ""
        else:
            paths, note = picture.written, picture.note
        for path in paths:
            line = Text.assemble(("picture: ", "dim"), str(_from_here(path)))
            self._console.print(line, soft_wrap=True)
        if note:
            self._console.print(Text(note, "dim"), soft_wrap=True)

    def finish(self, learned: Sequence[str], try_this: Sequence[str]) -> None:
        """Print what was learned, what to try, and what is next; remember that the lesson ran.

        A result outside its range makes the exit code 1 instead, and the run is not remembered.
        """
        seconds = time.perf_counter() - self._began
        for title, points in (("What we learned", learned), ("Try this", try_this)):
            self.section(title)
            for point in points:
                print(textwrap.fill(point, WIDTH, initial_indent="  • ", subsequent_indent="    "))
        self._console.print()
        if self._missed:
            self._console.print(f"Out of the range to expect: {', '.join(self._missed)}.")
            sys.stdout.flush()
            if _in_notebook():
                return
            raise SystemExit(1)
        sys.stdout.flush()  # a lesson that nobody could read has not been seen
        record(self.about.number, Run(seconds, self.quick))
        self._console.print(Text(f"This took {seconds:.1f} s.", "dim"))
        after = following(self.about.number, lessons())
        if after is None:
            self._console.print("That was the last lesson. The course: hello-dl")
        else:
            command = (f"hello-dl lesson {after.number}", "bold")
            self._console.print(Text.assemble("Next: ", command))
            print(textwrap.fill(f"{after.name}: {after.question}", WIDTH))


def begin(docstring: str | None, file: str) -> Lesson:
    """Open a lesson: read its flags, seed all random numbers, print the title and the question."""
    make_safe(sys.stdout)
    make_safe(sys.stderr)
    warn_in_one_line()
    about = read_opening(docstring or "", Path(file))
    options = _parse_flags(about)
    lesson = Lesson(about, options)
    try:
        lesson.device = device(options.device).name
        if options.data not in (None, "strokes", "python"):
            named_folder(options.data, "--data")
        lesson.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _stop(f"--out '{lesson.out}' cannot be written: {error.strerror}; name another folder")
    except ValueError as error:
        _stop(str(error))
    if not _in_notebook():
        sys.excepthook = without_traceback(sys.excepthook)
    random.seed(0)
    manual_seed(0)
    threadpool_limits(1, "blas")  # small products gain nothing from two, and may wait for long
    lesson._console.print(Text(about.name, "bold"))
    lesson._console.print(Text(about.question, "italic"))
    for paragraph in (docstring or "").strip().split("\n\n")[1:]:  # what you will see
        print("\n" + textwrap.fill(" ".join(paragraph.split()), WIDTH))
    code = Text.assemble(
        ("The code: ", "dim"), str(_from_here(about.path)), ", to read beside this"
    )
    lesson._console.print(code, soft_wrap=True)
    if lesson.quick:
        lesson._console.print(Text("A quick first look; without --quick it is the whole.", "dim"))
    return lesson


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line that names the fix."""

    def error(self, message: str) -> NoReturn:
        _stop(f"{message}; the flags are --quick, --device cpu|cuda, --data DIR and --out DIR")


def _parse_flags(about: Outline) -> argparse.Namespace:
    parser = _Parser(prog=about.path.name, description=f"{about.title}: {about.question}")
    parser.add_argument("--quick", action="store_true", help="a first look, in seconds")
    parser.add_argument("--device", default="cpu", help="where blocks live: cpu (default) or cuda")
    parser.add_argument("--data", metavar="DIR", help="folder of data, or strokes, or python")
    parser.add_argument("--out", metavar="DIR", type=_folder, help="folder for pictures")
    return parser.parse_args([] if _in_notebook() else sys.argv[1:])


def _folder(name: str) -> Path:
    if not name.strip():
        raise argparse.ArgumentTypeError("it is empty, name a folder")
    return Path(name)


def _stop(message: str) -> NoReturn:
    complain(message)
    raise SystemExit(2)


def _from_here(path: Path) -> Path:
    """Shorten a path that lies below the current folder."""
    with contextlib.suppress(ValueError):  # it lies elsewhere
        return path.resolve().relative_to(Path.cwd())
    return path


def _in_notebook() -> bool:
    """Tell whether cells run one by one, in Jupyter or an editor, and flags are not ours."""
    return "ipykernel" in sys.modules


def _range(low: float, high: float) -> str:
    """Write a range: `85 to 95`, `800`, `at least 3`, `at most 0.1`."""
    if math.isinf(high):
        return f"at least {_number(low)}"
    if math.isinf(low):
        return f"at most {_number(high)}"
    return _number(low) if low == high else f"{_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    """Write a number with four digits at most: 0.01234, 12.34, 1,235."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
