"""Value against plain Python, and Value and Tensor against each other: at random points, at kinks,
at infinities, and on expressions that nobody thought of."""

import math
import operator
import random

import numpy as np
import pytest
from helpers import EXTREMES, INF, LEAVES, assert_close
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hello_dl import MLP, Layer, Neuron, Tensor, Value, nn, scope

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # numpy's, for inf and nan

NAMES = "exp log sqrt abs sin cos tanh sigmoid relu leaky_relu gelu sum mean max min"
FUNCTIONS = {name: operator.methodcaller(name) for name in NAMES.split()} | {
    "neg": operator.neg,
    "abs()": abs,
    "leaky_relu(0.3)": lambda x: x.leaky_relu(0.3),
    "x ** 0": lambda x: x**0,
    "x ** 2": lambda x: x**2,
    "x ** -1": lambda x: x**-1,
    "x ** 0.5": lambda x: x**0.5,
    "2 - x": lambda x: 2 - x,
    "2 + x": lambda x: 2 + x,
    "2 * x": lambda x: 2 * x,
    "2 / x": lambda x: 2 / x,
    "2 ** x": lambda x: 2**x,
    "x / 2": lambda x: x / 2,
}
OPERATORS = {name: getattr(operator, name) for name in "add sub mul truediv pow".split()}


def value_and_gradients(make, function, numbers, upstream):
    inputs = [make(x) for x in numbers]
    result = function(*inputs)
    result.backward(upstream)
    return [result.item(), *(0.0 if x.grad is None else float(x.grad) for x in inputs)]


def assert_engines_agree(function, *numbers, atol=1e-300):
    results = [value_and_gradients(make, function, numbers, 1.5) for make in LEAVES.values()]
    assert_close(*results, rtol=1e-12, atol=atol, what=f"{numbers}: value, then gradients")


# ---------------------------------------------------------------------------------- two engines


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_agree_on_both_engines(name):
    atol = 1e-12 if name == "gelu" else 1e-300  # on blocks, erf is a polynomial
    for x in [*np.linspace(-4, 4, 33), 709.782, 709.79, *EXTREMES]:
        if name in ("max", "min") and x != x:
            continue  # a Value is its own maximum; among entries, none equals nan
        if name == "x ** 0.5" and x == -INF:
            continue  # C's pow says inf; numpy takes the square root here, which says nan
        assert_engines_agree(FUNCTIONS[name], float(x), atol=atol)


@pytest.mark.parametrize("name", OPERATORS)
def test_operators_agree_on_both_engines(name):
    some = [*EXTREMES, 2.0, 3.0, 0.5, -2.5, 1e-160]
    for a in some:
        for b in some:
            if name != "pow" or (a, b) != (-INF, 0.5):  # see above
                assert_engines_agree(OPERATORS[name], a, b)


unary = st.sampled_from(sorted(FUNCTIONS))
binary = st.sampled_from(sorted(OPERATORS))
numbers = st.sampled_from([0.0, 1.0, -1.0, 2.0]) | st.floats(-4, 4, allow_subnormal=False)


@st.composite
def expressions(draw):
    """Draw a function of three inputs, as steps that each use what is there already."""
    steps = []
    for i in range(draw(st.integers(1, 6))):
        earlier = st.integers(0, 2 + i)
        if draw(st.booleans()):
            steps.append((FUNCTIONS[draw(unary)], (draw(earlier),)))
        else:
            steps.append((OPERATORS[draw(binary)], (draw(earlier), draw(earlier))))

    def expression(*inputs):
        known = list(inputs)
        for function, which in steps:
            known.append(function(*(known[i] for i in which)))
        return known[-1]

    return expression


@settings(max_examples=300, deadline=None, derandomize=True)
@given(expressions(), st.tuples(numbers, numbers, numbers))
def test_expressions_agree_on_both_engines(expression, inputs):
    """Where inputs that differ in the tenth digit give other results, rounding errors do too."""
    values = value_and_gradients(Value, expression, inputs, 1.0)
    assume(all(abs(x) < 1e9 for x in values))
    for nearly in (1 + 1e-10, 1 - 1e-10):
        moved = value_and_gradients(Value, expression, [x * nearly for x in inputs], 1.0)
        assume(np.allclose(moved, values, rtol=1e-6, atol=1e-8))
    blocks = value_and_gradients(LEAVES["Tensor"], expression, inputs, 1.0)
    assert_close(blocks, values, rtol=1e-4, atol=1e-6)


# ---------------------------------------------------------------------------------- one net, both


def test_one_net_written_once_runs_on_both_engines():
    """neuron.py knows nothing of blocks. With Tensors for weights it takes a batch at once."""
    rng = random.Random(3)
    points = [(rng.gauss(0, 1), rng.gauss(0, 1)) for _ in range(7)]
    scalar, block = MLP(2, [4, 3, 1], "tanh", seed=1), MLP(2, [4, 3, 1], "tanh", seed=1)
    for layer in block.layers:
        for neuron in layer.neurons:
            neuron.weights = [Tensor(w.data, True, dtype="float64") for w in neuron.weights]
            neuron.bias = Tensor(neuron.bias.data, True, dtype="float64")

    one_by_one = [scalar(point) for point in points]
    at_once = block([Tensor(column, dtype="float64") for column in zip(*points)])
    assert_close(at_once, [y.data for y in one_by_one])

    sum((y * y for y in one_by_one), Value(0.0)).backward()
    (at_once * at_once).sum().backward()
    for p, q in zip(scalar.parameters(), block.parameters(), strict=True):
        assert_close(q.grad, p.grad)


def test_a_net_of_values_is_a_net_of_layers():
    """The same weights in nn.Linear: the same outputs and gradients, from a few nodes."""
    net = MLP(3, [5, 2], "relu", seed=2)
    layers = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2))
    for linear, layer in zip((layers[0], layers[2]), net.layers):
        linear.weight.data = np.array([[w.data for w in n.weights] for n in layer.neurons])
        linear.bias.data = np.array([n.bias.data for n in layer.neurons])
    inputs, upstream = [0.5, -1.0, 2.0], [1.0, -2.0]

    outputs = net(inputs)
    (outputs[0] * upstream[0] + outputs[1] * upstream[1]).backward()
    blocks = layers(Tensor([inputs], dtype="float64"))
    blocks.backward([upstream])

    assert_close(blocks.data[0], [y.data for y in outputs])
    for linear, layer in zip((layers[0], layers[2]), net.layers):
        assert_close(linear.weight.grad, [[w.grad for w in n.weights] for n in layer.neurons])
        assert_close(linear.bias.grad, [n.bias.grad for n in layer.neurons])


# ---------------------------------------------------------------------------------- neurons


def test_a_neuron_is_a_bent_weighted_sum():
    neuron = Neuron(2, "relu", random.Random(0))
    for weight, number in zip(neuron.weights, (2.0, -1.0)):
        weight.data = number
    neuron.bias.data = 0.5
    assert neuron([3.0, 1.0]).data == 5.5
    assert neuron([0.0, 1.0]).data == 0
    neuron.activation = None
    assert neuron([0.0, 1.0]).data == -0.5
    assert [p.name for p in neuron.parameters()] == ["w0", "w1", "b"]
    assert {p.op for p in neuron.parameters()} == {"parameter"}


def test_an_mlp_has_its_sizes_and_a_straight_last_layer():
    net = MLP(2, [16, 16, 1], seed=0)
    assert len(net.parameters()) == (2 + 1) * 16 + (16 + 1) * 16 + 16 + 1
    assert [n.activation for layer in net.layers for n in layer.neurons[:1]] == [
        "relu", "relu", None,
    ]  # fmt: skip
    assert isinstance(net([1.0, 2.0]), Value)
    assert [type(y) for y in MLP(2, [3, 2])([1, 2])] == [Value, Value]


def test_seed_and_spread_of_weights():
    def weights(seed):
        return [p.data for p in MLP(100, [50], seed=seed).parameters()]

    assert weights(1) == weights(1) != weights(2)
    spread = np.std([w for w in weights(1) if w])
    assert spread == pytest.approx(math.sqrt(2 / 100), rel=0.05)
    assert Layer(2, 2, rng=random.Random(5)).parameters() == (
        Layer(2, 2, rng=random.Random(5)).parameters()
    )


def test_a_net_names_the_places_of_its_nodes():
    with scope("net"):
        assert MLP(2, [3, 1])([1.0, 2.0]).scope == "net/layer2"


def test_zero_grad_of_a_net():
    net = MLP(2, [3, 1], "tanh")
    net([1.0, 2.0]).backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_what_a_net_cannot_be_made_of():
    with pytest.raises(TypeError, match=r"layer_sizes is a list such as \[16, 1\], not 3"):
        MLP(2, 3)
    for wrong in ("relux", 5):
        with pytest.raises(ValueError, match=f"activation {wrong!r} is unknown: .*'relu'.*None"):
            MLP(2, [3, 1], wrong)
    with pytest.raises(ValueError, match="at least one input, not 0"):
        Neuron(0)


def test_wrong_number_of_inputs():
    with pytest.raises(ValueError, match="2 weights got 3 inputs"):
        MLP(2, [1])([1.0, 2.0, 3.0])


# ---------------------------------------------------------------------------------- a Value itself


def test_slopes_and_edges():
    a, b = Value(2.0), Value(5.0)
    c = a * b
    assert c.parents == (a, b) and c.slopes == (5.0, 2.0)
    assert list(c.edges()) == [(a, 5.0, None), (b, 2.0, None)]
    d = c * 3
    d.backward(retain_graph=True)
    assert list(c.edges()) == [(a, 5.0, 15.0), (b, 2.0, 6.0)]
    assert [flow for _, _, flow in d.edges()] == [3.0, None]  # nothing flows to a constant


def test_values_compare_as_numbers_and_stand_as_nodes():
    a, b = Value(3.0), Value(3.0)
    assert a == b == 3 and a != 4 and a != "3" and a is not b
    assert len({a, b}) == 2
    assert a < 4 and a <= b and a > 2 and a >= 3.0
    assert 2 < a and not 4 < a


def test_numbers_in_and_out():
    a = Value(2, name="a")
    assert type(a.data) is float and float(a) == a.item() == 2.0
    assert (np.float64(3) * a).data == 6 and (a + np.float32(1)).data == 3
    b = (a * 3).detach()
    assert b.data == 6 and not b.requires_grad and b.parents == ()
    assert a.detach().name == "a"
    assert repr(a) == "Value(2, name='a')"
    (a * 1.5).backward()
    assert repr(a) == "Value(2, name='a', grad=1.5)"


@pytest.mark.parametrize("make", LEAVES.values(), ids=LEAVES)
def test_as_a_plain_number(make):
    x = make(-2.716)
    assert (int(x), round(x), round(x, 1), float(x)) == (-2, -3, -2.7, -2.716)
    assert f"{x:.2f}" == format(x, ".2f") == "-2.72" and f"{x:+8.1e}" == "-2.7e+00"
    assert str(x) == repr(x)
    assert f"{x}" == (repr(x) if make is Value else "-2.716")  # PyTorch's: f"loss {loss}"


@pytest.mark.parametrize("wrong", [None, [1.0], np.ones(2), np.ones(1), "3", b"3", 1j], ids=repr)
def test_a_value_holds_one_number(wrong):
    with pytest.raises(TypeError, match="one number"):
        Value(wrong)
    a = Value(1.0)
    with pytest.raises(TypeError, match="one number"):
        a.data = wrong
    assert a.data == 1
    a.data = np.float32(2)
    assert type(a.data) is float and a.data == 2
    with pytest.raises(TypeError):
        Value(1.0) + wrong


@pytest.mark.parametrize("name", OPERATORS)
def test_the_engines_do_not_mix(name):
    """A Tensor taken for a plain number would lose its gradient without a word."""
    for pair in [(Value(2.0), Tensor(3.0)), (Tensor(3.0), Value(2.0))]:
        with pytest.raises(TypeError, match="a Value and a Tensor do not mix"):
            getattr(operator, name)(*pair)
