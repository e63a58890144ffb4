"""The steps of a program: how a group of entries is computed, and how gradients go back through it.

A step reads rows of the two tables, computes a block, and writes it into the rows of its results.
Backward, it takes the gradient of these rows and adds to the gradients of what it has read.
"""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, as_array, module_of
from hello_dl.ops import activation, elementwise, unary  # noqa: F401  rules are found by name
from hello_dl.ops.rule import RULES
from hello_dl.program.rows import Rows, Tables
from hello_dl.program.schedule import Group, Schedule


class Step:
    """One group, ready to run. A subclass computes it.

    result     the rows that it writes
    operands   the rows that it reads, in the order in which `pull` brings them gradients
    """

    def __init__(self, group: Group, schedule: Schedule) -> None:
        self.group = group
        self.result = Rows(group.members, schedule)
        self.args = as_array([entry.args for entry in group.entries], "int64", "cpu")
        self.operands = self.make_operands(schedule)

    def make_operands(self, schedule: Schedule) -> list[Rows]:
        """List what this step reads: here, a row of numbers for each argument."""
        return [Rows(column, schedule) for column in self.args.T]

    def bind(self, tables: Tables, grads: Tables) -> None:
        """Find all rows in the tables."""
        for rows in (self.result, *self.operands):
            rows.bind(tables, grads)

    def forward(self) -> None:
        """Compute the results and write them into their rows."""
        self.compute(self.result.block)

    def backward(self, inputs_too: bool) -> None:
        """Take the gradients of the results on to what they were computed from."""
        self.pull(self.result.grad_block, inputs_too)

    def compute(self, out: Array) -> None:
        """Write the results (members, batch)."""
        raise TypeError(f"{type(self).__name__} has no compute method")

    def pull(self, g: Array, inputs_too: bool) -> None:
        """Pull the gradient g (members, batch) to the operands that want one."""
        raise TypeError(f"{type(self).__name__} has no pull method")


class Elementwise(Step):
    """The same operation on every row: the rule of ops/, with its pulls."""

    def __init__(self, group: Group, schedule: Schedule) -> None:
        super().__init__(group, schedule)
        rule: Any = RULES[group.op]
        self.rule = rule.__wrapped__
        self.options = {} if group.option is None else {"negative_slope": group.option}

    def compute(self, out: Array) -> None:
        """Apply the rule to the operands."""
        out[...], pulls = self.rule(*[rows.read() for rows in self.operands], **self.options)
        self.pulls = (pulls,) if callable(pulls) else pulls

    def pull(self, g: Array, inputs_too: bool) -> None:
        """Call the pulls of the operands that want a gradient."""
        for rows, pull in zip(self.operands, self.pulls):
            if rows.wants(inputs_too):
                rows.add(pull(g), inputs_too)


class Dot(Step):
    """Sums of products and of single terms, each sum with numbers of its own.

    Terms are sorted by the tables they come from, so that each kind is a block, or a pair of them.
    """

    def make_operands(self, schedule: Schedule) -> list[Rows]:
        """Make two blocks (members, k) for each kind of pairs, and one for each kind of singles."""
        end, count = 2 * self.group.option, self.args.shape[1]
        kinds: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
        for term in [*zip(range(0, end, 2), range(1, end, 2)), *zip(range(end, count))]:
            tables = tuple([int(schedule.table[self.args[0, p]]) for p in term])
            kinds.setdefault(tables, []).append(term)
        self.parts = [
            [Rows(self.args[:, list(side)], schedule) for side in zip(*terms)]
            for terms in kinds.values()
        ]
        return [rows for part in self.parts for rows in part]

    def compute(self, out: Array) -> None:
        """Multiply the pairs and add everything up."""
        self.blocks = [[rows.read() for rows in part] for part in self.parts]
        total: Any = 0
        for left, *right in self.blocks:
            product = left * right[0] if right else left
            total = total + product.sum(1)  # (members, k, batch) -> (members, batch)
        out[...] = total

    def pull(self, g: Array, inputs_too: bool) -> None:
        """A factor gets the gradient times the other factor, a single term gets it whole."""
        g = g[:, None, :]  # (members, 1, batch)
        for part, blocks in zip(self.parts, self.blocks):
            for side, rows in enumerate(part):
                if rows.wants(inputs_too):
                    rows.add(g * blocks[1 - side] if len(part) == 2 else g, inputs_too)


class MatMul(Step):
    """Dot products over the same inputs: weights (m, k) @ inputs (k, batch) + biases (m, 1)."""

    def make_operands(self, schedule: Schedule) -> list[Rows]:
        """Take the weights, the inputs, and a column of biases for each single term."""
        end = 2 * self.group.option
        self.weights = Rows(self.args[:, :end:2], schedule)
        self.inputs = Rows(self.args[0, 1:end:2], schedule)
        self.biases = [Rows(column, schedule) for column in self.args[:, end:].T]
        return [self.weights, self.inputs, *self.biases]

    def compute(self, out: Array) -> None:
        """Multiply, and add the biases."""
        self.w = self.weights.read()[..., 0]  # (m, k)
        self.x = self.inputs.read()  # (k, batch)
        module_of(out).matmul(self.w, self.x, out=out)
        for bias in self.biases:
            out += bias.read()

    def pull(self, g: Array, inputs_too: bool) -> None:
        """The two products of a matrix product's gradient, and the sum over the batch."""
        if self.weights.wants(inputs_too):
            room = self.weights.room(inputs_too)  # (m, k, 1)
            if room is None:
                self.weights.add((g @ self.x.T)[..., None], inputs_too)
            else:
                module_of(g).matmul(g, self.x.T, out=room[..., 0])
        if self.inputs.wants(inputs_too):
            self.inputs.add(self.w.T @ g, inputs_too)
        for bias in self.biases:
            if bias.wants(inputs_too):
                bias.add(g, inputs_too)


STEPS: dict[str, type[Step]] = {"dot": Dot, "matmul": MatMul}


def make_step(group: Group, schedule: Schedule) -> Step:
    """Make the step of a group."""
    return STEPS.get(group.op, Elementwise)(group, schedule)


def find_first(outputs: list[Rows], steps: list[Step], schedule: Schedule) -> None:
    """Note on all rows whether theirs are the first gradients to arrive there, as `Rows` has it.

    `outputs` are where a backward pass begins.
    """
    for inputs_too in (False, True):
        arrived = [module_of(schedule.row).zeros(height, bool) for height in schedule.heights]
        for rows in [*outputs, *(rows for step in reversed(steps) for rows in step.operands)]:
            if rows.wants(inputs_too):
                seen = arrived[rows.table]
                rows.first[inputs_too] = rows.distinct and not seen[rows.numbers].any()
                seen[rows.numbers] = True
