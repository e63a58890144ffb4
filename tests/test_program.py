"""Compiled programs: the scalar engine, example by example, says what is right."""

import numpy as np
import pytest
from helpers import DEVICES, EXTREMES, assert_close, on_device, plain
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from hello_dl import MLP, Value, compile, graph
from hello_dl.program.products import find_dot_products, find_matrix_products
from hello_dl.program.program import GROUPING, PASSES
from hello_dl.program.schedule import make_schedule
from hello_dl.program.tape import record
from hello_dl.program.tidy import fold_constants, share_subexpressions

SKIPPABLE = [*PASSES, GROUPING]
UPSTREAM = np.random.default_rng(1).uniform(0.5, 2, (64, 64))


def leaves(n, name="x"):
    return [Value(0.5 + i / 4, name=f"{name}{i}") for i in range(n)]


def program_of(build, inputs, parameters, **options):
    """Compile what `build` computes of as many inputs and parameters."""
    x, p = leaves(inputs), leaves(parameters, "p")
    return compile(build(x, p), x, p, **options)


def scalar_run(build, X, P, upstream):
    """Outputs, gradients of P summed over the batch, gradients of X, and the largest number met."""
    outputs, of_x, of_p, largest = [], np.zeros_like(X), np.zeros_like(P), 1.0
    for row, x_numbers in enumerate(X):
        x, p = [Value(v) for v in x_numbers], [Value(v) for v in P]
        results = build(x, p)
        results = [results] if isinstance(results, Value) else results
        for result, u in zip(results, upstream[row]):
            if result.requires_grad:
                result.backward(u, retain_graph=True)
            for node in graph.ancestors(result):
                largest = max(largest, abs(node.data), abs(node.grad or 0))
        outputs.append([result.data for result in results])
        of_x[row] = [v.grad or 0 for v in x]
        of_p += [v.grad or 0 for v in p]
    return outputs, of_p, of_x, largest


def hold_against_scalars(build, X, P, device=None, skip=()):
    """Compile, run both ways, compare outputs and both kinds of gradients; return the program."""
    X, P = np.asarray(X, float), np.asarray(P, float)
    program = program_of(build, X.shape[1], len(P), device=device, skip=skip)
    outputs = program.forward(on_device(X, program.device), P)
    upstream = UPSTREAM[: outputs.shape[0], : outputs.shape[1]]
    expected, of_p, of_x, largest = scalar_run(build, X, P, upstream)
    atol = 1e-12 * largest if np.isfinite(largest) else 1e-12
    assert_close(outputs, np.reshape(expected, outputs.shape), 1e-12, atol, "outputs")
    alone = program.backward(upstream)
    both = program.backward(upstream, inputs=True)
    assert_close(alone, of_p, 1e-12, atol * max(len(X), 1), "gradients of parameters")
    assert_close(both[0], of_p, 1e-12, atol * max(len(X), 1), "the same, beside those of inputs")
    assert_close(both[1], of_x, 1e-12, atol, "gradients of inputs")
    return program


def operations(program):
    return [group.op for group in program.schedule.groups]


# ------------------------------------------------------------------------- equal to the scalars

TAME = {  # of two numbers and a slope; values and gradients stay where rounding cannot grow
    "add": lambda a, b, s: a + b,
    "sub": lambda a, b, s: a - b,
    "mul": lambda a, b, s: a * b,
    "div": lambda a, b, s: a / (abs(b) + 0.5),
    "pow": lambda a, b, s: (abs(a) + 0.5) ** b.tanh(),
    "square": lambda a, b, s: a**2,
    "neg": lambda a, b, s: -a,
    "exp": lambda a, b, s: a.tanh().exp(),
    "log": lambda a, b, s: (b * b + 0.5).log(),
    "sqrt": lambda a, b, s: (abs(a) + 0.25).sqrt(),
    "leaky_relu": lambda a, b, s: a.leaky_relu(s),
    "constant": lambda a, b, s: Value(s, requires_grad=False),
    "dot": lambda a, b, s: a * b + b * s + a * a + b,
    "layer": lambda a, b, s: (a * s + b * 2 + s).relu() + (b * 3 + a * -s).tanh(),
} | {
    op: lambda a, b, s, op=op: getattr(a, op)()
    for op in ("abs", "sin", "cos", "tanh", "sigmoid", "relu", "gelu")
}
KINKS = ("abs", "relu", "leaky_relu")
quarters = st.integers(-8, 8).map(lambda n: n / 4)  # 0, where kinks are, among them
recipe = st.lists(
    st.tuples(
        st.sampled_from(list(TAME)),
        st.integers(0, 30),
        st.integers(0, 30),
        st.sampled_from([0.01, 0.2, 1.0, 0.0, -0.5]),
    ),
    max_size=25,
)


def cook(steps, picks):
    """Make the function that builds the graph of a recipe; it counts nodes from the latest back."""

    def build(x, p):
        nodes = [*x, *p]
        for op, i, j, slope in steps:
            a, b = nodes[-1 - i % len(nodes)], nodes[-1 - j % len(nodes)]
            nodes.append(TAME[op](a, b, slope))
        return [nodes[-1 - i % len(nodes)] for i in picks]

    return build


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    steps=recipe,
    picks=st.lists(st.integers(0, 30), min_size=1, max_size=4),
    X=st.integers(1, 3).flatmap(
        lambda n: st.lists(st.lists(quarters, min_size=n, max_size=n), min_size=1, max_size=4)
    ),
    P=st.lists(quarters, max_size=4),
    skip=st.sets(st.sampled_from(SKIPPABLE)),
)
def test_random_graphs(steps, picks, X, P, skip):
    build = cook(steps, picks)
    for row in X:  # a number that is 0 but for rounding has either slope at a kink
        for node in graph.ancestors(*build([Value(v) for v in row], [Value(v) for v in P])):
            assume(abs(node.data) < 1e4)
            tiny = [q for q in node.parents if q.parents and abs(q.data) < 1e-9]
            assume(not (tiny and node.op in KINKS))
    hold_against_scalars(build, X, P, skip=skip)


UNARY = "neg exp log sqrt abs sin cos tanh sigmoid relu leaky_relu gelu".split()
BINARY = "__add__ __sub__ __mul__ __truediv__ __pow__".split()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("op", UNARY + BINARY)
def test_operations_at_zero_infinity_and_nan(op):
    method = "__neg__" if op == "neg" else op
    if op in UNARY:
        hold_against_scalars(lambda x, p: getattr(x[0], method)(), [[v] for v in EXTREMES], [])
        return
    pairs = [[a, b] for a in (*EXTREMES, 2.0, 0.5) for b in (*EXTREMES, 3.0)]
    x, upstream = leaves(2), np.ones((len(pairs), 1))
    program = compile(getattr(x[0], method)(x[1]), x)
    expected = scalar_run(lambda x, p: getattr(x[0], method)(x[1]), np.array(pairs), [], upstream)
    assert_close(program.forward(pairs), expected[0], 1e-12, what="outputs")
    tame = np.isfinite(np.array(pairs)).all(1) & (np.abs(pairs) < 1e300).all(1)
    assert_close(program.backward(upstream, inputs=True)[1][tame], expected[2][tame], 1e-12)


def dense(x, w, b):
    """Neurons of a layer, as spelled in neuron.py: w is a list of rows."""
    sums = []
    for row, start in zip(w, b):
        for weight, number in zip(row, x):
            start = start + weight * number
        sums.append(start)
    return sums


def neurons(spell):
    """Two neurons of three weights and a bias each, spelled by `spell(weights, inputs, bias)`."""
    return lambda x, p: [spell(p[0:3], x, p[6]), spell(p[3:6], x, p[7])]


# name: (build(3 inputs, 8 parameters), the operations that must be left, None for whatever)
SPELLINGS = {
    "bias first": (lambda x, p: dense(x, [p[0:3], p[3:6]], p[6:]), ["matmul"]),
    "bias last, x * w": (
        neurons(lambda w, x, b: x[0] * w[0] + x[1] * w[1] + x[2] * w[2] + b),
        ["matmul"],
    ),
    "sum()": (neurons(lambda w, x, b: sum(v * u for v, u in zip(w, x)) + b), ["matmul"]),
    "shuffled": (
        lambda x, p: [
            p[0] * x[0] + p[1] * x[1] + p[2] * x[2] + p[6],
            p[5] * x[2] + (p[7] + p[3] * x[0]) + x[1] * p[4],
        ],
        ["matmul"],
    ),
    "a shared weight": (
        lambda x, p: [p[0] * x[0] + p[1] * x[1], p[1] * x[0] + p[0] * x[1]],
        ["matmul"],
    ),
    "a shared product": (
        lambda x, p: [p[0] * x[0] + p[0] * x[1], p[0] * x[0] + p[1] * x[1]],
        ["mul", "add"],
    ),
    "an input twice": (neurons(lambda w, x, b: w[0] * x[0] + w[1] * x[0] + b), ["matmul"]),
    "two biases": (neurons(lambda w, x, b: w[0] * x[0] + w[1] * x[1] + b + w[2]), ["matmul"]),
    "no bias, backward order": (
        lambda x, p: [sum(p[i + k] * x[2 - k] for k in range(3)) for i in (0, 3)],
        ["matmul"],
    ),
    "computed weights": (
        neurons(lambda w, x, b: sum(v * v * u for v, u in zip(w, x)) + b * b),
        ["mul", "matmul"],
    ),
    "one neuron without bias": (
        lambda x, p: [p[0] * x[0] + p[1] * x[1], p[3] * x[0] + p[4] * x[1] + p[7]],
        ["matmul", "matmul"],
    ),
    "a bias in two parts": (
        neurons(lambda w, x, b: w[0] * x[0] + w[1] * x[1] + (b + w[2])),
        ["add", "matmul"],
    ),
    "constant inputs": (neurons(lambda w, x, b: w[0] * x[0] + w[1] * 3.0 + w[2] * x[2] + b), None),
    "constant weights": (neurons(lambda w, x, b: 2 * x[0] + w[1] * x[1] - 3.5 * x[2] + b), None),
    "constants only": (neurons(lambda w, x, b: 2 * x[0] + 4 * x[1] + 7.0), ["matmul"]),
    "a product used elsewhere": (
        lambda x, p: [(m := p[0] * x[0]) + p[1] * x[1] + p[2], m.tanh(), m],
        None,
    ),
    "a part is an output": (
        lambda x, p: [(s := p[0] * x[0] + p[1] * x[1]), s + p[2] * x[2] + p[3], s],
        None,
    ),
    "both sides vary": (
        lambda x, p: [sum(p[i] * a * (p[3 + i] * b) for i, (a, b) in enumerate(zip(x, x[::-1])))],
        None,
    ),
    "attention": (
        lambda x, p: [(q := dense(x, [p[0:3], p[3:6]], p[6:]))[0] * x[0] + q[1] * x[1] + x[2]],
        ["matmul", "dot"],
    ),
    "a residual": (lambda x, p: dense(x, [p[0:3], p[3:6]], [x[0], x[1]]), ["dot"]),
    "weights only": (lambda x, p: [sum(q * q for q in p), sum(p[1:])], ["dot", "dot"]),
    "the same output twice": (lambda x, p: [(v := x[0] * p[0]), v, x[1], p[3], v, x[1]], ["mul"]),
    "outputs are leaves": (lambda x, p: [p[1], x[2], Value(7.5, requires_grad=False), p[1]], []),
    "branches differ": (
        lambda x, p: [(x[0] - x[1]).relu() + abs(x[2] * p[0]), (x[1] * p[1]).leaky_relu(0.3)],
        None,
    ),
    "two slopes": (lambda x, p: [x[0].leaky_relu(0.1), x[1].leaky_relu(0.2) * x[2]], None),
}
BATCH = np.random.default_rng(0).integers(-8, 8, (5, 3)) / 4  # two rows and kinks at 0 among them
NUMBERS = [0.5, -1.25, 2.0, 0.75, -0.25, 1.5, -1.0, 0.0]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SPELLINGS)
def test_however_it_is_spelled(name, device):
    build, expected = SPELLINGS[name]
    program = hold_against_scalars(build, BATCH, NUMBERS, device)
    assert expected is None or operations(program) == expected
    for skip in ({one} for one in SKIPPABLE):
        hold_against_scalars(build, BATCH[:2], NUMBERS, device, skip)
    hold_against_scalars(build, BATCH[:1], NUMBERS, device, set(SKIPPABLE))
    hold_against_scalars(build, BATCH[:0], NUMBERS, device)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("op", TAME)
def test_every_operation_on_a_batch(op, device):
    hold_against_scalars(lambda x, p: TAME[op](x[0], p[0] * x[1], 0.2), BATCH[:, :2], [1.5], device)


@pytest.mark.parametrize("device", DEVICES)
def test_float32_stays_float32(device):
    net, x = MLP(3, [4, 4, 2], "gelu", seed=0), leaves(3)
    program = compile(net(x) + [x[0] ** 2], x, net.parameters(), dtype="float32", device=device)
    outputs = program.forward(BATCH)
    arrays = [outputs, *program.backward(np.ones((5, 3)), inputs=True)]
    for array in [*arrays, *program.tables, *program.grads, program.parameters]:
        assert array.dtype == "float32"
    P = plain(program.parameters).astype(float)
    assert_close(outputs, program_of_net(net, x).forward(BATCH, P)[:, :3], 1e-5, 1e-5)


def program_of_net(net, x):
    return compile(net(x) + [x[0] ** 2], x, net.parameters(), device="cpu")


# ------------------------------------------------------------------------------------ the passes


def test_a_net_of_values_becomes_one_matrix_product_a_layer():
    net, x = MLP(5, [4, 3, 2], seed=0), leaves(5)
    program = compile(net(x), x, net.parameters())
    assert operations(program) == ["matmul", "relu", "matmul", "relu", "matmul"]
    assert [group.title for group in program.schedule.groups][::2] == [
        "matmul (4, 5)", "matmul (3, 4)", "matmul (2, 3)",
    ]  # fmt: skip


def tape_of(build, n=3):
    x = leaves(n)
    return record(build(x), x, [])


# name: (pass, build, entries computed before, and after)
ALONE = {
    "0 + x": (fold_constants, lambda x: [sum(x[:2])], 2, 1),
    "x * 1, twice": (fold_constants, lambda x: [1 * (x[0] * 1).tanh()], 3, 1),
    "x - 0 stays": (fold_constants, lambda x: [x[0] - 0, x[0] / 1], 2, 2),
    "x is all that is left": (fold_constants, lambda x: [x[0] * 1 + 0], 2, 0),
    "a + b and b + a": (share_subexpressions, lambda x: [x[0] + x[1], x[1] + x[0]], 2, 1),
    "a - b and b - a": (share_subexpressions, lambda x: [x[0] - x[1], x[1] - x[0]], 2, 2),
    "subtrees": (
        share_subexpressions,
        lambda x: [(x[0] * x[1]).tanh() + 2.0, (x[1] * x[0]).tanh() * 2.0, x[0].tanh()],
        7, 5,
    ),
    "0.0 and -0.0": (share_subexpressions, lambda x: [x[0] / 0.0, x[0] / -0.0], 2, 2),
    "nan and nan": (share_subexpressions, lambda x: [x[0] + float("nan")] * 1
                    + [x[0] + float("nan")], 2, 1),
    "slopes": (share_subexpressions, lambda x: [x[0].leaky_relu(s) for s in (0.1, 0.2, 0.1)], 3, 2),
    "a sum of products": (find_dot_products, lambda x: [x[0] * x[1] + x[1] * x[2] + x[0]], 4, 1),
    "a sum": (find_dot_products, lambda x: [x[0] + x[1] + x[2]], 2, 1),
    "w * x + b stays": (find_dot_products, lambda x: [x[0] * x[1] + x[2]], 2, 2),
    "a sum inside": (
        find_dot_products, lambda x: [(s := x[0] + x[1] + x[2]), s + x[0] + x[1]], 4, 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ALONE)
def test_each_pass_alone(name):
    change, build, before, after = ALONE[name]
    tape = tape_of(build)
    assert (tape.computed, change(tape).computed) == (before, after)
    x = leaves(3)
    for skip in ((), [change.__name__]):
        stages = {stage.name: stage for stage in compile(build(x), x, skip=skip).stages}
        assert (change.__name__ in stages) == (not skip)


def test_matrix_products_and_levels_are_counted():
    net, x = MLP(5, [4, 3, 2], seed=0), leaves(5)
    tape = find_dot_products(record(net(x), x, net.parameters()))
    assert tape.computed == 4 + 4 + 3 + 3 + 2 and tape.merged == 0
    tape = find_matrix_products(tape)
    assert tape.computed == 16 and tape.merged == 3 + 2 + 1
    assert len(make_schedule(tape).groups) == 5
    assert len(make_schedule(tape, grouped=False).groups) == 16
    by_level = compile(net(x), x, net.parameters(), skip=["find_dot_products"])
    assert by_level.schedule.groups[0].op == "mul" and len(by_level.schedule.groups) == 17


def test_deep_chains():
    x, w = Value(0.5), Value(0.25)
    wide, deep = w * x, x
    for _ in range(25_000):
        wide, deep = wide + w * x, deep + w
    outputs = [wide, deep]
    program = compile(outputs, [x], [w])
    assert program.forward([[0.5], [2.0]]).tolist() == [[3125.125, 6250.5], [12500.5, 6252.0]]
    assert program.backward(np.ones((2, 2))).tolist() == [25_001 * 2.5 + 50_000]
    for _ in range(10_000):
        deep = (deep * w).sin()
    program = compile(deep, [x], [w])
    assert len(program.schedule.groups) > 20_000
    assert np.isfinite(program.forward([[0.5]])).all() and program.backward([[1.0]]).shape == (1,)
