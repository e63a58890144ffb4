"""Where blocks of numbers live: numpy on the CPU, cupy on an NVIDIA GPU, chosen while running.

Everything above this folder asks an array for its module (`module_of`) and never names one, so the
same line of code runs on both. This is the only folder that imports cupy, and only when asked to.
"""

from __future__ import annotations

import sys
import warnings
from functools import cache
from types import ModuleType
from typing import Any

import numpy

from hello_dl.backend import cpu
from hello_dl.backend.dtypes import (
    DEFAULT_FLOAT,
    FLOAT64,
    DType,
    common_float,
    dtype_of,
    is_floating,
    is_half,
)
from hello_dl.backend.fast import is_fast, use_fast

__all__ = [
    "DEFAULT_FLOAT", "FLOAT64", "Array", "DType", "as_array", "check_device", "common_float",
    "cuda_trouble", "current_device", "device", "device_of", "dtype_of", "gpu_count", "is_array",
    "is_fast", "is_floating", "is_half", "module_of", "module_on", "to_device", "use_fast",
    "wait_for_gpu",
]  # fmt: skip

Array = Any  # numpy.ndarray or cupy.ndarray: the static types of the two have nothing in common

_NUMPYS = (numpy.ndarray, numpy.generic)

cpu.keep_freed_memory()


def module_of(array: Array) -> ModuleType:
    """Return the module that this array's functions live in: numpy or cupy."""
    if isinstance(array, _NUMPYS):
        return numpy
    cupy = sys.modules.get("cupy")  # an array of cupy can only exist once cupy is imported
    return cupy if cupy is not None and isinstance(array, cupy.ndarray) else numpy


def module_on(device: str) -> ModuleType:
    """Return the module that makes arrays on this device: numpy or cupy."""
    return numpy if check_device(device) == "cpu" else _cupy()


def is_array(x: object) -> bool:
    """Tell whether x is a block of numbers of one of the backends."""
    if isinstance(x, numpy.ndarray):
        return True
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(x, cupy.ndarray)


def device_of(array: Array) -> str:
    """Return "cpu" or "cuda", where this array lives."""
    return "cpu" if module_of(array) is numpy else "cuda"


def as_array(x: Any, dtype: DType | None = None, device: str | None = None) -> Array:
    """Make an array of x without copying where possible.

    Python numbers and lists become float32 where they hold a float and int64 or bool where they
    do not; arrays keep their dtype and their device unless told otherwise.
    """
    array = x if is_array(x) else numpy.asarray(x)
    if array.dtype.kind not in "biuf" and not is_floating(array.dtype):
        raise TypeError(f"expected numbers or an array of numbers, got {x!r:.60}")
    if array is not x and not isinstance(x, numpy.generic):  # numpy's scalars are arrays to us
        if array.dtype == FLOAT64 and dtype is None:
            array = array.astype(DEFAULT_FLOAT)
        device = device or current_device()
    if device is not None and device_of(array) != device:
        array = to_device(array, device)
    return array if dtype is None or array.dtype == dtype else array.astype(dtype)


def to_device(array: Array, device: str) -> Array:
    """Copy an array to "cpu" or "cuda"; returns it unchanged where it is there already."""
    device = check_device(device)
    if device_of(array) == device:
        return array
    return _cupy().asnumpy(array) if device == "cpu" else _cupy().asarray(array)


def _cupy() -> ModuleType:
    import cupy

    return cupy


# The device of new blocks. A lesson's --device flag ends here.

_DEVICES = ("cpu", "cuda")
_current = "cpu"


def current_device() -> str:
    """Return the device on which new blocks are made."""
    return _current


def check_device(name: str) -> str:
    """Return the device that `name` means; raises ValueError for a name of none.

    "cuda:0" is "cuda". Where CUDA cannot be used it is "cpu", and a warning says why.
    """
    known = name.removesuffix(":0") if isinstance(name, str) else name
    if known not in _DEVICES:
        raise ValueError(f"unknown device {name!r}: use one of {', '.join(_DEVICES)}")
    if known == "cpu" or cuda_trouble() is None:
        return known
    warnings.warn(f"no device 'cuda', numpy on the CPU is used: {cuda_trouble()}", stacklevel=3)
    return "cpu"


@cache
def cuda_trouble() -> str | None:
    """Return why CUDA cannot be used on this machine, in one line; None where a kernel runs."""
    try:
        cupy = _cupy()
    except ImportError as error:
        install = "pip install 'cupy-cuda13x[ctk]' (or 12x: hello-dl doctor says which)"
        return f"CuPy is missing ({error}): {install}"
    try:
        cupy.cuda.runtime.getDeviceCount()
        if int(cupy.arange(4).sum()) == 6:  # compiles and runs a kernel
            return None
        return "a kernel gave a wrong result; hello-dl doctor tells more"
    except Exception as error:  # whatever a half-installed CUDA comes up with
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"{first:.200}; hello-dl doctor tells more"


def gpu_count() -> int:
    """Return how many GPUs CuPy sees."""
    return _cupy().cuda.runtime.getDeviceCount()


def wait_for_gpu() -> None:
    """Wait until the GPU has done all it was told."""
    _cupy().cuda.runtime.deviceSynchronize()


class device:
    """Make new blocks on this device from now on, or inside a `with` statement.

    >>> device("cpu")
    device('cpu')
    """

    def __init__(self, name: str) -> None:
        global _current
        self.name, self._before = check_device(name), _current
        _current = name

    def __enter__(self) -> device:
        return self

    def __exit__(self, *_: object) -> None:
        global _current
        _current = self._before

    def __repr__(self) -> str:
        return f"device({self.name!r})"
