"""Value: one number that remembers how it was computed. The whole scalar engine, in one sitting.

An operation computes its number and, beside it, one slope per input: how fast the result changes
when that input changes. The slopes stay on the edges of the graph. `backward` walks from the
result to the inputs, multiplies the slopes along each path, and adds where paths meet. That is the
chain rule, and it is all there is to automatic differentiation.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

from hello_dl import graph
from hello_dl.graph import Node, in_place, recording, tick

Number = int | float


def _swapped(operation: Any) -> Any:
    """Make the method for `other ∘ value` out of the one for `value ∘ other`."""
    return lambda self, other: operation(_lift(other), self)


def _comparison(compare: Callable[[float, float], bool]) -> Any:
    """Make the method for `a < b` and its kind; both numbers note that they were looked at."""
    return lambda self, other: compare(self._look(), _lift(other)._look())


class Value(Node):
    """A number that takes part in gradients: a Tensor of shape ().

    >>> a, b = Value(2.0), Value(3.0)
    >>> c = a * b + a
    >>> c.backward()
    >>> c.data, a.grad, b.grad
    (8.0, 4.0, 2.0)

    `slopes` holds d(this) / d(parent), one number for each of `parents`.
    """

    # The last two are set on few: on a Value that was compared, and on the result of an operation
    # that has an option, such as the slope of a leaky_relu. `compile` asks for them.
    __slots__ = ("slopes", "_compared", "_option")
    __hash__ = Node.__hash__  # two Values that both hold 3.0 are still two nodes of a graph

    shape: tuple[()] = ()
    slopes: tuple[float, ...]
    _compared: bool
    _option: float

    def __init__(
        self, data: Number, requires_grad: bool = True, *, name: str = "", op: str = "input"
    ) -> None:
        self._data = self._checked(data, requires_grad)
        self.grad = None
        self.parents = ()
        self.slopes = ()
        self.op = op
        self.name = name
        self._requires_grad = requires_grad
        self.scope = recording.path or ""
        self._time = tick()

    def _checked(self, number: Any, requires_grad: bool) -> float:
        try:
            if not isinstance(number, str | bytes) and getattr(number, "shape", ()) == ():
                return float(number)
        except (TypeError, ValueError):
            pass
        raise TypeError(f"a Value holds one number, not {number!r:.60}: use a Tensor")

    # Arithmetic: the number, the inputs, and the slope towards each input.

    def __add__(self, other: Value | Number) -> Value:
        a, b = self, _lift(other)
        return _result("add", a.data + b.data, (a, b), (1.0, 1.0))

    def __sub__(self, other: Value | Number) -> Value:
        a, b = self, _lift(other)
        return _result("sub", a.data - b.data, (a, b), (1.0, -1.0))

    def __mul__(self, other: Value | Number) -> Value:
        a, b = self, _lift(other)
        x, y = a.data, b.data
        return _result("mul", x * y, (a, b), (y, x))

    def __truediv__(self, other: Value | Number) -> Value:
        a, b = self, _lift(other)
        ratio = _divide(a.data, b.data)
        return _result("div", ratio, (a, b), (_divide(1.0, b.data), -_divide(ratio, b.data)))

    def __pow__(self, other: Value | Number) -> Value:
        a, b = self, _lift(other)
        x, n = a.data, b.data
        power = _power(x, n)
        slope = n * _power(x, n - 1) if n else 0.0  # x ** 0 is 1 everywhere: flat
        slope_of_exponent = 0.0 if x == 0 <= n else power * _log(x)
        return _result("pow", power, (a, b), (slope, slope_of_exponent))

    def __neg__(self) -> Value:
        return _result("neg", -self.data, (self,), (-1.0,))

    __radd__, __rsub__ = _swapped(__add__), _swapped(__sub__)
    __rmul__, __rtruediv__ = _swapped(__mul__), _swapped(__truediv__)
    __rpow__ = _swapped(__pow__)

    __iadd__, __isub__ = (in_place(f, of_numbers=True) for f in (__add__, __sub__))
    __imul__, __itruediv__ = (in_place(f, of_numbers=True) for f in (__mul__, __truediv__))

    # Functions of one number. Outside its domain a result is inf or nan, as on blocks.

    def exp(self) -> Value:
        """E to the power of this number; its slope is the result itself."""
        y = _exp(self.data)
        return _result("exp", y, (self,), (y,))

    def log(self) -> Value:
        """Natural logarithm: -inf at 0 and nan below."""
        return _result("log", _log(self.data), (self,), (_divide(1.0, self.data),))

    def sqrt(self) -> Value:
        """Square root: nan below 0."""
        y = math.sqrt(self.data) if self.data >= 0 else math.nan
        return _result("sqrt", y, (self,), (_divide(0.5, y),))

    def abs(self) -> Value:
        """Distance from 0. The slope is taken as 0 at the kink, and at nan."""
        x = self.data
        sign = float((x > 0) - (x < 0))
        return _result("abs", math.fabs(x), (self,), (sign,))

    def sin(self) -> Value:
        """Sine of an angle in radians."""
        x = self.data if math.isfinite(self.data) else math.nan
        return _result("sin", math.sin(x), (self,), (math.cos(x),))

    def cos(self) -> Value:
        """Cosine of an angle in radians."""
        x = self.data if math.isfinite(self.data) else math.nan
        return _result("cos", math.cos(x), (self,), (-math.sin(x),))

    def tanh(self) -> Value:
        """Squash into (-1, 1)."""
        y = math.tanh(self.data)
        return _result("tanh", y, (self,), (1 - y * y,))

    def sigmoid(self) -> Value:
        """Squash into (0, 1): 1 / (1 + exp(-x))."""
        y = _divide(1.0, 1.0 + _exp(-self.data))
        return _result("sigmoid", y, (self,), (y * (1 - y),))

    def relu(self) -> Value:
        """Keep what is positive, put 0 for the rest. The slope is taken as 0 at the kink."""
        off = self.data <= 0
        return _result("relu", 0.0 if off else self.data, (self,), (0.0 if off else 1.0,))

    def leaky_relu(self, negative_slope: float = 0.01) -> Value:
        """Keep what is positive and let a little of the rest through."""
        slope = 1.0 if self.data > 0 else negative_slope
        result = _result("leaky_relu", slope * self.data, (self,), (slope,))
        result._option = negative_slope
        return result

    def gelu(self) -> Value:
        """Gaussian error linear unit, x · P(N(0, 1) <= x) (Hendrycks and Gimpel 2016)."""
        x = self.data
        below = 0.5 * (1 + math.erf(x / math.sqrt(2)))  # P(N(0, 1) <= x)
        density = math.exp(-x * x / 2) / math.sqrt(2 * math.pi)
        return _result("gelu", x * below, (self,), (below + x * density,))

    def sum(self) -> Value:
        """Sum of all entries. A Value has one: it is its own sum, mean, maximum and minimum."""
        return self

    mean = max = min = sum

    # Comparisons look at the number and return a plain bool. The branch that Python then takes is
    # not part of the graph; the Value notes that it was compared, so that `compile` can say so.

    def __eq__(self, other: object) -> bool:
        return self._look() == (other._look() if isinstance(other, Value) else other)

    __lt__, __le__ = _comparison(operator.lt), _comparison(operator.le)
    __gt__, __ge__ = _comparison(operator.gt), _comparison(operator.ge)

    def __bool__(self) -> bool:
        return self._look() != 0

    def _look(self) -> float:
        self._compared = True
        return self.data

    def backward(self, gradient: Number | None = None, retain_graph: bool = False) -> None:
        """Bring d(self) / d(node), times `gradient` (1 if not given), to every node behind self.

        Leaves add what arrives to their `grad`; interior nodes start afresh. Releases the graph
        unless `retain_graph`. Raises ValueError as `graph.order` says.
        """
        nodes = graph.order(self)  # parents first
        for node in nodes:
            if node.parents:
                node.grad = None
        gradient = 1.0 if gradient is None else float(gradient)
        self.grad = gradient if self.grad is None else self.grad + gradient
        for node in reversed(nodes):  # children first: by its turn, a node's grad is complete
            grad, parents = node.grad, node.parents
            for parent, slope in zip(parents, node.slopes):
                if parent._requires_grad:
                    so_far = parent.grad
                    parent.grad = slope * grad if so_far is None else so_far + slope * grad
            if parents and not retain_graph:
                node.parents, node.slopes = graph.released, ()

    def edges(self) -> Iterator[tuple[Value, float | None, float | None]]:
        """Yield (parent, slope, gradient flowing to it) for pictures; None where there is none."""
        for parent, slope in zip(self.parents, self.slopes):
            known = parent.requires_grad and self.grad is not None
            yield parent, slope, slope * self.grad if known else None

    def item(self) -> float:
        """The plain number."""
        return self.data

    def detach(self) -> Value:
        """The same number as a new leaf that asks for no gradient."""
        return Value(self.data, requires_grad=False, name=self.name)

    __abs__ = abs

    def __repr__(self) -> str:
        name = f", name={self.name!r}" if self.name else ""
        grad = "" if self.grad is None else f", grad={self.grad:.6g}"
        return f"Value({self.data:.6g}{name}{grad})"

    def __matmul__(self, other: object) -> Value:
        raise OnlyBlocks("@")

    def __getitem__(self, index: object) -> Value:
        raise OnlyBlocks("[...]")

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and any(hasattr(kind, name) for kind in Node._kinds):
            raise OnlyBlocks(name)  # a Tensor can do this; lesson 07 brings the blocks
        raise AttributeError(f"a Value has no attribute {name!r}")


class OnlyBlocks(TypeError, AttributeError):
    """A TypeError for the reader; an AttributeError too, so that `hasattr` can say no."""

    def __str__(self) -> str:
        what = self.args[0]
        return (
            f"a Value is one number and has no {what}: blocks of numbers have (lesson 07, Tensor)"
        )


def _lift(x: Value | Number) -> Value:
    """Make a plain number a node of the graph, a constant."""
    if isinstance(x, Value):
        return x
    if isinstance(x, Node):
        raise TypeError("a Value and a Tensor do not mix: wrap the number in Tensor(...)")
    return Value(x, requires_grad=False, op="constant")


def _result(op: str, data: float, parents: tuple[Value, ...], slopes: tuple[float, ...]) -> Value:
    """Make the node of an operation. Skips `__init__`, which checks what is known here."""
    node = object.__new__(Value)
    node._data = data
    node.grad = None
    node.op = op
    node.name = ""
    node._time = tick()
    path = recording.path
    if path is not None:
        for parent in parents:
            if parent._requires_grad:
                node._requires_grad = True
                node.parents = parents
                node.slopes = slopes
                node.scope = path
                return node
    node._requires_grad = False  # under no_grad, or made of constants alone: nothing to remember
    node.parents = ()
    node.slopes = ()
    node.scope = ""
    return node


# Arithmetic that ends in inf or nan where Python's own would raise, as blocks of numbers do it.


def _divide(a: float, b: float) -> float:
    if b:
        return a / b
    return math.copysign(math.inf, a) * math.copysign(1.0, b) if a and a == a else math.nan


def _log(x: float) -> float:
    return math.log(x) if x > 0 else (-math.inf if x == 0 else math.nan)


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _power(x: float, n: float) -> float:
    try:
        return math.pow(x, n)
    except OverflowError:
        return -math.inf if x < 0 and n % 2 == 1 else math.inf
    except ValueError:  # 0 to a negative power, or a negative number to a fraction
        return _divide(1.0, _power(x, -n)) if x == 0 else math.nan
