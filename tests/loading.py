"""What the tests of loaders share: small data sets, crews of workers, and a look around after."""

import gc
import multiprocessing
import threading
import time

import numpy as np
import pytest
from helpers import plain

from hello_dl.data import Dataset, TensorDataset, current_generator, transforms

WORKERS = {
    "none": {},
    "1 thread": {"num_workers": 1},
    "3 threads": {"num_workers": 3, "prefetch_factor": 4},
    "2 processes": {"num_workers": 2, "worker": "process"},
}
SOME = {name: WORKERS[name] for name in ("none", "3 threads", "2 processes")}
each_kind = pytest.mark.parametrize("workers", WORKERS.values(), ids=WORKERS)
each_crew = pytest.mark.parametrize(
    "workers", [SOME["3 threads"], SOME["2 processes"]], ids=["threads", "processes"]
)


class Squares(Dataset):
    """Sample i is (i, i², a random number); it counts how often it was asked."""

    def __init__(self, count=23):
        self.count, self.asked = count, []

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        if not 0 <= i < self.count:
            raise IndexError(i)
        self.asked.append(i)
        return i, np.float32(i * i), current_generator().random()


class Trap(Squares):
    """Sample 13 cannot be had."""

    def __init__(self, error=ValueError, count=23):
        super().__init__(count)
        self.error = error

    def __getitem__(self, i):
        if i == 13:
            self.fall_into_it(i)
        return super().__getitem__(i)

    def fall_into_it(self, i):
        raise self.error(f"sample {i} is rotten")


class Slow(Squares):
    """Takes its time."""

    def __getitem__(self, i):
        time.sleep(0.02)
        return super().__getitem__(i)


def numbers(batches):
    """All numbers of some batches, to be compared."""
    return [[plain(part).tolist() for part in batch] for batch in batches]


def pictures(count=40):
    images = np.random.default_rng(5).integers(0, 256, (count, 12, 12), dtype=np.uint8)
    change = transforms.Compose(
        [
            transforms.RandomAffine(30, (0.2, 0.2), interpolation="bilinear"),
            transforms.ToTensor(),
            transforms.GaussianNoise(),
        ]
    )
    return TensorDataset(images, np.arange(count), transform=change)


def eventually(condition, seconds=5.0):
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


@pytest.fixture(name="nobody_left")
def nobody_left():
    """After each test there are the threads and processes that there were before."""
    before = set(threading.enumerate())
    yield
    gc.collect()
    assert eventually(lambda: set(threading.enumerate()) <= before), threading.enumerate()
    assert eventually(lambda: not multiprocessing.active_children())
