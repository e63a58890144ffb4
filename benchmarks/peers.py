"""One training step of every contestant. Each runs in a process of its own and prints its times.

python benchmarks/peers.py CASE PEER prints one JSON object: seconds of every timed step.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from pictures import CASES as PICTURES
from sequences import CASES as SEQUENCES

Step = Callable[[], object]


def two_moons(n: int = 100) -> tuple[list[list[float]], list[int]]:
    """Two interleaved half circles, n points in all, with labels +1 and -1."""
    import math

    rng = random.Random(0)
    points, labels = [], []
    for i in range(n):
        angle, upper = math.pi * (i // 2) / (n // 2), i % 2 == 0
        x, y = math.cos(angle), math.sin(angle)
        x, y = (x, y) if upper else (1 - x, 0.5 - y)
        points.append([x + rng.gauss(0, 0.1), y + rng.gauss(0, 0.1)])
        labels.append(1 if upper else -1)
    return points, labels


def moons_step(net: Any, value: type) -> Step:
    """One step on all points: hinge loss plus L2, as in micrograd's demonstration."""
    points, labels = two_moons()
    parameters = net.parameters()

    def step() -> float:
        scores = [net([value(x) for x in point]) for point in points]
        losses = [(1 + -label * score).relu() for label, score in zip(labels, scores)]
        loss = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in parameters)
        for p in parameters:
            p.grad = 0.0
        loss.backward()
        for p in parameters:
            p.data -= 0.05 * p.grad
        return loss.data

    return step


def moons_micrograd() -> Step:
    """Build micrograd's own net."""
    from micrograd.engine import Value
    from micrograd.nn import MLP

    random.seed(0)
    return moons_step(MLP(2, [16, 16, 1]), Value)


def moons_values() -> Step:
    """Build ours out of single Values."""
    from hello_dl import MLP, Value

    return moons_step(MLP(2, [16, 16, 1], seed=0), Value)


def moons_compiled() -> Step:
    """Compile the graph of one point and its loss, and run it on all points at once."""
    import numpy

    from hello_dl import MLP, Value, compile

    points, labels = two_moons()
    net, x, label = MLP(2, [16, 16, 1], seed=0), [Value(0.0), Value(0.0)], Value(1.0)
    hinge = (1 - label * net(x)).relu()
    loss = hinge + 1e-4 * sum(p * p for p in net.parameters())
    program = compile(loss, [*x, label], net.parameters())
    examples = numpy.column_stack([points, labels])  # (100, 3)
    upstream = numpy.full((len(points), 1), 1 / len(points))  # the mean over all points

    def step() -> float:
        losses = program.forward(examples)
        program.parameters -= 0.05 * program.backward(upstream)
        return losses.mean()

    return step


def moons_tensor() -> Step:
    """Spell the same in Tensors."""
    import hello_dl
    from hello_dl import Tensor, nn, optim

    hello_dl.manual_seed(0)
    points, labels = two_moons()
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
    for p in net.parameters():
        p.data = p.data.astype("float64")
    optimizer = optim.SGD(net.parameters(), lr=0.05, weight_decay=2e-4)  # the slope of 1e-4 p²
    x, y = Tensor(points, dtype="float64"), Tensor(labels, dtype="float64").reshape(-1, 1)

    def step() -> object:
        loss = (1 - y * net(x)).relu().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def digits_batches() -> list[tuple[Any, Any]]:
    """Batches of 64 digits (64, 784) with their labels, out of the file that run.py has written.

    Real training and not noise: weights of pixels that stay dark get no gradient, and the numbers
    in the momentum buffer become as small as they do in practice.
    """
    import numpy

    with numpy.load(os.environ["DIGITS"]) as file:  # a peer's process is its own: no hello_dl in it
        images, labels = file["images"], file["labels"]
    images = images.reshape(-1, 784).astype("float32") / 255
    return [(images[i : i + 64], labels[i : i + 64]) for i in range(0, len(images) - 63, 64)]


def digits_step(
    library: Any, functional: Any, tensor: Callable[..., Any], optimizer_name: str
) -> Step:
    """One step of 784-128-64-10 at batch 64, written once for both libraries."""
    nn = library.nn
    net = nn.Sequential(
        nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    options = {"lr": 0.05, "momentum": 0.9} if optimizer_name == "SGD" else {"lr": 1e-3}
    optimizer = getattr(library.optim, optimizer_name)(net.parameters(), **options)
    batches = [(tensor(images), tensor(labels)) for images, labels in digits_batches()]
    count = iter(range(sys.maxsize))

    def step() -> object:
        images, labels = batches[next(count) % len(batches)]
        loss = functional.cross_entropy(net(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def digits_compiled() -> Step:
    """Compile a net of 218,560 single Values; softmax, its gradient and momentum are in numpy."""
    import numpy

    from hello_dl import MLP, Value, compile

    net, x = MLP(784, [128, 64, 10], seed=0), [Value(0.0) for _ in range(784)]
    program = compile(net(x), x, net.parameters(), dtype="float32")
    velocity = numpy.zeros_like(program.parameters)
    batches, count = digits_batches(), iter(range(sys.maxsize))

    def step() -> object:
        images, labels = batches[next(count) % len(batches)]
        scores = program.forward(images)
        chances = numpy.exp(scores - scores.max(1, keepdims=True))
        chances /= chances.sum(1, keepdims=True)
        chances[numpy.arange(len(labels)), labels] -= 1  # the gradient of the cross-entropy
        gradient = program.backward(chances / len(labels))
        numpy.multiply(velocity, 0.9, out=velocity)
        numpy.add(velocity, gradient, out=velocity)
        program.parameters -= numpy.multiply(velocity, 0.05, out=gradient)
        return scores

    return step


def digits_torch(optimizer: str = "SGD") -> Step:
    """Use PyTorch as anybody would, eager, on the CPU."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(int(os.environ["THREADS"]))
    return digits_step(torch, torch.nn.functional, torch.from_numpy, optimizer)


def digits_tensor(optimizer: str = "SGD") -> Step:
    """Use our Tensors."""
    import hello_dl

    hello_dl.manual_seed(0)
    return digits_step(hello_dl, hello_dl.functional, hello_dl.Tensor, optimizer)


def digits_torch_cuda(optimizer: str = "SGD") -> Step:
    """Use PyTorch on the GPU; a step ends when the GPU has done it."""
    import torch

    torch.manual_seed(0)
    torch.set_default_device("cuda")

    def on_gpu(array: Any) -> Any:
        return torch.from_numpy(array).to("cuda")

    step = digits_step(torch, torch.nn.functional, on_gpu, optimizer)
    return lambda: (step(), torch.cuda.synchronize())


def digits_tensor_cuda(optimizer: str = "SGD") -> Step:
    """Use our Tensors on the GPU."""
    import cupy

    import hello_dl

    hello_dl.device("cuda")
    hello_dl.manual_seed(0)
    step = digits_step(hello_dl, hello_dl.functional, hello_dl.Tensor, optimizer)
    return lambda: (step(), cupy.cuda.Device().synchronize())


# case: (title, steps to warm up, steps to time, {peer: what makes its step}); ours comes first.
CASES: dict[str, tuple[str, int, int, dict[str, Callable[[], Step]]]] = {
    "moons": (
        "two moons, 2-16-16-1, 100 points, hinge + L2",
        2,
        20,
        {"hello_dl Value": moons_values, "micrograd": moons_micrograd},
    ),
    "moons-compiled": (
        "the same, compiled",
        50,
        500,
        {
            "hello_dl compiled": moons_compiled,
            "hello_dl Value": moons_values,
            "hello_dl Tensor": moons_tensor,
            "micrograd": moons_micrograd,
        },
    ),
    "digits": (
        "digits, 784-128-64-10, batch 64, SGD with momentum",
        500,
        1500,
        {"hello_dl Tensor": digits_tensor, "PyTorch": digits_torch},
    ),
    "digits-adam": (
        "the same with Adam",
        500,
        1500,
        {
            "hello_dl Tensor": partial(digits_tensor, "Adam"),
            "PyTorch": partial(digits_torch, "Adam"),
        },
    ),
    "digits-compiled": (
        "digits with SGD, compiled from 218,560 single Values",
        500,
        1500,
        {"hello_dl compiled": digits_compiled, "hello_dl Tensor": digits_tensor},
    ),
    "digits-cuda": (
        "digits on a GPU, SGD with momentum",
        200,
        1000,
        {"hello_dl Tensor on cuda": digits_tensor_cuda, "PyTorch on cuda": digits_torch_cuda},
    ),
    "digits-adam-cuda": (
        "digits on a GPU, Adam",
        200,
        1000,
        {
            "hello_dl Tensor on cuda": partial(digits_tensor_cuda, "Adam"),
            "PyTorch on cuda": partial(digits_torch_cuda, "Adam"),
        },
    ),
    **PICTURES,
    **SEQUENCES,
}


def main(case: str, peer: str) -> None:
    """Time the steps of one peer and print them."""
    _, warm_up, steps, peers = CASES[case]
    step = peers[peer]()
    timed(step, warm_up, least=2, budget=1.5)
    print(json.dumps(timed(step, steps, least=5, budget=4.0)))


def timed(step: Step, steps: int, least: int, budget: float) -> list[float]:
    """Run a step many times, fewer if it is slow: stop after `budget` seconds and `least` steps."""
    seconds: list[float] = []
    while len(seconds) < steps and (len(seconds) < least or sum(seconds) < budget):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    main(*sys.argv[1:])
