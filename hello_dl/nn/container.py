"""Containers: modules made of modules, in a row or by name; and of parameters, likewise."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hello_dl.nn.module import Module
from hello_dl.nn.parameter import Parameter
from hello_dl.nn.tree import Tree


class _Row(Module):
    """A list of members, which are attributes named "0", "1", ..., as in PyTorch."""

    _kind: type = Tree

    def _members(self) -> dict[str, Any]:
        return dict(self._own(self._kind))

    def _put(self, name: str, member: Any) -> None:
        self.add_module(name, member)

    def _refill(self, members: Iterable[Any]) -> None:
        """Take these members instead, numbered from 0."""
        members = list(members)
        for name in self._members():
            delattr(self, name)
        for i, member in enumerate(members):
            self._put(str(i), member)

    def __len__(self) -> int:
        return len(self._members())

    def __iter__(self) -> Iterator[Any]:
        return iter([value for value in vars(self).values() if isinstance(value, self._kind)])

    def __contains__(self, member: Any) -> bool:
        return any(member is other for other in self)

    def __getitem__(self, i: int | slice) -> Any:
        return list(self)[i]

    def __setitem__(self, i: int, member: Any) -> None:
        self._put(list(self._members())[i], member)

    def __delitem__(self, i: int | slice) -> None:
        members = list(self)
        del members[i]
        self._refill(members)

    def append(self, member: Any) -> Any:
        """Add a member at the end; returns the container."""
        self._put(str(len(self)), member)
        return self

    def extend(self, members: Iterable[Any]) -> Any:
        """Add members at the end; returns the container."""
        for member in list(members):
            self.append(member)
        return self

    def insert(self, index: int, member: Any) -> Any:
        """Add a member before the one that is number `index`; returns the container."""
        members = list(self)
        members.insert(operator.index(index), member)
        self._refill(members)
        return self

    def pop(self, index: int = -1) -> Any:
        """Take a member out and return it."""
        member = self[index]
        del self[index]
        return member


class Sequential(_Row):
    """Modules one after the other; each takes what the one before gives.

    `Sequential(a, b)` or `Sequential({"first": a, "second": b})`. Without names they are attributes
    named "0", "1", ..., so parameters are called `0.weight` as in PyTorch.
    """

    def __init__(self, *modules: Any) -> None:
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            for name, module in modules[0].items():
                self.add_module(name, module)
            return
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                fix = "put a * before a list" if isinstance(module, list | tuple) else "nn.ReLU()?"
                raise TypeError(f"Sequential takes modules; argument {i} is {module!r:.60}: {fix}")
            self.append(module)

    def forward(self, x: Any) -> Any:
        """Send x through all modules."""
        for module in self:
            x = module(x)
        return x

    def __getitem__(self, i: int | slice) -> Any:
        if not isinstance(i, slice):
            return super().__getitem__(i)
        part = Sequential()
        for name, module in list(self._members().items())[i]:
            setattr(part, name, module)  # the same modules under their old names, as in PyTorch
        return part


class ModuleList(_Row):
    """A list of modules that training finds. How they are used is up to `forward`."""

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        self.extend(modules or ())

    def __getitem__(self, i: int | slice) -> Any:
        members = list(self)[i]
        return ModuleList(members) if isinstance(i, slice) else members


class ParameterList(_Row):
    """A list of parameters that training finds. Tensors and arrays become parameters."""

    _kind = Parameter

    def __init__(self, values: Iterable[Any] | None = None) -> None:
        self.extend(values or ())

    def _put(self, name: str, member: Any) -> None:
        self.register_parameter(name, _parameter(member))

    def __getitem__(self, i: int | slice) -> Any:
        members = list(self)[i]
        return ParameterList(members) if isinstance(i, slice) else members

    def extra_repr(self) -> str:
        """Return the shapes."""
        return _shapes(self._members())


class _Names(Module):
    """A dict of members, which are attributes of those names."""

    _kind: type = Tree

    def _members(self) -> dict[str, Any]:
        return dict(self._own(self._kind))

    def __len__(self) -> int:
        return len(self._members())

    def __iter__(self) -> Iterator[str]:
        return iter(self._members())

    def __contains__(self, key: Any) -> bool:
        return key in self._members()

    def __getitem__(self, key: str) -> Any:
        return self._members()[key]

    def __setitem__(self, key: str, member: Any) -> None:
        self.add_module(key, member)

    def __delitem__(self, key: str) -> None:
        self[key]  # a KeyError for what is no member
        delattr(self, key)

    def keys(self) -> Iterable[str]:
        """Return the names."""
        return self._members().keys()

    def values(self) -> Iterable[Any]:
        """Return the members."""
        return self._members().values()

    def items(self) -> Iterable[tuple[str, Any]]:
        """Return the names with their members."""
        return self._members().items()

    def get(self, key: str, default: Any = None) -> Any:
        """Return a member, or `default` if there is none of that name."""
        return self._members().get(key, default)

    def pop(self, key: str) -> Any:
        """Take a member out and return it."""
        member = self[key]
        del self[key]
        return member

    def clear(self) -> None:
        """Take all members out."""
        for key in self._members():
            del self[key]

    def update(self, members: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
        """Add members, or put them in the place of those with the same names."""
        for key, member in dict(members).items():
            self[key] = member


class ModuleDict(_Names):
    """Modules by name that training finds. How they are used is up to `forward`."""

    def __init__(self, modules: Any = None) -> None:
        self.update(modules or {})


class ParameterDict(_Names):
    """Parameters by name that training finds. Tensors and arrays become parameters."""

    _kind = Parameter

    def __init__(self, parameters: Any = None) -> None:
        self.update(parameters or {})

    def __setitem__(self, key: str, member: Any) -> None:
        self.register_parameter(key, _parameter(member))

    def extra_repr(self) -> str:
        """Return the shapes."""
        return _shapes(self._members())


def _parameter(member: Any) -> Any:
    return member if isinstance(member, Parameter | None) else Parameter(member)


def _shapes(members: dict[str, Parameter]) -> str:
    return "\n".join(f"({name}): Parameter {p.shape} {p.dtype}" for name, p in members.items())
