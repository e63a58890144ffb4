"""Writing files so that one is there whole or not at all."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to, which takes its place once all is written.

    Whatever happens on the way, a kill included, `path` is either the old file or the whole new
    one. The folder is made if it is missing. Raises OSError where nothing can be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError:  # something that is no folder
        name = str(path.parent)
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), name) from None
    mine = f"{os.getpid()}-{threading.get_ident()}"
    part = path.with_name(f".{mine}.part.{path.name}")  # keeps the suffix, which savers look at
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
