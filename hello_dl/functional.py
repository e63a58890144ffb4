"""F: the operations as functions, under the names that PyTorch users know."""

from hello_dl.ops.elementwise import (
    abs,
    cos,
    exp,
    gelu,
    leaky_relu,
    log,
    relu,
    sigmoid,
    sin,
    sqrt,
    tanh,
)  # fmt: skip
from hello_dl.ops.loss import cross_entropy, log_softmax, mse_loss, one_hot, softmax
from hello_dl.ops.matmul import linear, matmul

__all__ = [
    "abs", "cos", "cross_entropy", "exp", "gelu", "leaky_relu", "linear", "log", "log_softmax",
    "matmul", "mse_loss", "one_hot", "relu", "sigmoid", "sin", "softmax", "sqrt", "tanh",
]  # fmt: skip
