"""Lesson 06 · A graph is a program: why build the same graph again for every example?

You will write a graph down as a list and run the list in its place. What does such a list not know?
How fast is it, on one point and on a hundred at once? And can 200,000 Values learn to read digits?
"""

import textwrap
import timeit

import numpy as np

import hello_dl
from hello_dl import MLP, Tensor, Value, graph
from hello_dl.course import begin
from hello_dl.data.digits import load_digits
from hello_dl.show import draw

if __name__ != "__main__":
    raise ImportError("a lesson is run, not imported")

lesson = begin(__doc__, __file__)

# %% A graph as a list.
lesson.section("Build it here: a tape")

tape = [("mul", 0, 1), ("add", 2, 0), ("relu", 3)]
print("relu(a * b + a) has five nodes. Each gets a place: a has 0, b has 1, then every")
print(f"operation, with the places it reads. That is a tape:\n\n  {tape}")

RULES = {  # the result and its slopes, as in lesson 02
    "add": lambda x, y: (x + y, (1.0, 1.0)),
    "sub": lambda x, y: (x - y, (1.0, -1.0)),
    "mul": lambda x, y: (x * y, (y, x)),
    "neg": lambda x: (-x, (-1.0,)),
    "relu": lambda x: (x * (x > 0), (1.0 * (x > 0),)),  # x > 0 counts as 1 or as 0
}


def run(tape, leaves):
    """Replay a tape, then walk back. Return the result and the gradients of the leaves."""
    numbers, slopes = [*leaves], []
    for op, *places in tape:
        result, its_slopes = RULES[op](*[numbers[place] for place in places])
        numbers.append(result)
        slopes.append(its_slopes)
    grads = [0.0] * (len(numbers) - 1) + [1.0]
    for i in range(1, len(tape) + 1):  # the last operation first: the order of lesson 03
        for place, slope in zip(tape[-i][1:], slopes[-i]):
            grads[place] += slope * grads[-i]
    return result, grads[: len(leaves)]


a, b = Value(2.0), Value(3.0)
(value := (a * b + a).relu()).backward()
result, grads = run(tape, [2.0, 3.0])
print("\nRun it on any numbers. No graph is built. For a = 2 and b = 3:\n")
print(f"  the tape: {result}, gradients {grads}   Value: {value.data}, {[a.grad, b.grad]}")
assert [result, *grads] == [value.data, a.grad, b.grad]
result, _ = run(tape, [np.array([2.0, 2.0, 1.0]), np.array([3.0, -3.0, 0.5])])
print(f"\nNow columns, a and b of three: {result + 0.0}. The relu chose for each by itself.")

# %% Any graph of Values has a tape.
lesson.section("What a tape cannot know")


def record(result, leaves):  # write down the tape of a graph; leaves take the first places
    places, tape = {leaf: place for place, leaf in enumerate(leaves)}, []
    for node in graph.ancestors(result):  # parents come before children
        if node.parents:
            places[node] = len(places)
            tape.append((node.op, *[places[parent] for parent in node.parents]))
    return tape


v = Value(-2.0, name="v")
distance = v if v > 0 else -v
recorded = record(distance, [v])
print(f"How far is v from 0? `v if v > 0 else -v`, recorded at v = -2: {recorded}")
print(f"Run at v = 3, this tape says {run(recorded, [3.0])[0]:.0f}. A distance below 0!")
print("Python's `if` chose, and the tape has only what was chosen. A relu is different:")
print("it chooses when it runs. hello_dl.compile makes such tapes too. Here it refuses:\n")
try:
    hello_dl.compile(distance, [v])
except ValueError as error:
    print(textwrap.fill(str(error), 80, initial_indent="  ", subsequent_indent="  "))

# %% The net of lesson 05 on two moons.
lesson.section("Check it: one gradient, seven ways")

rng = np.random.default_rng(0)
angles, sides = rng.uniform(0, np.pi, 300), np.where(np.arange(300) % 2, 1.0, -1.0)
x, y = np.cos(angles), np.sin(angles)
x, y = np.where(sides > 0, [x, y], [1 - x, 0.5 - y]) + rng.normal(0, 0.1, (2, 300))
points, tests = np.split(np.stack([x, y, sides, np.ones(300)], axis=1), [100])  # 4 columns
net = MLP(2, [16, 16, 1], seed=0)
parameters, start = net.parameters(), [p.data for p in net.parameters()]
x, y, side, one = inputs = [Value(n, name=s) for n, s in zip(points[0], "x y side one".split())]
loss = (one - side * net([x, y])).relu()
tape = record(loss, [*parameters, *inputs])
print("The net of lesson 05 and 100 points on two moons. The loss of one point has")
print(f"{len(start)} parameters and {len(tape)} operations. The mean gradient of all points:\n")


def by_values():  # a graph of all points, for one use, as in lesson 05
    net.zero_grad()
    losses = [(1 - side * net((x, y))).relu() for x, y, side, _ in points.tolist()]
    (sum(losses) * (1 / len(losses))).backward()
    return [p.grad for p in parameters]


def by_tape(numbers):  # of one point, or columns of all points
    return run(tape, [*start, *numbers])[1][: len(start)]


def by_program(*skip):  # without these passes: the graph of one point, compiled, run on all
    program = hello_dl.compile(loss, inputs, parameters, device="cpu", skip=skip)
    return lambda: (program.forward(points), program.backward(mean))[1]


rows = np.split(np.array(start), [16 * 3, 16 * 3 + 16 * 17])  # a neuron: its weights, its bias
blocks = [Tensor(r.reshape(n, -1), True, device="cpu") for r, n in zip(rows, (16, 16, 1))]


def by_tensors():  # a glimpse of lesson 07: a number is a whole block, and @ is a layer
    x = points[:, :2]
    for i, block in enumerate(blocks):
        block.zero_grad()
        x = (x.relu() if i else x) @ block[:, :-1].T + block[:, -1]
    (1 - points[:, 2:3] * x).relu().mean().backward()
    return np.concatenate([block.grad.reshape(-1) for block in blocks])


mean, seconds = np.full((100, 1), 1 / 100), {}  # the slope of the mean towards each loss
ways = {
    "Values, built anew": by_values,
    "the tape, point by point": lambda: np.mean([*map(by_tape, points.tolist())], axis=0),
    "the tape, on columns": lambda: [np.mean(column) for column in by_tape(points.T)],
    "compiled, level by level": by_program("find_dot_products", "find_matrix_products"),
    "compiled, with dot products": by_program("find_matrix_products"),
    "compiled, with matrix products": by_program(),
    "Tensors, a glimpse of lesson 07": by_tensors,
}
for name, way in ways.items():
    assert np.allclose(way(), [p.grad for p in parameters], rtol=0, atol=1e-12)  # of by_values
    count, total = timeit.Timer(way).autorange()
    seconds[name] = total / count
    factor = seconds["Values, built anew"] / seconds[name]
    print(f"  {name:31}{1e3 * seconds[name]:8.3f} ms  {factor:7,.0f} times as fast")
print("\nLevel by level, all that are alike go together. A neuron is a sum of products, a")
print("dot product. A layer has many over the same numbers: that is a matrix product.\n")
(program := hello_dl.compile(loss, inputs, parameters, device="cpu")).report()
print("No pass knows what a layer is, yet each is one operation now, a matmul. Compare:")
program.forward(points)
lesson.saved(draw(loss, lesson.out / "values.svg", collapse=True))
lesson.saved(draw(program, lesson.out / "program.svg"))
for step in range(500):
    program.parameters -= (1 - step / 500) * program.backward(mean)
    program.forward(points)
right = 100 * np.mean(program.forward(tests) < 1)  # on the border the loss is 1
lesson.expect("after 500 steps, new points on their side", right, 97, 100, unit="%")

# %% The same with a net that reads digits.
lesson.section("Watch it work: digits, by single Values")

digits = load_digits(lesson.data, download=False)
sizes, many = ([784, 32, 10], 6_000) if lesson.quick else ([784, 128, 64, 10], 60_000)
images = digits.train_images[:many].reshape(-1, 784) / np.float32(255)
tests = digits.test_images.reshape(-1, 784) / np.float32(255)
sides = 2 * np.eye(10, dtype="float32")[digits.train_labels] - 1  # +1 for one of ten, else -1
print(f"Building {'-'.join(map(str, sizes))}{', a small net' * lesson.quick}, and compiling it ...")
began = timeit.default_timer()
net, pixels = MLP(784, sizes[1:], seed=0), [Value(0.0) for _ in range(784)]
program = hello_dl.compile(net(pixels), pixels, net.parameters(), dtype="float32", device="cpu")
print(f"It took {timeit.default_timer() - began:.1f} s. What is left of it:\n")
program.report()
for epoch in range(5):
    began = timeit.default_timer()
    for batch in rng.permutation(len(images))[: len(images) // 64 * 64].reshape(-1, 64):
        score, side = program.forward(images[batch]), sides[batch]
        slope = -side * (side * score < 1) / 64  # of lesson 05's loss, for each of ten scores
        program.parameters -= (0.1 - 0.02 * epoch) * program.backward(slope)
    pace = len(images) / (timeit.default_timer() - began)
    right = 100 * np.mean(program.forward(tests).argmax(1) == digits.test_labels)
    print(f"  epoch {epoch + 1}   {pace:7,.0f} digits a second   {right:.1f} % read correctly")
expected = {"MNIST": ((97, 98.5), (87, 94)), "strokes": ((88, 95), (72, 87))}
lesson.expect("read correctly", right, *expected[digits.name][lesson.quick], unit="%")
of_values = 100 * len(tape) / seconds["Values, built anew"] / (2 * len(program.parameters))
print(f"Values built anew would do {of_values:.1f} digits a second at the pace above.")

lesson.finish(
    learned=[
        "A graph is a program. Write it down once, and run it on all examples.",
        "What Python chose while a graph was built is not in it. A relu chooses when it runs.",
        "A layer is a matrix product, also where nobody said so. In lesson 07 you say so.",
    ],
    try_this=[
        "Give RULES a tanh (its slope is 1 - tanh²), and give it to the net of the moons.",
        "Compile net([x, y]) * net([x, y]). Which pass sees that one net is enough?",
    ],
)
