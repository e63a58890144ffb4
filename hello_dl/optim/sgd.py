"""SGD: step against the gradient, with momentum if wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.optim.groups import check_settings
from hello_dl.optim.optimizer import Optimizer


class SGD(Optimizer):
    """Stochastic gradient descent (Robbins and Monro 1951), PyTorch's formulas.

    momentum       keep this share of the last step's direction (Polyak 1964)
    dampening      take this share less of the new gradient into that direction
    weight_decay   pull every parameter towards 0: adds weight_decay · parameter to its gradient
    nesterov       look ahead along the momentum first (Sutskever et al. 2013)
    maximize       climb instead of descending
    """

    formula = "sgd"
    state_names = ("momentum_buffer",)
    saves_step = False

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = dict(lr=lr, momentum=momentum, dampening=dampening, weight_decay=weight_decay)
        super().__init__(params, {**defaults, "nesterov": nesterov, "maximize": maximize})

    def check(self, group: Mapping[str, Any]) -> None:
        """Raise an error for settings that make no sense."""
        check_settings(**{name: group[name] for name in ("lr", "momentum", "weight_decay")})
        if group["nesterov"] and (group["momentum"] <= 0 or group["dampening"] != 0):
            raise ValueError("nesterov needs a momentum above 0 and a dampening of 0")

    def keeps(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        """Return which state it needs: a direction, where there is momentum."""
        return self.state_names if group["momentum"] else ()

    def numbers(self, group: Mapping[str, Any], step: int) -> dict[str, float]:
        """Return what is the same for all entries. The first gradient is taken in undampened."""
        whole = step == 1 or not group["momentum"]
        return {
            "lr": float(group["lr"]),
            "momentum": float(group["momentum"]),
            "share": 1.0 if whole else 1.0 - float(group["dampening"]),
            "nesterov": group["nesterov"],
        }

    def update(
        self,
        data: Array,
        grad: Array,
        work: Array,
        momentum_buffer: Array | None = None,
        *,
        lr: float,
        momentum: float,
        share: float,
        nesterov: bool,
    ) -> None:
        """Change `data` in place, as these lines would if making new arrays cost nothing:

        velocity = momentum * velocity + share * grad        # momentum_buffer
        data = data - lr * (grad + momentum * velocity if nesterov else velocity)
        """
        xp, velocity = module_of(data), momentum_buffer
        if velocity is None:
            data -= xp.multiply(grad, lr, out=work)
            return
        velocity *= momentum
        velocity += grad if share == 1 else xp.multiply(grad, share, out=work)
        if nesterov:
            data -= xp.multiply(grad, lr, out=work)
            lr *= momentum
        data -= xp.multiply(velocity, lr, out=work)
