"""Metrics on disk: one JSON object a line in `metrics.jsonl`, and for TensorBoard if wanted."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from hello_dl.train.records import Epoch, Step

METRICS = "metrics.jsonl"


class Log:
    """Adds lines to a file of which it is known where it ends, so that a run can go back.

    There is one for every epoch, one for every `every` steps, and one where a step has statistics.
    The file is begun anew with the first line of a new run, and not before: until then, what an
    earlier run has left stays.
    """

    def __init__(self, folder: Path, every: int | None, tensorboard: bool) -> None:
        self.path, self.every = folder / METRICS, every
        self.end = 0  # bytes of the file that belong to this run
        self.last_step = -1  # of the last line
        self.file: BinaryIO | None = None
        self.events = TensorBoard(folder) if tensorboard else None

    def step(self, step: Step) -> None:
        """Write a step down if it is its turn."""
        if self.every and step.step % self.every == 0:
            names = ("epoch", "step", "loss", "lr", "samples", "grad_norm")
            line = {name: getattr(step, name) for name in names} | step.metrics
            self._write(step.step, line, "step")
        if step.statistics:
            line = {"epoch": step.epoch, "step": step.step} | step.statistics.as_dict()
            self._write(step.step, line, "statistics")

    def epoch(self, epoch: Epoch) -> None:
        """Write an epoch down; what validation says has names such as `validation_loss`."""
        line = epoch._asdict()
        for name in ("epochs", "steps", "metrics", "validation", "patience"):
            del line[name]
        validation = {f"validation_{name}": x for name, x in epoch.validation.items()}
        self._write(epoch.step, line | epoch.metrics | validation, "epoch")

    def _write(self, step: int, line: Mapping[str, Any], group: str) -> None:
        """Add a line, which is on disk when this returns."""
        try:
            if self.events:
                self.events.write(step, line, group, after=self.last_step)
            file = self.file or self._open()
            self.end += file.write(json.dumps(_strict(line)).encode() + b"\n")
            file.flush()
        except OSError as error:
            why = error.strerror or error
            raise ValueError(f"'{self.path}' cannot be written: {why}; make room there") from None
        self.last_step = step

    def _open(self) -> BinaryIO:
        """Open the file at the end that is known, and cut off what stands after it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.touch()
        self.end = min(self.end, self.path.stat().st_size)  # somebody may have emptied it
        self.file = self.path.open("r+b")
        self.file.truncate(self.end)
        self.file.seek(self.end)
        return self.file

    def close(self) -> None:
        """Close the files."""
        if self.events:
            self.events.close()
        if self.file:
            self.file.close()
            self.file = None

    def state_dict(self) -> dict[str, int]:
        """Return where the file ends."""
        return {"end": self.end, "last_step": self.last_step}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go back to where a checkpoint was made: what came after it is cut off."""
        self.close()
        self.end, self.last_step = state["end"], state["last_step"]
        self._open()


class TensorBoard:
    """The same numbers in TensorBoard's own files, beside metrics.jsonl."""

    def __init__(self, folder: Path) -> None:
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise ValueError(
                "tensorboard=True needs a package: pip install 'hello_dl[tensorboard]'"
            ) from None
        self.open, self.folder = SummaryWriter, str(folder)
        self.file: Any = None

    def write(self, step: int, line: Mapping[str, Any], group: str, after: int) -> None:
        """Write the numbers of a line; what an earlier process has written `after` is hidden."""
        if self.file is None:
            first = after + 1
            self.file = self.open(self.folder, purge_step=first, filename_suffix=f".{first}")
        for name, number in _scalars(line, group):
            self.file.add_scalar(name, number, step)
        self.file.flush()

    def close(self) -> None:
        """Close the file."""
        if self.file is not None:
            self.file.close()
            self.file = None


def _scalars(line: Mapping[str, Any], group: str) -> list[tuple[str, float]]:
    """Name the numbers as TensorBoard sorts them: `epoch/loss`, `std/1`, `ratio/1.weight`."""
    if group == "statistics":
        found = []
        for row in line["activations"]:
            found += [(f"{what}/{row['layer']}", row[what]) for what in ("mean", "std", "zeros")]
        for row in line["updates"]:
            found += [(f"{what}/{row['parameter']}", row[what]) for what in ("grad_norm", "ratio")]
        return found
    return [
        (name.replace("_", "/", 1) if name.startswith("validation_") else f"{group}/{name}", x)
        for name, x in line.items()
        if isinstance(x, int | float) and name not in ("epoch", "step", "best")
    ]


def _strict(x: Any) -> Any:
    """Put null for nan and inf, for which JSON has no word."""
    if isinstance(x, float):
        return x if math.isfinite(x) else None
    if isinstance(x, Mapping):
        return {name: _strict(part) for name, part in x.items()}
    return [_strict(part) for part in x] if isinstance(x, list) else x
