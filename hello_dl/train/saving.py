"""Checkpoints of a training run: all its parts in one file, and back, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from hello_dl import __version__
from hello_dl.backend import Array, random
from hello_dl.train import state

LAST, BEST = "last.safetensors", "best.safetensors"
FORMAT = 1  # of the tree in the file


class UnsavedError(ValueError):
    """A checkpoint could not be written; the one before it is as it was."""


class Stateful(Protocol):
    """Whatever can say how it stands in plain numbers and arrays, and go on from there."""

    def state_dict(self) -> Mapping[str, Any]:
        """Return how it stands."""

    def load_state_dict(self, state: Any) -> Any:
        """Go on from there."""


class RandomState:
    """The random numbers of all devices, as a part of a checkpoint."""

    state_dict = staticmethod(random.get_state)
    load_state_dict = staticmethod(random.set_state)


def snapshot(parts: Mapping[str, Stateful]) -> tuple[dict[str, Array], str]:
    """Return a copy of how the parts stand, for `restore`."""
    return state.pack({name: part.state_dict() for name, part in parts.items()})


def restore(parts: Mapping[str, Stateful], before: tuple[dict[str, Array], str]) -> None:
    """Bring the parts back to where a snapshot was taken."""
    saved = state.unpack(*before)
    for name, part in parts.items():
        part.load_state_dict(saved[name])


class Checkpoints:
    """Saves the parts of a run in a folder and brings them back.

    `facts` are plain values that the run must agree in with a checkpoint to go on from it.
    """

    def __init__(self, folder: Path, parts: Mapping[str, Stateful], facts: Mapping[str, Any]):
        self.folder, self.parts, self.facts = folder, parts, facts
        for name in (LAST, BEST):
            for leftover in folder.glob(f".*.part.{name}"):  # of a run that was killed as it saved
                leftover.unlink(missing_ok=True)

    def save(self, name: str) -> None:
        """Write a checkpoint; where that fails, an UnsavedError says why and the old one stays."""
        path = self.folder / name
        parts = {part: stateful.state_dict() for part, stateful in self.parts.items()}
        about = {"format": FORMAT, "version": __version__, "facts": dict(self.facts)}
        try:
            state.write(path, about | parts)
        except OSError as error:
            kept = "; the checkpoint before it is still there" if path.is_file() else ""
            raise UnsavedError(
                f"'{path}' cannot be written: {error.strerror or error}{kept}"
            ) from None

    def resume(self) -> bool:
        """Bring all parts to where `last` was saved; tell whether there is one.

        ValueError, in one line, if the file is damaged or of another run; then nothing is changed.
        """
        path = self.folder / LAST
        if not path.exists():
            return False
        saved = state.read(path)
        self._compare(path, saved)
        before, moved = snapshot(self.parts), dict[str, Stateful]()
        try:
            for name, part in self.parts.items():
                part.load_state_dict(saved[name])  # all of it, or an error and nothing
                moved[name] = part
        except (ValueError, TypeError, KeyError, IndexError) as error:
            restore(moved, before)
            why = f"{error} is missing" if isinstance(error, KeyError) else error
            raise ValueError(f"'{path}' cannot be resumed: {name}: {why}") from None
        return True

    def _compare(self, path: Path, saved: Mapping[str, Any]) -> None:
        """Raise ValueError that names the first thing in which a checkpoint is of another run."""
        if saved.get("format") != FORMAT:
            raise ValueError(
                f"'{path}' has format {saved.get('format')}, of another version of hello_dl "
                f"({saved.get('version')}); this one, {__version__}, reads format {FORMAT}"
            )
        for name in dict.fromkeys([*self.facts, *saved["facts"]]):
            there, here = saved["facts"].get(name), self.facts.get(name)
            if there != here:
                raise ValueError(
                    f"'{path}' is of another run: {name} is {there} in it, and {here} here"
                )
        for name in dict.fromkeys([*self.parts, *(set(saved) - {"format", "version", "facts"})]):
            if (name in saved) != (name in self.parts):
                there, here = ("a", "none") if name in saved else ("no", "one")
                raise ValueError(
                    f"'{path}' is of another run: {there} state of {name!r} is in it, and {here} "
                    "is asked for here"
                )
