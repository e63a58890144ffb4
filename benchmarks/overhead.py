"""What the engine adds to an operation: Python's part, on blocks so small that numpy's is nothing.

python benchmarks/overhead.py prints, for the forward pass with recording and for backward, the
microseconds of an operation in numpy, in ours, the difference, and PyTorch's where it is installed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import hello_dl
from hello_dl import functional as F

Figures = dict[str, dict[str, float]]

LINKS = 50  # operations in a chain
X = np.random.default_rng(0).standard_normal((8, 8)).astype(np.float32)
W = X / 8

# name: the operation by numpy, by us, by PyTorch; each takes a block and gives one of that shape.
OPERATIONS: dict[str, tuple[Callable, Callable, Callable]] = {
    "add": (lambda x, w: x + w, lambda x, w: x + w, lambda x, w: x + w),
    "multiply by a number": (lambda x, w: x * 0.5, lambda x, w: x * 0.5, lambda x, w: x * 0.5),
    "relu": (
        lambda x, w: np.maximum(x, 0),
        lambda x, w: x.relu(),
        lambda x, w: x.relu(),
    ),
    "tanh": (lambda x, w: np.tanh(x), lambda x, w: x.tanh(), lambda x, w: x.tanh()),
    "matrix product": (lambda x, w: x @ w, lambda x, w: x @ w, lambda x, w: x @ w),
    "reshape": (
        lambda x, w: x.reshape(8, 8),
        lambda x, w: x.reshape(8, 8),
        lambda x, w: x.reshape(8, 8),
    ),
    "linear": (lambda x, w: x @ w.T, lambda x, w: F.linear(x, w), lambda x, w: x @ w.T),
}


def chain(operation: Callable, x: Any, w: Any) -> Any:
    """Apply an operation to its own result, many times."""
    for _ in range(LINKS):
        x = operation(x, w)
    return x


def microseconds(operation: Callable, x: Any, w: Any, repeats: int = 300) -> float:
    """Median time of one link of a chain, in microseconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        chain(operation, x, w)
        times.append(time.perf_counter() - start)
    return statistics.median(times) / LINKS * 1e6


def measure() -> Figures:
    """Time every operation: microseconds by who did it, under its name."""
    figures: Figures = {}
    for name, (by_numpy, by_us, by_torch) in OPERATIONS.items():
        x = hello_dl.Tensor(X, requires_grad=True)
        w = hello_dl.Tensor(W, requires_grad=True)
        row = {"numpy": microseconds(by_numpy, X, W), "hello_dl": microseconds(by_us, x, w)}
        row["overhead"] = row["hello_dl"] - row["numpy"]
        if find_spec("torch"):
            import torch

            torch.set_num_threads(1)
            tx, tw = (torch.tensor(a, requires_grad=True) for a in (X, W))
            row["PyTorch"] = microseconds(by_torch, tx, tw)
        figures[name] = row
    return figures


def table(figures: Figures) -> Table:
    """Lay the figures out for reading."""
    out = Table(title="one operation on 8 x 8 numbers, microseconds", title_justify="left")
    for column in ("what", "numpy", "hello_dl, recorded", "overhead", "PyTorch, recorded"):
        out.add_column(column, justify="left" if column == "what" else "right")
    for name, row in figures.items():
        ours = (f"{row[who]:.2f}" for who in ("numpy", "hello_dl", "overhead"))
        theirs = f"{row['PyTorch']:.2f}" if "PyTorch" in row else "not installed"
        out.add_row(name, *ours, theirs)
    median = statistics.median(row["overhead"] for row in figures.values())
    out.add_row("median overhead", "", "", f"{median:.2f}", "")
    return out


if __name__ == "__main__":
    Console(width=100).print(table(measure()))
