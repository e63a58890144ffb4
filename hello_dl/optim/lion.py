"""Lion: go by the sign alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.optim.groups import check_betas, check_settings
from hello_dl.optim.optimizer import Optimizer


class Lion(Optimizer):
    """Evolved sign momentum (Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms").

    A search through programs found it. Every entry moves by lr, up or down: the sign of a mean of
    gradients decides. It remembers one array where Adam remembers two. As all entries move at once,
    it wants a rate 3 to 10 times below Adam's, and a weight decay as much above.

    betas          how much of the mean counts in the direction, and how much of it is kept
    weight_decay   every parameter is shrunk by lr · weight_decay of itself, as in AdamW
    maximize       climb instead of descending
    """

    formula = "lion"
    state_names = ("exp_avg",)
    saves_step = False
    decoupled = True

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = dict(lr=lr, betas=betas, weight_decay=weight_decay, maximize=maximize)
        super().__init__(params, defaults)

    def check(self, group: Mapping[str, Any]) -> None:
        """Raise an error for settings that make no sense."""
        check_settings(lr=group["lr"], weight_decay=group["weight_decay"])
        check_betas(group["betas"])

    def numbers(self, group: Mapping[str, Any], step: int) -> dict[str, float]:
        """Return what is the same for all entries."""
        beta1, beta2 = (float(beta) for beta in group["betas"])
        return {"lr": float(group["lr"]), "beta2": beta2, "share1": 1 - beta1, "share2": 1 - beta2}

    def update(
        self,
        data: Array,
        grad: Array,
        work: Array,
        exp_avg: Array,
        *,
        lr: float,
        beta2: float,
        share1: float,
        share2: float,
    ) -> None:
        """Change `data` in place, as these lines would if making new arrays cost nothing:

        data = data - lr * sign(beta1 * mean + (1 - beta1) * grad)
        mean = beta2 * mean + (1 - beta2) * grad             # exp_avg
        """
        xp = module_of(data)
        xp.subtract(grad, exp_avg, out=work)
        work *= share1
        work += exp_avg  # exp_avg + share1 * (grad - exp_avg): the same sum
        data -= xp.multiply(xp.sign(work), lr, out=work)  # sign in place is slow
        exp_avg *= beta2
        exp_avg += xp.multiply(grad, share2, out=work)
