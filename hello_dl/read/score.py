"""How much of a page was read right: wrong, missing and invented characters, line by line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def edit_distance(a: str, b: str) -> int:
    """How many characters must be changed, left out or put in to make b of a (Levenshtein 1966)."""
    return round(aligned(a, b, lambda x, y: float(x != y), lambda _: 1.0))


def wrong_characters(truth: Sequence[str], read: Sequence[str]) -> int:
    """The least number of changes that make the lines that were read the true ones.

    Spaces do not count. A line that is missing or invented counts as all of its characters.
    """
    lines, found = (["".join(line.split()) for line in text] for text in (truth, read))
    return round(aligned(lines, found, edit_distance, len))


def aligned(
    a: Sequence[Any],
    b: Sequence[Any],
    change: Callable[[Any, Any], float],
    alone: Callable[[Any], float],
) -> float:
    """The least cost of making b of a: parts are changed, or are `alone` in one of both."""
    cost = np.cumsum([0.0, *map(alone, b)])  # of making the beginnings of b of nothing
    for x in a:
        before, cost = cost, np.empty_like(cost)
        cost[0] = before[0] + alone(x)
        for j, y in enumerate(b):
            cost[j + 1] = min(
                before[j] + change(x, y), before[j + 1] + alone(x), cost[j] + alone(y)
            )
    return float(cost[-1])
