"""Formulas from the shell, such as `(a*b + c).tanh()`, made into a graph of Values.

The text is read, never run: Python's own parser takes it apart, and every piece must be on a short
list. What is not on the list is an error that names the piece and its column.
"""

from __future__ import annotations

import ast
import keyword
import math
import operator
import unicodedata
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

from hello_dl.graph import ancestors
from hello_dl.value import Value

FUNCTIONS = (
    "exp", "log", "sqrt", "abs", "sin", "cos", "tanh", "sigmoid", "relu", "leaky_relu", "gelu",
)  # fmt: skip

OPERATORS: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}

ALLOWED = (
    "allowed are names, numbers, + - * / **, parentheses, and the functions "
    f"{', '.join(FUNCTIONS)}, as in tanh(x) or x.tanh()"
)
LONGEST, DEEPEST = 2000, 100  # characters; operations inside of each other
TOO_DEEP = f"nested too deeply, {DEEPEST} levels are the limit"


def parse(text: str, numbers: Mapping[str, float]) -> Value:
    """Compute an expression of named numbers; every step of it is a node of the graph.
    Raises ValueError, in one line with the column and the fix, for anything but arithmetic and
    `FUNCTIONS`, for a name that has no number, and for a number that is not used.
    """
    text = " ".join(text.split())
    reader = _Reader(text, numbers)
    result = reader.value(_tree(text))
    unused = [name for name in numbers if name not in reader.used]
    if unused:
        raise ValueError(f"there is no {unused[0]} in {_short(text)}: leave {unused[0]}=… out")
    if not reader.used:
        raise ValueError(f"{_short(text)} has no name, so there is no graph: try a*3 with a=2")
    return result


def assignments(words: Iterable[str]) -> dict[str, float]:
    """Read `["a=2", "b=-3"]` into a dict; raises ValueError that shows the word it cannot read."""
    numbers: dict[str, float] = {}
    for word in words:
        name, equals, number = (part.strip() for part in word.partition("="))
        name = unicodedata.normalize("NFKC", name)  # as Python's parser has names
        if not equals:
            raise ValueError(f"{_short(word)} gives no name a number: write it as a=2")
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"{_short(name)} in {_short(word)} is no name: use letters, as in a=2")
        if name in numbers:
            raise ValueError(f"{name} has two numbers: give it one")
        try:
            numbers[name] = float(number)
        except ValueError:
            raise ValueError(
                f"{_short(number)} in {_short(word)} is no number: write {name}=2 or {name}=-0.5"
            ) from None
        if not math.isfinite(numbers[name]):
            raise ValueError(f"{_short(word)} makes {name} {numbers[name]}: use a finite number")
    return numbers


def not_finite(result: Value) -> str:
    """Say which step first gave nan or inf, as the gradients then mean nothing; "" if none did."""
    nodes = ancestors(result)
    for node in nodes:
        if not math.isfinite(node.data):
            inputs = " and ".join(f"{parent.data:g}" for parent in node.parents)
            what = f"{node.op} of {inputs}" if node.parents else "a number in it"
            return f"{what} is {node.data}: not finite, so the gradients mean nothing"
    if not all(math.isfinite(node.grad or 0.0) for node in nodes):
        return "a gradient is not finite: there is no slope at this point"
    return ""


def _tree(text: str) -> ast.expr:
    """Let Python's parser take the text apart; nothing is run."""
    if len(text) > LONGEST:
        raise ValueError(f"the expression has {len(text):,} characters: at most {LONGEST:,} fit")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the parser's advice to programmers
            return ast.parse(text, mode="eval").body
    except SyntaxError as error:
        column = f" at column {error.offset}" if error.offset else ""
        raise ValueError(f"{_short(text)}{column}: {error.msg}; {ALLOWED}") from None
    except (MemoryError, RecursionError, ValueError):
        raise ValueError(f"{_short(text)}: {TOO_DEEP}") from None


class _Reader:
    """Turns the pieces of a parsed text into Values."""

    def __init__(self, text: str, numbers: Mapping[str, float]) -> None:
        self.text, self.numbers = text, numbers
        self.used: dict[str, Value] = {}

    def value(self, piece: ast.expr, depth: int = 0) -> Value:
        """Compute one piece, and first the pieces in it."""
        if depth > DEEPEST:
            raise self.error(piece, TOO_DEEP)
        match piece:
            case ast.Name(id=name):
                return self.named(piece, name)
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return _constant(number)
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return _step(-self.value(inner, depth + 1))
            case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
                a, b = self.value(left, depth + 1), self.value(right, depth + 1)
                return _step(OPERATORS[type(op)](a, b))
            case (
                ast.Call(func=ast.Name(id=name), args=[inner], keywords=[])
                | ast.Call(func=ast.Attribute(value=inner, attr=name), args=[], keywords=[])
            ) if name in FUNCTIONS:
                return _step(getattr(self.value(inner, depth + 1), name)())
        raise self.error(piece, _fix(piece))

    def named(self, piece: ast.expr, name: str) -> Value:
        """Return the one Value of a name."""
        if name not in self.numbers:
            if name in FUNCTIONS:
                raise self.error(
                    piece, f"a function needs its input: write {name}(x) or x.{name}()"
                )
            raise self.error(piece, f"give it a value: {name}=1")
        if name not in self.used:
            self.used[name] = Value(self.numbers[name], name=name)
        return self.used[name]

    def error(self, piece: ast.expr, fix: str) -> ValueError:
        """Make an error that shows a piece and where it begins."""
        before = self.text.encode()[: piece.col_offset].decode()
        said = _short(ast.get_source_segment(self.text, piece) or self.text)
        return ValueError(f"{said} at column {len(before) + 1}: {fix}")


def _constant(number: float) -> Value:
    try:
        return Value(float(number), requires_grad=False, op="constant")
    except OverflowError:
        return Value(math.inf, requires_grad=False, op="constant")  # what 1e999 is, too


def _step(result: Value) -> Value:
    """Keep a step of the computation; one that has only numbers in it is a number, such as -3."""
    return result if result.requires_grad else _constant(result.data)


def _fix(piece: ast.expr) -> str:
    """Say what to write instead of a piece that is not allowed."""
    match piece:
        case ast.BinOp(op=ast.BitXor()):
            return "a power is written **, as in a**2"
        case ast.Attribute(attr=name) if name in FUNCTIONS:
            return f"a function needs its parentheses: write .{name}()"
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)) if name in FUNCTIONS:
            return f"a function takes one number: write {name}(x) or x.{name}()"
    return ALLOWED


def _short(text: str) -> str:
    """Quote a text, or the beginning of a long one, in one line."""
    return repr(text if len(text) <= 40 else text[:39] + "…")
