"""The same entries in other memory: copied, in another dtype, or on another device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hello_dl.backend import Array, DType, device_of, dtype_of, is_floating
from hello_dl.backend import device as DeviceSetting
from hello_dl.backend import to_device as move
from hello_dl.ops.rule import Block, rule


@rule(halves=True)
def clone(x: Array):
    """Copy the entries; the gradient goes back to x as it comes."""
    return x.copy(), lambda g: g


@rule(halves=True)
def astype(x: Array, *, dtype: Any):
    """Convert the entries to another dtype; the gradient comes back in the old one.

    Whole numbers move in jumps, so there is no gradient through them.
    """
    dtype = dtype_of(dtype)
    return x.astype(dtype), (lambda g: g) if is_floating(dtype) else None


@rule(halves=True)
def to_device(x: Array, *, device: str):
    """Copy to another device; the gradient comes back to where x lives."""
    home = device_of(x)
    return move(x, device), lambda g: move(g, home)


# What follows is spelled with the operations above, on Tensors. They are methods too.


def to(
    x: Any,
    *targets: Any,
    dtype: DType | None = None,
    device: Any = None,
    non_blocking: bool = False,
    copy: bool = False,
) -> Any:
    """Return the Tensor in another dtype, on another device, or as another Tensor is.

    `x.to("float16")`, `x.to("cuda")`, `x.to("cuda", "float16")`, `x.to(other)`. It is x itself
    where nothing is to be done, unless `copy`. The gradient goes the same way back.
    """
    device, dtype = targets_of(targets, device, dtype)
    y = x
    if dtype is not None and y._data.dtype != dtype:
        y = astype(y, dtype=dtype)
    if device is not None and device_of(y._data) != device:
        y = to_device(y, device=device)
    return clone(x) if copy and y is x else y


def type_as(x: Any, other: Any) -> Any:
    """Return the Tensor in the dtype and on the device of another."""
    return to(x, other)


def in_dtype(name: str) -> Callable[[Any], Any]:
    """Make the method that converts to one dtype, such as `x.float()`."""
    return lambda x: to(x, dtype=name)


def cpu(x: Any) -> Any:
    """Return the Tensor in CPU memory."""
    return to(x, device="cpu")


def cuda(x: Any, device: Any = None, non_blocking: bool = False) -> Any:
    """Return the Tensor in the memory of the GPU."""
    return to(x, device="cuda")


def detach(input: Any) -> Any:
    """Return the same numbers, not copied, as a new leaf that asks for no gradient."""
    return input.detach()


def numel(input: Any) -> int:
    """Return the number of entries."""
    return input._data.size


def is_tensor(obj: object) -> bool:
    """Tell whether something is a Tensor."""
    return isinstance(obj, Block)


def element_size(input: Any) -> int:
    """Return the bytes of one entry."""
    return input._data.itemsize


def stride(input: Any, dim: int | None = None) -> Any:
    """Say how many entries further in memory the next one along each axis lies."""
    strides = tuple(step // input._data.itemsize for step in input._data.strides)
    return strides if dim is None else strides[dim]


def is_contiguous(input: Any) -> bool:
    """Tell whether the entries lie in memory in order, without gaps."""
    return input._data.flags.c_contiguous


def is_floating_point(input: Any) -> bool:
    """Tell whether a Tensor holds floating numbers, which can have gradients."""
    return is_floating(input._data.dtype)


def contiguous(x: Any) -> Any:
    """Return the Tensor with its entries in order in memory: x itself if they are, or a copy."""
    return x if x._data.flags.c_contiguous else clone(x)


def targets_of(targets: Sequence[Any], device: Any, dtype: DType | None) -> tuple[Any, Any]:
    """Read what `to` is given, by place or by name: the device and the dtype, each may be None."""
    for target in targets:
        if isinstance(target, Block):
            dtype, device = target._data.dtype, device_of(target._data)
        elif _is_device(target):
            device = target
        elif isinstance(target, bool):
            pass  # PyTorch's non_blocking: here every copy is waited for
        elif target is not None:
            try:
                dtype = dtype_of(target)
            except ValueError as error:
                raise ValueError(f"{error}; or a device, cpu or cuda") from None
    return device_name(device), None if dtype is None else dtype_of(dtype)


def device_name(device: Any) -> Any:
    """Return "cpu" or "cuda" for what means a device: its name, or what `device(name)` gives."""
    return device.name if isinstance(device, DeviceSetting) else device


def _is_device(x: Any) -> bool:
    return isinstance(x, DeviceSetting) or isinstance(x, str) and x.startswith(("cpu", "cuda"))
