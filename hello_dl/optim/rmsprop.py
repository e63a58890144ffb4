"""RMSprop: divide the gradient by how large gradients usually are here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.optim.groups import check_settings
from hello_dl.optim.optimizer import Optimizer


class RMSprop(Optimizer):
    """Root mean square propagation (Hinton 2012, lecture 6e), PyTorch's formulas.

    alpha          how much of the running mean of squares is kept in a step
    eps            added to its root, so that nothing is divided by 0
    weight_decay   adds weight_decay · parameter to the gradient
    momentum       keep this share of the last step's direction
    centered       divide by the spread about the mean gradient instead (Graves 2013)
    maximize       climb instead of descending
    """

    formula = "rmsprop"
    state_names = ("square_avg", "momentum_buffer", "grad_avg")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = dict(lr=lr, momentum=momentum, alpha=alpha, eps=eps, weight_decay=weight_decay)
        super().__init__(params, {**defaults, "centered": centered, "maximize": maximize})

    def check(self, group: Mapping[str, Any]) -> None:
        """Raise an error for settings that make no sense."""
        names = ("lr", "alpha", "eps", "weight_decay", "momentum")
        check_settings(**{name: group[name] for name in names})

    def keeps(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        """Return which state it needs with these settings."""
        direction = ("momentum_buffer",) if group["momentum"] else ()
        return ("square_avg", *direction, *(("grad_avg",) if group["centered"] else ()))

    def numbers(self, group: Mapping[str, Any], step: int) -> dict[str, float]:
        """Return what is the same for all entries."""
        names = ("lr", "alpha", "eps", "momentum", "centered")
        return {**{name: float(group[name]) for name in names}, "share": 1 - float(group["alpha"])}

    def update(
        self,
        data: Array,
        grad: Array,
        work: Array,
        square_avg: Array,
        momentum_buffer: Array | None = None,
        grad_avg: Array | None = None,
        *,
        lr: float,
        alpha: float,
        share: float,
        eps: float,
        momentum: float,
        centered: float,
    ) -> None:
        """Change `data` in place, as these lines would if making new arrays cost nothing:

        square = alpha * square + (1 - alpha) * grad**2      # square_avg
        mean = alpha * mean + (1 - alpha) * grad             # grad_avg, if centered
        velocity = momentum * velocity + grad / (sqrt(square - mean**2) + eps)
        data = data - lr * velocity
        """
        xp = module_of(data)
        square_avg *= alpha
        xp.square(grad, out=work)
        work *= share
        square_avg += work
        if grad_avg is None:
            xp.sqrt(square_avg, out=work)
        else:
            grad_avg *= alpha
            grad_avg += xp.multiply(grad, share, out=work)
            xp.subtract(square_avg, xp.square(grad_avg, out=work), out=work)
            xp.sqrt(xp.maximum(work, 0, out=work), out=work)  # rounding may bring it below 0
        work += eps
        xp.divide(grad, work, out=work)
        if momentum_buffer is not None:
            momentum_buffer *= momentum
            momentum_buffer += work
            xp.multiply(momentum_buffer, lr, out=work)
        else:
            work *= lr
        data -= work
