"""Curves as PNG files. No window is ever opened, and no display is needed."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def usable_matplotlib() -> None:
    """Let matplotlib keep its settings in a temporary folder where the home folder is read-only.

    To be called before matplotlib is imported: it would complain on every start.
    """
    if "MPLCONFIGDIR" in os.environ or _has_place_for_settings():
        return
    folder = tempfile.mkdtemp(prefix="hello_dl-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    os.environ["MPLCONFIGDIR"] = folder


def _has_place_for_settings() -> bool:
    """Try to make the folder where matplotlib keeps its settings, as itself will do."""
    try:
        folder = Path.home() / ".matplotlib"
        if sys.platform.startswith(("linux", "freebsd")):
            config = os.environ.get("XDG_CONFIG_HOME")
            folder = (Path(config) if config else Path.home() / ".config") / "matplotlib"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # RuntimeError: there is no home folder
        return False
    return os.access(folder, os.W_OK)


def draw_curves(
    path: Path,
    title: str,
    losses: Sequence[float],
    train_accuracy: Sequence[float],
    test_accuracy: Sequence[float],
) -> None:
    """Write a PNG: the loss of every step, and accuracy 0..1 after every epoch."""
    usable_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # slow to import, rarely needed
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)

    steps = np.arange(1, len(losses) + 1)
    left.plot(steps, losses, color="tab:blue", alpha=0.25, linewidth=0.6, label="one batch")
    memory = 1 - 1 / min(max(len(losses) / 30, 2), 50)  # shorter where there are few steps
    left.plot(steps, moving_average(losses, memory), color="tab:blue", label="moving average")
    left.set(xlabel="step", ylabel="cross-entropy loss", yscale="log")
    left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    left.yaxis.set_major_formatter(FuncFormatter(lambda loss, _: f"{loss:g}"))
    left.yaxis.set_minor_formatter(NullFormatter())

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


def draw_lr_curve(
    path: Path, lrs: Sequence[float], losses: Sequence[float], suggestion: float
) -> None:
    """Write a PNG: the loss at learning rates that grow from left to right, and the one to take."""
    usable_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot(lrs, losses, color="tab:blue")
    at = int(np.abs(np.log(lrs) - np.log(suggestion)).argmin())
    axes.plot(lrs[at], losses[at], "o", color="tab:orange", label=f"suggestion: {suggestion:.2g}")
    axes.set(xlabel="learning rate", ylabel="loss, smoothed", xscale="log")
    usual = losses[0]  # an explosion at the right would leave no room for the rest
    axes.set_ylim(min(losses) - 0.1 * usual, min(max(losses), 1.5 * usual))
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
