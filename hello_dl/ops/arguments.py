"""Where the arguments of an operation belong: by place or name, PyTorch's names or numpy's.

The usual call has its inputs by place and its options by name, and comes past this file. What is
here makes `softmax(x, 1)`, `add(input=x, other=y)` and `x.sum(axis=0, keepdims=True)` work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any

ALSO = {"axis": "dim", "keepdims": "keepdim"}  # numpy's names for two of our options
IGNORED = {"inplace"}  # of PyTorch's activations: taken, and a new block is made all the same
FIRST, SECOND = ("input", "self"), ("other", "exponent", "mat2", "vec2")  # PyTorch's, for inputs


def also_named(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let what is made of operations be called with numpy's names of options, as rules are."""

    @wraps(function)
    def operation(*inputs: Any, **options: Any) -> Any:
        return function(*inputs, **{ALSO.get(name, name): options[name] for name in options})

    return operation


class Places:
    """The inputs and the options that a rule takes.

    most      inputs, at most
    options   the names of its options, which stand behind the * in its signature
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.op = function.__name__
        parameters = list(signature(function).parameters.values())
        self.many = any(p.kind is Parameter.VAR_POSITIONAL for p in parameters)
        self.options = {p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY}
        self.inputs = [p.name for p in parameters if p.name not in self.options]
        self.most = sys.maxsize if self.many else len(self.inputs)
        by_place = (p.replace(kind=Parameter.POSITIONAL_OR_KEYWORD) for p in parameters)
        self.signature = None if self.many else Signature(_needed_first(by_place))

    def bound(
        self, inputs: tuple[Any, ...], options: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Sort arguments into inputs and options; TypeError for one that has no place."""
        options = {self._ours(name): options[name] for name in options if name not in IGNORED}
        if self.signature is None:
            if not options.keys() <= self.options:
                unknown = next(name for name in options if name not in self.options)
                raise TypeError(f"{self.op}: unknown option {unknown!r}; {self._known()}")
            return inputs, options
        try:
            given = self.signature.bind(*inputs, **options).arguments
        except TypeError as error:
            raise TypeError(f"{self.op}: {error}; {self._known()}") from None
        placed = [given.get(name) for name in self.inputs]
        while len(placed) > len(inputs) and self.inputs[len(placed) - 1] not in given:
            placed.pop()
        return tuple(placed), {name: given[name] for name in given if name in self.options}

    def _ours(self, name: str) -> str:
        """Translate a name that PyTorch or numpy has for something of ours."""
        if name in self.options or name in self.inputs:
            return name
        if ALSO.get(name) in self.options:
            return ALSO[name]
        for place, names in enumerate((FIRST, SECOND)):
            if name in names and len(self.inputs) > place and not self.many:
                return self.inputs[place]
        return name

    def _known(self) -> str:
        """Say what the operation takes."""
        inputs, options = ", ".join(self.inputs), ", ".join(sorted(self.options))
        return f"it takes {inputs}" + (f" and the options {options}" if options else "")


def _needed_first(parameters: Any) -> list[Parameter]:
    """Give an option without a default None as one: the rule itself asks for it."""
    return [
        p.replace(default=None) if i and p.default is Parameter.empty else p
        for i, p in enumerate(parameters)
    ]
