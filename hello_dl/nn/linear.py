"""Linear: the fully connected layer; and Flatten, which makes its input."""

from __future__ import annotations

from hello_dl.backend import random
from hello_dl.nn.module import Module, Parameter
from hello_dl.ops import shape
from hello_dl.ops.matmul import linear
from hello_dl.tensor import Tensor


class Linear(Module):
    """x @ weight.T + bias, from (..., in_features) to (..., out_features).

    `weight` is (out_features, in_features) and `bias` (out_features,). Both start uniform in
    ±1/√in_features, as PyTorch's do, so that outputs are about as large as inputs.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        bound = in_features**-0.5 if in_features else 0.0
        self.weight = Parameter(random.uniform((out_features, in_features), -bound, bound))
        self.bias = Parameter(random.uniform((out_features,), -bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Map the last axis of x."""
        return linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        """Return the sizes."""
        out_features, in_features = self.weight.shape
        bias = "" if self.bias is not None else ", bias=False"
        return f"in_features={in_features}, out_features={out_features}{bias}"


class Flatten(Module):
    """Make one axis of all axes but the first: (n, 28, 28) to (n, 784)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        """Flatten the axes from start_dim to end_dim."""
        return shape.flatten(x, self.start_dim, self.end_dim)
