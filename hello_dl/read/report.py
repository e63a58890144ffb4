"""What is said of a photo that was read: its lines, how sure the net is, and what it may be."""

from __future__ import annotations

import numpy as np
from rich.text import Text

from hello_dl.read.boxes import AMBER, GREEN, RED, color_of
from hello_dl.read.reader import UNSURE, Character, Reading
from hello_dl.show.digits import Picture, percent

STYLES = {GREEN: "green", AMBER: "yellow", RED: "bold red"}
DOUBTS = 6  # question marks that are explained, at most


def report(reading: Reading) -> Picture:
    """The text line by line with how sure the net is of it, and what the question marks may be."""
    numbers, longest = len(str(len(reading.lines))), max(map(len, reading.text))
    shown: Picture = []
    for number, line in enumerate(reading.lines, 1):
        text = written(line)
        gap = " " * max(longest - text.cell_len, 0)
        sure = percent(float(np.mean([character.sure for character in line])), 0)
        shown.append(Text.assemble(f"  {number:>{numbers}}  ", text, gap, f"   {sure:>5}"))
    return [*shown, Text(), *doubts(reading)]


def written(line: list[Character]) -> Text:
    """A line of text, each character in the color of how sure it is."""
    text = Text()
    for character in line:
        text.append(" " * character.space)
        text.append(character.shown, STYLES[color_of(character.sure)])
    return text


def doubts(reading: Reading) -> Picture:
    """What the question marks stand for, and what they may be."""
    unsure = [
        (number, place, character)
        for number, line in enumerate(reading.lines, 1)
        for place, character in enumerate(line, 1)
        if character.sure < UNSURE
    ]
    if not unsure:
        return []
    lines = [Text(f"? is a character of which the net is less than {percent(UNSURE, 0)} sure:")]
    for number, place, character in unsure[:DOUBTS]:
        guess = f"{character.text} ({int(100 * character.sure)} %) or {character.second}"
        lines.append(Text(f"  line {number}, character {place}: perhaps {guess}"))
    if len(unsure) > DOUBTS:
        lines.append(Text(f"  and {len(unsure) - DOUBTS} more"))
    return lines
