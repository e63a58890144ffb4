"""`rule`: makes an operation on Tensors, with its gradient, out of a function on plain arrays.

A rule returns its value and, beside it, one pull for each input: a function that takes the gradient
arriving from above and gives the gradient of that input. Where inputs share work it returns one
pull that gives the gradients of all of them. It sees plain arrays and never a Tensor:

    @rule(broadcasts=True)
    def mul(a, b):
        return a * b, (lambda g: g * b, lambda g: g * a)

A pull that has a second argument, `out=None`, writes its result there if it is given: that saves
a copy where an optimizer wants the gradient of a large parameter in a place of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from inspect import Parameter, signature
from typing import Any

from hello_dl.backend import DEFAULT_FLOAT, Array, as_array, device_of, is_array
from hello_dl.graph import Node, recording, tick

Pull = Callable[..., Any]

RULES: dict[str, Callable[..., Any]] = {}  # every operation by name; a test holds a row for each


class Block(Node):
    """The part of a Tensor that rules know: an array, its parents, and the pulls towards them.

    tensor.py adds the operations as methods. It lies above this file, so it says here, once, of
    which class results are: `Block.result_class = Tensor`.
    """

    __slots__ = ("broadcasts", "grad_store", "pulls")

    result_class: type[Any]
    pulls: tuple[Pull, ...] | Pull  # one for each parent, or one for all
    broadcasts: bool  # parents may be smaller than this result
    grad_store: Array | None  # on a parameter: where its optimizer wants the gradient to lie

    @property
    def shape(self) -> tuple[int, ...]:
        """Length along every axis; () for a single number."""
        return self._data.shape


def rule(
    function: Callable[..., Any] | None = None, *, broadcasts: bool = False, floats: bool = False
) -> Any:
    """Make an operation on Tensors out of a function on arrays that returns (value, pulls).

    Positional arguments are inputs: Tensors, arrays, numbers, or None for one left out (the rule
    then returns no pull for it). Keyword arguments are options, handed on as they are; they may
    also stand behind the inputs. With `broadcasts`, gradients are summed back to the shape of an
    input that was stretched; without it a gradient of another shape than its input is an error.
    With `floats`, the one input becomes floating if it holds whole numbers.
    """
    if function is None:
        return lambda f: rule(f, broadcasts=broadcasts, floats=floats)
    op = function.__name__
    most, option_names = _places(function)

    @wraps(function)
    def operation(*inputs: Any, **options: Any) -> Any:
        if len(inputs) > most:  # F.softmax(x, 1)
            options = _by_name(op, inputs[most:], option_names, options)
            inputs = inputs[:most]
        arrays = []
        needs_grad = weak = False
        for x in inputs:
            if isinstance(x, Block):
                data = x._data
                arrays.append(data)
                if x._requires_grad:
                    needs_grad = True
                if not data.ndim:
                    weak = True
            else:
                x = operand(op, x)
                arrays.append(x if broadcasts or x is None else as_array(x))
        try:
            if floats and arrays[0].dtype.kind != "f":
                arrays[0] = arrays[0].astype(DEFAULT_FLOAT)
            value, pulls = function(*arrays, **options)
            if (weak and value.ndim or value.dtype != DEFAULT_FLOAT) and value.dtype.kind == "f":
                dtype = _float_of(arrays)
                if value.dtype != dtype and op != "astype":
                    arrays = [x.astype(dtype) if is_array(x) else x for x in arrays]
                    value, pulls = function(*arrays, **options)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(op, arrays, error) from None
        node = _node(op, value)
        path = recording.path
        if needs_grad and path is not None:
            node._requires_grad = True
            node.parents = tuple(
                [x if isinstance(x, Block) else _constant(x) for x in inputs if x is not None]
            )
            node.pulls = pulls
            node.broadcasts = broadcasts
            node.scope = path
        return node

    RULES[op] = operation
    return operation


def _node(op: str, value: Array) -> Block:
    """Make a node that remembers nothing. Skips `__init__`, which checks what is known here."""
    node = object.__new__(Block.result_class)
    node._data = value if value.shape else as_array(value)  # numpy turns 0-d results into scalars
    node.grad = node.grad_store = None
    node.op = op
    node.name = node.scope = ""
    node._requires_grad = False
    node.parents = node.pulls = ()
    node._time = tick()
    return node


def _constant(x: Any) -> Block:
    """Make a node of a plain number or array. It is as old as the world, whenever it is made."""
    node = _node("constant", as_array(x))
    node._time = 0
    return node


def pulled(node: Block) -> Iterator[tuple[Block, Array]]:
    """Yield (parent, gradient) for every parent that needs one, out of the gradient of `node`."""
    pulls, g = node.pulls, node.grad
    if callable(pulls):
        gradients = pulls(g) if len(node.parents) > 1 else (pulls(g),)
        for parent, gradient in zip(node.parents, gradients):
            if parent._requires_grad:
                yield parent, _fitted(gradient, parent._data, node)
        return
    for parent, pull in zip(node.parents, pulls):
        if parent._requires_grad:
            store = parent.grad_store
            if store is not None and parent.grad is None and pull.__defaults__:  # it takes `out`
                yield parent, pull(g, store)
            else:
                yield parent, _fitted(pull(g), parent._data, node)


def accumulate(node: Block, arriving: Array) -> None:
    """Add a gradient to what has arrived at a node so far."""
    if node.grad is None:
        if node.parents:
            node.grad = arriving
        elif node.grad_store is None:
            node.grad = as_array(arriving).copy()  # a leaf's gradient is its owner's to change
        else:
            if arriving is not node.grad_store:
                node.grad_store[...] = arriving
            node.grad = node.grad_store
    elif node.grad is node.grad_store:
        node.grad += arriving
    else:
        node.grad = node.grad + arriving  # a new array: the old one may be somebody else's too


def _fitted(gradient: Array, data: Array, node: Block) -> Array:
    """Bring a gradient into the shape and the dtype of the input that it belongs to."""
    if gradient.shape != data.shape:
        if not node.broadcasts:
            raise ValueError(
                f"the pull of {node.op} made a gradient of shape {gradient.shape} "
                f"for an input of shape {data.shape}"
            )
        gradient = sum_to(gradient, data.shape)
    return gradient if gradient.dtype == data.dtype else gradient.astype(data.dtype)


def sum_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Undo broadcasting: add up the copies that an input of this shape was stretched into."""
    added = gradient.ndim - len(shape)
    stretched = tuple(i + added for i, n in enumerate(shape) if n == 1 != gradient.shape[i + added])
    return gradient.sum((*range(added), *stretched), keepdims=True).reshape(shape)


def _places(function: Callable[..., Any]) -> tuple[int, list[str]]:
    """Return how many inputs a rule takes at most, and the names of its options."""
    parameters = signature(function).parameters.values()
    kinds = [p.kind for p in parameters]
    most = sys.maxsize if Parameter.VAR_POSITIONAL in kinds else len(kinds)
    options = [p.name for p in parameters if p.kind is Parameter.KEYWORD_ONLY]
    return most - len(options), options


def _by_name(op: str, surplus: Any, names: list[str], options: dict[str, Any]) -> dict[str, Any]:
    """Give the options that stand after the inputs their names."""
    placed = dict(zip(names, surplus))
    twice = [name for name in placed if name in options]
    if len(surplus) > len(names) or twice:
        problem = f"option {twice[0]!r} is given twice" if twice else "too many arguments"
        raise TypeError(f"{op}: {problem}; its options: {', '.join(names) or 'none'}")
    return placed | options


def operand(op: str, x: Any) -> Any:
    """Let plain numbers and arrays through to a rule; a plain number takes on any dtype."""
    if x is None or is_array(x) and x.ndim:
        return x
    if isinstance(x, bool | int | float):
        return float(x) if isinstance(x, float) else x  # numpy's float64 is a float that widens
    if isinstance(x, Node):
        raise TypeError(f"{op}: a Value and a Tensor do not mix: wrap the number in Tensor(...)")
    if isinstance(x, list | tuple):
        return as_array(x)
    if getattr(x, "shape", None) == () and hasattr(x, "item"):
        return x.item()
    raise TypeError(f"{op}: expected a Tensor, an array or a number, got {x!r:.60}")


def _float_of(arrays: list[Any]) -> Any:
    """Return the dtype that a rule computes in: the widest float among its blocks.

    A single number has a say only where no block has one, and whole numbers have none. (numpy by
    itself makes float64 of int64, and float16 of uint8 and bool.)
    """
    floats = [x for x in arrays if is_array(x) and x.dtype.kind == "f"]
    floats = [x for x in floats if x.ndim] or floats
    return max([x.dtype for x in floats], key=lambda t: t.itemsize, default=DEFAULT_FLOAT)


def explained(op: str, arrays: list[Any], error: Exception) -> Exception:
    """Put the operation and the shapes in front of an error."""
    inputs = ", ".join(
        f"{tuple(a.shape)} {a.dtype}" + ("" if device_of(a) == "cpu" else " on cuda")
        if is_array(a)
        else repr(a)
        for a in arrays
    )
    kinds = (IndexError, TypeError, ValueError)
    kind = next(kind for kind in kinds if isinstance(error, kind))
    return kind(f"{op} of {inputs}: {error}")
