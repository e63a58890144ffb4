"""What all optimizers share: they own flat blocks of parameters, and step through them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real

from hello_dl.backend import DEFAULT_FLOAT, Array, module_of
from hello_dl.backend.cpu import flush_denormals
from hello_dl.graph import describe, no_grad
from hello_dl.optim.flat import flat_blocks
from hello_dl.tensor import Tensor


class Optimizer:
    """Base of all optimizers. A subclass defines `update` for one piece of a flat block."""

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        is_model = hasattr(params, "parameters")
        if is_model or isinstance(params, Tensor) or not isinstance(params, Iterable):
            fix = "model.parameters()" if is_model else "[w]"
            raise TypeError(f"an optimizer takes the parameters, such as {fix}, not {params!r:.60}")
        parameters = list(params)
        if not parameters:
            raise ValueError("an optimizer needs parameters, and got none")
        for p in parameters:
            if not isinstance(p, Tensor):
                raise TypeError(f"an optimizer changes Tensors, not {p!r:.60}")
            if p.parents or p.dtype.kind != "f":
                raise ValueError(
                    f"an optimizer changes leaves of floating numbers, not {describe(p)}, {p.dtype}"
                )
        self.parameters = list(dict.fromkeys(parameters))  # each once
        self.lr = lr
        self.blocks = flat_blocks(self.parameters)

    def update(self, i: int, piece: slice, data: Array, grad: Array, work: Array) -> None:
        """Change `data` (n,), a piece of block i, in place, by `grad` (n,).

        `work` (n,) is room to compute in. Every subclass has its own update.
        """
        raise TypeError(f"{type(self).__name__} has no update method: define one")

    @no_grad()
    def step(self) -> None:
        """Update every parameter that has a gradient."""
        for i, block in enumerate(self.blocks):
            block.gather()
            with flush_denormals():
                for piece in block.touched():
                    data = block.data[piece]
                    self.update(i, piece, data, block.grad[piece], block.work[: data.size])
            block.changed()

    def grad_norm(self) -> float:
        """Length of all gradients laid end to end, √(sum of squares): how steep it is here."""
        squares = 0.0
        for block in self.blocks:
            block.gather()
            block.fill()
            g = block.grad if block.grad.itemsize > 2 else block.grad.astype(DEFAULT_FLOAT)
            squares += float(module_of(g).vdot(g, g))
        return math.sqrt(squares)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; with `set_to_none=False` fill them with zeros instead.

        The first gradient to arrive then overwrites the block, so nothing has to be cleared. It
        overwrites a `w.grad` that you have kept, too: keep `w.grad.copy()`.
        """
        for block in self.blocks:
            if not set_to_none:
                block.grad[...] = 0
            for p, _, _, grad in block.pieces:
                if p.grad is not None:
                    p.grad = None if set_to_none else grad


def check_settings(**settings: float) -> None:
    """Raise an error that names the first setting which is no number of at least 0."""
    for name, value in settings.items():
        if not isinstance(value, Real):
            raise TypeError(f"{name} must be a number, got {value!r:.60}")
        if not value >= 0:
            raise ValueError(f"{name} must be 0 or more, got {value}")
