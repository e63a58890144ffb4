"""The optional extra `fast`: loops that numba compiles, where numpy needs many walks over memory.

numpy does one thing to a whole array, then the next. A loop that does everything to one number
while it is at hand is several times as fast, once it is compiled. `pip install 'hello_dl[fast]'`
brings numba, which does that; then a kernel of this folder that has such a loop takes it by itself:

    compiled = fast.kernels(x)
    if compiled is not None:
        ...

and what stands below that line, in numpy, is what the loop must equal (tests/test_fast.py). The
loops are in the files fast_*.py. numba is imported when the first of them is called.
"""

from __future__ import annotations

import importlib
import os
import sys
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from hello_dl.backend import Array

LEAST = 2**15  # entries; for fewer numpy is quick as well

_wanted: bool | None = None


class NoBlasError(ImportError):
    """Kernels are to call BLAS, and numpy has brought one that they do not know."""


def use_fast(wanted: bool = True) -> None:
    """Turn the compiled kernels off, or on again, for this process.

    Without this they are used where numba is installed, unless the environment has HELLO_DL_FAST=0.
    Raises ImportError for True without numba.
    """
    global _wanted
    if wanted and not is_installed():
        raise ImportError("compiled kernels need numba: pip install 'hello_dl[fast]'")
    _wanted = bool(wanted)


def is_fast() -> bool:
    """Tell whether compiled kernels are used."""
    if _wanted is None:
        return os.environ.get("HELLO_DL_FAST", "1") != "0" and is_installed()
    return _wanted


@cache
def is_installed() -> bool:
    """Tell whether numba can be imported; it is not imported for this."""
    return find_spec("numba") is not None


def kernels(*arrays: Array, module: str = "fast_kernels") -> ModuleType | None:
    """Return a module of compiled kernels if they are to be used for these arrays, else None.

    They take numpy's arrays of float32 or of float64, of which the first one is large enough.
    """
    first = arrays[0]
    if first.size < LEAST or not is_fast():
        return None
    if not all(isinstance(x, numpy.ndarray) and x.dtype == first.dtype for x in arrays):
        return None
    return _compiled(module) if first.dtype.char in "fd" else None


@cache
def _compiled(name: str) -> ModuleType | None:
    """Import the kernels; None, with a line on stderr, where numba is there but does not work."""
    try:
        module = importlib.import_module(f"hello_dl.backend.{name}")
        module.try_out(numpy.zeros((1, 1, 1), numpy.float32))  # it can fail to compile, too
        return module
    except NoBlasError:
        return None
    except Exception as error:  # numba for another numpy, a library that does not load
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        _tell(f"numba cannot be used, numpy is used alone: {first:.200}")
        return None


@cache
def _tell(line: str) -> None:
    """Say it on stderr, once."""
    print(line, file=sys.stderr)


def flat(*arrays: Array) -> list[Array] | None:
    """See arrays of one shape as lines of entries in the order in which they lie in memory.

    None unless all lie in the same order, without gaps.
    """
    order = sorted(range(arrays[0].ndim), key=lambda axis: -arrays[0].strides[axis])
    lying = [x.transpose(order) for x in arrays]
    return [x.reshape(-1) for x in lying] if all(x.flags.c_contiguous for x in lying) else None
