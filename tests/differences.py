"""The page docs/differences-from-pytorch.md: its lines, and which test holds which of them."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "differences-from-pytorch.md"


def holding(held):
    """Return the decorator that says which line a test holds, and notes the test in `held`."""

    def line(first_cell):
        def noted(test):
            held[first_cell] = test
            return test

        return noted

    return line


def lines_of_the_page(*, sequences):
    """The first cells of all lines: of the section on sequences, or of all the others."""
    text = PAGE.read_text(encoding="utf-8")
    sections = re.split(r"(?m)^## ", text)
    chosen = [s for s in sections if s.startswith("Sequences\n") == sequences]
    rows = re.findall(r"(?m)^\| .*\|$", "\n".join(chosen))
    cells = [row.split(" | ")[0].removeprefix("| ") for row in rows]
    return [cell for cell in cells if cell not in ("name", "---", "in PyTorch")]
