"""Modules: the building blocks of networks, under PyTorch's names."""

from hello_dl.nn.activation import ReLU, Sigmoid, Tanh
from hello_dl.nn.container import Sequential
from hello_dl.nn.linear import Flatten, Linear
from hello_dl.nn.loss import CrossEntropyLoss, MSELoss
from hello_dl.nn.module import Module, Parameter

__all__ = [
    "CrossEntropyLoss", "Flatten", "Linear", "MSELoss", "Module", "Parameter", "ReLU",
    "Sequential", "Sigmoid", "Tanh",
]  # fmt: skip
