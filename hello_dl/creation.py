"""New Tensors: out of numbers, filled with one number, or counted through.

All take `dtype`, `device` and `requires_grad`. Numbers that are written with a point become
float32, whole ones int64; the device is the default one, as `hello_dl.device` has set it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hello_dl.backend import (
    DEFAULT_FLOAT,
    FLOAT64,
    Array,
    DType,
    as_array,
    check_device,
    current_device,
    device_of,
    dtype_of,
    is_array,
    is_floating,
    module_on,
)
from hello_dl.ops import convert
from hello_dl.ops.axes import sizes_of
from hello_dl.ops.convert import device_name
from hello_dl.ops.rule import Block
from hello_dl.ops.untracked import plain

if TYPE_CHECKING:
    from hello_dl.tensor import Tensor

Size = int | Sequence[int]


def made(array: Array, requires_grad: bool = False) -> Tensor:
    """Make a Tensor of an array that belongs to nobody else, and stays where it is."""
    return Block.result_class(array, requires_grad, device=device_of(array))


# Out of numbers.


def tensor(
    data: Any,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Copy a number, nested lists, an array or a Tensor into a new Tensor."""
    array = plain(as_tensor(data, dtype, device))
    shared = plain(data)
    return made(array.copy() if is_array(shared) else array, requires_grad)


def as_tensor(data: Any, dtype: DType | None = None, device: Any = None) -> Tensor:
    """Make a Tensor of numbers without copying an array; a Tensor stays what it is if it fits."""
    if isinstance(data, Block):
        return convert.to(data, dtype=dtype, device=device)
    device = None if device is None else device_name(device)
    return Block.result_class(data, dtype=dtype, device=device)


def from_numpy(ndarray: Array) -> Tensor:
    """Make a Tensor that shares the memory of a numpy array: who changes one changes the other."""
    if not is_array(ndarray) or device_of(ndarray) != "cpu":
        raise TypeError(f"from_numpy takes a numpy array, not {type(ndarray).__name__}: use tensor")
    return Block.result_class(ndarray, device="cpu")


# Filled with one number.


def full(
    size: Size,
    fill_value: float,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a Tensor of this shape that holds one number everywhere."""
    value = fill_value.item() if hasattr(fill_value, "item") else fill_value
    number = as_array(value, None if dtype is None else dtype_of(dtype), "cpu").dtype
    return made(on(device).full(sizes_of((size,)), value, number), requires_grad)


def zeros(
    *sizes: Any,
    size: Size | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a Tensor of zeros: `zeros(2, 3)` or `zeros((2, 3))`."""
    shape, dtype = read_size(sizes, size), DEFAULT_FLOAT if dtype is None else dtype_of(dtype)
    return made(on(device).zeros(shape, dtype), requires_grad)


def ones(
    *sizes: Any,
    size: Size | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a Tensor of ones: `ones(2, 3)` or `ones((2, 3))`."""
    shape, dtype = read_size(sizes, size), DEFAULT_FLOAT if dtype is None else dtype_of(dtype)
    return made(on(device).ones(shape, dtype), requires_grad)


def empty(
    *sizes: Any,
    size: Size | None = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a Tensor of whatever numbers there are in its memory, to be written over."""
    shape, dtype = read_size(sizes, size), DEFAULT_FLOAT if dtype is None else dtype_of(dtype)
    return made(on(device).empty(shape, dtype), requires_grad)


def zeros_like(input: Any, **options: Any) -> Tensor:
    """Make a Tensor of zeros in the shape, dtype and device of another, unless told otherwise."""
    return zeros(input.shape, **as_in(input, options))


def ones_like(input: Any, **options: Any) -> Tensor:
    """Make a Tensor of ones in the shape, dtype and device of another, unless told otherwise."""
    return ones(input.shape, **as_in(input, options))


def empty_like(input: Any, **options: Any) -> Tensor:
    """Make a Tensor to be written over, in the shape, dtype and device of another."""
    return empty(input.shape, **as_in(input, options))


def full_like(input: Any, fill_value: float, **options: Any) -> Tensor:
    """Make a Tensor of one number in the shape, dtype and device of another."""
    return full(input.shape, fill_value, **as_in(input, options))


# As methods: in the dtype and on the device of a Tensor that is there.


def new_tensor(x: Any, data: Any, **options: Any) -> Tensor:
    """Copy numbers into a new Tensor of this one's dtype and device, unless told otherwise."""
    return tensor(data, **as_in(x, options))


def new_zeros(x: Any, *size: Any, **options: Any) -> Tensor:
    """Make a Tensor of zeros in this one's dtype and on its device."""
    return zeros(*size, **as_in(x, options))


def new_ones(x: Any, *size: Any, **options: Any) -> Tensor:
    """Make a Tensor of ones in this one's dtype and on its device."""
    return ones(*size, **as_in(x, options))


def new_empty(x: Any, *size: Any, **options: Any) -> Tensor:
    """Make a Tensor to be written over, in this one's dtype and on its device."""
    return empty(*size, **as_in(x, options))


def new_full(x: Any, size: Size, fill_value: float, **options: Any) -> Tensor:
    """Make a Tensor of one number in this one's dtype and on its device."""
    return full(size, fill_value, **as_in(x, options))


# Counted through.


def arange(
    start: float = 0,
    end: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Count from `start` to just before `end`: int64 where all is whole, else float32."""
    start, end = (0, start) if end is None else (start, end)
    start, end, step = (x.item() if hasattr(x, "item") else x for x in (start, end, step))
    if dtype is not None and not is_floating(dtype_of(dtype)):
        start, end, step = int(start), int(end), int(step)
    if not step or (end - start) / step < 0:
        raise ValueError(f"arange: steps of {step} do not lead from {start} to {end}")
    whole = all(isinstance(x, int) for x in (start, end, step))
    dtype = dtype_of(dtype or ("int64" if whole else DEFAULT_FLOAT))
    count = math.ceil((end - start) / step)
    numbers = on(device).arange(count, dtype="int64" if whole else FLOAT64) * step + start
    return made(numbers.astype(dtype, copy=False), requires_grad)


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make `steps` numbers from `start` to `end`, both included, evenly spaced."""
    bounds = (float(start), float(end), _steps("linspace", steps))
    numbers = on(device).linspace(*bounds)
    return made(numbers.astype(dtype_of(dtype or DEFAULT_FLOAT)), requires_grad)


def logspace(
    start: float,
    end: float,
    steps: int,
    base: float = 10.0,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make `steps` numbers from base**start to base**end, each the same multiple of the last."""
    bounds = (float(start), float(end), _steps("logspace", steps))
    numbers = base ** on(device).linspace(*bounds)
    return made(numbers.astype(dtype_of(dtype or DEFAULT_FLOAT)), requires_grad)


def _steps(name: str, steps: int) -> int:
    if steps < 0:
        raise ValueError(f"{name}: {steps} numbers are less than none")
    return steps


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Make a matrix (n, m) with ones on its diagonal and zeros elsewhere; m is n by itself."""
    return made(on(device).eye(n, m, dtype=dtype_of(dtype or DEFAULT_FLOAT)), requires_grad)


def tril_indices(row: int, col: int, offset: int = 0, *, device: Any = None) -> Tensor:
    """Return the places in the lower triangle of a matrix (row, col): (2, how many) int64."""
    xp = on(device)
    return made(xp.stack(xp.nonzero(xp.tri(row, col, offset))))


def triu_indices(row: int, col: int, offset: int = 0, *, device: Any = None) -> Tensor:
    """Return the places in the upper triangle of a matrix (row, col): (2, how many) int64."""
    xp = on(device)
    return made(xp.stack(xp.nonzero(xp.tri(row, col, offset - 1) == 0)))


# Reading the arguments.


def on(device: Any) -> Any:
    """Return the module that makes arrays on a device; None is the default one."""
    return module_on(place_of(device))


def place_of(device: Any) -> str:
    """Return "cpu" or "cuda" for what is given as a device; None is the default one."""
    return current_device() if device is None else check_device(device_name(device))


def read_size(sizes: Sequence[Any], size: Size | None) -> tuple[int, ...]:
    """Read sizes given one by one, as one, or by name; ValueError for a length below 0."""
    shape = sizes_of(sizes if size is None else (size,))
    if min(shape, default=0) < 0:
        raise ValueError(f"the lengths {shape} cannot be below 0")
    return shape


def as_in(x: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Put in the dtype and the device of a Tensor where the options have none."""
    given = {name: value for name, value in options.items() if value is not None}
    return {"dtype": x.dtype, "device": x.device, **given}
