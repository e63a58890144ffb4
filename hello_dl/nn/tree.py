"""The tree of a network: modules inside modules, with parameters and buffers, found by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hello_dl.nn.parameter import Parameter
from hello_dl.tensor import Tensor


class Tree:
    """What a module consists of. Its attributes are the tree: there is no other list.

    Parameters and modules are found by walking the attributes, in the order they were set. In a
    list they would not be found, so that is an error: use ModuleList, ModuleDict, ParameterList.
    """

    _label = ""  # what pictures call this module: the attribute that holds it
    _buffers: Mapping[str, bool] = {}  # the names of buffers, and whether state_dict has them

    def __setattr__(self, name: str, value: Any) -> None:
        refuse_hidden(self, name, value)
        self._check_kind(name, value)
        if isinstance(value, Tree):
            value._label = f"{type(value).__name__} {name}" if name.isdigit() else name
        if isinstance(value, Parameter) and not value.name:
            value.name = name
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        object.__delattr__(self, name)
        if name in self._buffers:
            self._buffers = {kept: self._buffers[kept] for kept in self._buffers if kept != name}

    def _check_kind(self, name: str, value: Any) -> None:
        """Raise TypeError where a parameter, module or buffer would silently become none."""
        if name in self._buffers and not isinstance(value, Tensor | None):
            raise TypeError(f"the buffer '{name}' can be a Tensor or None, not {value!r:.60}")
        before = vars(self).get(name)
        for kind, other in ((Parameter, "nn.Parameter(...)"), (Tree, "another module")):
            if isinstance(before, kind) and not isinstance(value, kind | None):
                raise TypeError(
                    f"{type(self).__name__}.{name} is a {type(before).__name__} and can become "
                    f"{other} or None, not {value!r:.60}" + _instead(kind, name)
                )

    def _check_name(self, what: str, name: Any, known: Iterable[str]) -> None:
        """Raise ValueError for a name that is none, or that is taken by something else."""
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"a {what} cannot be called {name!r}: it takes a name without a dot")
        if hasattr(self, name) and name not in known:
            raise ValueError(f"a {what} cannot be called '{name}': the name is taken")

    # Putting something in by name.

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Set an attribute that belongs to the model and is not trained, such as a running mean.

        It moves with `to`, and `state_dict` has it unless `persistent` is False.
        """
        self._check_name("buffer", name, self._buffers)
        self._buffers = {**self._buffers, name: persistent}
        setattr(self, name, tensor if isinstance(tensor, Tensor | None) else Tensor(tensor))

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Set an attribute that is a parameter, or None for one that is left out."""
        self._check_name("parameter", name, [name for name, _ in self._own(Parameter)])
        if not isinstance(param, Parameter | None):
            raise TypeError(f"the parameter '{name}' is a nn.Parameter or None, not {param!r:.60}")
        setattr(self, name, param)

    def add_module(self, name: str, module: Tree | None) -> None:
        """Set an attribute that is a module, by a name such as "0" or "layer1"."""
        self._check_name("module", name, [name for name, _ in self._own(Tree)])
        if not isinstance(module, Tree | None):
            fix = ": put a * before a list" if isinstance(module, list | tuple) else ": nn.ReLU()?"
            raise TypeError(f"'{name}' takes a module, not {module!r:.60}{fix}")
        setattr(self, name, module)

    register_module = add_module

    # Walking through.

    def _own(self, kind: type) -> Iterator[tuple[str, Any]]:
        """Yield the attributes of a kind: the parameters, or the modules, of this module itself."""
        return ((name, value) for name, value in vars(self).items() if isinstance(value, kind))

    def _own_buffers(self) -> Iterator[tuple[str, Tensor]]:
        found = ((name, vars(self).get(name)) for name in self._buffers)
        return ((name, buffer) for name, buffer in found if buffer is not None)

    def _paths(self, path: str = "", around: tuple[Tree, ...] = ()) -> Iterator[tuple[str, Any]]:
        """Yield (path, module) for this module and every way to one inside it: ("5.0.", ...).

        A tied module has several ways. One that leads back to where it came from ends there.
        """
        yield path, self
        around = (*around, self)
        for name, value in vars(self).items():
            refuse_hidden(self, name, value)  # a list may have got its modules later
            if isinstance(value, Tree) and value not in around:
                yield from value._paths(f"{path}{name}.", around)

    def named_children(self) -> Iterator[tuple[str, Any]]:
        """Yield the modules directly inside this one, each once."""
        return once(self._own(Tree))

    def children(self) -> Iterator[Any]:
        """Yield the modules directly inside this one, each once."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Any]]:
        """Yield this module and all modules inside it, each once, with dotted names."""
        found = ((path[:-1], module) for path, module in self._paths(prefix and f"{prefix}."))
        return once(found, remove_duplicate)

    def modules(self) -> Iterator[Any]:
        """Yield this module and all modules inside it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield every parameter once, with a dotted name such as `1.weight`.

        Without `recurse` only those of this module itself.
        """
        found = (
            (path + name, p)
            for path, module in self._ways(prefix, recurse)
            for name, p in module._own(Parameter)
        )
        return once(found, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield every parameter once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield every buffer once, with a dotted name such as `1.running_mean`."""
        found = (
            (path + name, buffer)
            for path, module in self._ways(prefix, recurse)
            for name, buffer in module._own_buffers()
        )
        return once(found, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield every buffer once."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _ways(self, prefix: str, recurse: bool) -> Iterable[tuple[str, Any]]:
        path = prefix and f"{prefix}."
        return self._paths(path) if recurse else [(path, self)]

    # Taking something out by name.

    def get_submodule(self, target: str) -> Any:
        """Return the module of a dotted name, such as "5.0"; this one for ""."""
        module: Any = self
        for name in target.split(".") if target else ():
            module = _found(module, name, target, "module", dict(module._own(Tree)))
        return module

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter of a dotted name, such as "5.0.weight"."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        return _found(module, name, target, "parameter", dict(module._own(Parameter)))

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer of a dotted name, such as "1.running_mean"."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        return _found(module, name, target, "buffer", dict(module._own_buffers()))


def once(pairs: Iterable[tuple[str, Any]], wanted: bool = True) -> Iterator[tuple[str, Any]]:
    """Let (name, thing) pass where the thing comes for the first time."""
    seen = set()
    for name, thing in pairs:
        if not wanted or id(thing) not in seen:
            seen.add(id(thing))
            yield name, thing


def refuse_hidden(module: Tree, name: str, value: Any) -> None:
    """Raise TypeError for a list, tuple or dict of modules, which nothing would ever find."""
    if isinstance(value, list | tuple | dict):
        held = value.values() if isinstance(value, dict) else value
        first = next((x for x in held if isinstance(x, Tree | Parameter)), None)
        if first is not None:
            kind = "Module" if isinstance(first, Tree) else "Parameter"
            use = f"nn.{kind}Dict(...)" if isinstance(value, dict) else f"nn.{kind}List([...])"
            raise TypeError(
                f"{type(module).__name__}.{name} is a {type(value).__name__} with modules or "
                f"parameters in it, which training would not find: use {use}, or nn.Sequential"
            )


def _instead(kind: type, name: str) -> str:
    """Say how the numbers of a parameter are replaced."""
    return f"; new numbers go into {name}.data" if kind is Parameter else ""


def _found(module: Tree, name: str, target: str, what: str, known: dict[str, Any]) -> Any:
    """Look something up; AttributeError that says what there is."""
    if name not in known:
        there = ", ".join(known) or "none"
        kind = type(module).__name__
        raise AttributeError(f"no {what} '{target}': {kind} has no {what} '{name}', but {there}")
    return known[name]
