"""A residual net on the pictures of CIFAR-10: accuracy after every epoch, and the time it took.

python benchmarks/cifar.py --device cuda [--model resnet20] [--epochs 50] [--data DIR]

The pictures are those that `hello_dl.data.CIFAR10` finds, and the recipe is that of lesson 13,
hello_dl/train/pictures.py. The last line is the accuracy on the test pictures after the last epoch:
none is chosen by its accuracy.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np

import hello_dl
from hello_dl import models, nn
from hello_dl.data import CIFAR10, ImageSet
from hello_dl.train import Epoch
from hello_dl.train.live import epoch_line
from hello_dl.train.pictures import picture_training

MODELS: dict[str, Callable[[], nn.Module]] = {
    "resnet20": models.resnet20,
    "resnet18": models.resnet18,
    "resnet9": models.ResNet9,
    "resnet8": partial(models.ResNet, (16, 32, 64), 1),
}


def some(pictures: ImageSet, most: int | None) -> ImageSet:
    """Take so many of the pictures, of all classes; they are sorted by class."""
    chosen = np.linspace(0, len(pictures) - 1, most or len(pictures)).astype(int)
    return ImageSet(pictures.images[chosen], pictures.targets[chosen], pictures.classes)


def main() -> None:
    """Train, and tell of it."""
    options = parse()
    hello_dl.device(options.device)
    hello_dl.manual_seed(options.seed)
    start = time.perf_counter()
    halves = [CIFAR10(options.data, half, download=False) for half in (True, False)]
    print(*map(repr, halves), halves[0].note, sep="\n")
    print(f"loaded in {time.perf_counter() - start:.1f} s")
    train, test = (some(half, options.pictures) for half in halves)

    make, start = MODELS[options.model], time.perf_counter()
    few = some(train, 2 * options.batch_size)
    for _ in picture_training(make(), few, few, epochs=1, batch_size=options.batch_size):
        pass
    seconds = time.perf_counter() - start
    print(f"two steps with another net, in which kernels are compiled: {seconds:.1f} s")

    net, start = make(), time.perf_counter()
    count = sum(p.numel() for p in net.parameters())
    print(f"{options.model}, {count:,} parameters, on {options.device}", flush=True)
    names = ("epochs", "batch_size", "lr", "weight_decay", "label_smoothing")
    settings = {name: getattr(options, name) for name in names}
    for record in picture_training(net, train, test, **settings):
        if isinstance(record, Epoch):
            print(f"{epoch_line(record)}   {record.seconds:.1f} s", flush=True)
            share = record.validation["accuracy"]
    print(f"training, with the tests between epochs: {time.perf_counter() - start:.1f} s")
    right = round(share * len(test))
    print(f"test accuracy {100 * share:.2f} % ({right:,} of {len(test):,}, CIFAR-10)")


def parse() -> argparse.Namespace:
    """Read the flags."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--model", default="resnet20", choices=MODELS)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=0.2, help="the highest learning rate")
    parser.add_argument("--weight-decay", type=float, default=5e-4)
    parser.add_argument("--label-smoothing", type=float, default=0.1)
    parser.add_argument("--pictures", type=int, help="take only so many of each half")
    parser.add_argument("--data", help="a folder that holds the archive or the zip")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
