"""What both engines share: a node, the order of a graph, `no_grad` and `scope`.

A graph is made of nodes. Every node remembers its parents (what it was computed from), so the
graph needs no list of its own: start at any node and walk. The engines differ only in what they
keep on the edges: numbers (value.py) or functions on blocks of numbers (tensor.py).
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from operator import attrgetter
from typing import Any, ClassVar

# One clock for all nodes. It ticks when a node is made and when a node's data is changed, so a
# parent is always older than its children. Two things follow: sorting by time is a topological
# order, and a parent that is younger than its child was changed after the child was computed.
tick = count(1).__next__


class _Recording(threading.local):
    """Where this thread writes new nodes down: the path of a scope, or None for nowhere."""

    path: str | None = ""


recording = _Recording()


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: results have no parents and need no gradient.

    `with no_grad():` for a block of code, `@no_grad()` (with the parentheses) for a function. Not
    for a generator function, whose body runs after the call: write the `with` inside it.
    """
    before, recording.path = recording.path, None
    try:
        yield
    finally:
        recording.path = before


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Name the place where nodes are made, such as `layer1`: pictures draw it as one box.

    Scopes nest: `scope("b")` inside `scope("a")` is the place `a/b`. Raises ValueError for a name
    that has nothing before, after or between its slashes.
    """
    if not all(str(name).split("/")):
        raise ValueError(f"scope({name!r}): every part of a path a/b needs a name")
    before = recording.path
    if before is not None:
        recording.path = f"{before}/{name}" if before else name
    try:
        yield
    finally:
        recording.path = before


class _Released(tuple):
    """The parents of a node whose graph `backward` has let go of: none, but it is no leaf."""

    __slots__ = ()

    def __reduce__(self) -> str:
        return "released"  # a copy, also one out of a file, is this very object


released = _Released()

LEAF_OPS = ("input", "parameter", "constant")  # what `op` says of a node that nothing computed


class Node:
    """One number, or one block of numbers, and how it came to be.

    data            the value: a float on a Value, an array on a Tensor
    grad            d(result) / d(this node); None until a backward pass brings something
    parents         the nodes it was computed from, in order; () on a leaf
    op              the operation that made it; on a leaf one of LEAF_OPS
    name            a label for pictures and error messages
    requires_grad   whether `backward` should bring it a gradient; may be set on a leaf
    scope           where it was made, such as "mlp/layer1"
    """

    __slots__ = ("_data", "_requires_grad", "_time", "grad", "name", "op", "parents", "scope")

    _kinds: ClassVar[list[type]] = []  # all classes of nodes

    def __init_subclass__(cls) -> None:
        Node._kinds.append(cls)

    _data: Any
    _time: float  # a tick of the clock, or infinity on a result that was changed in place
    _requires_grad: bool
    grad: Any
    name: str
    op: str
    parents: tuple[Any, ...]
    scope: str

    @property
    def data(self) -> Any:
        """The value. To set it is a change in place, which `backward` will notice."""
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        self._data = self._checked(value, self._requires_grad)
        self._changed()

    @property
    def requires_grad(self) -> bool:
        """Whether `backward` should bring it a gradient."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if not wanted and (self.parents or self.parents is released):
            raise ValueError(
                f"{describe(self)} carries gradients to what it was computed from: "
                "take .detach() of it, or compute it under no_grad()"
            )
        self._data = self._checked(self._data, wanted)
        self._requires_grad = bool(wanted)

    def _checked(self, value: Any, requires_grad: bool) -> Any:
        """Make what `data` holds in this engine of what is given; an error if it cannot."""
        raise TypeError(f"the numbers of a {type(self).__name__} cannot be set")

    def _overwrite(self, result: Any) -> None:
        """Take over the numbers of another node: a change in place."""
        self.data = result.data

    def _changed(self) -> None:
        """Note that the data is new. A leaf is as young as its data; a result is none any more."""
        self._time = math.inf if self.parents else tick()

    def __setstate__(self, state: tuple[dict[str, Any] | None, ...]) -> None:
        """Take over what a copy, also one out of a file, consists of; its time is ours."""
        for part in state:
            for name, value in (part or {}).items():
                setattr(self, name, value)
        if 0 < self._time < math.inf:
            self._time = tick()

    def zero_grad(self) -> None:
        """Forget the gradient, so that the next backward pass starts from nothing."""
        self.grad = None

    def __pos__(self) -> Any:
        return self

    # As a plain number. On a block, `item` raises ValueError if there is more than one.

    def item(self) -> float | int | bool:
        """The plain Python number."""
        raise TypeError(f"a {type(self).__name__} is no plain number")

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __round__(self, digits: int | None = None) -> float:
        return round(self.item(), digits)

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)


def in_place(
    operation: Callable[[Any, Any], Any], of_numbers: bool = False
) -> Callable[[Any, Any], Any]:
    """Make the method for `a += b` out of the one for `a + b`.

    What carries gradients to its parents is computed anew, as `a = a + b` does. Anything else
    changes, and stays the node that it is; where it asks for gradients itself and the change would
    be recorded, that is a ValueError. Plain numbers (`of_numbers`) are less strict: all that was
    computed is computed anew, and so is a leaf that is no parameter: total = Value(0); total += x.
    """

    def method(self: Any, other: Any) -> Any:
        recorded = self._requires_grad and recording.path is not None
        if of_numbers:
            anew = is_result(self) or (recorded and self.op != "parameter")
        else:
            anew = self.parents or self.parents is released
        if anew:
            return operation(self, other)
        if recorded:
            raise ValueError(
                f"{describe(self)} asks for gradients, so += and the like do not change it: do it "
                "under no_grad(), or p.data -= ... for an update, or a = a + b for a new node"
            )
        result = operation(self, other)
        if result._requires_grad:  # through `other`
            return result
        self._overwrite(result)
        return self

    return method


def is_result(node: Any) -> bool:
    """Tell whether an operation made this node; else somebody gave its numbers."""
    return node.op not in LEAF_OPS


def describe(node: Any) -> str:
    """Name a node in an error message: `'w1' (parameter)`, `the result of mul, shape (3, 4)`."""
    shape = f", shape {node.shape}" if node.shape else ""
    if node.name:
        return f"'{node.name}' ({node.op}{shape})"
    return (f"the result of {node.op}" if is_result(node) else f"a leaf ({node.op})") + shape


def order(root: Any) -> list[Any]:
    """List the nodes that take part in the gradient of `root`, parents before children.

    The last one is `root`. Walks with a list and not by recursion, so a chain of 100,000 nodes
    works. Raises ValueError where there is nothing to do, where a node was changed in place since
    it was used, and where an earlier `backward` has released the graph.
    """
    if not root._requires_grad:
        raise ValueError(
            f"{describe(root)} does not depend on anything with requires_grad=True, "
            "so there is no gradient to compute: make a leaf with requires_grad=True"
        )
    if root._time == math.inf:
        raise _changed_in_place(root, root.op)
    found = {root}
    to_visit = [root]
    while to_visit:
        node = to_visit.pop()
        parents = node.parents
        if parents is released:
            raise ValueError(
                f"the graph behind {describe(node)} was released by an earlier backward(): "
                "use backward(retain_graph=True) there, or compute the result anew"
            )
        for parent in parents:
            if parent._time > node._time:
                raise _changed_in_place(parent, node.op)
            if parent._requires_grad and parent not in found:
                found.add(parent)
                to_visit.append(parent)
    return sorted(found, key=attrgetter("_time"))


def _changed_in_place(node: Any, op: str) -> ValueError:
    """Say which node was changed too late, and which operation would have needed it unchanged."""
    since = "it was computed" if node.parents else f"the operation '{op}' had used it"
    return ValueError(
        f"{describe(node)} was changed in place after {since}: "
        "compute the result anew before backward()"
    )


def ancestors(*roots: Any) -> list[Any]:
    """List all nodes that `roots` were computed from, constants too, parents before children."""
    found = set(roots)
    to_visit = list(found)
    while to_visit:
        for parent in to_visit.pop().parents:
            if parent not in found:
                found.add(parent)
                to_visit.append(parent)
    return sorted(found, key=attrgetter("_time"))
