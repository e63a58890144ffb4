"""Arithmetic, entry by entry: two inputs are stretched to a common shape."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, is_array, is_floating, kernels, module_of
from hello_dl.ops.rule import rule


@rule(broadcasts=True)
def add(a: Array, b: Array, *, alpha: float = 1):
    """Add entry by entry, b times `alpha`."""
    if alpha == 1:
        return a + b, (lambda g: g, lambda g: g)
    return a + alpha * b, (lambda g: g, lambda g: g * alpha)


@rule(broadcasts=True)
def sub(a: Array, b: Array, *, alpha: float = 1):
    """Subtract entry by entry, b times `alpha`."""
    if alpha == 1:
        return a - b, (lambda g: g, lambda g: -g)
    return a - alpha * b, (lambda g: g, lambda g: g * -alpha)


@rule(broadcasts=True)
def mul(a: Array, b: Array):
    """Multiply entry by entry."""
    return a * b, (lambda g: g * b, lambda g: g * a)


@rule(broadcasts=True)
def div(a: Array, b: Array, *, rounding_mode: str | None = None):
    """Divide entry by entry. `rounding_mode` is "floor", "trunc" (towards 0) or None.

    What is rounded goes up in steps: its slope is 0.
    """
    if rounding_mode is not None:
        flat = module_of(a if is_array(a) else b).zeros_like
        return _whole_ratio(a, b, rounding_mode), (flat, flat)
    ratio = a / b
    return ratio, (lambda g: g / b, lambda g: -g * ratio / b)


def _whole_ratio(a: Any, b: Any, mode: str) -> Array:
    """Divide and round down ("floor") or towards 0 ("trunc")."""
    if mode not in ("floor", "trunc"):
        raise ValueError(f"rounding_mode {mode!r} is unknown: use 'floor', 'trunc' or None")
    whole = a // b
    if mode == "floor":
        return whole
    if is_floating(whole.dtype):
        return module_of(whole).trunc(a / b)
    return whole + ((whole < 0) & (whole * b != a))


@rule(broadcasts=True)
def floor_divide(a: Array, b: Array):
    """Divide and round down, as `//` does. It has no gradient: div(rounding_mode="floor") has."""
    return a // b, None


@rule(broadcasts=True)
def remainder(a: Array, b: Array):
    """What is left of a after floor_divide by b, with the sign of b, as `%` has it."""
    return a % b, (lambda g: g, lambda g: -g * (a // b))


@rule(broadcasts=True)
def pow(a: Array, b: Array):
    """Raise every entry of `a` to the power `b`."""
    xp = module_of(a if is_array(a) else b)
    a = _counted(a)
    power = a**b if is_array(b) else kernels.power(a, b)

    def pull_base(g):
        if not is_array(b):
            slope = kernels.power(a, b - 1) if b else xp.zeros_like(a)  # x ** 0 is flat, at 0 too
            slope *= b
            return slope * g
        return g * xp.where(b == 0, 0.0, b * a ** xp.where(b == 0, 1, b - 1))

    def pull_exponent(g):
        base = xp.asarray(a, power.dtype)
        at_zero = xp.where(b < 0, -xp.inf, 0.0)  # 0 ** b is flat, if it is finite
        elsewhere = xp.where(base == 0, at_zero, xp.nan)
        log_base = xp.where(base > 0, xp.log(xp.where(base > 0, base, 1.0)), elsewhere)
        return g * power * log_base

    return power, (pull_base, pull_exponent)


def _counted(x: Any) -> Any:
    """Let a mask count as whole numbers, 0 and 1: numpy's powers of it would be int8."""
    return x.astype("int64") if is_array(x) and x.dtype.kind == "b" else x


@rule
def neg(x: Array):
    """Change the sign."""
    return -x, lambda g: -g


def positive(input: Any) -> Any:
    """Return the block itself, as `+x` does."""
    return input


@rule
def square(x: Array):
    """Multiply every entry by itself."""
    x = _counted(x)
    return x * x, lambda g: g * (2 * x)


@rule(floats=True)
def reciprocal(x: Array):
    """Divide 1 by every entry."""
    y = 1 / x
    return y, lambda g: -g * y * y


# Choices between two blocks.


@rule(broadcasts=True)
def minimum(a: Array, b: Array):
    """Take the smaller entry; nan if one is nan. Those that tie share the gradient."""
    xp = module_of(a if is_array(a) else b)
    return xp.minimum(a, b), (lambda g: _chosen(g, a, a > b, b), lambda g: _chosen(g, a, b > a, b))


@rule(broadcasts=True)
def maximum(a: Array, b: Array):
    """Take the larger entry; nan if one is nan. Those that tie share the gradient."""
    xp = module_of(a if is_array(a) else b)
    return xp.maximum(a, b), (lambda g: _chosen(g, a, a < b, b), lambda g: _chosen(g, a, b < a, b))


def _chosen(g: Array, a: Any, lost: Array, b: Any) -> Array:
    """Give no gradient to an entry that has lost against the other, and half of it to a tie."""
    return kernels.masked(kernels.where(a == b, g / 2, g), ~lost)


@rule(broadcasts=True)
def clamp(x: Array, min: Any = None, max: Any = None):
    """Limit every entry to [min, max], either of which may be left out; `max` wins a conflict.

    At a limit the gradient still goes to x, beyond it to the limit.
    """
    if min is None and max is None:
        raise ValueError("at least one of min and max is needed")
    y, pulls = x, []
    if min is not None:
        y = module_of(x).maximum(y, min)
        pulls.append(lambda g: kernels.masked(g, (x < min) & (True if max is None else min < max)))
    if max is not None:
        y = module_of(x).minimum(y, max)
        pulls.append(lambda g: kernels.masked(g, (x > max) | (False if min is None else max < min)))

    def pull(g):
        above, below = min is None or x >= min, max is None or x <= max
        return kernels.masked(g, above & below)

    return y, (pull, *pulls)


def clamp_min(input: Any, min: Any) -> Any:
    """Limit every entry from below."""
    return clamp(input, min)


def clamp_max(input: Any, max: Any) -> Any:
    """Limit every entry from above."""
    return clamp(input, None, max)


@rule(broadcasts=True)
def where(condition: Array, input: Array, other: Array):
    """Take the entries of `input` where the condition is true and those of `other` elsewhere."""
    condition = module_of(condition).asarray(condition)
    if condition.dtype.kind != "b":
        raise TypeError(f"the condition is a block of bools, such as x > 0, not {condition.dtype}")
    chosen = kernels.where(condition, input, other)
    return chosen, (
        None,  # of the condition
        lambda g: kernels.masked(g, condition),
        lambda g: kernels.masked(g, ~condition),
    )
