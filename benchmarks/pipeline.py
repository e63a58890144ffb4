"""How many pictures a second the data pipeline delivers, in time of one processor core.

python benchmarks/pipeline.py [--seconds S]; benchmarks/run.py runs it too.

A row is a DataLoader as one would use it for training: shuffled, transformed, in batches of float32
Tensors. Time is that of the process, so a busy machine counts less; the median of several epochs.
PyTorch's DataLoader, where it is installed, does the same with one index at a time, as it is made
to; its transforms are written out with its own operations, as torchvision is not asked for.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from hello_dl.data import DataLoader, TensorDataset, transforms
from hello_dl.data.digits import load_digits

MEAN, STD = 0.1307, 0.3081
PROMISED = {"normalized": 150_000, "affine": 15_000}  # pictures a second

Loader = Iterable[tuple]
Figures = dict[str, Any]


def ours(images: np.ndarray, labels: np.ndarray, size: int, *before: object) -> Loader:
    """Make a loader of our own; the transforms in `before` come first."""
    change = transforms.Compose([*before, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])
    data = TensorDataset(images, labels, transform=change)
    return DataLoader(data, batch_size=size, shuffle=True, generator=0)


def torch_loader(images: np.ndarray, labels: np.ndarray, size: int) -> Loader:
    """Make PyTorch's loader of the same."""
    import torch
    from torch.utils.data import DataLoader as TorchLoader
    from torch.utils.data import Dataset

    torch.set_num_threads(1)

    class Digits(Dataset):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, index: int) -> tuple:
            picture = torch.from_numpy(images[index]).unsqueeze(0).float().div(255)
            return picture.sub(MEAN).div(STD), int(labels[index])

    return TorchLoader(Digits(), batch_size=size, shuffle=True)


def cases(images: np.ndarray, labels: np.ndarray) -> dict[str, tuple[Callable[[], Loader], int]]:
    """List what is measured: its name, how the loader is made, and what was promised."""
    turned = {"degrees": 10, "translate": (0.1, 0.1), "scale": (0.9, 1.1), "shear": 5}
    bilinear = transforms.RandomAffine(**turned, interpolation="bilinear")
    nearest = transforms.RandomAffine(**turned)
    elastic = transforms.ElasticTransform(alpha=34.0, sigma=4.0)
    rows: dict[str, tuple[Callable[[], Loader], int]] = {}
    for size in (64, 256, 1000):
        rows[f"normalized, batch {size}"] = (
            lambda size=size: ours(images, labels, size),
            PROMISED["normalized"],
        )
    for size in (64, 1000):
        name = f"RandomAffine bilinear, batch {size}"
        rows[name] = (lambda size=size: ours(images, labels, size, bilinear), PROMISED["affine"])
    rows["RandomAffine nearest, batch 64"] = (lambda: ours(images, labels, 64, nearest), 0)
    rows["RandomCrop(28, padding=2), batch 64"] = (
        lambda: ours(images, labels, 64, transforms.RandomCrop(28, padding=2)),
        0,
    )
    rows["ElasticTransform, batch 64"] = (lambda: ours(images, labels, 64, elastic), 0)
    if importlib.util.find_spec("torch"):
        rows["PyTorch, normalized, batch 64"] = (lambda: torch_loader(images, labels, 64), 0)
    return rows


def speed(loader: Loader, seconds: float) -> float:
    """Pictures a second of processor time: the median over pieces of 0.1 s at least."""
    speeds: list[float] = []
    used, count, start = 0.0, 0, time.process_time()
    while used < seconds:
        for pictures, _ in loader:
            count += len(pictures)
            passed = time.process_time() - start
            if passed >= 0.1:
                speeds.append(count / passed)
                used += passed
                count, start = 0, time.process_time()
                if used >= seconds:
                    break
    return statistics.median(speeds)


def measure(seconds: float = 1.5) -> Figures:
    """Run all cases on one thread; which digits they had, and the figures by name."""
    digits = load_digits(download=False)
    rows = cases(digits.train_images, digits.train_labels)
    with threadpool_limits(1):
        figures = {
            name: {"pictures_per_second": speed(make(), seconds), "promised": promised}
            for name, (make, promised) in rows.items()
        }
    return {"digits": digits.name, "rows": figures}


def table(figures: Figures) -> Table:
    """Lay the figures out for reading."""
    out = Table(title=f"data pipeline, {figures['digits']}, one core", title_justify="left")
    out.add_column("what")
    out.add_column("pictures a second", justify="right")
    out.add_column("promised", justify="right")
    for name, row in figures["rows"].items():
        promised = f"{row['promised']:,}" if row["promised"] else ""
        out.add_row(name, f"{row['pictures_per_second']:,.0f}", promised)
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.5, help="for each row (default: 1.5)")
    Console(width=100).print(table(measure(parser.parse_args().seconds)))
