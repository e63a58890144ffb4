"""Programs in use: state from call to call, what is refused, report and picture, a large net."""

import subprocess
import sys
import xml.etree.ElementTree
from contextlib import redirect_stdout
from io import StringIO

import numpy as np
import pytest
from helpers import assert_close

from hello_dl import MLP, Tensor, Value, compile, no_grad, optim
from hello_dl.nn.module import Parameter
from hello_dl.show import draw

X = np.random.default_rng(0).normal(size=(6, 2))
ONES = np.ones((6, 2))


@pytest.fixture
def program():
    """A net of 2 inputs and 2 outputs; its second output is a penalty on the weights."""
    net, x = MLP(2, [4, 1], "tanh", seed=0), [Value(0.0), Value(0.0)]
    parameters = net.parameters()
    return compile([net(x), sum(p * p for p in parameters)], x, parameters)


# ---------------------------------------------------------------------------- from call to call


def test_a_second_backward_gives_the_same_again(program):
    program.forward(X)
    first, of_x = program.backward(ONES, inputs=True)
    kept = first.copy(), of_x.copy()
    for upstream, inputs in ((ONES * 3, True), (ONES * 5, False)):
        assert_close(program.backward(upstream, inputs)[0] if inputs else
                     program.backward(upstream), kept[0] * upstream[0, 0])  # fmt: skip
    assert np.array_equal(first, kept[0]) and np.array_equal(of_x, kept[1])  # nobody wrote there
    assert np.array_equal(program.backward(ONES, inputs=True)[1], kept[1])


def test_batches_of_other_sizes_in_between(program):
    outputs = program.forward(X)
    gradients = program.backward(ONES)
    for n in (1, 3, 0, 50):
        part = program.forward(np.resize(X, (n, 2)))
        assert part.shape == (n, 2)
        assert_close(part[:6], outputs[:n])
        assert program.backward(np.ones((n, 2))).shape == gradients.shape
    assert_close(program.forward(X), outputs)
    assert_close(program.backward(ONES), gradients)
    assert_close(outputs, program.forward(X.tolist()))  # outputs handed out stay as they were


def test_parameters_in_place_and_handed_over(program):
    before = program.forward(X)
    program.parameters[...] *= 2
    doubled = program.forward(X)
    assert_close(doubled[:, 1], before[:, 1] * 4)
    mine = program.parameters / 2
    assert_close(program.forward(X, mine), before)
    assert not np.shares_memory(program.parameters, mine)
    mine[...] = 0
    assert_close(program.forward(X), before)
    assert_close(program.forward(X, mine.tolist()), np.zeros((6, 2)))


def test_an_optimizer_trains_a_program(program):
    parameters = Parameter(program.parameters)
    optimizer = optim.SGD([parameters], lr=0.1, momentum=0.9)
    target, losses = np.sign(X[:, 0]), []
    for _ in range(100):
        score, penalty = program.forward(X, parameters.data).T
        losses.append(((score - target) ** 2).mean() + 1e-4 * penalty[0])
        upstream = np.stack([2 * (score - target) / 6, np.full(6, 1e-4 / 6)], axis=1)
        parameters.grad = program.backward(upstream)
        optimizer.step()
    assert losses[-1] < 0.05 < 0.5 < losses[0]


def test_inputs_and_parameters_that_nothing_uses():
    a, b, c, d = (Value(float(i)) for i in range(1, 5))
    program = compile(a * c, [a, b], [c, d])
    assert program.forward([[2.0, 9.0]]).tolist() == [[6.0]]
    of_p, of_x = program.backward([[1.0]], inputs=True)
    assert of_p.tolist() == [2, 0] and of_x.tolist() == [[3, 0]]
    no_inputs = compile([c * d, Value(2.0)], [], iter([c, d]))
    assert no_inputs.forward(np.zeros((3, 0))).tolist() == [[12, 2]] * 3
    assert no_inputs.backward(np.ones((3, 2))).tolist() == [12, 9]
    assert compile(a * 2, iter([a])).backward is not None


# ------------------------------------------------------------------------------ what is refused


def changed(node):
    node.data = 5.0
    return node


def refuse(expression):
    """Build it of an input x and a parameter p, and compile it."""

    def run():
        x, p = Value(2.0, name="x"), Value(3.0, name="p", op="parameter")
        y = expression(x, p)
        return compile(y, [x], [p])

    return run


def released(x, p):
    y = x * p
    y.backward()
    return y


def compared(look):
    """Look at the product, then go on with it."""

    def build(x, p):
        y = x * p
        look(y)
        return y + 1

    return build


def leaf():
    return Value(1.0, name="a")


def computed():
    return Value(1.0) * 2


def after_forward(use):
    """Do something wrong with a program of one input and one parameter."""
    return lambda: use(refuse(lambda x, p: x * p)())


REFUSED = {
    "a number": (refuse(lambda x, p: [x * p, 3.0]), TypeError, "graph of Values, not 3.0"),
    "a Tensor": (refuse(lambda x, p: Tensor([1.0])), TypeError, "graph of Values|not"),
    "an array as input": (lambda: compile(leaf(), [np.zeros(2)]), TypeError, "graph of Values"),
    "nothing": (refuse(lambda x, p: []), ValueError, "at least one output"),
    "an input twice": (lambda: compile(a := leaf(), [a, a]), ValueError, "named twice"),
    "both kinds": (lambda: compile(a := leaf(), [a], [a]), ValueError, "named twice"),
    "computed": (lambda: compile(c := computed(), [c]), ValueError, "mul is computed"),
    "no gradient": (
        lambda: compile(c := Value(1.0, requires_grad=False), [c]), ValueError, "requires_grad",
    ),
    "released": (refuse(released), ValueError, "released by backward"),
    "released inside": (refuse(lambda x, p: [released(x, p) + 1]), ValueError, "released"),
    "a leaf changed": (
        refuse(lambda x, p: (x * p, changed(p))[0]), ValueError, "'p'.*changed after 'mul'",
    ),
    "a result changed": (
        refuse(lambda x, p: changed(x * p) + 1), ValueError, "mul was changed",
    ),
    "an output changed": (refuse(lambda x, p: changed(x * p)), ValueError, "mul was changed"),
    "if v > 0": (refuse(compared(lambda v: v > 0)), ValueError, "mul was compared"),
    "0 >= v": (refuse(compared(lambda v: 0 >= v)), ValueError, "mul was compared"),
    "v == 0": (refuse(compared(lambda v: v == 0)), ValueError, "mul was compared"),
    "v != 0": (refuse(compared(lambda v: v != 0)), ValueError, "mul was compared"),
    "bool(v)": (refuse(compared(bool)), ValueError, "mul was compared"),
    "not v": (refuse(compared(lambda v: not v)), ValueError, "mul was compared"),
    "v in list": (refuse(compared(lambda v: v in [1.0])), ValueError, "mul was compared"),
    "max of a list": (refuse(lambda x, p: max([x, p])), ValueError, "was compared"),
    "sorted": (refuse(lambda x, p: sorted([x * p, p])[0] + 1), ValueError, "was compared"),
    "a pass": (lambda: compile(leaf(), [], skip=["fold"]), ValueError, "'fold'.*fold_constants"),
    "a dtype": (lambda: compile(leaf(), [], dtype="float33"), ValueError, "float33"),
    "whole numbers": (lambda: compile(leaf(), [], dtype="int64"), ValueError, "int64"),
    "a device": (lambda: compile(leaf(), [], device="tpu"), ValueError, "'tpu'"),
    "X too wide": (after_forward(lambda p: p.forward([[1.0, 2.0]])), ValueError, r"\(1, 2\)"),
    "X too flat": (after_forward(lambda p: p.forward([1.0])), ValueError, r"batch, 1.*\(1,\)"),
    "parameters": (
        after_forward(lambda p: p.forward([[1.0]], np.ones(3))), ValueError, r"\(1,\).*\(3,\)",
    ),
    "upstream": (
        after_forward(lambda p: (p.forward([[1.0], [2.0]]), p.backward([[1.0]]))),
        ValueError, r"\(2, 1\).*\(1, 1\)",
    ),
    "no forward": (after_forward(lambda p: p.backward([[1.0]])), ValueError, "run forward first"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    run, kind, message = REFUSED[name]
    with pytest.raises(kind, match=message) as caught:
        run()
    assert type(caught.value) is kind and "\n" not in str(caught.value)


def test_what_looks_without_branching_is_allowed():
    x, p = Value(2.0), Value(3.0)
    y = x * p
    assert y.data > 0 and float(y) and y.item() and repr(y) and hash(y) and y in {y}
    with no_grad():
        assert (x * p) > 0  # another result, which leads to no output
    assert compile(y, [x], [p]).forward([[1.0]]).tolist() == [[3.0]]


# --------------------------------------------------------------------------- report and pictures


def test_the_report_is_plain_where_it_is_piped(program):
    with redirect_stdout(StringIO()) as out:
        program.report()
    text = out.getvalue()
    assert "\x1b" not in text
    for word in ("fold_constants", "group_by_level", "matmul (4, 2)", "dot of 17", "tanh"):
        assert word in text
    total = sum(group.array_operations for group in program.schedule.groups)
    assert [cell.strip() for cell in text.splitlines()[-2].split("│")[1:-1]] == [
        "in all", str(sum(program.stages[-1][1:2])), str(total),
    ]  # fmt: skip


def test_the_report_leaves_out_what_was_skipped():
    x = Value(1.0)
    with redirect_stdout(StringIO()) as out:
        compile(x * 2, [x], skip=["group_by_level", "find_dot_products"]).report()
    assert "group_by_level" not in out.getvalue() and "fold_constants" in out.getvalue()


def test_a_picture_before_and_after_a_forward(program, tmp_path):
    for moment in ("before", "after"):
        path = tmp_path / f"{moment}.svg"
        draw(program, path)
        root = xml.etree.ElementTree.parse(path).getroot()
        assert root.tag.endswith("svg")
        assert "@" in path.read_text() and "tanh" in path.read_text()
        program.forward(X)


# ------------------------------------------------------------------------------------ the digits

DIGITS = """
import time, resource
import numpy as np
from hello_dl import MLP, Value, compile
start = time.process_time()
net, x = MLP(784, [128, 64, 10], seed=0), [Value(0.0) for _ in range(784)]
program = compile(net(x), x, net.parameters(), dtype="float32")
seconds = time.process_time() - start
X = np.random.default_rng(0).random((64, 784), dtype="float32")
h, P = X, program.parameters
for n, k in ((128, 784), (64, 128), (10, 64)):
    if h is not X:
        h = np.maximum(h, 0)
    block, P = P[: n * (k + 1)].reshape(n, k + 1), P[n * (k + 1) :]
    h = h @ block[:, :k].T + block[:, k]
assert P.size == 0
error = abs(program.forward(X) - h).max()
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, error)
"""


def test_the_net_of_218_000_values_is_compiled():
    """The one slow test: about 5 s of computing, in a process of its own to see its memory."""
    pytest.importorskip("resource")  # Windows has none
    run = subprocess.run([sys.executable, "-c", DIGITS], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    seconds, memory, error = map(float, run.stdout.split())
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KB here
    assert error < 1e-4 and seconds < 20 and memory * unit < 1.5e9
