"""The schedule: which entries of a tape are computed together, by one array operation each.

The level of an entry is the longest way to it from a leaf. Entries of one level do not need each
other, so those of one level and one operation can be computed at once. All numbers of a program
live in two tables, a row each: one for what is the same for all examples (parameters, constants
and what is made of them alone), one for what varies, with a column for every example. A group's
results are neighbors in their table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hello_dl.backend import Array, as_array
from hello_dl.program.tape import LEAVES, Entry, Tape


@dataclass
class Group:
    """Entries that are computed together.

    op, option   of all of them; "matmul" for a matrix product
    members      their numbers on the tape
    varies       whether the results go into the table with a column for every example
    """

    op: str
    option: Any
    members: list[int]
    varies: bool
    entries: list[Entry] = field(repr=False, default_factory=list)

    @property
    def title(self) -> str:
        """The operation with the sizes that matter: `matmul (128, 784)`, `dot of 337`."""
        if self.op == "matmul":
            return f"matmul ({len(self.members)}, {self.option})"
        return f"dot of {self.option}" if self.op == "dot" and self.option else self.op

    @property
    def array_operations(self) -> int:
        """How many calls into the array library its forward pass takes, to read and write aside."""
        if self.op not in ("dot", "matmul"):
            return 1
        singles = len(self.entries[0].args) - 2 * self.option
        if self.op == "matmul":
            return 1 + singles  # the product, and adding each column of biases
        return 2 * (self.option > 0) + 2 * (singles > 0)  # multiply and sum; sum, and add it


@dataclass
class Schedule:
    """The groups in the order in which they run, and where the number of every entry lies.

    table    (entries,) 0 where it is the same for all examples, 1 where it varies
    row      (entries,) its row in that table
    learns   (entries,) whether it depends on a parameter
    heights  rows in each table
    """

    groups: list[Group]
    table: Array
    row: Array
    learns: Array
    heights: tuple[int, int]


def find_levels(tape: Tape, varies: list[bool]) -> list[int]:
    """Return the level of every entry; fixed entries are leaves to varying ones."""
    levels: list[int] = []
    for i, entry in enumerate(tape.entries):
        before = [levels[j] for j in entry.args if varies[j] == varies[i]]
        levels.append(0 if entry.op in LEAVES else 1 + max(before, default=0))
    return levels


def make_schedule(tape: Tape, *, grouped: bool = True) -> Schedule:
    """Group the entries of a tape by level and operation, or leave each alone."""
    varies = tape.depend_on("input")
    levels = find_levels(tape, varies)
    product_of = {i: p for p, product in enumerate(tape.products) for i in product}
    groups: dict[tuple[Any, ...], Group] = {}
    for i, entry in enumerate(tape.entries):
        if entry.op in LEAVES:
            continue
        kinds = tuple([varies[j] for j in entry.args])
        op = "matmul" if i in product_of else entry.op
        if entry.op in ("add", "mul") and kinds == (True, False):  # the fixed one first
            entry, kinds = entry._replace(args=entry.args[::-1]), (False, True)
        key = (varies[i], levels[i], op, entry.option, kinds, product_of.get(i))
        group = groups.setdefault(key if grouped else (i,), Group(op, entry.option, [], varies[i]))
        group.members.append(i)
        group.entries.append(entry)
    order = sorted(groups.values(), key=lambda g: (g.varies, levels[g.members[0]]))
    return _laid_out(tape, varies, order)


def _laid_out(tape: Tape, varies: list[bool], groups: list[Group]) -> Schedule:
    """Give every entry a row: leaves first, as they stand on the tape, then group by group."""
    row = [0] * len(tape.entries)
    heights = [0, 0]
    leaves = [i for i, entry in enumerate(tape.entries) if entry.op in LEAVES]
    for i in [*leaves, *(member for group in groups for member in group.members)]:
        row[i] = heights[varies[i]]
        heights[varies[i]] += 1
    table, row, learns = [
        as_array(x, "int64", "cpu") for x in (varies, row, tape.depend_on("parameter"))
    ]
    return Schedule(groups, table, row, learns > 0, (heights[0], heights[1]))
