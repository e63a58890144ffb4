"""Optimizers: how the parameters follow their gradients."""

from hello_dl.optim.optimizer import Optimizer
from hello_dl.optim.sgd import SGD

__all__ = ["SGD", "Optimizer"]
