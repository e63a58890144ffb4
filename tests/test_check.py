"""The gradient check passes what is right, and catches and names what is wrong."""

import numpy as np
import pytest
from helpers import made_up_rule

from hello_dl import Tensor, Value, check, nn
from hello_dl import functional as F

X = np.random.default_rng(5).standard_normal((3, 4))
Y = np.random.default_rng(6).standard_normal(4)


def test_right_gradients_pass_and_the_error_is_small():
    assert check.gradients(lambda x, y: (x * y).tanh() @ y, X, Y) < 1e-8
    assert check.gradients(F.linear, X, np.ones((2, 4)), np.ones(2)) < 1e-8


def test_values_too():
    assert check.gradients(lambda a, b: (a * b).tanh() / b + a**2, Value(0.5), Value(-2.0)) < 1e-8
    assert check.gradients(lambda a: a.exp(), 1.5) < 1e-8


def test_whole_numbers_and_modules_may_take_part():
    net = nn.Linear(4, 3)
    for p in net.parameters():
        p.data = p.data.astype("float64")
    assert check.gradients(lambda x, y: F.cross_entropy(net(x), y), X, np.array([0, 2, 1])) < 1e-8


def test_inputs_are_left_alone():
    x = Tensor(X.astype("float32"), requires_grad=True)
    before = x.data.copy()
    check.gradients(lambda x: x * x, x)
    assert x.grad is None and (x.data == before).all() and x.dtype == np.float32


def test_an_input_that_is_not_used_has_no_gradient():
    assert check.gradients(lambda x, y: x * 2, X, Y) < 1e-8
    with pytest.raises(AssertionError, match="input 1 .*gradient says 0"):
        check.gradients(lambda x, y: x * Tensor(y.data), X, Y)  # used behind the graph's back


# A rule with one thing wrong: the pulls of x * y, x of (3, 4) and y of (4,).


def a_little_off(x, y):
    return x * y, (lambda g: g * y, lambda g: 1.001 * g * x)


def wrong_sign(x, y):
    return x * y, (lambda g: -g * y, lambda g: g * x)


def swapped(x, y):
    return x * y, (lambda g: g * x, lambda g: g * x)


def one_entry_off(x, y):
    def pull_x(g):
        gradient = g * y
        gradient[1, 2] *= 1.01
        return gradient

    return x * y, (pull_x, lambda g: g * x)


def sum_forgotten(x, y):
    return x * y, (lambda g: g * y, lambda g: (g * x)[0])


def upstream_forgotten(x, y):
    return x * y, (lambda g: np.ones_like(g) * y, lambda g: g * x)


def nan_somewhere(x, y):
    return x * y, (lambda g: g * y, lambda g: g * x * np.nan)


WRONG = [
    (a_little_off, 1),
    (wrong_sign, 0),
    (swapped, 0),
    (one_entry_off, 0),
    (sum_forgotten, 1),
    (upstream_forgotten, 0),
    (nan_somewhere, 1),
]


@pytest.mark.parametrize("wrong, which", WRONG)
def test_a_wrong_pull_is_caught_and_named(wrong, which):
    with made_up_rule(wrong, broadcasts=True) as operation:
        message = f"input {which} of {wrong.__name__}.*gradient says .* nudging says"
        with pytest.raises(AssertionError, match=message):
            check.gradients(operation, X, Y)


def test_a_wrong_slope_of_a_value_is_caught():
    def halved(a):
        b = a * 3
        b.slopes = (1.5, 0.0)
        return b

    with pytest.raises(AssertionError, match="input 0 of halved.* nudging says"):
        check.gradients(halved, Value(2.0))


def test_tolerance_and_seed():
    with made_up_rule(a_little_off, broadcasts=True) as operation:
        error = check.gradients(operation, X, Y, tolerance=0.01)
        assert 1e-5 < error < 1e-2
        assert error == check.gradients(operation, X, Y, tolerance=0.01)
        assert error != check.gradients(operation, X, Y, tolerance=0.01, seed=1)
