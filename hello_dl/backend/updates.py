"""What optimizers need of a device: flat memory, and their update formulas as one GPU kernel each.

On the CPU an update is a few passes of numpy over a stretch that fits into the cache: the `update`
methods in optim/ are those. On a GPU every pass would be a kernel of its own, which reads and
writes all of memory. So here stands every formula once more, in CUDA's C++, as the body of one
kernel that goes over a whole block. The `update` methods work on cupy's arrays too: they are the
reference, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy

from hello_dl.backend import Array, DType, _cupy, module_of

_LINE = 64  # bytes: numpy's loops are up to twice as fast on arrays that begin on such a boundary


def flat_zeros(size: int, like: Array, dtype: DType | None = None) -> Array:
    """Make a block (size,) of zeros where `like` lives, which begins on a boundary of memory."""
    dtype = like.dtype if dtype is None else numpy.dtype(dtype)
    if module_of(like) is not numpy:
        return _cupy().zeros(size, dtype)
    room = numpy.zeros(size + _LINE // dtype.itemsize, dtype)
    start = -room.ctypes.data % _LINE // dtype.itemsize
    return room[start : start + size]


def joined(arrays: Iterable[Array]) -> list[Array]:
    """Join arrays that lie end to end in one block of memory: one flat view for each such run.

    An array that has no such neighbor comes back as it is.
    """
    runs: list[tuple[list[Array], int]] = []  # neighbors, and the address where they end
    for array in arrays:
        start = _address(array)
        before, end = runs[-1] if runs else ([], 0)
        if before and start == end and _same_block(before[-1], array):
            before.append(array)
            runs[-1] = before, start + array.nbytes
        else:
            runs.append(([array], start + array.nbytes))
    return [run[0] if len(run) == 1 else _one_view(run) for run, _ in runs]


def _address(array: Array) -> int:
    on_cpu = module_of(array) is numpy
    return array.__array_interface__["data"][0] if on_cpu else array.data.ptr


def _same_block(one: Array, other: Array) -> bool:
    """Tell whether two arrays are plain pieces of the same one-dimensional array."""
    base = one.base
    return (
        base is not None
        and base is other.base
        and base.ndim == 1
        and base.dtype == one.dtype == other.dtype
        and base.flags.c_contiguous
        and one.flags.c_contiguous
        and other.flags.c_contiguous
    )


def _one_view(run: list[Array]) -> Array:
    base = run[0].base
    start = (_address(run[0]) - _address(base)) // base.itemsize
    return base[start : start + sum(array.size for array in run)]


class Formula(NamedTuple):
    """How one entry changes: `w` is the parameter, `g` its gradient, the rest state and numbers.

    state   the state arrays it may have. One that the settings do without is a local 0 here.
    body    statements of C++; C is the type to compute in, float or double
    """

    state: tuple[str, ...]
    body: str


FORMULAS = {
    "sgd": Formula(
        ("momentum_buffer",),
        """
        momentum_buffer = momentum * momentum_buffer + share * g;
        w -= lr * (nesterov ? g + momentum * momentum_buffer : momentum_buffer);
        """,
    ),
    "adam": Formula(
        ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"),
        """
        exp_avg = beta1 * exp_avg + share1 * g;
        exp_avg_sq = beta2 * exp_avg_sq + share2 * g * g;
        max_exp_avg_sq = exp_avg_sq <= max_exp_avg_sq ? max_exp_avg_sq : exp_avg_sq;
        C largest = amsgrad ? max_exp_avg_sq : exp_avg_sq;
        w -= step_size * exp_avg / (sqrt(largest) + eps);
        """,
    ),
    "rmsprop": Formula(
        ("square_avg", "momentum_buffer", "grad_avg"),
        """
        square_avg = alpha * square_avg + share * g * g;
        grad_avg = alpha * grad_avg + share * g;
        C spread = centered ? square_avg - grad_avg * grad_avg : square_avg;
        spread = spread < 0 ? 0 : spread;
        momentum_buffer = momentum * momentum_buffer + g / (sqrt(spread) + eps);
        w -= lr * momentum_buffer;
        """,
    ),
    "adagrad": Formula(
        ("sum",),
        """
        sum += g * g;
        w -= lr * g / (sqrt(sum) + eps);
        """,
    ),
    "lion": Formula(
        ("exp_avg",),
        """
        C d = exp_avg + share1 * (g - exp_avg);
        w -= lr * (d > 0 ? 1 : d < 0 ? -1 : d);
        exp_avg = beta2 * exp_avg + share2 * g;
        """,
    ),
}


def fused(
    formula: str, data: Array, grad: Array, state: dict[str, Array], numbers: dict[str, float]
) -> None:
    """Change `data` (n,) and every array of `state` (n,) in place by one kernel of the GPU.

    `numbers` are arguments of the kernel, so nothing is copied and nothing waits. Beside those of
    the formula they hold how the gradient is prepared: sign, pull, shrink (see optim/optimizer.py).
    """
    kernel = _kernel(formula, data.dtype.name, tuple(state), tuple(numbers))
    if data.dtype.name == "bfloat16":
        data, grad = data.view("uint16"), grad.view("uint16")
    kernel(grad, *map(float, numbers.values()), data, *state.values())


@cache
def _kernel(formula: str, dtype: str, state: tuple[str, ...], numbers: tuple[str, ...]) -> Any:
    """Compile a formula for one dtype and one choice of state arrays."""
    inputs, outputs, body = source(formula, dtype, state, numbers)
    return _cupy().ElementwiseKernel(inputs, outputs, body, f"hello_dl_{formula}_{dtype}")


# How an entry is read and written. bfloat16 is the upper half of a float32: it comes as uint16,
# and is rounded to the nearest one, of two equally near to the even one.

_READ = {"bfloat16": "__uint_as_float((unsigned int)({}) << 16)"}
_WRITE = {
    "bfloat16": """unsigned int bits = __float_as_uint(w);
        data = w != w ? 0x7fff : (bits + 0x7fff + (bits >> 16 & 1)) >> 16;"""
}


def source(
    formula: str, dtype: str, state: tuple[str, ...], numbers: tuple[str, ...]
) -> tuple[str, str, str]:
    """Return what an ElementwiseKernel is made of: inputs, arrays to change, and the body.

    Halves (float16, bfloat16) are computed in float32, and so are their state arrays.
    """
    names, body = FORMULAS[formula]
    stored = "uint16" if dtype == "bfloat16" else dtype
    exact, C = ("float64", "double") if dtype == "float64" else ("float32", "float")
    inputs = ", ".join([f"{stored} grad", *(f"{exact} {name}" for name in numbers)])
    outputs = ", ".join([f"{stored} data", *(f"{exact} {name}" for name in state)])
    read, write = _READ.get(dtype, "C({})"), _WRITE.get(dtype, "data = w;")
    missing = "".join(f"C {name} = 0;\n" for name in names if name not in state)
    before = f"C w = {read.format('data')};\nC g = sign * {read.format('grad')} + pull * w;\n"
    return inputs, outputs, f"typedef {C} C;\n{missing}{before}w *= shrink;\n{body}\n{write}"
