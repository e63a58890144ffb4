"""The tape: a Value graph written down as a flat list of operations.

An entry of the tape is a number of the program: its operation, and which earlier entries it is
computed from. Whoever reads the tape from the first entry to the last has run the graph, without a
single Value. A pass takes a tape and returns another one that computes the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from hello_dl import graph
from hello_dl.value import Value

LEAVES = ("input", "parameter", "constant")
WITH_OPTION = ("leaky_relu",)


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
        return sum([entry.op not in LEAVES for entry in self.entries])

    @property
    def merged(self) -> int:
        """How many entries share an operation with another one, as members of a product."""
        return sum([len(product) - 1 for product in self.products])

    def depend_on(self, kind: str) -> list[bool]:
        """Tell of each entry whether it is computed from a leaf of this kind.

        What depends on an "input" varies between examples, what on a "parameter" learns.
        """
        depends: list[bool] = []
        for op, args, _ in self.entries:
            depends.append(op == kind or any([depends[i] for i in args]))
        return depends


def record(outputs: Sequence[Value], inputs: Sequence[Value], parameters: Sequence[Value]) -> Tape:
    """Write the graph behind `outputs` down.

    Leaves that are neither inputs nor parameters become constants. Raises TypeError for what is no
    Value, ValueError for a graph that cannot be written down faithfully, and says why.
    """
    nodes = _nodes_behind(outputs, inputs, parameters)  # parents before children
    number = {node: i for i, node in enumerate([*inputs, *parameters])}
    entries = [Entry("input")] * len(inputs) + [Entry("parameter")] * len(parameters)
    for node in nodes:
        if node in number:
            continue
        number[node] = len(entries)
        if node.parents:
            args = tuple([number[parent] for parent in node.parents])
            option = node._option if node.op in WITH_OPTION else None
            entries.append(Entry(node.op, args, option))
        else:
            entries.append(Entry("constant", (), node.data))
    return Tape(entries, [number[node] for node in outputs], [])


def _nodes_behind(
    outputs: Sequence[Value], inputs: Sequence[Value], parameters: Sequence[Value]
) -> list[Value]:
    """List and check the nodes of the graph, parents before children."""
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
    nodes = graph.ancestors(*outputs)
    for node in nodes:
        _check_faithful(node)
    return nodes


def _check_faithful(node: Value) -> None:
    """Raise ValueError where a program could not do what was done for the first example."""
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
    if node.parents and node._time == math.inf:
        raise ValueError(
            f"{graph.describe(node)} was changed after it was computed: "
            "build the graph anew, then compile it"
        )
    for parent in node.parents:
        if parent._time > node._time:
            raise ValueError(
                f"{graph.describe(parent)} was changed after '{node.op}' had used it: "
                "build the graph anew, then compile it"
            )


def rewrite(tape: Tape, change: Callable[[Entry, list[Entry]], Entry | int]) -> Tape:
    """Walk through a tape and build another one.

    `change` gets an entry, its args already renumbered, and the new entries so far. It returns what
    to write instead: an entry, or the number of one that is there.
    """
    entries: list[Entry] = []
    renumbered: list[int] = []
    for op, args, option in tape.entries:
        new = change(Entry(op, tuple([renumbered[j] for j in args]), option), entries)
        if isinstance(new, int):
            renumbered.append(new)
        else:
            renumbered.append(len(entries))
            entries.append(new)
    return _renumbered(tape, entries, renumbered)


def without_unused(tape: Tape) -> Tape:
    """Leave out entries that no output needs; inputs and parameters stay."""
    used = [entry.op in ("input", "parameter") for entry in tape.entries]
    for i in tape.outputs:
        used[i] = True
    for i in range(len(used) - 1, -1, -1):
        if used[i]:
            for j in tape.entries[i].args:
                used[j] = True
    if all(used):
        return tape
    entries: list[Entry] = []
    renumbered: list[int] = []
    for (op, args, option), keep in zip(tape.entries, used):
        renumbered.append(len(entries))
        if keep:
            entries.append(Entry(op, tuple([renumbered[j] for j in args]), option))
    return _renumbered(tape, entries, renumbered)


def _renumbered(tape: Tape, entries: list[Entry], number: list[int]) -> Tape:
    """Make a tape of these entries; entry i of the old one has become entry number[i]."""
    products = [[number[i] for i in product] for product in tape.products]
    return Tape(entries, [number[i] for i in tape.outputs], products)
