"""Curves as PNG files. No window is ever opened, and no display is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def draw_curves(
    path: Path,
    title: str,
    losses: Sequence[float],
    train_accuracy: Sequence[float],
    test_accuracy: Sequence[float],
) -> None:
    """Write a PNG: the loss of every step, and accuracy 0..1 after every epoch."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import, rarely needed
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)

    steps = np.arange(1, len(losses) + 1)
    left.plot(steps, losses, color="tab:blue", alpha=0.25, linewidth=0.6, label="one batch")
    left.plot(steps, moving_average(losses), color="tab:blue", label="moving average")
    left.set(xlabel="step", ylabel="cross-entropy loss", yscale="log")

    epochs = range(1, len(test_accuracy) + 1)
    for values, label, color in (
        (train_accuracy, "training digits, while learning", "tab:gray"),
        (test_accuracy, "test digits", "tab:green"),
    ):
        shown = [100 * value for value in values]
        right.plot(epochs, shown, "o-", markersize=4, label=label, color=color)
    right.set(xlabel="epoch", ylabel="accuracy, %")
    right.xaxis.get_major_locator().set_params(integer=True)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=120, format="png")


def moving_average(values: Sequence[float], memory: float = 0.98) -> list[float]:
    """Every value mixed with those before it, which fade by the factor `memory` each time."""
    mixed, weight, averages = 0.0, 0.0, []
    for value in values:
        mixed, weight = memory * mixed + (1 - memory) * value, memory * weight + (1 - memory)
        averages.append(mixed / weight)
    return averages
