"""Activations as modules: what bends a straight line.

Each is the function of the same name in hello_dl.functional. `inplace` is taken as in PyTorch, and
changes nothing: a new block is made all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hello_dl.nn.init import constant_
from hello_dl.nn.module import Module
from hello_dl.nn.parameter import blank
from hello_dl.ops import activation, softmax
from hello_dl.tensor import Tensor


class _Activation(Module):
    """A function of a block, and its options, which are attributes."""

    _function: Callable[..., Any]
    _options: tuple[str, ...] = ()
    inplace = False

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, input: Tensor) -> Tensor:
        """Apply the function."""
        return self._function(input, **{name: getattr(self, name) for name in self._options})

    def extra_repr(self) -> str:
        """Return the options."""
        options = [f"{name}={getattr(self, name)!r}" for name in self._options]
        return ", ".join(options + ["inplace=True"] * self.inplace)


# Squashed on both sides.


class Tanh(_Activation):
    """Squash every entry into (-1, 1)."""

    _function = staticmethod(activation.tanh)


class Sigmoid(_Activation):
    """Squash every entry into (0, 1)."""

    _function = staticmethod(activation.sigmoid)


class Softsign(_Activation):
    """Squash every entry into (-1, 1), more slowly than Tanh."""

    _function = staticmethod(activation.softsign)


class Hardtanh(_Activation):
    """Limit every entry to [min_val, max_val]."""

    _function, _options = staticmethod(activation.hardtanh), ("min_val", "max_val")

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        if not max_val > min_val:
            raise ValueError(f"max_val {max_val} must be above min_val {min_val}")
        self.min_val, self.max_val, self.inplace = min_val, max_val, inplace


class ReLU6(_Activation):
    """Keep what is positive, up to 6."""

    _function = staticmethod(activation.relu6)


class Hardsigmoid(_Activation):
    """A sigmoid of three straight lines."""

    _function = staticmethod(activation.hardsigmoid)


class LogSigmoid(_Activation):
    """Logarithm of the sigmoid."""

    _function = staticmethod(activation.logsigmoid)


# A line on the right, flat or nearly so on the left.


class ReLU(_Activation):
    """Keep what is positive, put 0 for the rest."""

    _function = staticmethod(activation.relu)


class LeakyReLU(_Activation):
    """Keep what is positive, and a share `negative_slope` of the rest."""

    _function, _options = staticmethod(activation.leaky_relu), ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        self.negative_slope, self.inplace = negative_slope, inplace


class PReLU(Module):
    """A leaky ReLU whose slope is learned: `weight` (1,), or (channels,) with one for each."""

    def __init__(
        self,
        num_parameters: int = 1,
        init: float = 0.25,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.num_parameters, self.init = num_parameters, init
        self.weight = blank(num_parameters, device=device, dtype=dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Put the slope where it starts."""
        constant_(self.weight, self.init)

    def forward(self, input: Tensor) -> Tensor:
        """Apply to every entry; channels are on axis 1."""
        return activation.prelu(input, self.weight)

    def extra_repr(self) -> str:
        """Return the number of slopes."""
        return f"num_parameters={self.num_parameters}"


class ELU(_Activation):
    """Keep what is positive, and alpha (exp(x) - 1) for the rest."""

    _function, _options = staticmethod(activation.elu), ("alpha",)

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        self.alpha, self.inplace = alpha, inplace


class CELU(ELU):
    """An ELU whose slope has no jump at 0."""

    _function = staticmethod(activation.celu)


class SELU(_Activation):
    """An ELU that keeps mean 0 and variance 1 from layer to layer."""

    _function = staticmethod(activation.selu)


class Softplus(_Activation):
    """A ReLU without a kink."""

    _function, _options = staticmethod(activation.softplus), ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = beta, threshold


class GELU(_Activation):
    """Every entry times how probable it is that a normal number is below it."""

    _function, _options = staticmethod(activation.gelu), ("approximate",)

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f"approximate {approximate!r} is unknown: use 'none' or 'tanh'")
        self.approximate = approximate


class SiLU(_Activation):
    """Every entry times its sigmoid; also called swish."""

    _function = staticmethod(activation.silu)


class Hardswish(_Activation):
    """A SiLU of straight lines and a parabola."""

    _function = staticmethod(activation.hardswish)


class Mish(_Activation):
    """Every entry times the tanh of its softplus."""

    _function = staticmethod(activation.mish)


class Tanhshrink(_Activation):
    """What Tanh takes away."""

    _function = staticmethod(activation.tanhshrink)


# What looks at several entries: all along the axis `dim`, which is the last one if none is given.


class _Along(_Activation):
    _options = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim


class Softmax(_Along):
    """Make probabilities of scores."""

    _function = staticmethod(softmax.softmax)


class LogSoftmax(_Along):
    """Logarithms of the probabilities that Softmax makes."""

    _function = staticmethod(softmax.log_softmax)


class Softmin(_Along):
    """Make probabilities that are large where the scores are small."""

    _function = staticmethod(softmax.softmin)


class GLU(_Along):
    """One half of the entries times the sigmoid of the other half."""

    _function = staticmethod(activation.glu)
