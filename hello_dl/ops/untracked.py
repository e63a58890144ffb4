"""What gradients do not go through: writing into a block."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import device_of, is_array, to_device
from hello_dl.graph import describe, recording
from hello_dl.ops.index import read_index
from hello_dl.ops.rule import Block, explained, operand


def plain(x: Any) -> Any:
    """Take the Tensors out of an operand or an index: arrays and numbers stay."""
    if isinstance(x, tuple):
        return tuple(plain(part) for part in x)
    if isinstance(x, list) and any(isinstance(part, Block) for part in x):
        return [plain(part) for part in x]
    return x._data if isinstance(x, Block) else x


def setitem(x: Any, index: Any, value: Any) -> None:
    """Write into a leaf, a change in place. What has a gradient to lose is refused."""
    if x.parents and recording.path is not None:
        raise ValueError(
            f"{describe(x)} cannot be written into: its gradient would be wrong. "
            "Compute a new Tensor, or do it under no_grad()"
        )
    if isinstance(value, Block) and value.requires_grad and recording.path is not None:
        raise ValueError(
            f"{describe(value)} has a gradient, which would be lost by writing its "
            "numbers into another Tensor: write value.detach(), or compute a new Tensor"
        )
    if any(step == 0 and n > 1 for step, n in zip(x._data.strides, x.shape)):
        raise ValueError(
            f"{describe(x)} is stretched: several entries lie in one place in memory, and cannot "
            "be written into. Take .clone() first"
        )
    numbers = plain(value) if isinstance(value, Block) else operand("setitem", value)
    if numbers is None:
        raise TypeError("setitem: None is no number to write")
    if is_array(numbers) and not isinstance(value, Block):
        numbers = to_device(numbers, device_of(x._data))
    while is_array(numbers) and numbers.ndim and len(numbers) == 1:
        numbers = numbers[0, ...]  # axes of length 1 in front are stretched anyway
    try:
        steps, _ = read_index(x._data, plain(index))
        view = x._data[steps[0]] if len(steps) > 1 else x._data
        view[steps[-1]] = numbers
    except (ValueError, TypeError, IndexError) as error:
        raise explained("setitem", [x._data, numbers], error) from None
    x._changed()


_KINDS = {
    "b": 0,
    "i": 1,
    "u": 1,
    "f": 2,
    "V": 2,
}  # bool, whole numbers, floating ones (V: bfloat16)


def overwrite(x: Any, result: Any) -> None:
    """Take over the numbers of a result, as `x += y` does, where they fit."""
    if result.shape != x.shape:
        raise ValueError(f"shape {x.shape} cannot become {result.shape} in place: write a = a + b")
    if _KINDS[result.dtype.kind] > _KINDS[x.dtype.kind]:
        raise TypeError(f"{x.dtype} cannot become {result.dtype} in place: write a = a + b")
    setitem(x, ..., result)
