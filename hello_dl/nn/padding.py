"""Padding as modules: more entries around lines and pictures."""

from __future__ import annotations

from collections.abc import Sequence

from hello_dl.nn.module import Module
from hello_dl.ops.pad import padded
from hello_dl.ops.sliding import Sizes
from hello_dl.tensor import Tensor


class _Pad(Module):
    """`padding` entries on each side, or (left, right) of a line, (left, right, top, bottom)."""

    mode = "constant"
    value: float | None = None
    sides: int  # 2 of a line, 4 of a picture

    def __init__(self, padding: Sizes) -> None:
        sizes = tuple(padding) if isinstance(padding, Sequence) else (padding,) * self.sides
        if len(sizes) != self.sides:
            raise ValueError(f"padding is one number or {self.sides}, one for each side: {sizes}")
        self.padding = sizes

    def forward(self, input: Tensor) -> Tensor:
        """Pad."""
        return padded(input, self.padding, self.mode, self.value)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"{self.padding}"


class ConstantPad1d(_Pad):
    """Put one number at both ends of lines."""

    sides = 2

    def __init__(self, padding: Sizes, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        """Return the sizes and the number."""
        return f"padding={self.padding}, value={self.value}"


class ConstantPad2d(ConstantPad1d):
    """Put one number around pictures."""

    sides = 4


class ZeroPad1d(_Pad):
    """Put zeros at both ends of lines."""

    sides = 2


class ZeroPad2d(_Pad):
    """Put zeros around pictures."""

    sides = 4


class ReflectionPad1d(_Pad):
    """Mirror lines at their outermost entries."""

    mode, sides = "reflect", 2


class ReflectionPad2d(_Pad):
    """Mirror pictures at their outermost entries."""

    mode, sides = "reflect", 4


class ReplicationPad1d(_Pad):
    """Repeat the outermost entries of lines."""

    mode, sides = "replicate", 2


class ReplicationPad2d(_Pad):
    """Repeat the outermost entries of pictures."""

    mode, sides = "replicate", 4


class CircularPad1d(_Pad):
    """Go on at the other end of lines."""

    mode, sides = "circular", 2


class CircularPad2d(_Pad):
    """Go on at the other end of pictures."""

    mode, sides = "circular", 4
