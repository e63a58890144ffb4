"""What a file of a model holds: its parameters and buffers by name, out of a module and into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from hello_dl.backend import Array, as_array
from hello_dl.nn.parameter import Parameter
from hello_dl.nn.tree import Tree
from hello_dl.tensor import Tensor


class Loaded(NamedTuple):
    """What did not go together when a state was loaded with strict=False."""

    missing_keys: list[str]  # in the model, and not in the state
    unexpected_keys: list[str]  # in the state, and not in the model

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return f"Loaded(missing_keys={self.missing_keys}, unexpected_keys={self.unexpected_keys})"


def state_of(module: Tree) -> dict[str, Tensor]:
    """Return all that a file of the model holds, what is tied under every name it has."""
    state: dict[str, Tensor] = {}
    for path, inner in module._paths():
        state |= {path + name: p for name, p in inner._own(Parameter)}
        kept = (pair for pair in inner._own_buffers() if inner._buffers[pair[0]])
        state |= {path + name: buffer for name, buffer in kept}
    return state


def load(module: Tree, state: Mapping[str, Any], strict: bool) -> Loaded:
    """Copy arrays into the parameters and buffers of the same names, all of them or none."""
    if not isinstance(state, Mapping):
        raise TypeError(f"a state_dict holds arrays by name; this is no dict: {state!r:.60}")
    own = state_of(module)
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    arrays = {}
    for name in [*own, *unexpected]:
        if name in own and name in state:
            arrays[name] = _fitting(name, state[name], own[name])
        elif strict:
            where = "missing in the state" if name in own else "unknown to the model"
            raise ValueError(f"state_dict of another model: '{name}' is {where}")
    for name, array in arrays.items():
        tensor = own[name]
        tensor.data[...] = as_array(array, device=tensor.device)
        tensor.data = tensor.data  # a change in place: tell the graph
    return Loaded(missing, unexpected)


def _fitting(name: str, new: Any, tensor: Tensor) -> Array:
    """Return what a state has under this name as an array; an error if it does not fit."""
    try:
        array = as_array(new.data if isinstance(new, Tensor) else new, tensor.dtype)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"state_dict: '{name}' is no array, but {new!r:.60}") from None
    if array.shape != tensor.shape:
        raise ValueError(
            f"state_dict of another model: '{name}' has shape {array.shape}, "
            f"and the model needs {tensor.shape}"
        )
    return array
