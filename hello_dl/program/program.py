"""`compile`: from a Value graph to a Program that runs it forward and backward for a batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from hello_dl.backend import (
    Array,
    DType,
    as_array,
    check_device,
    current_device,
    dtype_of,
    module_of,
)
from hello_dl.program.products import find_dot_products, find_matrix_products
from hello_dl.program.report import Stage, picture, print_report
from hello_dl.program.rows import Rows
from hello_dl.program.schedule import Schedule, make_schedule
from hello_dl.program.steps import find_first, make_step
from hello_dl.program.tape import Tape, record
from hello_dl.program.tidy import fold_constants, share_subexpressions
from hello_dl.value import Value

PASSES: dict[str, Callable[[Tape], Tape]] = {
    "fold_constants": fold_constants,
    "share_subexpressions": share_subexpressions,
    "find_dot_products": find_dot_products,
    "find_matrix_products": find_matrix_products,
}
GROUPING = "group_by_level"


def compile(
    outputs: Value | Sequence[Value],
    inputs: Sequence[Value],
    parameters: Sequence[Value] = (),
    *,
    dtype: DType = "float64",
    device: str | None = None,
    skip: Collection[str] = (),
) -> Program:
    """Make a program of a graph of Values that was built once, for one example.

    `inputs` differ from example to example, `parameters` are learned; other leaves keep the values
    they have now. `skip` names passes to leave out (see PASSES, and "group_by_level").

    What a program cannot know: a branch that Python took while the graph was built. Where a Value
    behind the outputs was compared, that is a ValueError. What cannot be seen, and is repeated for
    every example as it was for the first: a branch or a loop that went by `.data`, `item()` or
    `float(value)`, or by a Value that leads to no output; and what came out of `detach()` or
    `no_grad()`, which is a constant.
    """
    unknown = set(skip) - {*PASSES, GROUPING}
    if unknown:
        names = ", ".join([*PASSES, GROUPING])
        raise ValueError(f"there is no pass {sorted(unknown)[0]!r} to skip: they are {names}")
    number_type = dtype_of(dtype)
    if number_type.kind != "f":
        raise ValueError(f"a program computes with floating numbers, not {number_type}")
    device = check_device(device or current_device())
    outputs = [outputs] if isinstance(outputs, Value) else list(outputs)
    inputs, parameters = list(inputs), list(parameters)
    if not outputs:
        raise ValueError("compile needs at least one output")
    tape = record(outputs, inputs, parameters)
    stages = [Stage("the graph as it was built", tape.computed, tape.computed)]
    for name, change in PASSES.items():
        if name not in skip:
            tape = change(tape)
            stages.append(Stage(name, tape.computed, tape.computed - tape.merged))
    schedule = make_schedule(tape, grouped=GROUPING not in skip)
    if GROUPING not in skip:
        stages.append(Stage(GROUPING, tape.computed, len(schedule.groups)))
    start = [p.data for p in parameters]
    example = [x.data for x in inputs]
    return Program(tape, schedule, start, example, stages, number_type, device)


class Program:
    """A graph that runs for a batch of examples, as a list of array operations.

    parameters   (n,) the numbers that are learned, as they are now; change them in place, or hand
                 others to `forward`, but not between a forward and its backward
    """

    def __init__(
        self,
        tape: Tape,
        schedule: Schedule,
        start: list[float],
        example: list[float],
        stages: list[Stage],
        dtype: Any,
        device: str,
    ) -> None:
        self.tape, self.schedule, self.stages = tape, schedule, stages
        self.example, self.dtype = example, dtype
        self.device = device
        self.batch: int | None = None  # of the last forward
        self.steps = [make_step(group, schedule) for group in schedule.groups]
        self.outputs = self._find_outputs()
        find_first([rows for _, rows in self.outputs], self.steps, schedule)
        constants = [e.option for e in tape.entries if e.op == "constant"]
        leaves = as_array([*start, *constants], dtype, device).reshape(-1, 1)
        self.fixed = module_of(leaves).zeros((schedule.heights[0], 1), dtype)
        self.fixed[: len(leaves)] = leaves
        self.parameters: Array = self.fixed[: len(start), 0]

    def _find_outputs(self) -> list[tuple[Any, Rows]]:
        """Return the outputs of each table: their columns in the result, and their rows."""
        outputs = as_array(self.tape.outputs, "int64", "cpu")
        table = self.schedule.table[outputs]
        if (table == table[0]).all():
            return [(slice(None), Rows(outputs, self.schedule))]
        columns = [(table == i).nonzero()[0] for i in (0, 1)]
        return [(c.tolist(), Rows(outputs[c], self.schedule)) for c in columns]

    def _make_room(self, batch: int) -> None:
        """Make the tables for this many examples."""
        xp = module_of(self.fixed)
        varying = xp.zeros((self.schedule.heights[1], batch), self.dtype)
        self.batch, self.tables = batch, (self.fixed, varying)
        self.grads = (xp.zeros_like(self.fixed), xp.zeros_like(varying))
        for step in self.steps:
            step.bind(self.tables, self.grads)
        for _, rows in self.outputs:
            rows.bind(self.tables, self.grads)

    def forward(self, inputs: Any, parameters: Array | None = None) -> Array:
        """Compute the outputs (batch, outputs) of a batch of inputs (batch, inputs).

        `parameters` (n,), if given, are copied in first: those that an optimizer has changed.
        """
        x = as_array(inputs, self.dtype, self.device)
        if x.ndim != 2 or x.shape[1] != len(self.example):
            raise ValueError(
                f"this program takes inputs of shape (batch, {len(self.example)}), got {x.shape}"
            )
        if parameters is not None:
            parameters = as_array(parameters, self.dtype, self.device)
            if parameters.shape != self.parameters.shape:
                raise ValueError(
                    f"this program has parameters of shape {self.parameters.shape}, "
                    f"got {parameters.shape}"
                )
            self.parameters[...] = parameters
        if self.batch != len(x):
            self._make_room(len(x))
        self.tables[1][: len(self.example)] = x.T
        for step in self.steps:
            step.forward()
        result = module_of(x).empty((len(x), len(self.tape.outputs)), self.dtype)
        for columns, rows in self.outputs:
            result[:, columns] = rows.read().T  # a fixed one is the same for all
        return result

    def backward(self, upstream: Any, inputs: bool = False) -> Any:
        """Pull the gradient of the last forward's outputs, (batch, outputs), to the parameters.

        Returns the gradients of the parameters (n,), summed over the batch; with `inputs` also
        those of the inputs, (batch, inputs).
        """
        if self.batch is None:
            raise ValueError("backward takes back what the last forward did: run forward first")
        g = as_array(upstream, self.dtype, self.device)
        expected = (self.batch, len(self.tape.outputs))
        if g.shape != expected:
            raise ValueError(
                f"backward needs a gradient of shape {expected}, as the outputs of the last "
                f"forward have, got {g.shape}"
            )
        for table in self.grads:
            table[...] = 0
        for columns, rows in self.outputs:
            rows.add(g[:, columns].T, inputs)
        for step in reversed(self.steps):
            if step.result.wants(inputs):
                step.backward(inputs)
        of_parameters = self.grads[0][: len(self.parameters), 0].copy()
        if not inputs:
            return of_parameters
        return of_parameters, self.grads[1][: len(self.example)].T.copy()

    def report(self) -> None:
        """Print what each pass did, and the array operations that are left, as tables."""
        print_report(self.stages, self.schedule.groups)

    def as_graph(self) -> list[Any]:
        """Return the groups as nodes for `show.draw`, with the numbers of the last forward.

        Before the first one, those of the example that the graph was built for.
        """
        if self.batch is None:
            self.forward([self.example])
        return picture(self.tape, self.schedule, self.tables)
