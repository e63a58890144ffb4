"""Lesson 03 · Backward through a graph: how does one gradient reach every number?

You will see slopes multiply along a chain. Then a number is used twice, and two obvious ways of
going back give two wrong answers. What is missing is an order, and you will build it.
"""

import time

from hello_dl import graph
from hello_dl.course import begin
from hello_dl.show import draw
from hello_dl.value import Value

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% The chain rule in numbers.
lesson.section("A chain: slopes multiply")

nudge = 0.01
a = 1.0
b, b_nudged = a * 2, (a + nudge) * 2
c, c_nudged = b * 3, b_nudged * 3
print("b = a * 2   and   c = b * 3")
print(f"Move a by {nudge}: b moves by {b_nudged - b:.2f}, and c moves by {c_nudged - c:.2f}.")
print("b runs 2 times as fast as a, and c runs 3 times as fast as b. So c runs")
print(f"{2 * 3} times as fast as a. The chain rule: multiply the slopes on the way.")

# %% Now use b twice.
lesson.section("A diamond: b is used twice")


def make_diamond(start=5.0):
    """Compute b = a * 2 and e = b * 3 + b * 4 on Values, with names for us to read."""
    a = Value(start, name="a")
    b = a * 2
    left, right = b * 3, b * 4
    e = left + right
    b.name, left.name, right.name, e.name = "b", "b*3", "b*4", "e"
    return a, e


print("b = a * 2   and   e = b * 3 + b * 4")
truth = (make_diamond(5.0 + nudge)[1].data - make_diamond(5.0)[1].data) / nudge
print(f"By nudging, e runs {truth:.0f} times as fast as a. Can you get that by walking back?")


def edges(node):
    """List the parents to which a gradient goes, each with its slope."""
    pairs = zip(node.parents, node.slopes)
    return [(parent, slope) for parent, slope in pairs if parent.requires_grad]


def overwrite(node, arriving, grads):
    """Walk back as in lesson 02: what arrives is the gradient. Pass it on."""
    grads[node] = arriving
    print(f"  {node.name:3} hears {arriving:2.0f}")
    for parent, slope in edges(node):
        overwrite(parent, slope * grads[node], grads)


def add_up(node, arriving, grads):
    """Second try: add what arrives to what is there. Pass the sum on."""
    grads[node] = grads.get(node, 0.0) + arriving
    print(f"  {node.name:3} hears {arriving:2.0f} and now has {grads[node]:2.0f}")
    for parent, slope in edges(node):
        add_up(parent, slope * grads[node], grads)


for words, walk in (("Overwrite", overwrite), ("Add up", add_up)):
    a, e = make_diamond()
    grads = {}
    print(f"\n{words}, and pass it on at once:\n")
    walk(e, 1.0, grads)
    print(f"\nSo a would have {grads[a]:.0f}. The truth is {truth:.0f}.")
lesson.expect("gradient of a, the naive way", grads[a], 20, 20)
print("\nb spoke twice: first it said 3, then 7, and the 7 has the 3 in it again. It")
print("should have waited until all that was computed from it had reported.")

# %% An order in which everybody waits: count the reports that are still to come.
lesson.section("Build it here")


def backward_order(result):
    """List all nodes, each one after everything that was computed from it."""
    missing = {result: 0}  # node -> how many reports it still waits for
    to_visit = [result]
    while to_visit:
        for parent, _ in edges(to_visit.pop()):
            if parent not in missing:
                missing[parent] = 0
                to_visit.append(parent)
            missing[parent] += 1
    complete, order = [result], []
    while complete:
        node = complete.pop()
        order.append(node)
        for parent, _ in edges(node):
            missing[parent] -= 1
            if missing[parent] == 0:
                complete.append(parent)
    return order


def backward(result):
    """Return the gradient of every node: each one speaks once, when it has heard everything."""
    grads = {result: 1.0}
    for node in backward_order(result):
        for parent, slope in edges(node):
            grads[parent] = grads.get(parent, 0.0) + slope * grads[node]
    return grads


a, e = make_diamond()
grads = backward(e)
print("Each node with its gradient, in the order in which they speak:\n")
for node in backward_order(e):
    print(f"  {node.name:3} has {grads[node]:2.0f}")
print()
lesson.expect("gradient of a, the right way", grads[a], 14, 14)
print("Such an order is called topological.")

# %% The library does the same.
lesson.section("Check it")

e.backward(retain_graph=True)  # retain_graph: we want to look at the graph afterwards
print(f"hello_dl.Value says {a.grad:.0f}, too.")
assert a.grad == grads[a]
theirs = graph.order(e)[::-1]
assert set(theirs) == set(backward_order(e))
print("Its order:", ", ".join(node.name for node in theirs))
print("It has a shortcut. Every node gets a number at birth and is younger than what")
print("it was computed from. So from the youngest to the oldest will do.")
lesson.saved(draw(e, lesson.out / "diamond.svg"))

x, y = Value(3.0), Value(3.0)
(x + x).backward(), (y * y).backward()
print(f"\nx + x has two edges to x, so x has {x.grad:.0f}. And y * y at y = 3 gives {y.grad:.0f}.")
print("Lesson 02 overwrites and would say 3.")
assert (x.grad, y.grad) == (2, 6)

# %% Backward once more on the same graph.
lesson.section("Watch it work: once more")

e.backward(retain_graph=True)
print("Run backward once more on the diamond. Inputs add up what they hear, until you")
print("say zero_grad(). That is how you sum the gradients of many examples.")
lesson.expect("gradient of a after two passes", a.grad, 28, 28)

# %% Passing on every message by itself is right too. But count the messages.
lesson.section("Watch it work: why wait, and how deep?")


def one_by_one(node, arriving, grads):
    """Pass on only what has just arrived, all the way down. Count the messages."""
    grads[node] = grads.get(node, 0.0) + arriving
    return 1 + sum(one_by_one(parent, slope * arriving, grads) for parent, slope in edges(node))


one_by_one(e, 1.0, grads := {})
print(f"Why wait at all? If b passes on 3 and then only the new 4, a has {grads[a]:.0f} as well.")
print("But take x + x, then that sum plus itself, and so on:\n")
for depth in (4, 8, 16):
    node = Value(1.0)
    for _ in range(depth):
        node = node + node
    count, waiting = one_by_one(node, 1.0, {}), len(backward_order(node))
    print(f"  {depth:2} sums: {count:7,} messages, or {waiting:2} nodes that wait")

# %% A very long chain.
x = node = Value(1.0)
for _ in range(100_000):
    node = node + 0.00001
print("\nAnd a chain of 100,000 sums. With a function that calls itself:")
try:
    one_by_one(node, 1.0, {})
except RecursionError as error:
    print(f"  RecursionError: {error}")
start = time.perf_counter()
grads = backward(node)
print(f"With the lists above: x has {grads[x]:.0f}, in {time.perf_counter() - start:.2f} s.")
start = time.perf_counter()
node.backward()
print(f"With the library:     x has {x.grad:.0f}, in {time.perf_counter() - start:.2f} s.")

lesson.finish(
    learned=[
        "Slopes multiply along a path, and gradients add where paths meet.",
        "A node speaks once, when everything computed from it has reported. In that order, one"
        " pass is enough for any graph.",
        "Gradients of inputs add up over passes, until zero_grad().",
    ],
    try_this=[
        "Add a third use of b, such as b * 5. What do the three ways say now?",
        "Let add_up visit its edges in reverse. Which wrong answer do you get now?",
        "Draw ((a + b) * (a + 1)).tanh() and follow the two paths to a.",
    ],
)
