"""Module: a piece of a network that owns parameters and says how it computes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hello_dl.backend import Array, as_array, to_device
from hello_dl.graph import recording
from hello_dl.tensor import Tensor


class Parameter(Tensor):
    """A Tensor that training changes: it asks for gradients, and modules find it."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, *, name: str = "") -> None:
        super().__init__(data, requires_grad, name=name, op="parameter")


class Module:
    """Base of all layers and networks. A subclass sets attributes and defines `forward`.

    Parameters and modules inside it are found by walking its attributes, in the order they
    were set. Call the module, not `forward`: the call also gives the nodes it makes their scope.
    """

    training = True
    _label = ""  # what pictures call this module: the attribute that holds it

    def forward(self, *inputs: Any) -> Any:
        """Compute the output. Every subclass has its own."""
        raise TypeError(f"{type(self).__name__} has no forward method: define one")

    def __call__(self, *inputs: Any) -> Any:
        """Compute the output inside a scope of the module's own."""
        before = recording.path
        if before is not None:
            label = self._label or type(self).__name__
            recording.path = f"{before}/{label}" if before else label
        try:
            return self.forward(*inputs)
        finally:
            recording.path = before

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Module):
            value._label = f"{type(value).__name__} {name}" if name.isdigit() else name
        if isinstance(value, Parameter) and not value.name:
            value.name = name
        object.__setattr__(self, name, value)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules directly inside this one, with their attribute names."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def children(self) -> Iterator[Module]:
        """Yield the modules directly inside this one."""
        for _, module in self.named_children():
            yield module

    def named_modules(self, prefix: str = "") -> Iterator[tuple[str, Module]]:
        """Yield this module and all modules inside it, with dotted names."""
        yield prefix, self
        for name, child in self.named_children():
            yield from child.named_modules(f"{prefix}.{name}" if prefix else name)

    def modules(self) -> Iterator[Module]:
        """Yield this module and all modules inside it."""
        for _, module in self.named_modules():
            yield module

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield every parameter once, with a dotted name such as `1.weight`."""
        seen = set()
        for prefix, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter) and value not in seen:
                    seen.add(value)
                    yield f"{prefix}.{name}" if prefix else name, value

    def parameters(self) -> Iterator[Parameter]:
        """Yield every parameter once."""
        for _, parameter in self.named_parameters():
            yield parameter

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    def train(self, mode: bool = True) -> Module:
        """Switch to training behavior (or away from it); returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation behavior; returns the module."""
        return self.train(False)

    def to(self, device: str) -> Module:
        """Move all parameters to a device, "cpu" or "cuda"; returns the module."""
        for parameter in self.parameters():
            parameter.data = to_device(parameter.data, device)
            parameter.grad = parameter.grad_store = None
        return self

    def state_dict(self) -> dict[str, Array]:
        """Return the arrays of all parameters by name: what a file of the model holds."""
        return {name: parameter.data for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy arrays into the parameters of the same names.

        Raises ValueError, before anything is changed, that names the first key which is missing,
        unknown, or of another shape.
        """
        own = dict(self.named_parameters())
        for name in [*own, *state]:
            if name not in state or name not in own:
                where = "missing in the state" if name in own else "unknown to the model"
                raise ValueError(f"state_dict of another model: '{name}' is {where}")
            if tuple(state[name].shape) != own[name].shape:
                raise ValueError(
                    f"state_dict of another model: '{name}' has shape "
                    f"{tuple(state[name].shape)}, and the model needs {own[name].shape}"
                )
        for name, parameter in own.items():
            parameter.data[...] = as_array(state[name], parameter.dtype, parameter.device)
            parameter.data = parameter.data  # a change in place: tell the graph

    def __repr__(self) -> str:
        children = list(self.named_children())
        if not children:
            return f"{type(self).__name__}({self.extra_repr()})"
        lines = [f"({name}): {module!r}".replace("\n", "\n  ") for name, module in children]
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"

    def extra_repr(self) -> str:
        """Return what `print(module)` shows between the parentheses."""
        return ""
