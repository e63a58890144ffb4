"""A look into a net while it learns: what its layers put out, and how fast its weights move.

Two things to look for. Activations that are nearly all 0 (a dead ReLU) or at the end of their scale
(a saturated tanh) let no gradient through. And an update should change weights by about a
thousandth of their size: much more is restless, much less learns nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hello_dl.backend import Array, module_of
from hello_dl.backend.dtypes import is_floating
from hello_dl.nn import Module
from hello_dl.optim import Optimizer
from hello_dl.show.summary import number
from hello_dl.tensor import Tensor

# Where an activation is so near to the end of its scale that next to no gradient passes.
SATURATED: dict[str, Callable[[Array], Array]] = {
    "Tanh": lambda y: abs(y) > 0.97,  # slope below 0.06
    "Sigmoid": lambda y: abs(2 * y - 1) > 0.97,
    "Hardsigmoid": lambda y: (y <= 0) | (y >= 1),
    "Hardtanh": lambda y: abs(y) >= 1,
}


class Activation(NamedTuple):
    """What a layer put out in one forward pass."""

    layer: str  # its name in the model, such as "1" or "encoder.0"
    kind: str  # its class, such as "Linear"
    shape: tuple[int, ...]
    mean: float
    std: float
    zeros: float  # share of entries that are exactly 0
    saturated: float | None  # share at the end of the scale; None for layers that have none


class Update(NamedTuple):
    """What a step did to a parameter."""

    parameter: str  # its name in the model, such as "1.weight"
    shape: tuple[int, ...]
    norm: float  # length of all its numbers as one vector, before the step
    grad_norm: float  # the same of its gradient, after clipping
    ratio: float  # length of the change / length of the weights; about 1e-3 is healthy


class Statistics(NamedTuple):
    """All layers and parameters at one step."""

    step: int
    activations: list[Activation]
    updates: list[Update]

    def table(self) -> str:
        """Return two tables to print."""
        layers = [
            [a.layer, a.kind, str(a.shape), number(a.mean, 3), number(a.std, 3)]
            + [_percent(a.zeros), "" if a.saturated is None else _percent(a.saturated)]
            for a in self.activations
        ]
        weights = [
            [u.parameter, str(u.shape), *(number(x, 3) for x in (u.norm, u.grad_norm, u.ratio))]
            for u in self.updates
        ]
        return (
            lined_up(["layer", "kind", "output", "mean", "std", "zeros", "saturated"], layers, 3)
            + "\n\n"
            + lined_up(["parameter", "shape", "norm", "gradient", "update / norm"], weights, 2)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain lists and numbers, for JSON."""
        return {
            "activations": [row._asdict() for row in self.activations],
            "updates": [row._asdict() for row in self.updates],
        }


class Watch:
    """Takes statistics of every step whose number is a multiple of `every`; costs nothing else."""

    def __init__(self, model: Module, optimizer: Optimizer, every: int) -> None:
        self.model, self.optimizer, self.every = model, optimizer, every
        self.step = 0  # that is being watched; 0: none
        self.hooks: list[Any] = []
        self.seen: dict[str, Activation] = {}
        self.weights: list[tuple[str, Tensor, Array]] = []

    def begin(self, step: int) -> None:
        """Listen to the layers, if this step is to be watched."""
        if step % self.every:
            return
        self.step, self.seen, self.weights = step, {}, []
        for name, module in self.model.named_modules():
            if not any(True for _ in module.children()):
                self.hooks.append(module.register_forward_hook(self._listener(name)))

    def _listener(self, name: str) -> Callable[[Module, Any, Any], None]:
        def listen(module: Module, args: Any, output: Any) -> None:
            if isinstance(output, Sequence) and output:
                output = output[0]
            if isinstance(output, Tensor) and is_floating(output.dtype) and output.numel():
                self.seen[name] = _activation(name, module, output.data)

        return listen

    def before_update(self) -> None:
        """Keep the weights as they are, to see how far they move."""
        if self.step:
            trained = set(self.optimizer.parameters)
            self.weights = [
                (name, p, p.data.copy())
                for name, p in self.model.named_parameters()
                if p in trained and p.grad is not None
            ]

    def end(self) -> Statistics | None:
        """Stop listening; return what was seen, if this step was watched."""
        for hook in self.hooks:
            hook.remove()
        self.hooks = []
        if not self.step:
            return None
        updates = [
            Update(
                name, p.shape, _norm(old), _norm(p.grad), _norm(p.data - old) / _norm(old, 1e-12)
            )
            for name, p, old in self.weights
        ]
        taken, self.step, self.weights = self.step, 0, []
        return Statistics(taken, list(self.seen.values()), updates)


def _activation(name: str, module: Module, y: Array) -> Activation:
    kind = type(module).__name__
    y = y.astype("float32") if y.itemsize == 2 else y
    at_end = SATURATED[kind](y).mean() if kind in SATURATED else None
    zeros = (y == 0).mean()
    saturated = None if at_end is None else float(at_end)
    return Activation(name, kind, y.shape, float(y.mean()), float(y.std()), float(zeros), saturated)


def _norm(array: Array, at_least: float = 0.0) -> float:
    flat = array.reshape(-1).astype("float64")
    return max(float(module_of(flat).vdot(flat, flat)) ** 0.5, at_least)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def lined_up(heads: list[str], rows: list[list[str]], words: int) -> str:
    """Return a table whose first columns are words, on the left, and the others numbers."""
    widths = [max(map(len, column)) for column in zip(heads, *rows)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in [heads, *rows]
    )
