"""Batches as training wants them: from where it was, several to a step, on the model's device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from hello_dl.backend import random
from hello_dl.train.batches import Batch, count_samples, moved


class Portion(NamedTuple):
    """A batch, and its share of the samples of its step; None if they are all in it."""

    batch: Batch
    samples: int
    share: float | None


class Feed:
    """What is left of an epoch, `accumulate` batches to a step.

    A loader that has `state_dict` and `load_state_dict`, as DataLoader has, keeps its own position.
    Any other is run through anew up to where it was, with the same random numbers; so its order
    must not depend on what the model draws in between.
    """

    def __init__(self, loader: Iterable[Batch], accumulate: int, device: str) -> None:
        self.loader, self.accumulate, self.device = loader, accumulate, device
        self.done = 0  # batches of the epoch that is under way
        self.ended = False  # there are no more in it
        self.random: Any = None  # the state of random numbers as it began

    @property
    def steps(self) -> int | None:
        """Steps in an epoch; None if the loader does not say how many batches it has."""
        batches = length(self.loader)
        return None if batches is None else -(-batches // self.accumulate)

    def __iter__(self) -> Iterator[list[Portion]]:
        """Yield the rest of the epoch step by step."""
        coming = self._rest()
        while not self.ended:
            group = list(islice(coming, self.accumulate))
            self.done += len(group)
            self.ended = len(group) < self.accumulate
            if group:
                yield self._portions(group)
        if not self.done:
            raise ValueError(
                "the loader gives no batches (any more): give a list or a DataLoader, which can "
                "be gone through once an epoch"
            )
        self.done, self.ended = 0, False

    def _portions(self, group: list[Batch]) -> list[Portion]:
        group = [moved(batch, self.device) for batch in group]
        counts = [count_samples(batch) for batch in group]
        if len(group) == 1:
            return [Portion(group[0], counts[0], None)]
        shares = [count / max(sum(counts), 1) for count in counts]
        return [Portion(*portion) for portion in zip(group, counts, shares)]

    def _rest(self) -> Iterator[Batch]:
        """Start the loader where it was."""
        if self.ended:
            return iter(())
        if not self.done:
            self.random = random.get_state()
        if not self.done or hasattr(self.loader, "load_state_dict"):
            return iter(self.loader)
        now = random.get_state()
        random.set_state(self.random)
        coming = iter(self.loader)
        for _ in islice(coming, self.done):
            pass
        random.set_state(now)
        return coming

    def state_dict(self) -> dict[str, Any]:
        """Return the position for a checkpoint."""
        known = hasattr(self.loader, "state_dict")
        own = self.loader.state_dict() if known else None  # type: ignore[attr-defined]
        return {"done": self.done, "ended": self.ended, "random": self.random, "loader": own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a position."""
        if state["loader"] is not None:
            self.loader.load_state_dict(state["loader"])  # type: ignore[attr-defined]
        self.done, self.ended, self.random = (state[name] for name in ("done", "ended", "random"))


def length(loader: Iterable[Batch]) -> int | None:
    """Return how many batches a loader has; None if it does not say."""
    try:
        return len(loader)  # type: ignore[arg-type]
    except TypeError:
        return None
