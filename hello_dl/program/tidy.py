"""Two passes that tidy a tape: what need not be computed, and what need not be computed twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hello_dl.program.tape import Entry, Tape, rewrite, without_unused
from hello_dl.value import Value


def fold_constants(tape: Tape) -> Tape:
    """Compute once, now, what is made of constants alone. Adding 0 or multiplying by 1 is dropped.

    Python's `sum` begins with 0 + x, which would otherwise stay for ever.
    """

    def change(entry: Entry, entries: list[Entry]) -> Entry | int:
        constant = [entries[i].op == "constant" for i in entry.args]
        if True not in constant:
            return entry
        numbers = [entries[i].option for i in entry.args]
        if all(constant):
            return Entry("constant", (), _apply(entry, [Value(x) for x in numbers]).data)
        neutral = NEUTRAL.get(entry.op)
        for is_constant, x, other in zip(constant, numbers, reversed(entry.args)):
            if is_constant and x == neutral:
                return other
        return entry

    return without_unused(rewrite(tape, change))


NEUTRAL = {"add": 0.0, "mul": 1.0}  # what an operation with it leaves as it was
_OPERATORS: dict[str, Callable[..., Value]] = {
    "add": Value.__add__,
    "sub": Value.__sub__,
    "mul": Value.__mul__,
    "div": Value.__truediv__,
    "pow": Value.__pow__,
    "neg": Value.__neg__,
}


def _apply(entry: Entry, values: list[Value]) -> Value:
    """Run one operation on Values."""
    operation = _OPERATORS.get(entry.op) or getattr(Value, entry.op)
    return operation(*values) if entry.option is None else operation(*values, entry.option)


def share_subexpressions(tape: Tape) -> Tape:
    """Keep one of several entries that compute the same from the same; a + b is also b + a."""
    seen: dict[tuple[Any, ...], int] = {}

    def change(entry: Entry, entries: list[Entry]) -> Entry | int:
        op, args, option = entry
        if op in ("input", "parameter"):
            return entry
        key: tuple[Any, ...] = entry
        if op == "constant" or option is not None:
            key = (op, args, repr(option))  # 0.0 and -0.0 differ, nan equals nan
        elif op in ("add", "mul") and args[0] > args[1]:
            key = (op, args[::-1], option)
        number = seen.setdefault(key, len(entries))
        return entry if number == len(entries) else number

    return without_unused(rewrite(tape, change))
