"""The summary of a model: its modules, the shapes of what they give, and what they hold."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hello_dl.backend import is_array, is_floating
from hello_dl.creation import zeros
from hello_dl.graph import no_grad
from hello_dl.nn.module import Module
from hello_dl.tensor import Tensor

if TYPE_CHECKING:
    from rich.console import Group

HEAD = ("module", "output shape", "parameters", "buffers")


@dataclass(frozen=True)
class Row:
    """One module: how deep inside it lies, its name there, and what is its own."""

    depth: int
    name: str
    kind: str  # the name of its class
    output: str
    parameters: int | None  # numbers; None if they are in a row above already
    buffers: int | None

    @property
    def label(self) -> str:
        """What the module is called in the table."""
        return "  " * self.depth + (f"{self.name}: {self.kind}" if self.name else self.kind)

    def cells(self) -> tuple[str, str, str, str]:
        """Return what the table says of it."""
        return self.label, self.output, _count(self.parameters), _count(self.buffers)


@dataclass(frozen=True)
class Summary:
    """What `summary` has found. Print it: as a table where there is a terminal, else plainly.

    parameters, trainable, buffers   how many numbers there are, what is tied counted once
    bytes                            the memory of all parameters and buffers
    """

    rows: tuple[Row, ...]
    parameters: int
    trainable: int
    buffers: int
    bytes: int

    def totals(self) -> str:
        """Return the line below the table."""
        frozen = self.parameters - self.trainable
        kinds = f"{self.trainable:,} trainable and {frozen:,} not" if frozen else "all trainable"
        parts = [f"{self.parameters:,} parameters, {kinds}"]
        if self.buffers:
            parts.append(f"{self.buffers:,} numbers in buffers")
        return "; ".join([*parts, _size(self.bytes)])

    def columns(self) -> list[int]:
        """Return the numbers of the columns that say something."""
        cells = [row.cells() for row in self.rows]
        return [i for i in range(len(HEAD)) if i in (0, 2) or any(row[i] for row in cells)]

    def plain(self) -> str:
        """Return the table as text, in columns that are aligned by spaces."""
        kept = self.columns()
        lines = [[line[i] for i in kept] for line in (HEAD, *(row.cells() for row in self.rows))]
        widths = [max(map(len, column)) for column in zip(*lines)]
        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        text = [
            "  ".join(
                cell.rjust(width) if i >= 2 else cell.ljust(width)
                for i, cell, width in zip(kept, line, widths)
            ).rstrip()
            for line in lines
        ]
        return "\n".join([text[0], rule, *text[1:], rule, self.totals()])

    def __rich__(self) -> Group:
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.ROUNDED)
        for i in self.columns():
            table.add_column(HEAD[i], justify="right" if i >= 2 else "left")
        for row in self.rows:
            cells = row.cells()
            label = Text("  " * row.depth + (f"{row.name}: " if row.name else ""), style="dim")
            label.append(row.kind, style="not dim bold" if row.parameters else "not dim")
            table.add_row(label, *(Text(cells[i]) for i in self.columns()[1:]))
        return Group(table, Text(self.totals()))

    def __str__(self) -> str:
        return _drawn(self) if _in_terminal() else self.plain()

    __repr__ = __str__


def summary(model: Module, input: Any = None) -> Summary:
    """Make a table of a model's modules, the shapes of their outputs, and their parameters.

    `input` is a shape, such as (1, 784), of which zeros are made; or the input itself, a Tensor or
    an array; or a list of these for a model that takes several. Without it there are no output
    shapes. The model computes once, in evaluation and without gradients, and stays as it was.
    """
    if not isinstance(model, Module):
        raise TypeError(f"summary takes a model, an nn.Module, not {model!r:.60}")
    outputs = {} if input is None else _outputs(model, input)
    seen: set[int] = set()

    def own(tensors: Iterable[Tensor]) -> int | None:
        """Count the numbers that no row above has; None if there are such only."""
        known = [t for t in tensors if id(t) not in seen]
        tied = len(known) < len(list(tensors))
        seen.update(map(id, known))
        return sum(t.numel() for t in known) or (None if tied else 0)

    rows = []
    for path, module in model.named_modules(remove_duplicate=False):
        depth, name = (path.count(".") + 1, path.rpartition(".")[2]) if path else (0, "")
        counts = (own(list(found(recurse=False))) for found in (module.parameters, module.buffers))
        rows.append(Row(depth, name, type(module).__name__, outputs.get(module, ""), *counts))
    parameters, buffers = list(model.parameters()), list(model.buffers())
    return Summary(
        tuple(rows),
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
        sum(b.numel() for b in buffers),
        sum(t.data.nbytes for t in (*parameters, *buffers)),
    )


@no_grad()
def _outputs(model: Module, input: Any) -> dict[Module, str]:
    """Let the model compute once; return the shapes of what each module gave, as text."""
    shapes: dict[Module, list[str]] = {}

    def note(module: Module, inputs: Any, output: Any) -> None:
        shapes.setdefault(module, []).append(_shapes(output))

    modules = list(model.modules())
    modes = [module.training for module in modules]
    handles = [module.register_forward_hook(note) for module in modules]
    try:
        model.eval()(*_inputs(model, input))
    except Exception as error:
        if not isinstance(input, Tensor):
            error.add_note(f"(summary made zeros of shape {input!r:.60}: or give it a real input)")
        raise
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in zip(modules, modes):
            module.training = mode
    return {
        module: calls[0] + (f", {len(calls)} calls" if len(calls) > 1 else "")
        for module, calls in shapes.items()
    }


def _inputs(model: Module, input: Any) -> list[Any]:
    """Read what `summary` was given to compute with."""
    if isinstance(input, Tensor) or is_array(input):
        return [input]
    if all(hasattr(n, "__index__") and not isinstance(n, Tensor) for n in input):
        like = next((p for p in model.parameters() if is_floating(p.dtype)), None)
        options = {} if like is None else {"dtype": like.dtype, "device": like.device}
        return [zeros(tuple(input), **options)]
    return [x for part in input for x in _inputs(model, part)]


def _shapes(output: Any) -> str:
    """Write down the shape of an output, or of what is in it."""
    if isinstance(output, Mapping):
        return ", ".join(f"{name}: {_shapes(part)}" for name, part in output.items())
    if isinstance(output, tuple | list):
        return ", ".join(map(_shapes, output))
    return str(tuple(output.shape)) if hasattr(output, "shape") else type(output).__name__


def _count(n: int | None) -> str:
    return "as above" if n is None else f"{n:,}" if n else ""


def _size(n: float) -> str:
    """Write a number of bytes: 812 bytes, 4.2 kB, 1.3 MB."""
    units = iter(("bytes", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while n >= 1000 and unit != "TB":
        n, unit = n / 1000, next(units)
    return f"{n:.3g} {unit}"


def _in_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _drawn(summary: Summary) -> str:
    """Draw the table as rich does, for the terminal that there is."""
    from rich.console import Console

    text = io.StringIO()
    Console(file=text, width=Console().width, force_terminal=True).print(summary)
    return text.getvalue().rstrip()
