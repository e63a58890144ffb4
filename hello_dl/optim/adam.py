"""Adam: a step of about the same length for every entry. And AdamW, its better weight decay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from hello_dl.backend import Array, fast, module_of
from hello_dl.optim.groups import check_betas, check_settings
from hello_dl.optim.optimizer import Optimizer


class Adam(Optimizer):
    """Adaptive moments (Kingma and Ba 2015), PyTorch's formulas.

    It keeps two running means for every entry, of the gradient and of its square. The root of the
    second says how large gradients usually are here; in units of that it steps along the first.

    betas          how much of the two means is kept in a step
    eps            added to the root, so that nothing is divided by 0
    weight_decay   adds weight_decay · parameter to the gradient
    amsgrad        divide by the largest that the second mean has ever been (Reddi et al. 2018)
    maximize       climb instead of descending
    decoupled_weight_decay   what AdamW does
    """

    formula = "adam"
    state_names = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad)
        flags = dict(maximize=maximize, decoupled_weight_decay=decoupled_weight_decay)
        super().__init__(params, {**defaults, **flags})

    def check(self, group: Mapping[str, Any]) -> None:
        """Raise an error for settings that make no sense."""
        check_settings(**{name: group[name] for name in ("lr", "eps", "weight_decay")})
        check_betas(group["betas"])

    def keeps(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        """Return which state it needs: the two means, and with amsgrad the largest."""
        return self.state_names if group["amsgrad"] else self.state_names[:2]

    def numbers(self, group: Mapping[str, Any], step: int) -> dict[str, float]:
        """Return what is the same for all entries.

        Both means begin at 0 and are too small at first: after n steps of equal gradients they are
        1 - beta**n of what they should be. To divide by that is the correction of the bias. Here
        it is moved out of the formula of the entries, into the step size and eps.
        """
        beta1, beta2 = (float(beta) for beta in group["betas"])
        root = math.sqrt(1 - beta2**step)
        return {
            "beta1": beta1,
            "beta2": beta2,
            "share1": 1 - beta1,
            "share2": 1 - beta2,
            "step_size": float(group["lr"]) / (1 - beta1**step) * root,
            "eps": float(group["eps"]) * root,
            "amsgrad": group["amsgrad"],
        }

    def update(
        self,
        data: Array,
        grad: Array,
        work: Array,
        exp_avg: Array,
        exp_avg_sq: Array,
        max_exp_avg_sq: Array | None = None,
        *,
        beta1: float,
        beta2: float,
        share1: float,
        share2: float,
        step_size: float,
        eps: float,
        amsgrad: bool,
    ) -> None:
        """Change `data` in place, as these lines would if making new arrays cost nothing:

        mean = beta1 * mean + (1 - beta1) * grad             # exp_avg
        square = beta2 * square + (1 - beta2) * grad**2      # exp_avg_sq
        data = data - step_size * mean / (sqrt(square) + eps)
        """
        compiled = fast.kernels(data, grad, exp_avg, exp_avg_sq)
        if compiled is not None and max_exp_avg_sq is None:
            means, numbers = (exp_avg, exp_avg_sq), (beta1, beta2, share1, share2, step_size, eps)
            compiled.adam(data, grad, *means, *numbers)
            return
        xp = module_of(data)
        exp_avg *= beta1
        exp_avg += xp.multiply(grad, share1, out=work)
        exp_avg_sq *= beta2
        xp.square(grad, out=work)
        work *= share2
        exp_avg_sq += work
        if max_exp_avg_sq is not None:
            exp_avg_sq = xp.maximum(max_exp_avg_sq, exp_avg_sq, out=max_exp_avg_sq)
        xp.sqrt(exp_avg_sq, out=work)
        work += eps
        xp.divide(exp_avg, work, out=work)
        work *= step_size
        data -= work


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019).

    Weight decay in the gradient would be divided by the root as well, so that entries with large
    gradients decay the least. Here every parameter is shrunk by lr · weight_decay of itself.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            maximize=maximize,
            decoupled_weight_decay=True,
        )
