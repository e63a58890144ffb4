"""`rule`: makes an operation on Tensors, with its gradient, out of a function on plain arrays.

A rule returns its value and, beside it, one pull for each input: a function that takes the gradient
arriving from above and gives the gradient of that input. Where inputs share work it returns one
pull that gives the gradients of all of them. It sees plain arrays and never a Tensor:

    @rule(broadcasts=True)
    def mul(a, b):
        return a * b, (lambda g: g * b, lambda g: g * a)

Positional arguments are inputs: Tensors, arrays, numbers, or None for one left out (the rule then
returns no pull for it). Keyword arguments are options, handed on as they are. Whoever calls the
operation can give both by place or by name, PyTorch's names too (arguments.py).

Pulls that are None as a whole say that there is no gradient, as in the place of the largest entry.
A pull that has a second argument, `out=None`, writes its result there if it is given: that saves
a copy where an optimizer wants the gradient of a large parameter in a place of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, wraps
from typing import Any

from hello_dl.backend import (
    DEFAULT_FLOAT,
    Array,
    as_array,
    common_float,
    current_device,
    device_of,
    is_array,
    is_floating,
    is_half,
)
from hello_dl.graph import Node, recording, tick
from hello_dl.ops.arguments import Places

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
    function: Callable[..., Any] | None = None,
    *,
    broadcasts: bool = False,
    floats: bool = False,
    halves: bool = False,
) -> Any:
    """Make an operation on Tensors out of a function on arrays that returns (value, pulls).

    broadcasts   inputs are stretched to a common shape, and gradients summed back; without it a
                 gradient of another shape than its input is an error
    floats       whole numbers become floating ones first, in every input
    halves       computes with two-byte floats as they are, because it only moves numbers or does
                 better itself; other rules compute in float32 and round the result
    """
    if function is None:
        return lambda f: rule(f, broadcasts=broadcasts, floats=floats, halves=halves)
    op = function.__name__
    places = Places(function)
    most, known = places.most, places.options
    mixes = floats or broadcasts  # whole numbers may meet floating ones

    @wraps(function)
    def operation(*inputs: Any, **options: Any) -> Any:
        if len(inputs) > most or (options and not options.keys() <= known):
            inputs, options = places.bound(inputs, options)
        arrays = []
        needs_grad, plain = False, True  # plain: there is nothing to convert
        for x in inputs:
            if isinstance(x, Block):
                array = x._data
                if x._requires_grad:
                    needs_grad = True
                if array.dtype is not DEFAULT_FLOAT and (mixes or is_floating(array.dtype)):
                    plain = False
            else:
                array = operand(op, x)
                if array is not None and not broadcasts and not is_array(array):
                    array = as_array(array, device=_home(inputs))
                if is_array(array):
                    plain = False
            arrays.append(array)
        try:
            if plain:
                value, pulls = function(*arrays, **options)
            else:
                arrays, dtype = converted(arrays, broadcasts, floats, halves)
                value, pulls = function(*arrays, **options)
                if dtype is not None and value.dtype != dtype and is_floating(value.dtype):
                    value = value.astype(dtype)
        except (ValueError, TypeError, IndexError) as error:
            raise explained(op, arrays, error) from None
        node = _node(op, value if value.shape else as_array(value))  # numpy makes scalars of 0-d
        path = recording.path
        if needs_grad and path is not None and pulls is not None:
            node._requires_grad = True
            pairs = zip(inputs, arrays)
            nodes = [x if isinstance(x, Block) else _constant(a) for x, a in pairs if x is not None]
            node.parents = tuple(nodes)
            node.pulls = pulls
            node.broadcasts = broadcasts
            node.scope = path
        return node

    RULES[op] = operation
    return operation


def _home(inputs: tuple[Any, ...]) -> str | None:
    """Return the device of the blocks among the inputs, where plain numbers are to join them."""
    return next((device_of(x._data) for x in inputs if isinstance(x, Block)), None)


def converted(
    arrays: list[Any], broadcasts: bool, floats: bool, halves: bool
) -> tuple[list[Any], Any]:
    """Bring the inputs of a rule to the dtype in which it computes; also return the result's.

    Blocks that meet are computed in the widest float among them. A single number has a say only
    where there is no block of floats, and whole numbers have none: float32 never widens by itself.
    (numpy by itself makes float64 of int64 with float32, and float16 of uint8.)
    """
    known = [x for x in arrays if is_array(x)]
    blocks = [x.dtype for x in known if x.shape]
    dtype = common_float(blocks) or common_float([x.dtype for x in known])
    if dtype is None and (floats or broadcasts):
        dtype = DEFAULT_FLOAT  # of the result, should it be a floating number: 1 / 2
        if not floats:
            return arrays, dtype
    if dtype is None:
        return arrays, None
    compute = DEFAULT_FLOAT if is_half(dtype) and not halves else dtype

    def convert(x: Any) -> Any:
        if not is_array(x) or x.dtype == compute:
            return x
        whole = floats or (broadcasts and x.dtype.kind != "b")  # a mask can stay one
        return x.astype(compute) if whole or is_floating(x.dtype) else x

    return [convert(x) for x in arrays], None if halves and not (broadcasts or floats) else dtype


def _node(op: str, value: Array) -> Block:
    """Make a node that remembers nothing. Skips `__init__`, which checks what is known here."""
    node = object.__new__(Block.result_class)
    node._data = value
    node.grad = node.grad_store = None
    node.op = op
    node.name = node.scope = ""
    node._requires_grad = False
    node.parents = node.pulls = ()
    node._time = tick()
    return node


def _constant(x: Any) -> Block:
    """Make a node of a plain number or array. It is as old as the world, whenever it is made."""
    node = _node("constant", as_array(x) if is_array(x) else _number(x, current_device()))
    node._time = 0
    return node


@lru_cache(1000, typed=True)
def _number(x: float, device: str) -> Array:
    """Make an array of a plain number, once for the numbers that come again and again."""
    return as_array(x, device=device)


def pulled(node: Block) -> Iterator[tuple[Block, Array]]:
    """Yield (parent, gradient) for every parent that needs one, out of the gradient of `node`."""
    pulls, g = node.pulls, node.grad
    if g is None and node.parents:
        return  # none arrived: what was made of it has no gradient for it, as a loss for its target
    if callable(pulls):
        gradients = pulls(g) if len(node.parents) > 1 else (pulls(g),)
        for parent, gradient in zip(node.parents, gradients):
            if parent._requires_grad and gradient is not None:
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
            node.grad = as_array(arriving).copy("K")  # a leaf's gradient is its owner's to change
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
    wide = DEFAULT_FLOAT if is_half(gradient.dtype) else None  # float16 stays 2048 after so many 1s
    return gradient.sum((*range(added), *stretched), dtype=wide, keepdims=True).reshape(shape)


def operand(op: str, x: Any) -> Any:
    """Let plain numbers and arrays through to a rule; a plain number takes on any dtype."""
    if type(x) is float or type(x) is int or x is None or is_array(x) and x.ndim:
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
    text = str(error)
    if text.startswith("operands could not be broadcast"):
        text = "they do not stretch to one shape: from the last axis on, lengths must agree or be 1"
    return kind(f"{op} of {inputs}: {text}")
