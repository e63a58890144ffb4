"""Lesson 04 · One neuron: how does a neuron learn from its mistakes?

You will build a neuron, draw its decision line, and let it correct itself until every point lies
on its own side. What has its rule to do with lesson 03? Then a neuron tries the moved digits that
fooled the stencil of lesson 01, and at the end a puzzle of four points.
"""

import random

import numpy as np
from matplotlib.figure import Figure

from hello_dl.course import begin
from hello_dl.data.digits import load_digits
from hello_dl.neuron import Neuron

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% A neuron: weights, a bias, a sum. The sign of the sum is its answer.
lesson.section("Build it here")


class OurNeuron:
    """A line that learns: points of kind +1 shall score above 0, points of kind -1 below."""

    def __init__(self, weights, bias):
        self.weights, self.bias = weights, bias

    def __call__(self, point):
        return self.bias + sum(w * x for w, x in zip(self.weights, point))

    def correct(self, point, kind):
        """Learn as the perceptron did (Rosenblatt 1958). Return whether there was a mistake."""
        if self(point) * kind > 0:
            return False
        self.weights = [w + kind * x for w, x in zip(self.weights, point)]
        self.bias += kind
        return True


def accuracy(neuron, points, kinds):
    """Count in percent how often the sign of the score is right."""
    return 100 * sum(neuron(point) * kind > 0 for point, kind in zip(points, kinds)) / len(points)


def draw(neuron, points, kinds):
    """Print points as 'o' (+1) and 'x' (-1). Dots fill the side where the score is positive."""
    rows = [
        ["." if neuron((x / 20, y / 7)) > 0 else " " for x in range(-22, 23)]
        for y in range(8, -9, -1)
    ]
    for (x, y), kind in zip(points, kinds):
        rows[8 - round(7 * y)][22 + round(20 * x)] = "o" if kind > 0 else "x"
    print("\n" + "\n".join("  |" + "".join(row) + "|" for row in rows))


# Sixty points of two kinds. A line keeps them apart, but the neuron is not told which.
rng = random.Random(4)
points, kinds = [], []
while len(points) < 60:
    x, y = rng.uniform(-1, 1), rng.uniform(-1, 1)
    height = y - 0.7 * x - 0.15  # above or below the line
    if abs(height) > 0.12:
        points.append((round(x, 2), round(y, 2)))
        kinds.append(1 if height > 0 else -1)

ours = OurNeuron(weights=[1.0, 0.5], bias=0.0)  # any start will do
print("score = bias + w0 * x + w1 * y. Above 0 means 'o', and that side is dotted.")
draw(ours, points, kinds)
print(f"\nBefore learning, {accuracy(ours, points, kinds):.0f} % of the points are on their side.")

point, kind = next((p, k) for p, k in zip(points, kinds) if ours(p) * k <= 0)
print(f"A mistake: '{'o' if kind > 0 else 'x'}' at {point} with the score {ours(point):+.2f}.")
print("The rule: for an 'o', add the point to the weights and 1 to the bias. For an")
ours.correct(point, kind)
print(f"'x', take them away. Now its score is {ours(point):+.2f}. And again for all points:\n")
start = [*ours.weights, ours.bias]
for passes in range(1, 100):
    mistakes = sum(ours.correct(point, kind) for point, kind in zip(points, kinds))
    print(f"  pass {passes}: {mistakes} mistakes")  # what puts one right can put others wrong
    if not mistakes:
        break
draw(ours, points, kinds)
lesson.expect("\nafter learning", accuracy(ours, points, kinds), 100, 100, unit="%")

# %% The same with the library's neuron and a gradient.
lesson.section("Check it: it was a gradient all along")

neuron = Neuron(2, activation=None)
for parameter, value in zip(neuron.parameters(), start):
    parameter.data = value
for _ in range(passes):
    for point, kind in zip(points, kinds):
        loss = (-kind * neuron(point)).relu()  # how far on the wrong side; 0 on the right side
        loss.backward()
        for parameter in neuron.parameters():
            parameter.data -= parameter.grad
            parameter.zero_grad()
theirs = [parameter.data for parameter in neuron.parameters()]
print("                  w0         w1         bias")
for words, numbers in (("our rule", [*ours.weights, ours.bias]), ("the gradient", theirs)):
    print(f"  {words:14}" + "".join(f"{number:+.6f}  " for number in numbers).rstrip())
assert theirs == [*ours.weights, ours.bias]
print("\nHow far a point is on the wrong side: call that the loss. Step against its")
print("gradient, and you get our rule, to the last digit. Gradients work for any net.")

# %% Lesson 01 again: threes and sevens, each pushed by up to two pixels in any direction.
lesson.section("Watch it work: moved digits")

digits = load_digits(lesson.data, download=False)
pushes = np.random.default_rng(4)


def threes_and_sevens(images, labels, reach, many=None):
    """Return pushed pictures, one row of 784 numbers each, and +1 for a 3 and -1 for a 7."""
    chosen = np.flatnonzero((labels == 3) | (labels == 7))[:many]
    pushed = [np.roll(images[i], pushes.integers(-reach, reach + 1, 2), (0, 1)) for i in chosen]
    return np.array(pushed).reshape(-1, 784) / 255, np.where(labels[chosen] == 3, 1, -1)


still, still_kinds = threes_and_sevens(digits.train_images, digits.train_labels, reach=0)
test, test_kinds = threes_and_sevens(digits.test_images, digits.test_labels, reach=2)


def tested(weights, bias):
    """Count in percent how many pushed test digits are read correctly."""
    return 100 * np.mean((test @ weights + bias) * test_kinds > 0)


average_3, average_7 = (still[still_kinds == kind].mean(axis=0) for kind in (1, -1))
stencil = average_3 - average_7
halfway = stencil @ (average_3 + average_7) / 2
before = tested(stencil, -halfway)
print(f"Each digit is pushed by up to two pixels. The stencil reads {before:.1f} % of them.")

many, passes = (300, 1) if lesson.quick else (1000, 2)
train, train_kinds = threes_and_sevens(digits.train_images, digits.train_labels, 2, many)
reader = Neuron(784, activation=None)
parameters = reader.parameters()
scale = stencil @ stencil / 2  # an average 3 shall score +1, an average 7 -1
for parameter, value in zip(parameters, [*stencil / scale, -halfway / scale]):
    parameter.data = float(value)
print(f"A neuron that starts as this stencil learns from {many:,} pushed digits:\n")
for number in range(1, passes + 1):
    total = 0.0
    for picture, kind in zip(train.tolist(), train_kinds.tolist()):
        loss = (1 - kind * reader(picture)).relu()  # wants a score of 1, to be on the safe side
        total += loss.data
        if loss.data > 0:
            loss.backward()
            for parameter in parameters:
                parameter.data -= 0.005 * parameter.grad
                parameter.zero_grad()
    learned = np.array([parameter.data for parameter in parameters])
    after = tested(learned[:-1], learned[-1])
    print(f"  pass {number}: loss {total / many:.3f}   reads {after:.1f} %")
low, high = (4, 12) if lesson.quick else (8, 16)
lesson.expect("\ngained by learning", after - before, low, high, unit="points")

# %% Four points that no line can part.
lesson.section("What one neuron cannot do")

corners, sides = [(-0.9, -0.9), (-0.9, 0.9), (0.9, -0.9), (0.9, 0.9)], [-1, 1, 1, -1]
lines = [OurNeuron([rng.gauss(0, 1), rng.gauss(0, 1)], rng.gauss(0, 1)) for _ in range(10_000)]
best = max(lines, key=lambda line: accuracy(line, corners, sides))
print("XOR: 'o' where x or y is high, but not both. The best of 10,000 random lines:")
draw(best, corners, sides)
lesson.expect("\non their side", accuracy(best, corners, sides), 75, 75, unit="%")
print("A line puts three of them right, never the fourth. And one neuron is one line.")

# %% A picture to keep.
figure = Figure(figsize=(9, 4.2), layout="constrained")
left, right = figure.subplots(1, 2)
for kind, mark in ((1, "o"), (-1, "x")):
    left.scatter(*zip(*(p for p, k in zip(points, kinds) if k == kind)), marker=mark)
(w0, w1), bias = ours.weights, ours.bias
left.plot([-1, 1], [-(bias + w0 * x) / w1 for x in (-1, 1)], color="black")  # where the score is 0
left.set(title="60 points and the line it found", aspect="equal", ylim=(-1.1, 1.1))
strongest = abs(learned[:-1]).max()
right.imshow(learned[:-1].reshape(28, 28), cmap="RdBu_r", vmin=-strongest, vmax=strongest)
right.set(title="784 learned weights (red: for 3, blue: for 7)", xticks=[], yticks=[])
figure.savefig(lesson.out / "neuron.png", dpi=120, bbox_inches="tight")
lesson.saved(lesson.out / "neuron.png")

lesson.finish(
    learned=[
        "A neuron is a weighted sum and a bias, and its border is a straight line.",
        "Say with a loss how wrong it is, and step against the gradient: it learns. One rule for"
        " 2 weights and for 784.",
        "One line is not enough for XOR. More neurons are: lesson 05.",
    ],
    try_this=[
        "Swap two kinds so that no line is right. Do the passes ever end?",
        "Let the digits be pushed by four pixels. Who loses more, stencil or neuron?",
        "Learn with steps of 0.2 instead of 0.005. What does the loss do?",
    ],
)
