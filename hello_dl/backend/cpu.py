"""Two settings of the machine that a training step on the CPU is much faster with.

Freed memory is kept. A step makes and drops the same large arrays over and over. By default the C
library of Linux hands a large one back to the system when it is freed, and the next one is new
memory that has to be mapped page by page: for a 400 KB gradient that takes longer than the matrix
product that fills it. PyTorch and CuPy keep pools of their own for this reason.

Denormals are flushed. A velocity that no longer gets gradients shrinks by a factor at every step,
until it is below 1e-38, where float32 has too few digits left: a denormal number, for which the
processor takes a hundred times as long. A parameter notices nothing if it counts as 0 instead.
"""

from __future__ import annotations

import ctypes
import platform
import sys

_IS_GLIBC = sys.platform == "linux" and platform.libc_ver()[0] == "glibc"
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # options of mallopt, as malloc.h has them


def keep_freed_memory() -> bool:
    """Ask the C library to reuse freed blocks; tells whether it will."""
    if not _IS_GLIBC:
        return False
    mallopt = ctypes.CDLL(None).mallopt
    # Blocks up to 32 MB (the most it allows) come from the heap, whose end is not trimmed.
    return bool(mallopt(_MMAP_THRESHOLD, 32 * 2**20) and mallopt(_TRIM_THRESHOLD, 512 * 2**20))


class flush_denormals:
    """Within a `with` block, let numbers too small for full precision count as 0, on this thread.

    Does nothing where the floating-point environment is not that of Linux on x86-64.
    """

    _known = _IS_GLIBC and platform.machine() == "x86_64"
    _libm = ctypes.CDLL("libm.so.6") if _known else None
    _MXCSR = 7  # the control word of the vector units, the last of 8 words in fenv_t
    _FLUSH = 0x8040  # its bits "results to zero" and "operands to zero"

    def __enter__(self) -> flush_denormals:
        if self._libm is not None:
            self._before = (ctypes.c_uint32 * 8)()
            self._libm.fegetenv(self._before)
            now = type(self._before).from_buffer_copy(self._before)
            now[self._MXCSR] |= self._FLUSH
            self._libm.fesetenv(now)
        return self

    def __exit__(self, *_: object) -> None:
        if self._libm is not None:
            self._libm.fesetenv(self._before)
