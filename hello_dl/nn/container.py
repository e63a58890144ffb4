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
            setattr(self, str(i), module)

    def forward(self, x: Any) -> Any:
        """Send x through all modules."""
        for module in self.children():
            x = module(x)
        return x

    def __len__(self) -> int:
        return len(list(self.children()))

    def __getitem__(self, i: int) -> Module:
        return list(self.children())[i]

    def __iter__(self) -> Iterator[Module]:
        return self.children()
