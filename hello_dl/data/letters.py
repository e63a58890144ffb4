"""Handwritten letters to learn from: EMNIST where it is, else strokes drawn by ourselves."""

from __future__ import annotations

from pathlib import Path

from hello_dl.data.digits import Characters
from hello_dl.data.emnist import ARCHIVE, EMNIST
from hello_dl.data.sources import fetch, find
from hello_dl.data.strokes import LETTERS, load_strokes

TRAIN, TEST = 52 * 900, 52 * 100  # letters that are drawn


def load_letters(data: str | Path | None = None) -> Characters:
    """Return the letters of EMNIST if they are on this machine, else strokes.

    EMNIST's are 26 classes, a letter being the same in capitals; strokes are 52, A to Z and a to z.
    `data` is a folder that holds EMNIST's file, or the word "strokes". A folder that was named but
    does not hold it, and a file that is damaged, are a DataError. Nothing is downloaded: it is 560
    MB (`hello-dl data emnist` fetches it).
    """
    if data == "strokes" or (data is None and find(ARCHIVE) is None):
        drawn = load_strokes(TRAIN, TEST, LETTERS)
        why = "" if data else ", as EMNIST is not on this machine (hello-dl data emnist fetches it)"
        return Characters(*drawn, "strokes letters", f"drawn by hello_dl{why}", LETTERS)
    folder = None if data is None else fetch(ARCHIVE, data, online=False).parent
    train, test = (EMNIST(folder, "letters", half, download=False) for half in (True, False))
    return Characters(
        *(train.images, train.targets),
        *(test.images, test.targets),
        name="EMNIST letters",
        note=f"from {train.where}",
        alphabet="".join(train.classes),
    )
