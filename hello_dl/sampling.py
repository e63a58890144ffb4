"""New Tensors of random numbers, and blocks filled with them.

On each device they come from the stream that `manual_seed` starts. `generator=` takes another one,
a `Generator` with a seed of its own, which draws on the CPU.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hello_dl.backend import (
    DEFAULT_FLOAT,
    FLOAT64,
    Array,
    DType,
    device_of,
    dtype_of,
    is_floating,
    module_of,
    random,
    to_device,
)
from hello_dl.creation import Size, as_in, made, place_of, read_size
from hello_dl.graph import no_grad
from hello_dl.ops import elementwise
from hello_dl.ops.axes import broadcast_shapes, sizes_of
from hello_dl.ops.inplace import check_writable
from hello_dl.ops.rule import Block
from hello_dl.ops.untracked import setitem

if TYPE_CHECKING:
    from hello_dl.tensor import Tensor

Stream = Any  # a Generator, one of numpy's, or None for that of `manual_seed`


def rand(
    *sizes: Any,
    size: Size | None = None,
    generator: Stream = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw numbers evenly from [0, 1): `rand(2, 3)` or `rand((2, 3))`."""
    shape, dtype = read_size(sizes, size), _floating("rand", dtype)
    drawn = random.uniform(shape, 0, 1, dtype, place_of(device), generator)
    return made(drawn, requires_grad)


def randn(
    *sizes: Any,
    size: Size | None = None,
    generator: Stream = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw numbers from the normal distribution with mean 0 and variance 1."""
    shape, dtype = read_size(sizes, size), _floating("randn", dtype)
    drawn = random.normal(shape, 0, 1, dtype, place_of(device), generator)
    return made(drawn, requires_grad)


def randint(
    low: int = 0,
    high: Any = None,
    size: Any = None,
    *,
    generator: Stream = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw whole numbers evenly from [low, high): `randint(10, (3,))`, `randint(5, 10, (3,))`."""
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None or not low < high:
        raise ValueError(f"randint: there is nothing from {low} to {high} to draw {size} of")
    drawn = _integers(low, high, sizes_of((size,)), place_of(device), generator)
    return made(drawn.astype(dtype_of(dtype or "int64"), copy=False), requires_grad)


def rand_like(input: Any, **options: Any) -> Tensor:
    """Draw numbers evenly from [0, 1), in the shape, dtype and device of another Tensor."""
    return rand(input.shape, **as_in(input, options))


def randn_like(input: Any, **options: Any) -> Tensor:
    """Draw normal numbers, in the shape, dtype and device of another Tensor."""
    return randn(input.shape, **as_in(input, options))


def randint_like(input: Any, low: int, high: int | None = None, **options: Any) -> Tensor:
    """Draw whole numbers from [low, high), in the shape, dtype and device of another Tensor."""
    low, high = (0, low) if high is None else (low, high)
    return randint(low, high, input.shape, **as_in(input, options))


def randperm(
    n: int, *, generator: Stream = None, dtype: DType | None = None, device: Any = None
) -> Tensor:
    """Return the numbers 0 to n - 1 in random order, int64."""
    place = place_of(device)
    if generator is None and place == "cpu":
        generator = random.generator()
    if generator is not None:
        order = to_device(generator.permutation(n), place)
    else:
        order = random.uniform((n,), dtype=FLOAT64, device=place).argsort()
    return made(order.astype(dtype_of(dtype or "int64"), copy=False))


def normal(
    mean: Any = 0.0,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Stream = None,
    dtype: DType | None = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Draw normal numbers of this mean and standard deviation: numbers and a size, or Tensors."""
    given = [x for x in (mean, std) if isinstance(x, Block)]
    if size is None and not given:
        raise ValueError("normal of two numbers needs a size, such as normal(0.0, 1.0, (2, 3))")
    if isinstance(std, int | float) and std < 0:
        raise ValueError(f"normal: a standard deviation of {std} is below 0")
    shape = broadcast_shapes(*(x.shape for x in given)) if size is None else sizes_of((size,))
    options = {"dtype": dtype, "device": device}
    drawn = randn(shape, generator=generator, **(as_in(given[0], options) if given else options))
    with no_grad():
        result = elementwise.add(elementwise.mul(drawn, std), mean)
    return result.requires_grad_(requires_grad)


def bernoulli(input: Any, p: float | None = None, *, generator: Stream = None) -> Tensor:
    """Draw 1 with the probability that each entry says (or with `p`, everywhere), and 0 else."""
    chance = input._data if p is None else p
    return made((_even(input, generator) < chance).astype(input.dtype))


def multinomial(
    input: Any, num_samples: int, replacement: bool = False, *, generator: Stream = None
) -> Tensor:
    """Draw places by their weights: (k,) to (num_samples,), or row by row (n, k) to (n, samples).

    Without `replacement` no place comes twice. Weights need not add up to 1.
    """
    weights = input._data.astype(FLOAT64)
    if weights.ndim not in (1, 2) or not is_floating(input.dtype):
        raise ValueError(f"multinomial takes float weights (k,) or (n, k), not {input.shape}")
    xp, rows = module_of(weights), weights.reshape(-1, weights.shape[-1])
    if device_of(weights) == "cpu":
        _check_weights(rows, num_samples, replacement)
    if replacement:
        shares = rows.cumsum(-1)
        chance = _draw((len(rows), num_samples), device_of(rows), generator) * shares[:, -1:]
        picks = [xp.searchsorted(s, u, side="right") for s, u in zip(shares, chance)]
        places = xp.stack(picks) if picks else xp.zeros((0, num_samples))
    else:  # who comes first, if each waits as long as chance and its weight say
        wait = -xp.log1p(-_draw(rows.shape, device_of(rows), generator))
        wait = xp.where(rows > 0, wait / xp.where(rows > 0, rows, 1), xp.inf)
        places = wait.argsort(-1)[:, :num_samples]
    return made(places.astype("int64").reshape(*input.shape[:-1], num_samples))


def _check_weights(rows: Array, num_samples: int, replacement: bool) -> None:
    if rows.size and not (rows.min() >= 0 and rows.max() < float("inf")):
        raise ValueError("multinomial: a weight is below 0, infinite or nan")
    possible = int((rows > 0).sum(-1).min()) if len(rows) else num_samples
    if num_samples < 1 or possible < (1 if replacement else num_samples):
        raise ValueError(f"multinomial: {num_samples} draws out of {possible} possible places")


# As methods: a block is filled in place, and returned.


def normal_(x: Any, mean: float = 0.0, std: float = 1.0, *, generator: Stream = None) -> Any:
    """Fill with normal numbers."""
    check_writable(x)
    dtype = _floating("normal_", x.dtype)
    setitem(x, ..., made(random.normal(x.shape, mean, std, dtype, x.device, generator)))
    return x


def uniform_(x: Any, low: float = 0.0, high: float = 1.0, *, generator: Stream = None) -> Any:
    """Fill with numbers drawn evenly from [low, high)."""
    check_writable(x)
    dtype = _floating("uniform_", x.dtype)
    setitem(x, ..., made(random.uniform(x.shape, low, high, dtype, x.device, generator)))
    return x


def bernoulli_(x: Any, p: Any = 0.5, *, generator: Stream = None) -> Any:
    """Fill with 1 where chance, of probability p, says so, and with 0 elsewhere."""
    check_writable(x)
    chance = p._data if isinstance(p, Block) else p
    setitem(x, ..., made((_even(x, generator) < chance).astype(x.dtype)))
    return x


def exponential_(x: Any, lambd: float = 1.0, *, generator: Stream = None) -> Any:
    """Fill with waiting times, whose mean is 1 / lambd."""
    check_writable(x)
    _floating("exponential_", x.dtype)
    even = _even(x, generator)
    setitem(x, ..., made(-module_of(even).log1p(-even) / lambd))
    return x


def random_(x: Any, low: int = 0, high: int | None = None, *, generator: Stream = None) -> Any:
    """Fill with whole numbers drawn evenly from [low, high); `random_(10)` is from 0 to 9."""
    check_writable(x)
    low, high = (0, low or 2**24) if high is None else (low, high)
    setitem(x, ..., made(_integers(low, high, x.shape, x.device, generator)))
    return x


# What they are made of.


def _draw(shape: tuple[int, ...], device: str, generator: Stream) -> Array:
    return random.uniform(shape, 0, 1, FLOAT64, device, generator)


def _even(x: Any, generator: Stream) -> Array:
    """Draw numbers evenly from [0, 1) for every entry of a Tensor."""
    return _draw(x.shape, x.device, generator)


def _integers(low: int, high: int, shape: tuple[int, ...], device: str, generator: Stream) -> Array:
    if generator is None and device == "cpu":
        generator = random.generator()
    if generator is not None:
        return to_device(generator.integers(low, high, shape), device)
    return (_draw(shape, device, None) * (high - low)).astype("int64") + low


def _floating(name: str, dtype: DType | None) -> Any:
    dtype = DEFAULT_FLOAT if dtype is None else dtype_of(dtype)
    if not is_floating(dtype):
        raise ValueError(f"{name} draws floating numbers, not {dtype}: randint draws whole ones")
    return dtype
