"""Muon: for a matrix, go the same distance in all directions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.graph import describe
from hello_dl.optim.groups import check_settings
from hello_dl.optim.optimizer import Optimizer

RATES = ("original", "match_rms_adamw")


class Muon(Optimizer):
    """Momentum orthogonalized by Newton-Schulz (Jordan et al. 2024), with PyTorch's formulas.

    The gradient of a weight matrix is mostly made of a few directions. Muon makes all singular
    values of its momentum about 1, so that the rare directions count as much. For the matrices of
    hidden layers only: give biases, embeddings and the last layer to AdamW.

    weight_decay      every parameter is shrunk by lr · weight_decay of itself, as in AdamW
    momentum          how much of the running mean of gradients is kept in a step
    nesterov          look ahead along the momentum
    ns_coefficients   of the polynomial a·x + b·x³ + c·x⁵ that every singular value goes through
    eps               the least that a matrix is divided by, to make it small enough
    ns_steps          how often the polynomial is taken
    adjust_lr_fn      "original": lr · √max(1, rows / columns), or "match_rms_adamw", which makes
                      steps as large as AdamW's: lr · 0.2 · √max(rows, columns) (Liu et al. 2025)

    PyTorch does the products in bfloat16; here they are in the dtype of the parameter.
    """

    state_names = ("momentum_buffer",)
    saves_step = False
    decoupled = True
    alone = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        defaults = dict(lr=lr, weight_decay=weight_decay, momentum=momentum, nesterov=nesterov)
        products = dict(ns_coefficients=ns_coefficients, eps=eps, ns_steps=ns_steps)
        super().__init__(params, {**defaults, **products, "adjust_lr_fn": adjust_lr_fn})

    def check(self, group: Mapping[str, Any]) -> None:
        """Raise an error for settings that make no sense, and for what is no matrix."""
        names = ("lr", "weight_decay", "momentum", "eps", "ns_steps")
        check_settings(**{name: group[name] for name in names})
        if group["ns_steps"] >= 100 or group["ns_steps"] != int(group["ns_steps"]):
            raise ValueError(f"ns_steps must be whole and below 100, got {group['ns_steps']}")
        if len(group["ns_coefficients"]) != 3:
            raise ValueError(f"ns_coefficients must be three, got {group['ns_coefficients']}")
        if group["adjust_lr_fn"] not in (None, *RATES):
            raise ValueError(
                f"unknown adjust_lr_fn {group['adjust_lr_fn']!r}: use one of {', '.join(RATES)}"
            )
        for p in group.get("params", ()):
            if p.ndim != 2:
                raise ValueError(
                    f"Muon is for matrices, not {describe(p)} with {p.ndim} axes: give it to AdamW"
                )

    def update(
        self,
        data: Array,
        grad: Array,
        work: Array,
        momentum_buffer: Array,
        *,
        lr: float,
        momentum: float,
        nesterov: bool,
        ns_coefficients: tuple[float, float, float],
        eps: float,
        ns_steps: int,
        adjust_lr_fn: str | None,
    ) -> None:
        """Change the matrix `data` (rows, columns) in place:

        mean = momentum * mean + (1 - momentum) * grad       # momentum_buffer
        ahead = momentum * mean + (1 - momentum) * grad if nesterov else mean
        data = data - rate * orthogonalized(ahead)
        """
        xp = module_of(data)
        xp.subtract(grad, momentum_buffer, out=work)
        work *= 1 - momentum
        momentum_buffer += work
        ahead = momentum_buffer
        if nesterov:
            xp.subtract(momentum_buffer, grad, out=work)
            work *= momentum
            work += grad
            ahead = work
        rows, columns = data.shape
        rate = float(lr) * math.sqrt(max(1, rows / max(columns, 1)))
        if adjust_lr_fn == "match_rms_adamw":
            rate = float(lr) * 0.2 * math.sqrt(max(rows, columns))
        data -= rate * orthogonalized(ahead, ns_coefficients, ns_steps, eps)


def orthogonalized(
    matrix: Array, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Array:
    """Return a matrix with the same singular vectors, whose singular values are about 1.

    Every round takes an odd polynomial of it, a·X + b·XXᵀX + c·(XXᵀ)²X, which is one of every
    singular value by itself. The usual coefficients lift small ones fast and leave all of them
    between 0.7 and 1.2, which is near enough.
    """
    xp = module_of(matrix)
    a, b, c = coefficients
    tall = len(matrix) > matrix.shape[1]
    x = matrix.T if tall else matrix  # the small one of XXᵀ and XᵀX
    x = x / xp.maximum(xp.sqrt((x * x).sum()), eps)  # no singular value is above 1 now
    for _ in range(int(steps)):
        gram = x @ x.T  # (rows, rows)
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.T if tall else x
