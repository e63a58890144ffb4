"""How much does `hello-dl read` read right? On pages that we compose, of seeds that you choose.

    python benchmarks/reading.py --pages 100 --seed 1

The nets are those of the command, trained first where they are not in the cache. Of all characters
that were written, spaces aside, the columns say which share was read

right      exactly: each one that is wrong, missing, invented or a question mark is an error
guessed    if the net's best guess counts where it printed a question mark
any case   likewise, with c for C and the like no error: their shapes are the same

Letters come in all 52 forms and in no words that could help. Nobody can tell l from I by its
shape, or a lone o from O; such pairs are counted as errors and listed below the table.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from hello_dl.data.strokes import DIGITS, LETTERS
from hello_dl.read.calibrate import calibration_error, reliability
from hello_dl.read.command import BEST, ReadOptions, get_reader
from hello_dl.read.pages import compose_page
from hello_dl.read.reader import Reader
from hello_dl.read.score import wrong_characters
from hello_dl.show.output import Output

ROWS = (
    ("clean", DIGITS, 0.97),
    ("hard", DIGITS, 0.92),
    ("board", DIGITS, None),
    ("clean", LETTERS, 0.85),
    ("hard", LETTERS, None),
)  # kind of page, what is on it, the share to reach


@dataclass
class Tally:
    """All answers on lines of which no character is missing or invented."""

    mistaken: Counter[str] = field(default_factory=Counter)  # "what was written as what was read"
    sure: list[float] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)


def measure(reader: Reader, kind: str, seeds: range, tally: Tally) -> str:
    """One row of the table: shares of characters, and seconds of the processor a page."""
    wrong = guessed = folded = count = 0
    seconds = 0.0
    sure: list[float] = []
    right: list[bool] = []
    for seed in seeds:
        photo, truth = compose_page(seed, kind, reader.characters)
        began = time.process_time()
        reading = reader.read(photo)
        seconds += time.process_time() - began
        guesses = ["".join(c.text for c in line) for line in reading.lines]
        count += sum(len(line.replace(" ", "")) for line in truth.lines)
        wrong += wrong_characters(truth.lines, reading.text)
        guessed += wrong_characters(truth.lines, guesses)
        fold = [[line.lower() for line in text] for text in (truth.lines, guesses)]
        folded += wrong_characters(*fold)
        for line, guess, characters in zip(truth.lines, guesses, reading.lines):
            if len(line := line.replace(" ", "")) == len(guess):
                sure += [c.sure for c in characters]
                right += [a == b for a, b in zip(line, guess)]
                tally.mistaken.update(f"{a} as {b}" for a, b in zip(line, guess) if a != b)
    shares = "".join(f"{100 * (1 - n / count):>9.2f} %" for n in (wrong, guessed, folded))
    error = calibration_error(np.array(sure), np.array(right))
    tally.sure += sure
    tally.right += right
    return f"{count:>10,}{shares}{100 * error:>9.1f} %{seconds / len(seeds):>9.2f} s"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="of the first page")
    parser.add_argument("--model", default=BEST)
    arguments = parser.parse_args()
    output = Output(sys.stdout)
    readers = {
        alphabet: get_reader(
            ReadOptions("", letters=alphabet == LETTERS, model=arguments.model), output
        )
        for alphabet in (DIGITS, LETTERS)
    }
    print(
        "page    written     wanted characters     right    guessed  any case  calibration     time"
    )
    tallies = {"digits": Tally(), "letters": Tally()}
    for kind, alphabet, wanted in ROWS:
        seeds = range(arguments.seed, arguments.seed + arguments.pages)
        name = "digits" if alphabet == DIGITS else "letters"
        target = "" if wanted is None else f">= {wanted:.0%}"
        row = measure(readers[alphabet], kind, seeds, tallies[name])
        print(f"{kind:8}{name:8}{target:>10}{row}", flush=True)
    for name, tally in tallies.items():
        print(f"\n{name}: how sure the net was, in the mean, and how often it was right")
        for group in reliability(np.array(tally.sure), np.array(tally.right)):
            between = f"{group.low:.1f} to {group.high:.1f}"
            shares = "".join(f"{100 * share:>8.1f} %" for share in (group.sure, group.right))
            print(f"  {between}{group.answers:>8,}{shares}")
        most = ", ".join(f"{pair} {count}" for pair, count in tally.mistaken.most_common(12))
        print(f"most often mistaken: {most}")


if __name__ == "__main__":
    main()
