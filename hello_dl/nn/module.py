"""Module: a piece of a network that owns parameters and says how it computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from reprlib import recursive_repr
from typing import Any

from hello_dl.backend import Array, DType, as_array, dtype_of, is_floating, to_device
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
    were set. In a list they would not be found, so that is an error: use Sequential. Call the
    module, not `forward`: the call also gives the nodes it makes their scope.
    """

    training = True
    _label = ""  # what pictures call this module: the attribute that holds it
    _buffers: Mapping[str, bool] = {}  # the names of buffers, and whether state_dict has them

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output. Every subclass has its own."""
        raise TypeError(f"{type(self).__name__} has no forward method: define one")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output inside a scope of the module's own."""
        before = recording.path
        if before is not None:
            label = self._label or type(self).__name__
            recording.path = f"{before}/{label}" if before else label
        try:
            return self.forward(*inputs, **options)
        finally:
            recording.path = before

    def __setattr__(self, name: str, value: Any) -> None:
        _refuse_hidden(self, name, value)
        if name in self._buffers and not isinstance(value, Tensor | None):
            raise TypeError(f"the buffer '{name}' can be a Tensor or None, not {value!r:.60}")
        if isinstance(value, Module):
            value._label = f"{type(value).__name__} {name}" if name.isdigit() else name
        if isinstance(value, Parameter) and not value.name:
            value.name = name
        object.__setattr__(self, name, value)

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Set an attribute that belongs to the model and is not trained, such as a running mean.

        It moves with `to`, and `state_dict` has it unless `persistent` is False.
        """
        if not name or "." in name or (hasattr(self, name) and name not in self._buffers):
            raise ValueError(f"a buffer cannot be called '{name}': it is taken, or has a dot")
        self._buffers = {**self._buffers, name: persistent}
        setattr(self, name, tensor if isinstance(tensor, Tensor | None) else Tensor(tensor))

    # What is inside: the modules, the parameters, the buffers.

    def _paths(self, path: str = "", around: tuple[Module, ...] = ()) -> Iterator[tuple[str, Any]]:
        """Yield (path, module) for this module and every way to one inside it: ("5.0.", ...).

        A tied module has several ways. One that leads back to where it came from ends there.
        """
        yield path, self
        around = (*around, self)
        for name, value in vars(self).items():
            _refuse_hidden(self, name, value)  # a list may have got its modules later
            if isinstance(value, Module) and value not in around:
                yield from value._paths(f"{path}{name}.", around)

    def _own_parameters(self) -> Iterator[tuple[str, Parameter]]:
        return ((name, p) for name, p in vars(self).items() if isinstance(p, Parameter))

    def _own_buffers(self) -> Iterator[tuple[str, Tensor]]:
        found = ((name, vars(self).get(name)) for name in self._buffers)
        return ((name, buffer) for name, buffer in found if buffer is not None)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield the modules directly inside this one, under every name they have in it."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value

    def children(self) -> Iterator[Module]:
        """Yield the modules directly inside this one, as often as they have a name in it."""
        for _, module in self.named_children():
            yield module

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """Yield this module and all modules inside it, each once, with dotted names."""
        return _once((path[:-1], module) for path, module in self._paths())

    def modules(self) -> Iterator[Module]:
        """Yield this module and all modules inside it, each once."""
        for _, module in self.named_modules():
            yield module

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield every parameter once, with a dotted name such as `1.weight`."""
        return _once(
            (path + name, p)
            for path, module in self._paths()
            for name, p in module._own_parameters()
        )

    def parameters(self) -> Iterator[Parameter]:
        """Yield every parameter once."""
        for _, parameter in self.named_parameters():
            yield parameter

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every buffer once, with a dotted name such as `1.running_mean`."""
        return _once(
            (path + name, b) for path, module in self._paths() for name, b in module._own_buffers()
        )

    def buffers(self) -> Iterator[Tensor]:
        """Yield every buffer once."""
        for _, buffer in self.named_buffers():
            yield buffer

    # What is done to all of it.

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or with `set_to_none=False` make them zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.zero_grad()
            elif parameter.grad is not None:
                parameter.grad[...] = 0

    def train(self, mode: bool = True) -> Module:
        """Switch to training behavior (or away from it); returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation behavior; returns the module."""
        return self.train(False)

    def to(self, target: str | DType) -> Module:
        """Move to a device ("cpu", "cuda") or a floating dtype; returns the module.

        That is all parameters with their gradients, and all buffers but those of whole numbers.
        Make the optimizer afterwards: one that was made before refuses to go on.
        """
        is_device = isinstance(target, str) and target.startswith(("cpu", "cuda"))
        dtype = None if is_device else _float_dtype(target)

        def moved(array: Array) -> Array:
            if is_device:
                return to_device(array, target)
            return array.astype(dtype, copy=False) if is_floating(array.dtype) else array

        for tensor in (*self.parameters(), *self.buffers()):
            data = moved(tensor.data)
            if data is not tensor.data:
                tensor.data, tensor.grad_store = data, None
                tensor.grad = None if tensor.grad is None else moved(tensor.grad)
        return self

    def _state(self) -> dict[str, Tensor]:
        """Return all that a file of the model holds, what is tied under every name it has."""
        state: dict[str, Tensor] = {}
        for path, module in self._paths():
            state |= {path + name: p for name, p in module._own_parameters()}
            kept = (pair for pair in module._own_buffers() if module._buffers[pair[0]])
            state |= {path + name: buffer for name, buffer in kept}
        return state

    def state_dict(self) -> dict[str, Array]:
        """Return the arrays of all parameters and buffers by name: what a file of it holds."""
        return {name: tensor.data for name, tensor in self._state().items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Copy arrays into the parameters and buffers of the same names.

        Raises ValueError, before anything is changed, that names the first key which is missing,
        unknown, or of another shape.
        """
        if not isinstance(state, Mapping):
            raise TypeError(f"a state_dict holds arrays by name; this is no dict: {state!r:.60}")
        own, arrays = self._state(), {}
        for name in [*own, *state]:
            if name not in state or name not in own:
                where = "missing in the state" if name in own else "unknown to the model"
                raise ValueError(f"state_dict of another model: '{name}' is {where}")
            new = state[name]
            try:
                array = as_array(new.data if isinstance(new, Tensor) else new)
            except (TypeError, ValueError):
                raise TypeError(f"state_dict: '{name}' is no array, but {new!r:.60}") from None
            if array.shape != own[name].shape:
                raise ValueError(
                    f"state_dict of another model: '{name}' has shape "
                    f"{array.shape}, and the model needs {own[name].shape}"
                )
            arrays[name] = array
        for name, tensor in own.items():
            tensor.data[...] = as_array(arrays[name], tensor.dtype, tensor.device)
            tensor.data = tensor.data  # a change in place: tell the graph

    @recursive_repr()
    def __repr__(self) -> str:
        children = list(self.named_children())
        if not children:
            return f"{type(self).__name__}({self.extra_repr()})"
        lines = [f"({name}): {module!r}".replace("\n", "\n  ") for name, module in children]
        return f"{type(self).__name__}(\n  " + "\n  ".join(lines) + "\n)"

    def extra_repr(self) -> str:
        """Return what `print(module)` shows between the parentheses."""
        return ""


def _once(pairs: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Let (name, thing) pass where the thing comes for the first time."""
    seen = set()
    for name, thing in pairs:
        if id(thing) not in seen:
            seen.add(id(thing))
            yield name, thing


def _refuse_hidden(module: Module, name: str, value: Any) -> None:
    """Raise TypeError for a list, tuple or dict of modules, which nothing would ever find."""
    if isinstance(value, list | tuple | dict):
        held = value.values() if isinstance(value, dict) else value
        if any(isinstance(x, Module | Parameter) for x in held):
            raise TypeError(
                f"{type(module).__name__}.{name} is a {type(value).__name__} with modules or "
                "parameters in it, which training would not find: use nn.Sequential(*modules), "
                "or an attribute for each"
            )


def _float_dtype(target: DType) -> Any:
    """Return the dtype that a module can be moved to; raises ValueError for any other target."""
    try:
        dtype = dtype_of(target)
    except ValueError as error:
        raise ValueError(f"{error}; or a device, cpu or cuda") from None
    if not is_floating(dtype):
        raise ValueError(f"a module computes with floating numbers, not {dtype}: use 'float32'")
    return dtype
