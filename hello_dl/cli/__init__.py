"""The command `hello-dl`: the course, digits, handwriting, text, graphs, data, the doctor.

Everything heavy is imported inside the command that needs it, so that the list of lessons is there
at once. What goes wrong is one line that names the value and the fix, and exit code 2.
"""

from __future__ import annotations

from collections.abc import Sequence

import typer

from hello_dl.cli.course import ABOUT, course, lesson
from hello_dl.cli.learn import WithRecipes, learn
from hello_dl.cli.machine import data_command, doctor
from hello_dl.cli.pictures import draw, read
from hello_dl.cli.text import train_text, write
from hello_dl.usage import run_app

WIDTH = 100  # columns of --help, at most

app = typer.Typer(
    name="hello-dl",
    help=ABOUT,
    add_completion=False,
    pretty_exceptions_enable=False,  # a bug shows Python's own traceback
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": WIDTH},
)

app.callback(invoke_without_command=True)(course)
app.command()(lesson)
app.command("digits", cls=WithRecipes, help="Watch a network learn handwritten digits.")(learn)
app.command("letters", cls=WithRecipes, help="Watch a network learn handwritten letters.")(learn)
app.command()(read)
app.command("train-text")(train_text)
app.command()(write)
app.command(context_settings={"ignore_unknown_options": True})(draw)  # `-a*b` is no option
app.command("data")(data_command)
app.command()(doctor)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, or those of the process; return the exit code."""
    return run_app(app, "hello-dl", arguments)
