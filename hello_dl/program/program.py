"""`compile`: from a Value graph to a Program that runs it forward and backward for a batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from hello_dl.backend import Array, DType, as_array, current_device, dtype_of, module_of
from hello_dl.program.products import find_dot_products, find_matrix_products
from hello_dl.program.report import Stage, picture, print_report
from hello_dl.program.schedule import Schedule, make_schedule
from hello_dl.program.steps import Tables, make_step
from hello_dl.program.tape import Tape, fold_constants, record, share_subexpressions
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
    was compared, that is a ValueError. A comparison of `.data`, a loop whose length depended on a
    number, and a choice made by `max(values)` on plain numbers cannot be seen: then the program
    repeats for every example what was done for the first.
    """
    unknown = set(skip) - {*PASSES, GROUPING}
    if unknown:
        names = ", ".join([*PASSES, GROUPING])
        raise ValueError(f"there is no pass {sorted(unknown)[0]!r} to skip: they are {names}")
    outputs = [outputs] if isinstance(outputs, Value) else list(outputs)
    if not outputs:
        raise ValueError("compile needs at least one output")
    tape = record(outputs, list(inputs), list(parameters))
    stages = [Stage("the graph as it was built", tape.computed, tape.computed)]
    for name, change in PASSES.items():
        if name not in skip:
            tape = change(tape)
            stages.append(Stage(name, tape.computed, tape.computed - tape.merged))
    schedule = make_schedule(tape, grouped=GROUPING not in skip)
    stages.append(Stage(GROUPING, tape.computed, len(schedule.groups)))
    start = [p.data for p in parameters]
    example = [x.data for x in inputs]
    return Program(tape, schedule, start, example, stages, dtype_of(dtype), device)


class Program:
    """A graph that runs for a batch of examples, as a list of array operations.

    parameters   (n,) the numbers that are learned, as they are now; change them in place, or hand
                 others to `forward`
    """

    def __init__(
        self,
        tape: Tape,
        schedule: Schedule,
        start: list[float],
        example: list[float],
        stages: list[Stage],
        dtype: Any,
        device: str | None,
    ) -> None:
        self.tape, self.stages, self.dtype = tape, stages, dtype
        self.device = device or current_device()
        self.example, self.ran = example, False
        self.schedule = schedule
        learning = self._learning()
        self.steps = [make_step(group, self.schedule, learning) for group in self.schedule.groups]
        constants = [e.option for e in tape.entries if e.op == "constant"]
        leaves = as_array([*start, *constants], dtype, self.device).reshape(-1, 1)
        xp = module_of(leaves)
        fixed = xp.zeros((max(self.schedule.heights[0], 1), 1), dtype)
        fixed[: len(leaves)] = leaves
        varying = xp.zeros((max(self.schedule.heights[1], 1), 1), dtype)
        self.tables: Tables = (fixed, varying)
        self.grads: Tables = (xp.zeros_like(fixed), xp.zeros_like(varying))
        self.parameters: Array = fixed[: len(start), 0]

    def _learning(self) -> list[bool]:
        """Tell of each entry whether it depends on a parameter."""
        learns: list[bool] = []
        for entry in self.tape.entries:
            learns.append(entry.op == "parameter" or any([learns[i] for i in entry.args]))
        return learns

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
            if parameters.shape != self.parameters.shape:
                raise ValueError(
                    f"this program has parameters of shape {self.parameters.shape}, "
                    f"got {parameters.shape}"
                )
            self.parameters[...] = parameters
        if self.tables[1].shape[1] != len(x):
            xp = module_of(self.parameters)
            varying = xp.zeros((len(self.tables[1]), len(x)), self.dtype)
            self.tables = (self.tables[0], varying)
            self.grads = (self.grads[0], xp.zeros_like(varying))
        self.tables[1][: len(self.example)] = x.T
        for step in self.steps:
            step.forward(self.tables)
        self.ran = True
        return self._read_outputs(len(x))

    def _read_outputs(self, batch: int) -> Array:
        xp = module_of(self.parameters)
        result = xp.empty((batch, len(self.tape.outputs)), self.dtype)
        for column, i in enumerate(self.tape.outputs):
            table, row = self.schedule.rows[i]
            result[:, column] = self.tables[table][row]  # a fixed one is the same for all
        return result

    def backward(self, upstream: Any, inputs: bool = False) -> Any:
        """Pull the gradient of the last forward's outputs, (batch, outputs), to the parameters.

        Returns the gradients of the parameters (n,), summed over the batch; with `inputs` also
        those of the inputs, (batch, inputs).
        """
        g = as_array(upstream, self.dtype, self.device)
        batch = self.tables[1].shape[1]
        if g.shape != (batch, len(self.tape.outputs)):
            raise ValueError(
                f"backward needs a gradient of shape ({batch}, {len(self.tape.outputs)}), as the "
                f"outputs of the last forward have, got {g.shape}"
            )
        for table in self.grads:
            table[...] = 0
        for column, i in enumerate(self.tape.outputs):
            table_number, row = self.schedule.rows[i]
            arriving = g[:, column]
            self.grads[table_number][row] += arriving if table_number else arriving.sum()
        for step in reversed(self.steps):
            step.backward(self.grads, inputs)
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
        if not self.ran:
            self.forward([self.example])
        return picture(self.tape, self.schedule, self.tables)
