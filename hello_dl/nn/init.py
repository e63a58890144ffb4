"""What a network starts from. Each function fills a Tensor in place, and returns it.

`generator` is where the random numbers come from, the device's own stream if it is None.

Numbers that are too small die out from layer to layer, and numbers that are too large blow up. So
their size is chosen by the fan: how many numbers a unit adds up (`fan_in`), or how many units it
goes to (`fan_out`).
"""

from __future__ import annotations

import math

from hello_dl.backend import Array, module_of, random
from hello_dl.graph import no_grad
from hello_dl.tensor import Tensor

Stream = random.Generator | None

GAINS = {
    "linear": 1.0, "conv1d": 1.0, "conv2d": 1.0, "conv3d": 1.0, "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0, "conv_transpose3d": 1.0, "sigmoid": 1.0, "tanh": 5 / 3,
    "relu": math.sqrt(2), "selu": 3 / 4,
}  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by how much numbers should grow before an activation that shrinks them.

    `param` is the negative slope of "leaky_relu", 0.01 if it is None.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in GAINS:
        names = ", ".join([*GAINS, "leaky_relu"])
        raise ValueError(f"unknown nonlinearity {nonlinearity!r}: use one of {names}")
    return GAINS[nonlinearity]


@no_grad()
def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Stream = None) -> Tensor:
    """Fill with numbers drawn evenly from [a, b)."""
    return tensor.uniform_(a, b, generator=generator)


@no_grad()
def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Stream = None
) -> Tensor:
    """Fill with numbers drawn from the normal distribution."""
    return tensor.normal_(mean, std, generator=generator)


@no_grad()
def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Stream = None,
) -> Tensor:
    """Fill with numbers from the normal distribution that lie in [a, b]; others are drawn anew."""
    if not a < b or not a - 2 * std < mean < b + 2 * std:
        raise ValueError(f"numbers of mean {mean} and std {std} are hardly ever in [{a}, {b}]")
    drawn = _normal(tensor, mean, std, generator)
    while (outside := (drawn < a) | (drawn > b)).any():
        drawn = module_of(drawn).where(outside, _normal(tensor, mean, std, generator), drawn)
    return tensor.copy_(drawn)


@no_grad()
def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one number."""
    return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1."""
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0."""
    return constant_(tensor, 0.0)


@no_grad()
def eye_(tensor: Tensor) -> Tensor:
    """Make a matrix the identity: 1 on the diagonal, 0 elsewhere."""
    if tensor.ndim != 2:
        raise ValueError(f"eye_ fills a matrix, not a block of shape {tensor.shape}")
    return tensor.copy_(module_of(tensor.data).eye(*tensor.shape))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Stream = None) -> Tensor:
    """Draw evenly from ±gain √(6 / (fan_in + fan_out)) (Glorot and Bengio 2010).

    Numbers then keep their size forwards, and gradients backwards.
    """
    bound = gain * math.sqrt(6 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Stream = None) -> Tensor:
    """Draw from the normal distribution of std gain √(2 / (fan_in + fan_out))."""
    return normal_(tensor, 0.0, gain * math.sqrt(2 / sum(_fans(tensor))), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Stream = None,
) -> Tensor:
    """Draw evenly from ±gain √(3 / fan) (He et al. 2015).

    The gain is that of the `nonlinearity`, for which `a` is the negative slope of a leaky relu;
    `mode` is "fan_in" to keep the size of numbers forwards or "fan_out" for gradients backwards.
    """
    bound = math.sqrt(3) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Stream = None,
) -> Tensor:
    """Draw from the normal distribution of std gain / √fan; options as `kaiming_uniform_`."""
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


@no_grad()
def orthogonal_(tensor: Tensor, gain: float = 1.0, generator: Stream = None) -> Tensor:
    """Draw rows (or columns, if they are fewer) at right angles to each other, of length `gain`.

    A product with such a matrix keeps lengths (Saxe et al. 2014). Axes behind the first count as
    one. A random matrix is taken apart into an orthogonal one and a triangular one (QR).
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_ needs 2 axes or more, not the shape {tensor.shape}")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    shape = (max(rows, columns), min(rows, columns))
    drawn = random.normal(shape, 0.0, 1.0, "float64", tensor.device, generator)
    xp = module_of(drawn)
    q, r = xp.linalg.qr(drawn)
    q = q * xp.sign(xp.diagonal(r))  # so that no direction is more likely than others
    return tensor.copy_(gain * (q if rows >= columns else q.T).reshape(tensor.shape))


@no_grad()
def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Stream = None) -> Tensor:
    """Fill a matrix with normal numbers, and this share of every column with 0 (Martens 2010)."""
    if tensor.ndim != 2:
        raise ValueError(f"sparse_ fills a matrix, not a block of shape {tensor.shape}")
    zeros = math.ceil(sparsity * tensor.shape[0])
    drawn = random.uniform(tensor.shape, 0.0, 1.0, "float32", tensor.device, generator)
    ranks = drawn.argsort(0).argsort(0)  # in each column
    return tensor.copy_(_normal(tensor, 0.0, std, generator) * (ranks >= zeros))


def _normal(tensor: Tensor, mean: float, std: float, generator: Stream) -> Array:
    return random.normal(tensor.shape, mean, std, tensor.dtype, tensor.device, generator)


def _fans(tensor: Tensor) -> tuple[int, int]:
    """Return fan_in and fan_out of a weight (out, in, ...): every place of the rest counts."""
    if tensor.ndim < 2:
        raise ValueError(f"the fan of a weight needs 2 axes or more, not the shape {tensor.shape}")
    places = math.prod(tensor.shape[2:])
    return tensor.shape[1] * places, tensor.shape[0] * places


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"unknown mode {mode!r}: use fan_in or fan_out")
    fan = _fans(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan) if fan else 0.0
