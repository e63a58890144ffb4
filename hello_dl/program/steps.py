"""The steps of a program: how a group of entries is computed, and how gradients go back through it.

A step reads rows of the two tables, computes a block, and writes it into the rows of its results.
Backward, it takes the gradient of these rows and adds to the gradients of what it has read.
"""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.ops import elementwise  # noqa: F401  its rules are found by name
from hello_dl.ops.rule import RULES
from hello_dl.program.rows import Rows
from hello_dl.program.schedule import Group, Schedule

Tables = tuple[Array, Array]  # fixed numbers (rows, 1), and varying ones (rows, batch)


class Operand:
    """What a step reads: rows of one table.

    learns   some of these numbers depend on a parameter, so that they want gradients; varying ones
             also want them where the gradients of the inputs are asked for
    """

    def __init__(self, entries: list[Any], schedule: Schedule, learning: list[bool]) -> None:
        flat = [i for row in entries for i in row] if isinstance(entries[0], list) else entries
        self.table = schedule.rows[flat[0]][0]
        self.learns = any(learning[i] for i in flat)
        place = schedule.rows
        self.rows = Rows(
            [[place[i][1] for i in row] for row in entries]
            if isinstance(entries[0], list)
            else [place[i][1] for i in entries]
        )

    def read(self, tables: Tables) -> Array:
        """Return the rows: (*shape, batch), or (*shape, 1) of fixed ones."""
        return self.rows.read(tables[self.table])

    def wants(self, inputs_too: bool) -> bool:
        """Tell whether a gradient is needed here."""
        return self.learns or (inputs_too and self.table == 1)

    def add(self, grads: Tables, gradient: Array) -> None:
        """Add a gradient; to a number that is the same for all examples, their sum."""
        table = grads[self.table]
        if gradient.shape[-1] != table.shape[1]:
            gradient = gradient.sum(-1, keepdims=True)
        self.rows.add(table, gradient)


class Step:
    """One group, ready to run. A subclass computes it."""

    def __init__(self, group: Group, schedule: Schedule, learning: list[bool]) -> None:
        self.group = group
        self.table = int(group.varies)
        first = schedule.rows[group.members[0]][1]
        self.rows = slice(first, first + len(group.members))
        self.learns = any(learning[i] for i in group.members)
        self.operands = self.make_operands(schedule, learning)

    def make_operands(self, schedule: Schedule, learning: list[bool]) -> list[Operand]:
        """List what this step reads: here, a row of numbers for each argument."""
        columns = zip(*(entry.args for entry in self.group.entries))
        return [Operand(list(column), schedule, learning) for column in columns]

    def forward(self, tables: Tables) -> None:
        """Compute the results and write them into their rows."""
        tables[self.table][self.rows] = self.compute(tables)

    def backward(self, grads: Tables, inputs_too: bool) -> None:
        """Take the gradients of the results on to what they were computed from."""
        if self.learns or (inputs_too and self.table == 1):
            self.pull(grads[self.table][self.rows], grads, inputs_too)

    def compute(self, tables: Tables) -> Array:
        """Return the results (members, batch)."""
        raise TypeError(f"{type(self).__name__} has no compute method")

    def pull(self, g: Array, grads: Tables, inputs_too: bool) -> None:
        """Pull the gradient g (members, batch) to the operands."""
        raise TypeError(f"{type(self).__name__} has no pull method")


class Elementwise(Step):
    """The same operation on every row: the rule of ops/elementwise.py, with its pulls."""

    def compute(self, tables: Tables) -> Array:
        """Apply the rule to the operands."""
        rule: Any = RULES[self.group.op]
        options = {} if self.group.option is None else {"negative_slope": self.group.option}
        value, self.pulls = rule.__wrapped__(*[o.read(tables) for o in self.operands], **options)
        return value

    def pull(self, g: Array, grads: Tables, inputs_too: bool) -> None:
        """Call the pulls of the operands that want a gradient."""
        pulls = (self.pulls,) if callable(self.pulls) else self.pulls
        for operand, pull in zip(self.operands, pulls):
            if operand.wants(inputs_too):
                operand.add(grads, pull(g))


class Dot(Step):
    """Sums of products and of single terms, each sum with numbers of its own.

    Pairs are sorted by the tables they come from, so that each kind is one block.
    """

    def make_operands(self, schedule: Schedule, learning: list[bool]) -> list[Operand]:
        """Make two blocks (members, k) for each kind of pairs, and one for each kind of singles."""
        entries, pairs = self.group.entries, self.group.option
        place = schedule.rows
        kinds: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        for k in range(pairs):
            positions = (2 * k, 2 * k + 1)
            tables = tuple(place[entries[0].args[p]][0] for p in positions)
            kinds.setdefault(tables, []).append(positions)
        for p in range(2 * pairs, len(entries[0].args)):
            kinds.setdefault((place[entries[0].args[p]][0],), []).append((p,))
        operands = []
        self.parts: list[list[Operand]] = []
        for kind, positions_of in kinds.items():
            part = []
            for side in range(len(kind)):
                columns = [positions[side] for positions in positions_of]
                block = [[entry.args[c] for c in columns] for entry in entries]
                part.append(Operand(block, schedule, learning))
            self.parts.append(part)
            operands += part
        return operands

    def compute(self, tables: Tables) -> Array:
        """Multiply the pairs and add everything up."""
        self.blocks = [[operand.read(tables) for operand in part] for part in self.parts]
        total: Any = 0
        for blocks in self.blocks:
            product = blocks[0] * blocks[1] if len(blocks) == 2 else blocks[0]
            total = total + product.sum(1)  # (members, k, batch) -> (members, batch)
        return total

    def pull(self, g: Array, grads: Tables, inputs_too: bool) -> None:
        """A factor gets the gradient times the other factor, a single term gets it whole."""
        g = g[:, None, :]  # (members, 1, batch)
        for part, blocks in zip(self.parts, self.blocks):
            for side, operand in enumerate(part):
                if operand.wants(inputs_too) and len(part) == 2:
                    operand.add(grads, g * blocks[1 - side])
                elif operand.wants(inputs_too):
                    shape = (*operand.rows.numbers.shape, g.shape[-1])
                    operand.add(grads, module_of(g).broadcast_to(g, shape))


class MatMul(Step):
    """Dot products over the same inputs: weights (m, k) @ inputs (k, batch) + biases (m, 1)."""

    def make_operands(self, schedule: Schedule, learning: list[bool]) -> list[Operand]:
        """Take the weights, the inputs, and the biases if there are any."""
        entries, end = self.group.entries, 2 * self.group.option
        blocks: list[list[Any]] = [[list(e.args[:end:2]) for e in entries]]
        blocks.append(list(entries[0].args[1:end:2]))
        if len(entries[0].args) > end:
            blocks.append([list(e.args[end:]) for e in entries])
        return [Operand(block, schedule, learning) for block in blocks]

    def compute(self, tables: Tables) -> Array:
        """Multiply, and add the biases."""
        weights, inputs, *biases = self.operands
        self.weights = weights.read(tables)[..., 0]  # (m, k)
        self.inputs = inputs.read(tables)  # (k, batch)
        total = self.weights @ self.inputs
        for bias in biases:
            total += bias.read(tables).sum(1)  # (m, number of biases, 1) -> (m, 1)
        return total

    def pull(self, g: Array, grads: Tables, inputs_too: bool) -> None:
        """The two products of a matrix product's gradient, and the sum over the batch."""
        weights, inputs, *biases = self.operands
        if weights.wants(inputs_too):
            weights.add(grads, (g @ self.inputs.T)[..., None])
        if inputs.wants(inputs_too):
            inputs.add(grads, self.weights.T @ g)
        for bias in biases:
            total = g.sum(1).reshape(-1, 1, 1)
            shape = (*bias.rows.numbers.shape, 1)
            bias.add(grads, module_of(g).broadcast_to(total, shape))


STEPS: dict[str, type[Step]] = {"dot": Dot, "matmul": MatMul}


def make_step(group: Group, schedule: Schedule, learning: list[bool]) -> Step:
    """Make the step of a group."""
    return STEPS.get(group.op, Elementwise)(group, schedule, learning)
