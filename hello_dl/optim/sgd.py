"""SGD: step against the gradient, with momentum if wanted."""

from __future__ import annotations

from collections.abc import Iterable

from hello_dl.backend import Array, module_of
from hello_dl.optim.optimizer import Optimizer, check_settings
from hello_dl.tensor import Tensor


class SGD(Optimizer):
    """Stochastic gradient descent (Robbins and Monro 1951), PyTorch's formulas.

    momentum       keep this share of the last step's direction (Polyak 1964)
    weight_decay   pull every parameter towards 0: adds weight_decay · parameter to its gradient
    nesterov       look ahead along the momentum first (Sutskever et al. 2013)
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        check_settings(lr=lr, momentum=momentum, weight_decay=weight_decay)
        if nesterov and not momentum:
            raise ValueError("nesterov needs a momentum above 0")
        super().__init__(params, lr)
        self.momentum, self.weight_decay, self.nesterov = momentum, weight_decay, nesterov
        self.velocity = [module_of(b.data).zeros_like(b.data) for b in self.blocks]

    def update(self, i: int, piece: slice, data: Array, grad: Array, work: Array) -> None:
        """Change `data` in place, as these lines would if making new arrays cost nothing:

        grad = grad + weight_decay * data
        velocity = momentum * velocity + grad
        data = data - lr * (grad + momentum * velocity if nesterov else velocity)
        """
        xp, velocity = module_of(data), self.velocity[i][piece]
        if self.weight_decay:
            grad = xp.add(xp.multiply(data, self.weight_decay, out=work), grad, out=work)
        if self.momentum:
            velocity *= self.momentum
            velocity += grad
        if self.nesterov or not self.momentum:
            data -= xp.multiply(grad, self.lr, out=work)
        if self.momentum:
            rate = self.lr * self.momentum if self.nesterov else self.lr
            data -= xp.multiply(velocity, rate, out=work)
