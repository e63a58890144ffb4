"""How much does `hello-dl read` read right? On pages that we compose, of seeds that you choose.

    python benchmarks/reading.py --pages 100 --seed 1

The nets are those of the command, trained first where they are not in the cache. A character that
is wrong, missing or invented is an error; a question mark is one, too.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from hello_dl.data.strokes import DIGITS, LETTERS
from hello_dl.read.calibrate import calibration_error
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


def measure(reader: Reader, kind: str, seeds: range) -> str:
    """One row of the table: shares of characters, and seconds of the processor a page."""
    wrong = guessed = folded = count = 0
    seconds, sure, right = 0.0, [], []
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
    shares = "".join(f"{100 * (1 - n / count):>9.2f} %" for n in (wrong, guessed, folded))
    error = calibration_error(np.array(sure), np.array(right))
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
    for kind, alphabet, wanted in ROWS:
        seeds = range(arguments.seed, arguments.seed + arguments.pages)
        name = "digits" if alphabet == DIGITS else "letters"
        target = "" if wanted is None else f">= {wanted:.0%}"
        print(f"{kind:8}{name:8}{target:>10}{measure(readers[alphabet], kind, seeds)}", flush=True)


if __name__ == "__main__":
    main()
