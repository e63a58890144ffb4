"""Containers: modules made of modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hello_dl.nn.module import Module


class Sequential(Module):
    """Modules one after the other; each takes what the one before gives.

    They are attributes named "0", "1", ..., so parameters are called `0.weight` as in PyTorch.
    """

    def __init__(self, *modules: Module) -> None:
        for i, module in enumerate(modules):
            if not isinstance(module, Module):
                fix = "put a * before a list" if isinstance(module, list | tuple) else "nn.ReLU()?"
                raise TypeError(f"Sequential takes modules; argument {i} is {module!r:.60}: {fix}")
            setattr(self, str(i), module)

    def forward(self, x: Any) -> Any:
        """Send x through all modules."""
        for module in self.children():
            x = module(x)
        return x

    def __len__(self) -> int:
        return len(list(self.children()))

    def __getitem__(self, i: int | slice) -> Module:
        if not isinstance(i, slice):
            return list(self.children())[i]
        part = Sequential()
        for name, module in list(self.named_children())[i]:
            setattr(part, name, module)  # the same modules under their old names, as in PyTorch
        return part

    def __iter__(self) -> Iterator[Module]:
        return self.children()
