"""hello_dl: how does deep learning actually work? From one number to a language model.

`Value` is one number that remembers how it was computed, `Tensor` a block of them. Start with
lesson 01 (`hello-dl` lists the course), or read value.py: it is the whole idea on one screen.
"""

from hello_dl import check, functional, nn, optim
from hello_dl.backend import device
from hello_dl.backend.random import manual_seed
from hello_dl.graph import no_grad, scope
from hello_dl.neuron import MLP, Layer, Neuron
from hello_dl.program import Program, compile
from hello_dl.tensor import Tensor
from hello_dl.value import Value

__version__ = "0.1.0"

__all__ = [
    "MLP", "Layer", "Neuron", "Program", "Tensor", "Value", "check", "compile", "device",
    "functional", "manual_seed", "nn", "no_grad", "optim", "scope",
]  # fmt: skip
