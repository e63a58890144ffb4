"""A sketch as a tree of text: what stands first was computed from what stands below it."""

from __future__ import annotations

from collections import defaultdict

from hello_dl.show.sketch import Arrow, Box, Sketch
from hello_dl.show.summary import plural

DEEPEST = 24  # levels; further in, lines would run out of the terminal


def outline(sketch: Sketch) -> str:
    """Write the tree. A box with several children stands in full once, then only as "above"."""
    arrows: dict[int, list[Arrow]] = defaultdict(list)
    for arrow in sketch.arrows:
        arrows[arrow.head].append(arrow)
    uses = [int(box.is_result) for box in sketch.boxes]
    for arrow in sketch.arrows:
        uses[arrow.tail] += 1
    numbers: dict[int, int] = {}  # of boxes that are used more than once and have inputs to show

    lines = []
    to_write: list[tuple[int, str, str, str]] = [
        (i, "", "", "") for i, box in reversed([*enumerate(sketch.boxes)]) if box.is_result
    ]
    while to_write:
        i, before, below, along = to_write.pop()
        box, inputs = sketch.boxes[i], arrows[i]
        if i in numbers:
            lines.append(f"{before}{title(box)}  as in ({numbers[i]}) above")
            continue
        mark = ""
        if uses[i] > 1 and inputs:
            numbers[i] = len(numbers) + 1
            mark = f"({numbers[i]}) "
        lines.append(before + mark + words(box) + along)
        if inputs and len(below) >= 3 * DEEPEST:
            lines.append(f"{below}└─ … {plural(len(inputs), 'input')} of this and what is behind")
            continue
        for arrow in reversed(inputs):
            last = arrow is inputs[-1]
            branch, on = ("└─ ", "   ") if last else ("├─ ", "│  ")
            slope = f"  (slope {arrow.slope})" if arrow.slope else ""
            to_write.append((arrow.tail, below + branch, below + on, slope))
    return "\n".join([*lines, *(f"({note})" for note in sketch.notes)])


def title(box: Box) -> str:
    """Name a box: name and operation, or what it is."""
    return " ".join(filter(None, (box.name, box.symbol))) or box.kind


def words(box: Box) -> str:
    """Write down all that stands in a box, in one line."""
    if box.kind == "note":
        return " ".join(box.lines)
    head = title(box)
    if box.name and box.kind in ("input", "parameter"):
        head += f" ({box.kind})"
    gradient = [f"∇ {box.gradient}"] if box.gradient else []
    return "  ".join(filter(None, (head, *box.lines, *gradient)))
