"""Parameter: a Tensor that training changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hello_dl.backend import Array, DType
from hello_dl.creation import empty, place_of
from hello_dl.tensor import Tensor


class Parameter(Tensor):
    """A Tensor that training changes: it asks for gradients, and modules find it.

    A copy of one, also out of a file, is a parameter of the same numbers without their gradient.
    """

    __slots__ = ()

    def __init__(
        self,
        data: Any,
        requires_grad: bool = True,
        *,
        dtype: DType | None = None,
        device: str | None = None,
        name: str = "",
    ) -> None:
        super().__init__(data, requires_grad, dtype=dtype, device=device, name=name, op="parameter")

    def __reduce__(self) -> tuple[Callable[..., Parameter], tuple[Any, ...]]:
        return _again, (type(self), self.data, self.requires_grad, self.device, self.name)


def _again(
    kind: type[Parameter], data: Array, requires_grad: bool, device: str, name: str
) -> Parameter:
    """Make the copy of a parameter."""
    return kind(data, requires_grad, device=device, name=name)


def blank(*shape: int, dtype: DType | None = None, device: Any = None) -> Parameter:
    """Make a parameter whose numbers are still to be set, as the functions of `nn.init` do."""
    return Parameter(empty(shape, dtype=dtype, device=device), device=place_of(device))
