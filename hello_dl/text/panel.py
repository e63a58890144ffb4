"""What a language model writes while it learns: a panel of the dashboard, and lines in a file."""

from __future__ import annotations

from rich.text import Text

from hello_dl.show.digits import DIM, Picture
from hello_dl.show.terminal import shown

SPEED = 60  # characters a second: as fast as one can read


class TextPanel:
    """The last sample, which appears as if it were being typed."""

    def __init__(self) -> None:
        self.sample, self.title = "", "It has not written yet."
        self.began: float | None = None

    def show(self, sample: str, step: int) -> None:
        """Begin with another sample."""
        self.sample, self.title, self.began = sample, f"what it writes after step {step:,}", None

    def draw(self, width: int, height: int, seconds: float) -> Picture:
        """As much of it as was typed by now, and as fits."""
        self.began = seconds if self.began is None else self.began
        typed = self.sample[: int((seconds - self.began) * SPEED) + 1]
        lines = [line for row in typed.splitlines() for line in folded(row, width)]
        return [Text(self.title, DIM), *map(Text, lines[: max(height - 1, 0)])]


def folded(row: str, width: int) -> list[str]:
    """Cut a row of text into lines of at most `width` characters."""
    safe = "".join(map(shown, row.expandtabs(4)))
    return [safe[i : i + width] for i in range(0, len(safe), max(width, 1))] or [""]
