"""Lesson 05 · A net of numbers: what can many neurons do that one cannot?

You will solve XOR with two neurons by hand, then let a net find such weights by itself. Then a
net of 33 neurons learns to part two moons that no line can part, and you will see what it costs
to give every number a node of its own.
"""

import math
import random
import time

from matplotlib.figure import Figure

from hello_dl import graph
from hello_dl.course import begin
from hello_dl.neuron import MLP
from hello_dl.show import draw
from hello_dl.value import Value

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% XOR by hand: two neurons, and a third one that looks at the two.
lesson.section("XOR by hand")


corners, sides = [(-1, -1), (-1, 1), (1, -1), (1, 1)], [-1, 1, 1, -1]
print("Two neurons bend: relu(x + y) and relu(-x - y), and relu(s) is s, or 0 below 0.")
print("A third neuron takes both away from 1.\n")
print("   x   y   wanted   score   score without the bend")
for (x, y), side in zip(corners, sides):
    bent = 1 - max(x + y, 0) - max(-x - y, 0)
    straight = 1 - (x + y) - (-x - y)
    print(f"  {x:+}  {y:+}     {side:+}      {bent:+}       {straight:+}")
    assert bent * side > 0
print("\nAll signs are right: two lines make a band. Without the bend, a sum of lines is")
print("only another line, and many neurons are worth one.")

# %% A net that finds its own weights.
lesson.section("Build it here")


class OurNet:
    """Layers of neurons. A neuron is a list of weights and a bias. All but the last layer bend."""

    def __init__(self, sizes, seed):
        rng = random.Random(seed)
        self.layers = []
        for inputs, neurons in zip(sizes, sizes[1:]):
            spread = math.sqrt(2 / inputs)  # so that sums of many inputs do not get large
            self.layers.append([
                ([Value(rng.gauss(0, spread)) for _ in range(inputs)], Value(0.0))
                for _ in range(neurons)
            ])  # fmt: skip

    def __call__(self, x):
        for layer in self.layers:
            sums = [sum((w * i for w, i in zip(weights, x)), bias) for weights, bias in layer]
            x = [s.relu() for s in sums]  # what the next layer sees
        return sums[0]

    def parameters(self):
        return [p for layer in self.layers for weights, bias in layer for p in (*weights, bias)]


def loss_of(net, points, sides):
    """Return the average loss, and how many percent of the points are on their side."""
    scores = [net(point) for point in points]
    loss = sum((1 - side * score).relu() for side, score in zip(sides, scores))
    right = sum(side * score.data > 0 for side, score in zip(sides, scores))
    return loss * (1 / len(points)), 100 * right / len(points)


def step(net, loss, rate):
    """Move every parameter against its gradient."""
    loss.backward()
    for parameter in net.parameters():
        parameter.data -= rate * parameter.grad
        parameter.zero_grad()


starts = range(5 if lesson.quick else 10)
print("Forward, loss, backward, step: up to 100 times. Does a random start end in XOR?\n")
for hidden in (2, 4, 8):
    solved = 0
    for seed in starts:
        net = OurNet([2, hidden, 1], seed)
        for _ in range(100):
            loss, right = loss_of(net, corners, sides)
            if loss.data == 0:
                break
            step(net, loss, rate=0.2)
        solved += right == 100
    print(f"  {hidden} neurons and a last one: {solved:2} of {len(starts)} random starts succeed")
lesson.expect("\nsuccess with 8", 100 * solved / len(starts), 90, 100, unit="%")
print("Two are enough, as you saw by hand. But two seldom get there by themselves. So")
print("nets are made larger than they have to be: there are more ways to the goal.")

# %% The library's net is the same.
lesson.section("Check it")

ours, library = OurNet([2, 2, 1], seed=1), MLP(2, [2, 1], seed=1)
for net in (ours, library):
    score = net((1, -1))
    score.backward(retain_graph=True)
    last = "  ".join(f"{p.grad:.6f}" for p in net.parameters()[-3:])
    print(f"{type(net).__name__:6}  score {score.data:.6f}   last neuron's gradients  {last}")
assert [p.grad for p in ours.parameters()] == [p.grad for p in library.parameters()]
lesson.saved(draw(score, lesson.out / "net.svg"))
print("Look at the relu that is 0: its slope is 0, and no gradient passes. A neuron")
print("that is off everywhere learns nothing. That is how a small net gets stuck.")

# %% Two moons.
lesson.section("Watch it work: two moons")


def two_moons(count, rng):
    """Return points on two half circles that reach into each other, a little shaken."""
    points = []
    for i in range(count):
        angle = rng.uniform(0, math.pi)
        x, y = math.cos(angle), math.sin(angle)
        x, y = (x, y) if i % 2 else (1 - x, 0.5 - y)
        points.append((x + rng.gauss(0, 0.1), y + rng.gauss(0, 0.1)))
    return points, [1 if i % 2 else -1 for i in range(count)]


points, sides = two_moons(40 if lesson.quick else 100, random.Random(0))
new_points, new_sides = two_moons(200, random.Random(1))
xs, ys = [i / 13 - 1.5 for i in range(53)], [1.5 - i / 7 for i in range(19)]  # a grid to look at


def surface(net):
    """Compute the score all over the grid. No gradients needed, so nothing is recorded."""
    with graph.no_grad():
        return [[net((x, y)).data for x in xs] for y in ys]


def show(scores):
    """Print the points as 'o' and 'x', and dots where the score is positive."""
    rows = [["." if score > 0 else " " for score in row] for row in scores]
    for (x, y), side in zip(points, sides):
        rows[round((1.5 - y) * 7)][round((x + 1.5) * 13)] = "o" if side > 0 else "x"
    print("\n" + "\n".join("  |" + "".join(row) + "|" for row in rows) + "\n")


net = MLP(2, [16, 16, 1], seed=0)
print(f"33 neurons with {len(net.parameters())} parameters, before learning:")
show(before := surface(net))
steps, nodes = 30 if lesson.quick else 100, 0
began = time.perf_counter()
for number in range(1, steps + 1):
    loss, right = loss_of(net, points, sides)
    loss = loss + 1e-4 * sum(p * p for p in net.parameters())  # a small price on large weights
    nodes = nodes or len(graph.ancestors(loss))
    step(net, loss, rate=1 - 0.9 * number / steps)  # large steps first, small ones at last
    if number == 1 or number % 10 == 0:
        print(f"  step {number:3}: loss {loss.data:.3f}, {right:5.1f} % on their side")
seconds = (time.perf_counter() - began) / steps
show(after := surface(net))
with graph.no_grad():
    _, right = loss_of(net, new_points, new_sides)
lesson.expect("new points on their side", right, 80 if lesson.quick else 97, 100, unit="%")

# %% A picture to keep.
figure = Figure(figsize=(10, 3.6), layout="constrained")
for axes, title, scores in zip(figure.subplots(1, 2), ("before", "after"), (before, after)):
    top = max(abs(score) for row in scores for score in row)
    axes.contourf(xs, ys, scores, 20, cmap="RdBu", alpha=0.7, vmin=-top, vmax=top)
    axes.contour(xs, ys, scores, levels=[0], colors="black")
    for which, mark, color in ((1, "o", "navy"), (-1, "x", "darkred")):
        chosen = [point for point, side in zip(points, sides) if side == which]
        axes.scatter(*zip(*chosen), marker=mark, color=color, s=18)
    axes.set(title=f"{title} learning", aspect="equal")
figure.savefig(lesson.out / "moons.png", dpi=120, bbox_inches="tight")
lesson.saved(lesson.out / "moons.png")

# %%
lesson.section("What it costs")

hours = seconds / nodes * 2 * 109_386 * 60_000 / 3600
print(f"A step makes {nodes:,} nodes, {nodes // len(points)} a point, and takes {seconds:.2f} s.")
print("The net of lesson 08 has 109,386 parameters, with a product and a sum for each,")
print(f"and looks at 60,000 digits. At this pace, one look at all takes {hours:.0f} hours.")
print("The next lessons make it faster, with no new idea about gradients.")

lesson.finish(
    learned=[
        "Neurons that bend, one layer after another, draw borders of any shape.",
        "Training is a loop: forward, loss, backward, step.",
        "A larger net finds its way more easily, but a node for every number is slow.",
    ],
    try_this=[
        "Take the bends away: MLP(2, [16, 16, 1], activation=None). What is left of the moons?",
        "Shake the moons more (0.3 instead of 0.1). How well can any net do?",
        "Try other seeds, and tanh instead of relu. Who is first below a loss of 0.1?",
    ],
)
