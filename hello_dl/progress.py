"""Which lessons ran to their end on this machine: one small file for each, in the cache."""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from hello_dl.data.files import replacing
from hello_dl.data.sources import cache_dir


@dataclass(frozen=True)
class Run:
    """A lesson that ran to its end on this machine."""

    seconds: float
    quick: bool


def record(number: int, run: Run) -> None:
    """Remember a run: one small file per lesson in the cache. One that cannot be written is none.

    A quick run does not hide a full one.
    """
    before = ran(number)
    if before is not None and run.quick and not before.quick:
        return
    with contextlib.suppress(OSError, ValueError):
        with replacing(_record_path(number)) as part:
            about = {"seconds": round(run.seconds, 3), "quick": run.quick}
            part.write_text(json.dumps(about), encoding="utf-8")


def ran(number: int) -> Run | None:
    """Return the run that is remembered of a lesson; a damaged or unreadable file is none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        stored = json.loads(_record_path(number).read_text(encoding="utf-8"))
        return Run(float(stored["seconds"]), bool(stored["quick"]))
    return None


def _record_path(number: int) -> Path:
    return cache_dir() / "course" / f"{number:02}.json"
