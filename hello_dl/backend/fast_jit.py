"""How the kernels of the extra `fast` are compiled: once, without the GIL, kept on disk.

numba compiles a kernel when it is called with arrays of new types, never for new shapes. It keeps
the result in __pycache__, beside the source, or in the user's cache folder where that cannot be
written to; $NUMBA_CACHE_DIR names another place. Where nothing can be written it compiles anew.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numba
from numba.core import event

# What may be done to a sum so that it is quick: several partial sums, and a·b + c rounded once.
# inf and nan stay what they are.
SUMS = {"reassoc", "contract", "nsz"}


def kernel(function: Callable[..., Any] | None = None, *, sums: bool = False) -> Any:
    """Compile a function; with `sums` it may add in any order."""
    if function is None:
        return lambda f: kernel(f, sums=sums)
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    options["fastmath"] = SUMS if sums else False
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # there is no folder that can be written to
        return numba.njit(**options)(function)


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
