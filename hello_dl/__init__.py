"""hello_dl: how does deep learning actually work? From one number to a language model.

`Value` is one number that remembers how it was computed, `Tensor` a block of them. Start with
lesson 01 (`hello-dl` lists the course), or read value.py: it is the whole idea on one screen.
"""

from typing import Any

from hello_dl import check, cuda, functional, nn, optim, toplevel
from hello_dl.backend import device
from hello_dl.backend.random import manual_seed
from hello_dl.graph import no_grad, scope
from hello_dl.neuron import MLP, Layer, Neuron
from hello_dl.nn.summary import summary
from hello_dl.program import Program, compile
from hello_dl.tensor import Tensor
from hello_dl.value import Value

__version__ = "0.1.0"

__all__ = [
    "MLP", "Layer", "Neuron", "Program", "Tensor", "Value", "check", "compile", "cuda", "device",
    "functional", "manual_seed", "nn", "no_grad", "optim", "scope", "summary", *toplevel.__all__,
]  # fmt: skip

# What `torch.` has: `hello_dl.zeros`, `hello_dl.cat`, `hello_dl.float32`. `hello_dl.tensor` is then
# the function of that name; `from hello_dl.tensor import Tensor` still finds the file.
globals().update({name: getattr(toplevel, name) for name in toplevel.__all__})


def __getattr__(name: str) -> Any:
    if name == "bfloat16":  # needs a package of its own, which is imported when it is asked for
        return toplevel.dtype_of(name)
    raise AttributeError(f"hello_dl has no {name!r}")
