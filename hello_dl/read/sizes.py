"""Is it c or C? The picture of a character does not say, but its size beside the others does.

Every character has a natural place on the line: a c is low, a C high, a p hangs down. From what the
net thinks of all characters of a page we guess the height of a capital and where the lines run,
then ask of each character how well its place fits, and of both together what it is.
"""

from __future__ import annotations

import numpy as np

from hello_dl.data.shapes import shape_table

SPREAD = 0.13  # heights of a capital by which tops and bottoms vary from hand to hand
ROUNDS = 4  # of guessing the lines and the characters in turn


def natural_places(characters: str) -> np.ndarray:
    """Where the top and the bottom (n, 2) of characters are: 0 a capital's top, 1 its bottom."""
    table, places = shape_table(), []
    for character in characters:
        first = table.first[character]
        shapes = table.tickets[first : first + table.count[character]]
        points = table.points[shapes] + table.change[shapes] / 2
        y = (table.curve[shapes] @ points)[..., 1]  # (shapes, dots)
        places.append((y.min(1).mean(), y.max(1).mean()))
    return np.array(places)


def with_sizes(
    log_p: np.ndarray, boxes: np.ndarray, line: np.ndarray, characters: str, height: float
) -> np.ndarray:
    """Logarithms of probabilities (n, classes), changed by what the places of characters say.

    boxes   (n, 3) the middle, the top and the bottom of each, in pixels, y down
    line    (n,) number of the line that each is on
    height  of a usual character in pixels, a first guess

    Classes beyond the `characters` ("none of these") keep their probability.
    """
    natural = natural_places(characters)
    known = log_p[:, : len(characters)]
    total = np.logaddexp.reduce(known, axis=1, keepdims=True)
    middle, found = boxes[:, 0], boxes[:, 1:]  # (n,), (n, 2)
    posterior = known
    for _ in range(ROUNDS):
        belief = np.exp(posterior - np.logaddexp.reduce(posterior, axis=1, keepdims=True))
        capital, base = _lines(belief @ natural, middle, found, line, height)
        place = 1 + (found - base[:, None]) / capital  # (n, 2), 1 at the bottom of a capital
        off = ((place[:, None] - natural) ** 2).sum(2) / (2 * SPREAD**2)
        posterior = known - np.minimum(off, 8)
    shift = total - np.logaddexp.reduce(posterior, axis=1, keepdims=True)
    return np.concatenate([posterior + shift, log_p[:, len(characters) :]], axis=1)


def _lines(
    expected: np.ndarray, middle: np.ndarray, found: np.ndarray, line: np.ndarray, height: float
) -> tuple[float, np.ndarray]:
    """Height of a capital, and the bottom of a capital (n,) at each character: least squares.

    top = base + slope * x + (natural top - 1) * capital, and likewise for the bottom: the unknowns
    are one `capital` for the page, and base and slope for each line. The slopes and the capital are
    drawn a little to 0 and to `height`, so that lines of few characters do no harm.
    """
    lines = int(line.max()) + 1
    x = (middle - middle.mean()) / max(float(np.ptp(middle)), height)  # -1..1
    rows = np.zeros((2, len(line), 1 + 2 * lines))
    each = np.arange(len(line))
    for end in (0, 1):
        rows[end, :, 0] = expected[:, end] - 1
        rows[end, each, 1 + line] = 1
        rows[end, each, 1 + lines + line] = x
    drawn = np.zeros((1 + lines, 1 + 2 * lines))
    drawn[0, 0] = 1
    drawn[1:, 1 + lines :] = 2 * np.eye(lines)
    matrix = np.concatenate([rows[0], rows[1], drawn])
    wanted = np.concatenate([found[:, 0], found[:, 1], [height], np.zeros(lines)])
    solution = np.linalg.lstsq(matrix, wanted)[0]
    base = solution[1 + line] + solution[1 + lines + line] * x
    return max(float(solution[0]), 0.4 * height), base
