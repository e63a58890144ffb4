"""Gradients that are too long, cut down; and all parameters of a net as one vector."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from hello_dl.backend import (
    DEFAULT_FLOAT,
    Array,
    as_array,
    device_of,
    is_array,
    is_half,
    module_of,
    to_device,
)
from hello_dl.backend.updates import joined
from hello_dl.ops.arrange import cat
from hello_dl.tensor import Tensor

Parameters = Tensor | Iterable[Tensor]


def clip_grad_norm_(
    parameters: Parameters,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients down together, in place, so that their norm is `max_norm` at most.

    The norm is that of all gradients laid end to end (Pascanu et al. 2013): the direction stays.
    Call it between `backward` and `step`. Returns the norm from before. A norm that is inf or nan
    leaves gradients of 0 and nan, or is a ValueError with `error_if_nonfinite`.
    """
    power = _number("norm_type", norm_type)
    if not _number("max_norm", max_norm) >= 0:
        raise ValueError(f"max_norm must be 0 or more, got {max_norm}")
    gradients = _gradients(parameters)
    total = _total_norm(gradients, power)
    if error_if_nonfinite and not math.isfinite(total):
        raise ValueError(
            f"the norm of all gradients is {float(total)} and cannot be clipped: look for the "
            "first loss that is not finite, or use error_if_nonfinite=False"
        )
    scale = float(max_norm) / (total + 1e-6)
    on_cpu = device_of(scale) == "cpu"
    # A GPU multiplies in any case, by 1 at most: to look at the number would make the CPU wait.
    scale = scale if on_cpu and not scale > 1 else module_of(scale).minimum(scale, 1)
    if not on_cpu or scale != 1:
        for run in joined(gradients):
            run *= to_device(scale, device_of(run)).astype(_exact(run))
    return Tensor(total, device=device_of(total))


def get_total_norm(
    tensors: Iterable[Any], norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Tensor:
    """The norm of Tensors or arrays laid end to end, such as [p.grad for p in parameters].

    On a GPU nobody waits for it until the number is asked for.
    """
    arrays = [t.data if isinstance(t, Tensor) else t for t in tensors]
    total = _total_norm([array for array in arrays if array.size], _number("norm_type", norm_type))
    if error_if_nonfinite and not math.isfinite(total):
        raise ValueError(f"the norm of all gradients is {float(total)}")
    return Tensor(total, device=device_of(total))


def clip_grad_value_(parameters: Parameters, clip_value: float) -> None:
    """Cut every entry of every gradient, in place, to at most `clip_value` up or down."""
    value = _number("clip_value", clip_value)
    if not value >= 0:
        raise ValueError(f"clip_value must be 0 or more, got {clip_value}")
    for run in joined(_gradients(parameters)):
        module_of(run).clip(run, -value, value, out=run)


def parameters_to_vector(parameters: Parameters) -> Tensor:
    """Lay the numbers of all parameters end to end: a Tensor (numel,), with gradients to them."""
    rows = [p.reshape(-1) for p in _listed(parameters)]
    if not rows:
        raise ValueError("a vector of parameters needs parameters, and got none")
    return cat(*rows)


def vector_to_parameters(vec: Tensor, parameters: Parameters) -> None:
    """Copy the numbers of a vector (numel,) into the parameters, in their order."""
    numbers, chosen = as_array(vec.data if isinstance(vec, Tensor) else vec), _listed(parameters)
    count = sum(p.numel() for p in chosen)
    if numbers.shape != (count,):
        raise ValueError(
            f"the vector has shape {numbers.shape}, and the parameters need ({count},)"
        )
    start = 0
    for p in chosen:
        piece = numbers[start : start + p.numel()].reshape(p.shape)
        p.data[...] = as_array(piece, p.dtype, p.device)
        p.data = p.data  # a change in place: tell the graph
        start += p.numel()


def _listed(parameters: Parameters) -> list[Tensor]:
    """Return the parameters in a list; one by itself will do."""
    if isinstance(parameters, Tensor):
        return [parameters]
    if not isinstance(parameters, Iterable):
        raise TypeError(f"expected parameters, such as model.parameters(), not {parameters!r:.60}")
    chosen = list(parameters)
    for p in chosen:
        if not isinstance(p, Tensor):
            raise TypeError(f"expected Tensors, such as model.parameters(), not {p!r:.60}")
    if not chosen and isinstance(parameters, Iterator):
        warnings.warn(
            "the iterator of parameters is empty, so nothing happens: was it used up before?",
            stacklevel=4,
        )
    return chosen


def _gradients(parameters: Parameters) -> list[Array]:
    """Return the gradients that there are, as arrays that can be changed in place."""
    chosen = [p for p in _listed(parameters) if p.grad is not None]
    for p in chosen:
        if not is_array(p.grad):  # a bare number, put in by hand
            p.grad = as_array(p.grad, p.dtype, p.device)
    return [p.grad for p in chosen if p.grad.size]


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, got {value!r:.60}") from None


def _exact(array: Array) -> Any:
    """Return the dtype to compute a norm in: float32 for halves, which overflow at 65,504."""
    return DEFAULT_FLOAT if is_half(array.dtype) else array.dtype


def _total_norm(gradients: list[Array], power: float) -> Array:
    """Return the norm () of all gradients laid end to end, where the first of them lives.

    It is the norm of their norms; so neighbors in memory can be taken in one pass. The 0-norm alone
    is not the same then: as in PyTorch it is the number of gradients that are not all zeros.
    """
    if not gradients:
        return as_array(0.0)
    runs = joined(gradients) if power else gradients
    norms = [_norm(run.reshape(-1).astype(_exact(run), copy=False), power) for run in runs]
    if len(norms) == 1 and power:
        return as_array(norms[0])
    xp, where = module_of(gradients[0]), device_of(gradients[0])
    return as_array(_norm(xp.stack([to_device(norm, where) for norm in norms]), power))


def _norm(x: Array, power: float) -> Array:
    """Return (sum of |x|^power)^(1/power), and what that tends to where the power is infinite."""
    xp = module_of(x)
    if power == 2:
        return xp.sqrt(xp.vdot(x, x))
    if power == 0:
        return (x != 0).sum().astype(x.dtype)
    if math.isinf(power):
        return xp.abs(x).max() if power > 0 else xp.abs(x).min()
    return (xp.abs(x) ** power).sum() ** (1 / power)
