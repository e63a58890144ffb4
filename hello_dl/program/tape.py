"""The tape: a Value graph written down as a flat list of operations, and two passes that tidy it.

An entry of the tape is a number of the program: its operation, and which earlier entries it is
computed from. Whoever reads the tape from the first entry to the last has run the graph, without a
single Value. A pass takes a tape and returns another one that computes the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from hello_dl import graph
from hello_dl.value import Value

LEAVES = ("input", "parameter", "constant")


class Entry(NamedTuple):
    """One number of the program.

    op       "input", "parameter", "constant", or an operation such as "add"
    args     the numbers of the entries that it is computed from
    option   what else the operation has to know: the slope of a leaky_relu; of a "dot" how many of
             its args come in pairs; of a "constant" its number
    """

    op: str
    args: tuple[int, ...] = ()
    option: Any = None


@dataclass(frozen=True)
class Tape:
    """Entries, first the inputs, then the parameters, then the rest; args lie before their users.

    outputs    the entries that the program returns
    products   dot products over the same inputs, as lists of entries: each one matrix product
    """

    entries: list[Entry]
    outputs: list[int]
    products: list[list[int]]

    @property
    def computed(self) -> int:
        """How many entries are computed, leaves left out."""
        return sum(entry.op not in LEAVES for entry in self.entries)

    @property
    def merged(self) -> int:
        """How many entries share an operation with another one, as members of a product."""
        return sum(len(product) - 1 for product in self.products)

    def varying(self) -> list[bool]:
        """Tell of each entry whether it depends on an input, and so differs between examples."""
        varies: list[bool] = []
        for entry in self.entries:
            varies.append(entry.op == "input" or any([varies[i] for i in entry.args]))
        return varies


def record(outputs: Sequence[Value], inputs: Sequence[Value], parameters: Sequence[Value]) -> Tape:
    """Write the graph behind `outputs` down.

    Leaves that are neither inputs nor parameters become constants. Raises TypeError for what is no
    Value, ValueError for a graph that cannot be written down faithfully, and says why.
    """
    nodes = _nodes_behind(outputs, inputs, parameters)
    number = {node: i for i, node in enumerate([*inputs, *parameters])}
    entries = [Entry("input")] * len(inputs) + [Entry("parameter")] * len(parameters)
    for node in nodes:
        if node in number:
            continue
        number[node] = len(entries)
        if node.parents:
            args = tuple([number[parent] for parent in node.parents])
            entries.append(Entry(node.op, args, getattr(node, "_option", None)))
        else:
            entries.append(Entry("constant", (), node.data))
    return Tape(entries, [number[node] for node in outputs], [])


def _nodes_behind(
    outputs: Sequence[Value], inputs: Sequence[Value], parameters: Sequence[Value]
) -> list[Value]:
    """List and check the nodes of the graph, leaves first, then parents before children."""
    leaves = [*inputs, *parameters]
    for node in [*outputs, *leaves]:
        if not isinstance(node, Value):
            raise TypeError(f"compile takes a graph of Values, not {node!r:.60}")
    if len(set(leaves)) < len(leaves):
        raise ValueError("a Value is named twice among inputs and parameters")
    for node in leaves:
        if node.parents or node.parents is graph.released:
            raise ValueError(
                f"{graph.describe(node)} is computed: inputs and parameters are leaves"
            )
        if not node.requires_grad:
            raise ValueError(
                f"{graph.describe(node)} has requires_grad=False, so that what was computed from "
                "it alone was not recorded: make it without, and build the graph anew"
            )
    found = {node: None for output in outputs for node in graph.ancestors(output)}
    for node in found:
        if node.parents is graph.released:
            raise ValueError(
                f"the graph behind {graph.describe(node)} was released by backward(): "
                "compile it before, or use backward(retain_graph=True)"
            )
        if getattr(node, "_compared", False):
            raise ValueError(
                f"{graph.describe(node)} was compared with something. A program takes the branch "
                "that was taken here for every example: use relu or abs, compare .data if nothing "
                "depends on the answer, or build the graph anew"
            )
        for parent in node.parents:
            if parent._time > node._time:
                raise ValueError(
                    f"{graph.describe(parent)} was changed after '{node.op}' had used it: "
                    "build the graph anew, then compile it"
                )
    return sorted(found, key=lambda node: node._time if node.parents else 0)


def rewrite(tape: Tape, change: Callable[[int, Entry, list[Entry]], Entry | int]) -> Tape:
    """Walk through a tape and build another one.

    `change` gets an entry's old number, the entry with its args already renumbered, and the new
    entries so far. It returns what to write instead: an entry, or the number of one that is there.
    """
    entries: list[Entry] = []
    renumbered: list[int] = []
    for i, (op, args, option) in enumerate(tape.entries):
        entry = Entry(op, tuple([renumbered[j] for j in args]), option)
        new = change(i, entry, entries)
        if isinstance(new, int):
            renumbered.append(new)
        else:
            renumbered.append(len(entries))
            entries.append(new)
    products = [[renumbered[i] for i in product] for product in tape.products]
    return replace(
        tape, entries=entries, outputs=[renumbered[i] for i in tape.outputs], products=products
    )


def without_unused(tape: Tape) -> Tape:
    """Leave out entries that no output needs; inputs and parameters stay."""
    used = set(tape.outputs)
    for i in range(len(tape.entries) - 1, -1, -1):
        if i in used:
            used.update(tape.entries[i].args)
    kept = [i in used or e.op in ("input", "parameter") for i, e in enumerate(tape.entries)]
    place = iter(range(len(tape.entries)))
    renumbered = [next(place) if keep else -1 for keep in kept]
    entries = [
        Entry(e.op, tuple([renumbered[j] for j in e.args]), e.option)
        for e, keep in zip(tape.entries, kept)
        if keep
    ]
    return replace(tape, entries=entries, outputs=[renumbered[i] for i in tape.outputs])


def fold_constants(tape: Tape) -> Tape:
    """Compute once, now, what is made of constants alone. Adding 0 or multiplying by 1 is dropped.

    Python's `sum` begins with 0 + x, which would otherwise stay for ever.
    """

    def change(_: int, entry: Entry, entries: list[Entry]) -> Entry | int:
        if entry.op in LEAVES:
            return entry
        args = [entries[i] for i in entry.args]
        if all(arg.op == "constant" for arg in args):
            values = [Value(arg.option) for arg in args]
            return Entry("constant", (), _apply(entry, values).data)
        neutral = {"add": 0.0, "mul": 1.0}.get(entry.op)
        for arg, other in zip(args, reversed(entry.args)):
            if neutral is not None and arg.op == "constant" and arg.option == neutral:
                return other
        return entry

    return without_unused(rewrite(tape, change))


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
    seen: dict[Entry, int] = {}

    def change(_: int, entry: Entry, entries: list[Entry]) -> Entry | int:
        if entry.op in ("input", "parameter"):
            return entry
        commutes = entry.op in ("add", "mul")
        key = entry._replace(args=tuple(sorted(entry.args))) if commutes else entry
        if entry.op == "constant":
            key = Entry("constant", (), repr(entry.option))  # 0.0 and -0.0 differ, nan equals nan
        if key in seen:
            return seen[key]
        seen[key] = len(entries)
        return entry

    return without_unused(rewrite(tape, change))
