"""Writing files so that one is there whole or not at all; and caches of arrays."""

from __future__ import annotations

import errno
import os
import threading
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np


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


def make_writable(folder: str | Path, what: str, names: Iterable[str] = ()) -> Path:
    """Make a folder, and see that files of these names can be written there.

    Otherwise a ValueError of one line that calls the folder `what`, such as "--out 'x'".
    """
    out, probe = Path(folder), Path(folder) / f".{os.getpid()}.part"
    try:
        if not str(folder).strip():
            raise ValueError("the name is empty")
        if out.is_file():
            raise NotADirectoryError(0, "it is a file")
        out.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
        for name in names:
            if (out / name).is_dir():
                raise IsADirectoryError(0, f"{name} in it is a folder")
    except (OSError, ValueError) as error:  # ValueError: a name that no folder can have
        why = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{what} cannot be written to: {why}; name another folder") from None
    return out


def read_arrays(path: Path, count: int) -> list[np.ndarray] | None:
    """The arrays that `write_arrays` wrote; None if the file is missing or damaged in any way."""
    damage = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)
    with suppress(*damage), np.load(path) as file:
        return [file[f"arr_{i}"] for i in range(count)]
    return None


def write_arrays(path: Path, arrays: Iterable[np.ndarray], packed: bool = False) -> None:
    """Write arrays to a cache, all or nothing; a folder that cannot be written is no error."""
    with suppress(OSError), replacing(path) as part:
        (np.savez_compressed if packed else np.savez)(part, *arrays)
