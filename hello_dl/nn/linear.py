"""Linear, the fully connected layer, and its relatives; modules that only rearrange."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hello_dl.nn import init
from hello_dl.nn.module import Module
from hello_dl.nn.parameter import blank
from hello_dl.ops import shape
from hello_dl.ops.matmul import bilinear, linear
from hello_dl.tensor import Tensor


class Identity(Module):
    """Give back what it takes: a place holder. Whatever arguments it is made with are ignored."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        """Return the input."""
        return input


class Linear(Module):
    """x @ weight.T + bias, from (..., in_features) to (..., out_features).

    `weight` is (out_features, in_features) and `bias` (out_features,). Both start uniform in
    ±1/√in_features, as PyTorch's do, so that outputs are about as large as inputs.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.in_features, self.out_features = in_features, out_features
        self.weight = blank(out_features, in_features, device=device, dtype=dtype)
        self.bias = blank(out_features, device=device, dtype=dtype) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        bound = self.in_features**-0.5 if self.in_features else 0.0
        for parameter in self.parameters(recurse=False):
            init.uniform_(parameter, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Map the last axis."""
        return linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        sizes = f"in_features={self.in_features}, out_features={self.out_features}"
        return f"{sizes}, bias={self.bias is not None}"


class Bilinear(Module):
    """Every product of an entry of one input and one of the other, weighted and added up.

    From (..., in1_features) and (..., in2_features) to (..., out_features): input1ᵀ weight input2
    + bias. `weight` is (out_features, in1_features, in2_features), `bias` (out_features,); both
    start uniform in ±1/√in1_features.
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.in1_features, self.in2_features = in1_features, in2_features
        self.out_features = out_features
        self.weight = blank(out_features, in1_features, in2_features, device=device, dtype=dtype)
        self.bias = blank(out_features, device=device, dtype=dtype) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        bound = self.in1_features**-0.5 if self.in1_features else 0.0
        for parameter in self.parameters(recurse=False):
            init.uniform_(parameter, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        """Map the last axes."""
        return bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class Flatten(Module):
    """Make one axis of all axes but the first: (n, 28, 28) to (n, 784)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        """Flatten the axes from start_dim to end_dim."""
        return shape.flatten(input, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        """Return the axes."""
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Make several axes of one: Unflatten(1, (28, 28)) makes (n, 28, 28) of (n, 784)."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, input: Tensor) -> Tensor:
        """Read the axis `dim` as several."""
        return shape.unflatten(input, self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        """Return the axis and its new sizes."""
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
