"""Adagrad: what has moved much moves less."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.optim.groups import check_settings
from hello_dl.optim.optimizer import Optimizer


class Adagrad(Optimizer):
    """Adaptive gradients (Duchi, Hazan and Singer 2011), PyTorch's formulas.

    The gradient is divided by the root of the sum of all squared gradients so far, entry by entry:
    steps only become shorter, least of all where gradients are rare, as in embeddings.

    lr_decay                    after n steps the rate is lr / (1 + n · lr_decay)
    weight_decay                adds weight_decay · parameter to the gradient
    initial_accumulator_value   where the sums of squares begin
    eps                         added to the root, so that nothing is divided by 0
    maximize                    climb instead of descending
    """

    formula = "adagrad"
    state_names = ("sum",)
    from_start = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = dict(lr=lr, lr_decay=lr_decay, eps=eps, weight_decay=weight_decay)
        start = initial_accumulator_value
        more = dict(initial_accumulator_value=start, maximize=maximize)
        super().__init__(params, {**defaults, **more})

    def check(self, group: Mapping[str, Any]) -> None:
        """Raise an error for settings that make no sense."""
        names = ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps")
        check_settings(**{name: group[name] for name in names})

    def initial(self, name: str, group: Mapping[str, Any]) -> float:
        """Return where the sums of squares begin."""
        return group["initial_accumulator_value"]

    def numbers(self, group: Mapping[str, Any], step: int) -> dict[str, float]:
        """Return what is the same for all entries: the rate of this step, and eps."""
        rate = float(group["lr"]) / (1 + (step - 1) * float(group["lr_decay"]))
        return {"lr": rate, "eps": float(group["eps"])}

    def update(
        self, data: Array, grad: Array, work: Array, sum: Array, *, lr: float, eps: float
    ) -> None:
        """Change `data` in place, as these lines would if making new arrays cost nothing:

        sum = sum + grad**2
        data = data - lr * grad / (sqrt(sum) + eps)
        """
        xp = module_of(data)
        sum += xp.square(grad, out=work)
        xp.sqrt(sum, out=work)
        work += eps
        xp.divide(grad, work, out=work)
        work *= lr
        data -= work
