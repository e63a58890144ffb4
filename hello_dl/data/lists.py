"""Lists with questions about them, such as `a3 b7 c1 b?`: a task for nets that look things up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

LETTERS = "abcdefghijklmnopqrstuvwxyz"
SIGNS = LETTERS + "0123456789?"
FEW = 3  # letters that there are where letters come again


class Lists(NamedTuple):
    """Lists of tokens of two signs (count, entries + questions, 2), and (count, questions) answers.

    The signs are numbers: places in SIGNS.
    """

    tokens: np.ndarray
    answers: np.ndarray


def make_lists(
    count: int,
    rng: np.random.Generator,
    entries: int = 6,
    questions: int = 6,
    kind: str = "letters",
) -> Lists:
    """Draw lists at random: entries such as `a3` first, then questions about them.

    kind "letters"      `b?` asks for the digit of b; all letters of a list differ
         "repeats"      the same, but letters come again: the newest digit counts
         "differences"  `ba` asks for the digit of b minus that of a, plus 9: from 0 to 18
    """
    if kind not in ("letters", "repeats", "differences"):
        raise ValueError(f"there is no kind '{kind}'; known are letters, repeats, differences")
    if not 1 <= questions <= entries or (entries > len(LETTERS) and kind != "repeats"):
        raise ValueError(
            f"{questions} questions about {entries} entries: there are at most as many questions, "
            f"and {len(LETTERS)} letters"
        )
    letters = rng.random((count, len(LETTERS))).argsort(axis=1)[:, :entries]  # all different
    if kind == "repeats":
        letters = rng.integers(FEW, size=(count, entries))
    digits = rng.integers(10, size=(count, entries))
    asked = _some(letters, questions, rng)
    answers, marks = _newest(letters, digits, asked), np.full_like(asked, SIGNS.index("?"))
    if kind == "differences":
        others = _some(letters, questions, rng)
        answers, marks = 9 + answers - _newest(letters, digits, others), others
    signs = np.hstack([letters, asked]), np.hstack([digits + SIGNS.index("0"), marks])
    return Lists(np.stack(signs, axis=2), answers)


def spell_list(tokens: np.ndarray) -> list[str]:
    """Write the tokens (length, 2) of one list."""
    return ["".join(SIGNS[sign] for sign in token) for token in tokens.tolist()]


def _some(letters: np.ndarray, questions: int, rng: np.random.Generator) -> np.ndarray:
    """Pick entries of each list, in any order."""
    return rng.permuted(letters, axis=1)[:, :questions]


def _newest(letters: np.ndarray, digits: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Return the last digit that each of the letters has had in its list."""
    same = letters[:, None, ::-1] == asked[:, :, None]  # (count, questions, entries)
    return np.take_along_axis(digits[:, ::-1], same.argmax(axis=2), axis=1)
