"""Lesson 02 · A number that remembers: which way should each input move?

You will nudge the inputs of a formula and watch the result follow. Then you will build a number
that remembers what it was computed from and how steep each step was. It knows in one go what
nudging finds out one input at a time.
"""

import math

from hello_dl import check
from hello_dl.course import begin
from hello_dl.show import draw
from hello_dl.value import Value

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% The slope of a formula: move the input a little, see how far the result moves.
lesson.section("Nudge one number")


def square(x):
    return x * x


print("x * x at x = 3 is 9. Move x by a nudge. How far does the result move, per nudge?\n")
for digits in (1, 2, 4, 8, 12, 15):
    nudge = 10**-digits
    slope = (square(3 + nudge) - square(3)) / nudge
    print(f"  nudge 1e-{digits:02}   slope {slope:.9f}")
print("\nThe slope is 6: the result runs six times as fast as x. Smaller nudges come")
print("closer, then get worse: a computer keeps 16 digits, and tiny nudges get lost.")

# %% A formula with four inputs takes four nudges.
lesson.section("Nudge many numbers")


def formula(a, b, c, d):
    return math.exp(math.tanh(a * b + c) * d)


inputs = {"a": 2.0, "b": -3.0, "c": 6.5, "d": 0.5}


def slope_by_nudging(name, nudge=1e-6):
    """Run the formula twice, with one input a little higher and a little lower."""
    up = formula(**{**inputs, name: inputs[name] + nudge})
    down = formula(**{**inputs, name: inputs[name] - nudge})
    return (up - down) / (2 * nudge)


print("exp(tanh(a * b + c) * d)   with   a = 2, b = -3, c = 6.5, d = 0.5")
print(f"is {formula(**inputs):.4f}. The slope towards each input:\n")
nudged = {name: slope_by_nudging(name) for name in inputs}
for name, slope in nudged.items():
    print(f"  {name}: {slope:+.4f}")
weights = 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10
print("\nIt works for every formula, but it takes two runs for each input. The net that")
print(f"reads digits in lesson 08 has {weights:,} numbers to improve. For one small step it")
print(f"would have to run {2 * weights:,} times. There is a better way.")

# %% A number that remembers: 20 lines.
lesson.section("Build it here")


class Number:
    """A number, what it was computed from, and the slope towards each of these."""

    def __init__(self, data, op="input", parents=(), slopes=()):
        self.data, self.op, self.parents, self.slopes = data, op, parents, slopes
        self.grad = None

    def __add__(self, other):  # nudge either one: the sum follows at the same speed
        return Number(self.data + other.data, "add", (self, other), (1.0, 1.0))

    def __mul__(self, other):  # nudge one: the product follows as many times as the other says
        return Number(self.data * other.data, "mul", (self, other), (other.data, self.data))

    def tanh(self):
        y = math.tanh(self.data)
        return Number(y, "tanh", (self,), (1 - y * y,))

    def exp(self):
        y = math.exp(self.data)
        return Number(y, "exp", (self,), (y,))

    def backward(self, grad=1.0):
        """Tell the parents how fast the final result changes with them, all the way down."""
        self.grad = grad
        for parent, slope in zip(self.parents, self.slopes):
            parent.backward(grad * slope)


a, b, c, d = (Number(x, op=name) for name, x in inputs.items())
result = ((a * b + c).tanh() * d).exp()
result.backward()


def print_tree(node, depth=0):
    """Draw a number and below it, further in, what it was computed from."""
    label = "   " * depth + node.op
    print(f"  {label:20} {node.data:7.4f}   grad {node.grad:+.4f}")
    for parent in node.parents:
        print_tree(parent, depth + 1)


print("Each operation notes its result and, beside it, the slope towards each input.")
print("Then one walk back multiplies the slopes it meets. The result comes first:\n")
print_tree(result)
mul, tanh = result.parents[0], result.parents[0].parents[0]
print("\nThe gradient ('grad') of a number says how fast the result follows it. Take d:")
print(f"it is multiplied by {tanh.data:.4f}, and that product has the gradient {mul.grad:.4f}.")
print(f"So d has {tanh.data:.4f} * {mul.grad:.4f} = {tanh.data * mul.grad:.4f}, as nudging said.")

# %% Nudging, our Number and the library's Value agree.
lesson.section("Check it")

values = {name: Value(x, name=name) for name, x in inputs.items()}


def recipe(a, b, c, d):
    """Compute the same formula, on numbers that remember."""
    return ((a * b + c).tanh() * d).exp()


library = recipe(**values)
library.backward(retain_graph=True)
print("       by nudging    our Number   hello_dl.Value")
for name, ours in zip(inputs, (a, b, c, d)):
    theirs = values[name].grad
    print(f"  {name}   {nudged[name]:+.8f}   {ours.grad:+.8f}   {theirs:+.8f}")
    assert abs(ours.grad - theirs) < 1e-12 and abs(nudged[name] - theirs) < 1e-6
error = check.gradients(recipe, *values.values())
lesson.expect("largest error that check.gradients finds", error, 0, 1e-8)

# %% The first picture: slopes and gradients stand on the edges.
library.name = "result"
lesson.saved(draw(library, lesson.out / "graph.svg"))

# %% What gradients are for.
lesson.section("Watch it work: follow the gradient")

print("Move each input by a step times its gradient. If gradients tell the truth, the")
print("result grows by the step times the sum of their squares. Does it?\n")
promise_per_step = sum(v.grad**2 for v in values.values())
for step in (0.1, 0.01, 0.001):
    moved = {name: v.data + step * v.grad for name, v in values.items()}
    growth = formula(**moved) - formula(**inputs)
    promise = step * promise_per_step
    print(f"  step {step:<5}  promised {promise:+.5f}   got {growth:+.5f}")
lesson.expect("kept of the last promise", 100 * growth / promise, 99, 101, unit="%")
print("\nGradients are true close by. So walk: small steps, and new gradients after each.\n")

for count in range(11):
    here = recipe(*values.values())
    here.backward()
    if count % 2 == 0:
        numbers = "  ".join(f"{name} {v.data:+.3f}" for name, v in values.items())
        print(f"  after {count:2} steps:  result {here.data:.4f}   {numbers}")
    for v in values.values():
        v.data -= 0.05 * v.grad  # against the gradient: downhill
        v.zero_grad()
lesson.expect("the result after ten steps downhill", here.data, 0.55, 0.57)

lesson.finish(
    learned=[
        "A slope says how fast a result follows one input. Nudging finds it, one input a run.",
        "An operation knows its own slopes. Multiply them on the way back, and a single walk"
        " finds the gradients of all inputs.",
        "Go a small step along the gradient and the result grows, against it and it shrinks. All"
        " training is that.",
    ],
    try_this=[
        "Give Number a sin (its slope is cos) and check it by nudging.",
        "Walk with 5 instead of 0.05 and print every step. Why does the result leap up first?",
        "Compute y = a * a with our Number. Its gradient is wrong! Lesson 03 says why.",
    ],
)
