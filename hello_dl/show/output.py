"""Where a job's lines go: into a terminal in color, or into a file or pipe without."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console
from rich.text import Text

from hello_dl.show.terminal import can_encode, is_live, make_safe, plain_text

WIDTH = 80  # columns of a file
LONGEST = 100  # columns of a terminal that are used: longer lines are hard to read


def hanging(text: str, indent: int) -> None:
    """Print a row of a table whose last column wraps below itself, `indent` characters in."""
    width = max(40, min(LONGEST, shutil.get_terminal_size().columns))
    head, rest = text[:indent], text[indent:]
    print(
        textwrap.fill(
            rest,
            width,
            initial_indent=head,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


class Output:
    """Lines, flushed one by one, in whatever the stream can encode.

    `console` is rich's, or None where the output is no terminal or should be `plain`: then no
    escape bytes are written.
    """

    def __init__(self, stream: TextIO, plain: bool = False) -> None:
        self.stream, self.console = stream, None
        if is_live(stream) and not plain:
            make_safe(stream)
            self.console = Console(file=stream, highlight=False)

    @property
    def width(self) -> int:
        """Columns that there are."""
        if self.console:
            return self.console.width
        return shutil.get_terminal_size((WIDTH, 24)).columns if is_live(self.stream) else WIDTH

    @property
    def digit_style(self) -> str:
        """How `draw_digit` should draw here: in grays if there are any, else in ASCII."""
        colors = self.console and self.console.color_system and not self.console.no_color
        return "half" if colors and can_encode(self.stream, "▀") else "ascii"

    def say(self, line: str | Text = "", wrap: bool = True) -> None:
        """Write one line; a terminal that is narrower gets it in several, between words."""
        text = Text(line) if isinstance(line, str) else line
        if self.console:
            self.console.print(text, soft_wrap=not wrap)
        else:
            encoding = getattr(self.stream, "encoding", None) or "utf-8"
            self.stream.write(plain_text(text.plain.rstrip(), encoding) + "\n")
            self.stream.flush()

    def show(self, lines: Iterable[Text]) -> None:
        """Write the lines of a picture."""
        for line in lines:
            self.say(line, wrap=False)

    @contextmanager
    def downloads(self) -> Iterator[Callable[[int, int | None, str], None]]:
        """Give a function to report downloads with: progress(done, total, label).

        A terminal gets a bar, which goes away at the end, and a file one line for each label.
        """
        known: dict = {}
        if not self.console:

            def tell(done: int, total: int | None, label: str) -> None:
                if label not in known:
                    known[label] = True
                    self.say(f"downloading {label}")

            yield tell
            return
        from rich import progress

        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.DownloadColumn(),
        )
        with progress.Progress(*columns, console=self.console, transient=True) as bars:

            def update(done: int, total: int | None, label: str) -> None:
                if label not in known:
                    known[label] = bars.add_task(label)
                bars.update(known[label], completed=done, total=total)

            yield update
