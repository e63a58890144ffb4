"""Whether results remember what they were computed from: `no_grad` (graph.py), and the way back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hello_dl.graph import recording


def is_grad_enabled() -> bool:
    """Tell whether operations are recorded here, so that `backward` can go back through them."""
    return recording.path is not None


@contextmanager
def enable_grad() -> Iterator[None]:
    """Record again, inside of a `no_grad` block."""
    before = recording.path
    recording.path = "" if before is None else before
    try:
        yield
    finally:
        recording.path = before


class set_grad_enabled:
    """Record or not, from now on or in a `with` block: `with set_grad_enabled(training):`."""

    def __init__(self, mode: bool) -> None:
        self._before = recording.path
        recording.path = (self._before or "") if mode else None

    def __enter__(self) -> None:
        """The constructor has done it."""

    def __exit__(self, *_: object) -> None:
        recording.path = self._before
