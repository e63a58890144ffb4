"""What gradients do not go through: comparisons, and writing into a block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hello_dl.backend import Array, device_of
from hello_dl.graph import Node, describe, recording
from hello_dl.ops.rule import Block, explained, operand


def plain(x: Any) -> Any:
    """Take the Tensors out of an operand or an index: arrays and numbers stay."""
    if isinstance(x, tuple):
        return tuple(plain(part) for part in x)
    return x._data if isinstance(x, Block) else x


def comparison(compare: Callable[[Any, Any], Array]) -> Any:
    """Make a method that gives a block of bools, such as `x < y`, entry by entry."""
    op = compare.__name__

    def method(x: Any, other: Any) -> Any:
        try:
            theirs = plain(other) if isinstance(other, Block) else operand(op, other)
        except TypeError:
            if isinstance(other, Node):
                raise
            theirs = None
        if theirs is None:
            return NotImplemented  # x == "a" is then False, and x < "a" an error
        try:
            return Block.result_class(compare(x._data, theirs), device=device_of(x._data))
        except ValueError as error:
            raise explained(op, [x._data, theirs], error) from None

    return method


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
    numbers = plain(value) if isinstance(value, Block) else operand("setitem", value)
    try:
        x._data[plain(index)] = numbers
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
