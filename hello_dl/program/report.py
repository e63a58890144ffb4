"""What a program is made of: a table of what each pass did, and a picture of the groups."""

from __future__ import annotations

from typing import Any, NamedTuple

from hello_dl.backend import Array
from hello_dl.graph import Node, tick
from hello_dl.program.schedule import Group, Schedule
from hello_dl.program.tape import Tape


class Stage(NamedTuple):
    """What a pass has left.

    nodes    numbers that are computed for every example
    groups   steps that a run takes; as long as nothing is grouped, one for each node
    """

    name: str
    nodes: int
    groups: int


def print_report(stages: list[Stage], groups: list[Group]) -> None:
    """Print the passes, before and after, and the groups that run, in their order."""
    from rich.console import Console
    from rich.table import Table

    passes = Table(title="what each pass did", title_justify="left")
    passes.add_column("pass")
    for title in ("nodes before", "after", "groups before", "after"):
        passes.add_column(title, justify="right")
    for before, after in zip(stages, stages[1:]):
        numbers = (before.nodes, after.nodes, before.groups, after.groups)
        passes.add_row(after.name, *(f"{n:,}" for n in numbers))
    runs = Table(title="what runs, for a whole batch", title_justify="left", show_footer=True)
    totals = sum(len(g.members) for g in groups), sum(g.array_operations for g in groups)
    runs.add_column("operation", "in all")
    for title, total in zip(("results", "array operations"), totals):
        runs.add_column(title, f"{total:,}", justify="right")
    shown = groups if len(groups) <= 24 else [*groups[:12], *groups[-12:]]
    for i, group in enumerate(shown):
        if len(shown) < len(groups) and i == 12:
            runs.add_row(f"... {len(groups) - 24:,} groups more", "", "")
        runs.add_row(group.title, f"{len(group.members):,}", f"{group.array_operations}")
    console = Console()
    console.print(passes)
    console.print(runs)


class Box(Node):
    """A group, or all leaves of a kind, as a node that `show.draw` can draw."""

    __slots__ = ()

    def __init__(self, op: str, data: Array, parents: tuple[Box, ...], name: str = "") -> None:
        self._data, self.parents, self.op, self.name = data, parents, op, name
        self.grad, self.requires_grad, self.scope = None, op != "constant", ""
        self._time = tick()

    def _checked(self, value: Array, requires_grad: bool) -> Array:
        return value

    @property
    def shape(self) -> tuple[int, ...]:
        """(results, batch), or (results,) where they are the same for all examples."""
        return self._data.shape

    def edges(self) -> Any:
        """Yield (parent, None, None): a program keeps no gradients for pictures."""
        return ((parent, None, None) for parent in self.parents)


def picture(tape: Tape, schedule: Schedule, tables: tuple[Array, Array]) -> list[Box]:
    """Make a box of every group and of each kind of leaf; return those of the outputs."""

    def block(members: list[int]) -> Array:
        table = int(schedule.table[members[0]])
        rows = tables[table][schedule.row[members].tolist()]
        return rows if table else rows[:, 0]

    box_of: dict[int, Box] = {}
    for kind in ("input", "parameter", "constant"):
        members = [i for i, entry in enumerate(tape.entries) if entry.op == kind]
        if members:
            box = Box(kind, block(members), (), f"{kind}s")
            box_of |= dict.fromkeys(members, box)
    for group in schedule.groups:
        parents = {box_of[i]: None for entry in group.entries for i in entry.args}
        box = Box(group.op, block(group.members), tuple(parents))
        box_of |= dict.fromkeys(group.members, box)
    return list(dict.fromkeys(box_of[i] for i in tape.outputs))
