"""How many threads share one matrix product, which numpy leaves to a library, OpenBLAS.

A product of small matrices is done before it pays to share it. And threads that wait for each other
do so without pause: on a machine that is busy with something else, sharing can make a small
training step thirty times slower.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy

# How OpenBLAS calls its functions depends on how it was built.
_SPELLINGS = (
    "scipy_openblas_{}_num_threads64_",
    "scipy_openblas_{}_num_threads",
    "openblas_{}_num_threads64_",
    "openblas_{}_num_threads",
)


@contextmanager
def matmul_threads(count: int) -> Iterator[None]:
    """Share a product among at most `count` threads within a `with` block.

    It does nothing where numpy brings another library, and where the user has decided by
    setting OPENBLAS_NUM_THREADS.
    """
    functions = None if os.environ.get("OPENBLAS_NUM_THREADS") else _openblas()
    if functions is None:
        yield
        return
    get, set_ = functions
    before = get()
    set_(min(count, before))
    try:
        yield
    finally:
        set_(before)


@cache
def _openblas() -> tuple[Any, Any] | None:
    """The functions to get and to set the number, of the OpenBLAS that came with numpy."""
    numpy_folder = Path(numpy.__file__).parent
    for folder in (numpy_folder.with_name("numpy.libs"), numpy_folder / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            try:
                library = ctypes.CDLL(str(path))  # it is loaded already: this finds it
            except OSError:
                continue
            for spelling in _SPELLINGS:
                get, set_ = (getattr(library, spelling.format(x), None) for x in ("get", "set"))
                if get and set_:
                    return get, set_
    return None
