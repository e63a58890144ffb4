"""Lesson 07 · The same net on blocks: what if a whole layer were one operation?

You will spell a layer as one operation on a block of numbers, and give every operation its way
back by hand. Then the net of lesson 05 runs on blocks. Are the gradients the same? How many
operations are left, and how long do they take?
"""

import math
import random
import time

import numpy as np

from hello_dl import graph
from hello_dl.course import begin
from hello_dl.neuron import MLP
from hello_dl.show import draw
from hello_dl.tensor import Tensor

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% A layer is a matrix product.
lesson.section("A layer is a matrix product")

weights = np.array([[1.0, 0.5, -2.0], [2.0, -1.0, 0.0]])  # a column for each of 3 neurons
bias = np.array([0.0, 0.25, 1.0])
point = np.array([3.0, 1.0])

one_by_one = [point[0] * weights[0, i] + point[1] * weights[1, i] + bias[i] for i in range(3)]
print("Three neurons, one by one: ", *(f"{y:6.2f}" for y in one_by_one))
print("point @ weights + bias:    ", *(f"{y:6.2f}" for y in point @ weights + bias))
print("@ is the matrix product, found in lesson 06: each row on the left meets each")
print("column on the right, number by number, and all products are added up: a neuron.")
points = np.array([[3.0, 1.0], [0.0, 2.0], [-1.0, 1.0], [1.0, 1.0]])  # (4 points, 2 numbers)
shape = (points @ weights + bias).shape
print(f"Four points at once: {points.shape} @ {weights.shape} + {bias.shape} is {shape}")

# %% Build it here: every operation with its way back.
lesson.section("Build it here: the value beside its pulls")

print("A Value kept a slope on each edge. Between blocks that would be a huge table.")
print("So keep a pull: a function from the result's gradient g to that of one input.")


def matmul(a, b):
    """Multiply matrices. a is (m, n), b is (n, k), and g is (m, k)."""
    return a @ b, (lambda g: g @ b.T, lambda g: a.T @ g)


def add_row(a, row):
    """Add a row to every row of a. It took part m times, so its gradients add up."""
    return a + row, (lambda g: g, lambda g: g.sum(axis=0))


def relu(a):
    """Keep what is positive. Gradients pass where it did."""
    return np.maximum(a, 0), (lambda g: g * (a > 0),)


# Forward: keep the pulls. Backward: call them in reverse order. There are no loops over numbers.
product, (_, pull_weights) = matmul(points, weights)
total, (pull_product, pull_bias) = add_row(product, bias)
active, (pull_total,) = relu(total)
g = pull_total(np.ones_like(active))  # the gradient of active.sum() is 1 everywhere
by_hand = pull_weights(pull_product(g)), pull_bias(g)
print(f"The gradient of 6 weights, by hand: {by_hand[0].tolist()}")

# %% Check that it equals the library's.
lesson.section("Check: Tensor keeps the pulls for you")

W, b = Tensor(weights, requires_grad=True, name="W"), Tensor(bias, requires_grad=True, name="b")
(Tensor(points) @ W + b).relu().sum().backward()
print(f"The gradient of W, by Tensor:       {W.grad.tolist()}")
pairs = zip((W.grad.tolist(), b.grad.tolist()), by_hand)
lesson.expect("largest difference", max(np.abs(x - y).max() for x, y in pairs), 0, 1e-12)
print("Each operation in hello_dl/ops is such a function. Open matmul.py and see.")

# %% The net of lesson 05, twice.
lesson.section("The net of lesson 05, twice")

rng = random.Random(7)
moons, labels = [], []
for i in range(100):
    angle, label = math.pi * i / 100, 1.0 if i % 2 == 0 else -1.0
    x, y = label * math.cos(angle), label * math.sin(angle)  # the upper moon, or the lower one
    x, y = (x, y) if label > 0 else (x + 1, y + 0.5)
    moons.append([x + rng.gauss(0, 0.1), y + rng.gauss(0, 0.1)])
    labels.append(label)

net = MLP(2, [16, 16, 1], seed=7)  # of single Values


def loss_of_values():
    """How far each point is on the wrong side, on average, number by number (hinge loss)."""
    losses = [(1 - label * net(point)).relu() for point, label in zip(moons, labels)]
    return sum(losses) * (1 / len(losses))


# The same weights, layer by layer, as blocks.
blocks = []
for i, layer in enumerate(net.layers, start=1):
    columns = np.array([[w.data for w in neuron.weights] for neuron in layer.neurons]).T
    biases = np.array([neuron.bias.data for neuron in layer.neurons])
    blocks.append(Tensor(columns, requires_grad=True, name=f"W{i}", op="parameter"))
    blocks.append(Tensor(biases, requires_grad=True, name=f"b{i}", op="parameter"))
inputs = Tensor(np.array(moons), name="points")  # (100, 2)
targets = Tensor(np.array(labels).reshape(-1, 1), name="labels")  # (100, 1)


def net_of_blocks(x):
    """Score all points at once: (n, 2) -> (n, 1)."""
    W1, b1, W2, b2, W3, b3 = blocks
    hidden = (x @ W1 + b1).relu()  # (n, 16)
    hidden = (hidden @ W2 + b2).relu()  # (n, 16)
    return hidden @ W3 + b3


def loss_of_blocks():
    """The same, all at once."""
    return (1 - targets * net_of_blocks(inputs)).relu().mean()


def operations(result):
    """Count the nodes of a graph that were computed, leaves left out."""
    return sum(bool(node.parents) for node in graph.ancestors(result))


def timed_steps(make_loss, parameters, repeat):
    """Go forward and backward some times; return the loss and the median of the seconds."""
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        for p in parameters:
            p.zero_grad()
        loss = make_loss()
        loss.backward()
        seconds.append(time.perf_counter() - start)
    return loss, sorted(seconds)[repeat // 2]


print(f"The score of one point, by Values: {operations(net(moons[0]))} operations.")
print(f"The scores of all points, by Tensors: {operations(net_of_blocks(inputs))} operations.")
value_loss, value_seconds = timed_steps(loss_of_values, net.parameters(), repeat=3)
block_loss, block_seconds = timed_steps(loss_of_blocks, blocks, repeat=101)
print(f"\n{'one step':12}{'loss':>16}{'time':>14}")
print(f"{'Values':12}{value_loss.item():16.12f}{value_seconds * 1e3:11.2f} ms")
print(f"{'Tensors':12}{block_loss.item():16.12f}{block_seconds * 1e3:11.2f} ms")
of_values = np.array([p.grad for p in net.parameters()])  # each neuron: its weights, its bias
pairs = zip(blocks[::2], blocks[1::2])
pieces = [np.vstack([W.grad.tolist(), b.grad.tolist()]).T.reshape(-1) for W, b in pairs]
print(f"There are {len(of_values)} gradients on both sides.")
lesson.expect("largest difference", np.abs(of_values - np.concatenate(pieces)).max(), 0, 1e-12)
lesson.expect("blocks are faster by a factor of", value_seconds / block_seconds, 50, math.inf)
print("The arithmetic is the same. Python's work around every single number is gone.")

# %% The pictures.
lesson.section("Look at it")

one_point = (1 - labels[0] * net(moons[0])).relu()
one_point.backward(retain_graph=True)
many = loss_of_blocks()
many.backward(retain_graph=True)
print("One point through Values, a box a layer; all points through Tensors:")
lesson.saved(draw(one_point, lesson.out / "values.svg", collapse=True))
lesson.saved(draw(many, lesson.out / "tensors.svg"))

# %% Watch it work.
lesson.section("Watch it work")


def accuracy():
    """Share of points on the right side, in percent."""
    return 100 * float(np.mean((net_of_blocks(inputs).numpy() > 0) == (targets.numpy() > 0)))


print(f"200 steps on blocks. Before: {accuracy():.0f} % of the points right.")
for i in range(200):
    loss, _ = timed_steps(loss_of_blocks, blocks, repeat=1)
    for p in blocks:
        p.data -= 0.2 * p.grad
    if (i + 1) % 50 == 0:
        print(f"  step {i + 1:4}   loss {loss.item():.4f}   right {accuracy():3.0f} %")
print(f"Single Values would need {200 * value_seconds:.0f} s for that.")
lesson.expect("accuracy on the moons", accuracy(), 95, 100, unit="%")

lesson.finish(
    learned=[
        "A layer for many examples is one matrix product, and its gradient is two more.",
        "An operation on blocks keeps a pull for each input instead of a slope.",
        "What was stretched going forward is summed going back.",
    ],
    try_this=[
        "Leave the .sum(axis=0) out of add_row. Which shape has the gradient of the bias now?",
        "Write tanh with its pull. Its slope is 1 - tanh². Check it against Tensor.tanh.",
        "Make the net 2-64-64-1 on both sides. How does the factor in time change?",
    ],
)
