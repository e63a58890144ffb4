"""How the kernels of the extra `fast` are compiled: once, without the GIL, kept on disk.

numba compiles a kernel when it is called with arrays of new types, never for new shapes. It keeps
the result beside the source, in __pycache__, or in the user's cache folder where that cannot be
written to; $NUMBA_CACHE_DIR names another place. Where nothing can be written it compiles anew.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
from numba.core import event

# What may be done so that it is quick; inf and nan stay what they are.
ONCE = {"contract"}  # a·b + c is rounded once
SUMS = {"reassoc", "contract", "nsz"}  # and there may be several partial sums


def kernel(
    function: Callable[..., Any] | None = None, *, sums: bool = False, nan: bool = True
) -> Any:
    """Compile a function; with `sums` it may add in any order, without `nan` it knows none."""
    if function is None:
        return lambda f: kernel(f, sums=sums, nan=nan)
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    options["fastmath"] = (SUMS if sums else ONCE) | (set() if nan else {"nnan"})
    return _compiled(function, options)


def _compiled(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    config: Any = numba.config
    folder, config.CACHE_DIR = config.CACHE_DIR, _cache_folder(config.CACHE_DIR)
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # there is no folder that can be written to
        return numba.njit(**options)(function)
    finally:
        config.CACHE_DIR = folder


@cache
def _cache_folder(wanted: str) -> str:
    """Return a folder, in the wanted one if there is one, for what is made of these very sources.

    By itself numba sees when the file of a kernel changes, but not that of another that it calls.
    """
    here = Path(__file__).parent
    sources = b"".join(path.read_bytes() for path in sorted(here.glob("fast_*.py")))
    place = wanted or here / "__pycache__"
    return str(Path(place) / f"hello_dl_{hashlib.sha256(sources).hexdigest()[:16]}")


class _Announcement(event.Listener):
    """Says in one line that compiling has begun, or a first step would seem to hang."""

    made = False

    def on_start(self, event: Any) -> None:
        if not self.made:
            self.made = True
            text = "compiling fast kernels with numba, once: a few seconds ..."
            print(text, file=sys.stderr, flush=True)

    def on_end(self, event: Any) -> None:
        """Nothing is said."""


event.register("numba:compile", _Announcement())
