"""Live tensors and memory stay flat over 1,000 steps of training."""

import gc
import os

import numpy as np
import pytest
from helpers import DEVICES, live, on_device

import hello_dl
from hello_dl import Tensor, nn, optim
from hello_dl import functional as F
from hello_dl.backend import to_device
from hello_dl.graph import Node


def resident() -> int:
    """Bytes of memory that this process holds, or 0 where the system does not say."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
    except OSError:
        return 0


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("optimizer", [optim.SGD, optim.Adam])
def test_live_tensors_and_memory_are_flat_over_a_thousand_steps(optimizer, device):
    hello_dl.manual_seed(0)
    layers = [nn.Linear(64, 32), nn.LayerNorm(32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 10)]
    net = nn.Sequential(*layers).to(device)
    steps = optimizer(net.parameters(), lr=1e-3)
    x = Tensor(on_device(np.ones((64, 64), "float32"), device))
    y = Tensor(on_device(np.arange(64) % 10, device))

    def step():
        steps.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        steps.step()
        return to_device(loss.data, "cpu")

    gc.disable()  # cycles would be found out by the count of live nodes
    try:
        for _ in range(100):
            step()
        nodes, memory = live(Node), resident()
        for _ in range(1000):
            step()
        assert sum(issubclass(type(x), Node) for x in gc.get_objects()) == nodes
        assert resident() - memory < 8e6
    finally:
        gc.enable()
