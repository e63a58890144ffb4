"""What a command says when something is wrong: one line with the value and the fix, exit code 2."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import typer

from hello_dl.show.terminal import make_safe
from hello_dl.show.trouble import complain, in_words, settle, warn_in_one_line

UsageError: type[Exception] = typer.BadParameter.mro()[1]  # typer has no name of its own for it


def run_app(app: typer.Typer, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run an app with these arguments (default: those of the process); return the exit code.

    ValueError and OSError are what the library raises for bad input: they become one line. Anything
    else is a bug and keeps its traceback.
    """
    make_safe(sys.stdout)
    make_safe(sys.stderr)
    try:
        with warnings.catch_warnings():
            warn_in_one_line()
            code = app(arguments, prog_name=name, standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:  # as in `hello-dl | head`: nobody reads on
        settle()
        return 1
    except UsageError as error:
        complain(in_one_line(error))
    except OSError as error:
        complain(in_words(error))
    except ValueError as error:
        complain(str(error))
    return 2


def whole(text: str) -> int:
    """Read a whole number from the command line."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no whole number such as 3") from None


def decimal(text: str) -> float:
    """Read a number from the command line."""
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no number such as 0.1") from None


def in_one_line(error: Exception) -> str:
    """Say what is wrong with a command line, and what would have been right."""
    message = error.format_message().rstrip(".")  # type: ignore[attr-defined]
    message = message.split(". Did you mean")[0].split(" (Possible")[0]
    context: Any = getattr(error, "ctx", None)
    command = getattr(context, "command", None)
    if command is None:
        return message
    if message.startswith("No such command"):
        message += f"; the commands are {', '.join(command.commands)}"
    elif message.startswith("No such option"):
        options = [o for p in command.params for o in p.opts if o.startswith("--")]
        message += f"; {context.command_path} knows {', '.join([*options, '--help'])}"
    elif message.startswith("Missing") or "unexpected extra" in message:
        message += f"; {context.command_path} --help explains it"
    return message[0].lower() + message[1:]
