"""Training steps on pictures: LeNet-5, a small CNN, a single convolution. peers.py runs them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

Step = Callable[[], object]
Tools = tuple[Any, Any, Callable[[Any], Any], Callable[[], object]]  # what `libraries` makes


def hello() -> Tools:
    """Return our library: itself, its functions, what makes a Tensor, and what waits for it."""
    import hello_dl

    hello_dl.manual_seed(0)
    return hello_dl, hello_dl.functional, hello_dl.Tensor, lambda: None


def hello_numpy() -> Tools:
    """Return our library on numpy alone, without the extra `fast`."""
    from hello_dl.backend import use_fast

    use_fast(False)
    return hello()


def hello_cuda() -> Tools:
    """Return our library on the GPU; a step ends when the GPU has done it."""
    import cupy

    import hello_dl

    hello_dl.device("cuda")
    return *hello()[:3], cupy.cuda.Device().synchronize


def pytorch() -> Tools:
    """Return PyTorch as anybody would use it, eager, on the CPU."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(int(os.environ["THREADS"]))
    return torch, torch.nn.functional, torch.from_numpy, lambda: None


def pytorch_cuda() -> Tools:
    """Return PyTorch on the GPU; a step ends when the GPU has done it."""
    import torch

    torch.set_default_device("cuda")
    library, functional, tensor, _ = pytorch()
    return library, functional, lambda x: tensor(x).to("cuda"), torch.cuda.synchronize


def lenet(nn: Any) -> Any:
    """Build LeNet-5 of the layers of one library, as hello_dl/models/lenet.py has it."""
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(6, 16, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def cnn(nn: Any) -> Any:
    """Build the small net of hello_dl/models/cnn.py."""

    def found(channels: int, features: int) -> tuple[Any, ...]:
        kernels = nn.Conv2d(channels, features, 3, padding=1, bias=False)
        return kernels, nn.BatchNorm2d(features), nn.ReLU()

    return nn.Sequential(
        *(*found(1, 32), nn.MaxPool2d(2), *found(32, 64), nn.MaxPool2d(2)),
        *(*found(64, 64), *found(64, 64), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Dropout(0.3), nn.Linear(576, 10)),
    )


def net_step(tools: Callable[[], Tools], build: Callable[[Any], Any], batch_size: int) -> Step:
    """One step of a net with Adam, on digits (n, 1, 28, 28) out of the file of run.py."""
    import numpy

    library, functional, tensor, wait = tools()
    with numpy.load(os.environ["DIGITS"]) as file:
        images, labels = file["images"], file["labels"]
    images = images[:, None].astype("float32") / 255
    starts = range(0, len(images) - batch_size + 1, batch_size)
    batches = [
        (tensor(images[i : i + batch_size]), tensor(labels[i : i + batch_size])) for i in starts
    ]
    net = build(library.nn)
    optimizer = library.optim.Adam(net.parameters(), lr=1e-3)
    count = iter(range(sys.maxsize))

    def step() -> object:
        pictures, labels = batches[next(count) % len(batches)]
        loss = functional.cross_entropy(net(pictures), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        wait()
        return loss

    return step


def convolution_step(tools: Callable[[], Tools]) -> Step:
    """Forwards and backwards through 64 kernels of 3 x 3, for 32 pictures of 32 x 28 x 28."""
    import numpy

    library, functional, tensor, wait = tools()
    draw = numpy.random.default_rng(0)
    shapes = (32, 32, 28, 28), (64, 32, 3, 3), (64,), (32, 64, 28, 28)
    x, weight, bias, upstream = (tensor(draw.standard_normal(s, "float32")) for s in shapes)
    leaves = [leaf.requires_grad_(True) for leaf in (x, weight, bias)]

    def step() -> object:
        y = functional.conv2d(x, weight, bias, padding=1)
        for leaf in leaves:
            leaf.grad = None
        y.backward(upstream)
        wait()
        return y

    return step


def both(step: Callable[..., Step], *arguments: Any, cuda: bool = False) -> dict[str, Any]:
    """Return the peers of a case; ours comes first."""
    if cuda:
        peers = {"hello_dl Tensor on cuda": hello_cuda, "PyTorch on cuda": pytorch_cuda}
    else:
        peers = {"hello_dl fast": hello, "hello_dl Tensor": hello_numpy, "PyTorch": pytorch}
    return {name: partial(step, tools, *arguments) for name, tools in peers.items()}


LENET, CONVOLUTION = (
    "LeNet-5, Adam, batch",
    "3 x 3, 32 to 64 channels, 28 x 28, batch 32, both ways",
)

# As in peers.py: (title, steps to warm up, steps to time, {peer: what makes its step}).
CASES: dict[str, tuple[str, int, int, dict[str, Callable[[], Step]]]] = {
    "lenet": (f"{LENET} 64", 50, 400, both(net_step, lenet, 64)),
    "lenet-256": (f"{LENET} 256", 20, 150, both(net_step, lenet, 256)),
    "cnn": ("small CNN with batch norm, Adam, batch 128", 5, 60, both(net_step, cnn, 128)),
    "conv": (f"convolution {CONVOLUTION}", 10, 100, both(convolution_step)),
    "lenet-cuda": (f"{LENET} 64, on a GPU", 100, 1000, both(net_step, lenet, 64, cuda=True)),
    "lenet-256-cuda": (f"{LENET} 256, on a GPU", 100, 1000, both(net_step, lenet, 256, cuda=True)),
    "conv-cuda": (f"on a GPU: {CONVOLUTION}", 100, 500, both(convolution_step, cuda=True)),
}
