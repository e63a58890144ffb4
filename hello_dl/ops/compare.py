"""Comparisons and masks: blocks of bools, which have no gradient."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from hello_dl.backend import Array, is_array, is_floating, is_half, module_of
from hello_dl.graph import Node
from hello_dl.ops.rule import Block, operand, rule


@rule(broadcasts=True, halves=True)
def eq(a: Array, b: Array):
    """Tell of every entry whether a == b."""
    return operator.eq(*_comparable(a, b)), None


@rule(broadcasts=True, halves=True)
def ne(a: Array, b: Array):
    """Tell of every entry whether a != b."""
    return operator.ne(*_comparable(a, b)), None


@rule(broadcasts=True, halves=True)
def lt(a: Array, b: Array):
    """Tell of every entry whether a < b."""
    return operator.lt(*_comparable(a, b)), None


@rule(broadcasts=True, halves=True)
def le(a: Array, b: Array):
    """Tell of every entry whether a <= b."""
    return operator.le(*_comparable(a, b)), None


@rule(broadcasts=True, halves=True)
def gt(a: Array, b: Array):
    """Tell of every entry whether a > b."""
    return operator.gt(*_comparable(a, b)), None


@rule(broadcasts=True, halves=True)
def ge(a: Array, b: Array):
    """Tell of every entry whether a >= b."""
    return operator.ge(*_comparable(a, b)), None


def _comparable(a: Any, b: Any) -> tuple[Any, Any]:
    """Bring two-byte floats to float32; a number compared with them is rounded as they are."""
    return _wide(a, b), _wide(b, a)


def _wide(x: Any, other: Any) -> Any:
    if is_array(x):
        return x.astype("float32") if is_half(x.dtype) else x
    rounds = isinstance(x, float) and is_array(other) and is_half(other.dtype)
    return float(other.dtype.type(x)) if rounds else x


def compared(comparison: Callable[[Any, Any], Any]) -> Any:
    """Make the method for an operator such as `<`: Python itself answers for what is no number."""

    def method(x: Any, other: Any) -> Any:
        if not isinstance(other, Block | float | int):
            try:
                known = other is not None and operand(comparison.__name__, other) is not None
            except TypeError:
                if isinstance(other, Node):
                    raise
                known = False
            if not known:
                return NotImplemented  # x == "a" is then False, and x < "a" an error
        return comparison(x, other)

    return method


@rule(broadcasts=True)
def isclose(a: Array, b: Array, *, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False):
    """Tell of every entry whether |a - b| <= atol + rtol |b|."""
    xp = module_of(a if is_array(a) else b)
    return xp.isclose(a, b, rtol, atol, equal_nan), None


def allclose(
    input: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Tell whether two blocks are nearly equal everywhere; returns a plain bool."""
    near = isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)
    return bool(near.data.all())


def equal(input: Any, other: Any) -> bool:
    """Tell whether two blocks have the same shape and the same entries; returns a plain bool."""
    if not isinstance(other, Block):
        other = Block.result_class(other)
    return input.shape == other.shape and bool(eq(input, other).data.all())


# Masks, and the bits of whole numbers.


@rule(broadcasts=True)
def bitwise_and(a: Array, b: Array):
    """And, entry by entry, as in `(x > 0) & (y < 1)`."""
    return _of_bits(operator.and_, a, b), None


@rule(broadcasts=True)
def bitwise_or(a: Array, b: Array):
    """Or, entry by entry, as in `(x > 0) | (y < 1)`."""
    return _of_bits(operator.or_, a, b), None


@rule(broadcasts=True)
def bitwise_xor(a: Array, b: Array):
    """One or the other but not both, entry by entry."""
    return _of_bits(operator.xor, a, b), None


@rule
def bitwise_not(x: Array):
    """Turn a mask around, entry by entry, as in `~(x > 0)`."""
    return _of_bits(operator.invert, x), None


def _of_bits(operation: Callable[..., Any], *operands: Any) -> Array:
    """Apply an operation of bits; floating numbers mostly come from a missing comparison."""
    if any(is_floating(x.dtype) if is_array(x) else isinstance(x, float) for x in operands):
        raise TypeError(
            "only masks and whole numbers have & | ^ ~: compare first, and put the comparisons "
            "in parentheses, (x > 0) & (y < 1)"
        )
    return operation(*operands)


@rule(broadcasts=True)
def logical_and(a: Array, b: Array):
    """Tell of every entry whether both are anything but 0."""
    return module_of(a if is_array(a) else b).logical_and(a, b), None


@rule(broadcasts=True)
def logical_or(a: Array, b: Array):
    """Tell of every entry whether one or the other is anything but 0."""
    return module_of(a if is_array(a) else b).logical_or(a, b), None


@rule(broadcasts=True)
def logical_xor(a: Array, b: Array):
    """Tell of every entry whether exactly one of the two is anything but 0."""
    return module_of(a if is_array(a) else b).logical_xor(a, b), None


@rule
def logical_not(x: Array):
    """Tell of every entry whether it is 0."""
    return module_of(x).logical_not(x), None


@rule
def isnan(x: Array):
    """Tell of every entry whether it is no number, as 0 / 0 is."""
    return x != x, None


@rule
def isinf(x: Array):
    """Tell of every entry whether it is inf or -inf."""
    return module_of(x).isinf(x), None


@rule
def isfinite(x: Array):
    """Tell of every entry whether it is neither inf nor -inf nor nan."""
    return module_of(x).isfinite(x), None
