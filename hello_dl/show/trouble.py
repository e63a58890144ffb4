"""What is said of trouble that is no bug: one line with the value and the fix, no traceback."""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

from hello_dl.data.sources import DataError
from hello_dl.show.render import PictureError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}

Hook = Callable[[type[BaseException], BaseException, TracebackType | None], object]


def complain(message: str) -> None:
    """Say what went wrong: one line on stderr, after all that stdout still has to say."""
    settle()
    print(f"hello-dl: {' '.join(message.split())}", file=sys.stderr)


def warn_in_one_line() -> None:
    """Say warnings of ours, such as of a GPU that cannot be used, in one line from now on."""
    before = warnings.showwarning

    def show(message: Any, category: type[Warning], *where: Any, **also: Any) -> None:
        if category is UserWarning:
            complain(str(message))
        else:
            before(message, category, *where, **also)

    warnings.showwarning = show


def settle() -> None:
    """Write what stdout still holds. Where that fails drop it, or Python tries again at the end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def in_words(error: OSError) -> str:
    """Say what the system refused, of which file, and what to do where the disk is full."""
    what = f"'{error.filename}'" if error.filename else "the output"
    why = error.strerror or str(error)
    if error.errno in FULL:
        return f"{what} cannot be written: {why}; free some space or name another place"
    return f"{what}: {why}" if error.filename else why


def without_traceback(otherwise: Hook) -> Hook:
    """Make a hook for uncaught errors: bad data, a full disk, a closed pipe or Ctrl-C is no bug."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            settle()
            print("\nstopped", file=sys.stderr)
            raise SystemExit(130)
        if isinstance(error, BrokenPipeError):  # as in `python lesson.py | head`
            settle()
            raise SystemExit(1)
        if isinstance(error, DataError | PictureError | OSError):
            complain(in_words(error) if isinstance(error, OSError) else str(error))
            raise SystemExit(2)
        otherwise(kind, error, trace)

    return hook
