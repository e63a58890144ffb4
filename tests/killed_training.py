"""A training that is killed over and over, for test_resume.py: its own process, which forks.

    python killed_training.py FOLDER KIND SEED

trains in a child to the end, in FOLDER/whole. Then in FOLDER/killed, in children that get SIGKILL,
each going on where the last one was, until one comes to its end: by turns just before a checkpoint
takes the place of the one before it, just after, and after a random time. Prints how many were
killed.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import numpy as np

from hello_dl import manual_seed, nn, optim
from hello_dl.backend.random import keep_mask
from hello_dl.data.dataset import TensorDataset
from hello_dl.data.loader import DataLoader
from hello_dl.data.randomness import current_generator
from hello_dl.optim.lr_scheduler import CosineAnnealingLR
from hello_dl.train import accuracy, fit
from hello_dl.train.checkpoint import save


class Drop(nn.Module):
    """Dropout in its plainest form, with the library's random numbers."""

    def forward(self, x):
        return x * keep_mask(x.shape, 0.3, "cpu") if self.training else x


def data(count, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(count, 6)).astype(np.float32)
    return TensorDataset(x, (x[:, 0] * x[:, 1] > 0).astype(np.int64) + (x[:, 2] > 1))


class Noisy(TensorDataset):
    """Samples with noise, which is new in every epoch."""

    def __getitem__(self, index):
        x, y = super().__getitem__(index)
        return x + current_generator().normal(size=x.shape).astype(np.float32) / 10, y


class Plain:
    """A loader without a position: a new random order in every epoch."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return 7

    def __iter__(self):
        from hello_dl.backend.random import generator

        order = generator().permutation(len(self.dataset))
        return (self.dataset[order[i : i + 9].tolist()] for i in range(0, 60, 9))


KINDS = {
    "adam": {"optimizer": lambda p: optim.Adam(p, lr=0.02), "options": {}},
    "sgd": {"optimizer": lambda p: optim.SGD(p, lr=0.2, momentum=0.9), "options": {"clip": 0.5}},
    "accumulate": {
        "optimizer": lambda p: optim.AdamW(p, lr=0.02),
        "options": {"accumulate": 2},
    },
    "stops": {
        "optimizer": lambda p: optim.Adam(p, lr=0.05),
        "options": {"patience": 3, "epochs": 100},
    },
    "workers": {
        "optimizer": lambda p: optim.Adam(p, lr=0.01),
        "options": {"accumulate": 3},
        "loader": lambda d: DataLoader(Noisy(*d.tensors), 9, shuffle=True, num_workers=2),
    },
    "plain": {
        "optimizer": lambda p: optim.RMSprop(p, lr=0.01),
        "options": {},
        "loader": Plain,
    },
}


def train(folder, kind):
    """The program that somebody might write, started the same way every time."""
    settings = KINDS[kind]
    manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), Drop(), nn.Linear(16, 3))
    optimizer = settings["optimizer"](model.parameters())
    make = settings.get("loader", lambda d: DataLoader(d, 9, shuffle=True))
    options = {
        "epochs": 10,
        "metrics": {"accuracy": accuracy},
        "schedule": CosineAnnealingLR(optimizer, T_max=50),
        "validate": DataLoader(data(40, 1), 16, shuffle=True),
        "save_every": 3,
        "log_every": 1,
        "resume": True,
        **settings["options"],
    }
    for _ in fit(model, make(data(60, 0)), optimizer=optimizer, out=folder, **options):
        pass
    save(folder / "model.safetensors", model, {})


def kill_at_replace(number, before):
    """Let this process die as it replaces a file for the nth time: just before, or just after."""
    replace, calls = os.replace, []

    def deadly(*paths):
        calls.append(paths)
        if len(calls) == number and before:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*paths)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    os.replace = deadly


def in_a_child(folder, kind, prepare=None, seconds=None):
    """Train in a child process; kill it after so many seconds. Tell whether it was killed."""
    child = os.fork()
    if not child:
        try:
            if prepare:
                prepare()
            train(folder, kind)
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        sys.exit("the training failed")
    return os.WIFSIGNALED(status)


def main():
    folder, kind, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    begun = time.perf_counter()
    in_a_child(folder / "whole", kind)
    whole = time.perf_counter() - begun
    chance, kills = random.Random(seed), 0
    ways = [
        lambda: {"prepare": lambda: kill_at_replace(2, before=True)},
        lambda: {"prepare": lambda: kill_at_replace(2, before=False)},
        lambda: {"seconds": chance.uniform(0.02, 0.4) * whole},
    ]
    while in_a_child(folder / "killed", kind, **ways[kills % 3]()):
        kills += 1
    print(kills)


if __name__ == "__main__":
    main()
