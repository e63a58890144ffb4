"""Functions of every entry, and activations."""

import math

import numpy as np
from helpers import EXTREMES, INF, NAN
from rule_cases import Case, Row, case, extremes, normal, off_zero, ones, positive

# The ends of the pieces of hardtanh, relu6, hardsigmoid and hardswish, and what lies around them.
KINKS = [0.0, -0.0, 1.0, -1.0, 3.0, -3.0, 6.0, 2.9, -2.9, 3.1, -3.1, 1e4, -1e4]
# PyTorch's vector code and its scalar code differ in the slopes of some activations at nan.
numbers = case(np.array(EXTREMES[:-1]))
kinks, far = case(KINKS), case([0.0, 20.0, 20.1, -30.0, 100.0, -100.0, 800.0, -800.0, 1e4, -1e4])
angles = case([0.0, -0.0, 100.0, INF, -INF, NAN])
steps = case([0.0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, 1.2, -1.2, 7.0, INF, -INF, NAN])


def between(*shape):
    """Numbers that are well between two whole ones and their middles."""
    return np.array(np.round(2 * normal(*shape)) + 0.3)


def sigmoid(x):
    return np.where(x > 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x)))


def below(x):
    """P(N(0, 1) <= x)."""
    return 0.5 * np.vectorize(math.erfc, [float])(-x * math.sqrt(0.5))


def gelu(x, approximate="none"):
    if approximate == "none":
        return x * below(x)
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def softplus(x, beta=1.0, threshold=20.0):
    return np.where(x * beta > threshold, x, np.logaddexp(0, x * beta) / beta)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(x))


def prelu(x, weight):
    slope = weight.reshape(-1, *[1] * (x.ndim - 2)) if weight.size > 1 else weight.reshape(-1)[0]
    return np.where(x > 0, x, slope * x)


def step(function, name):
    """A function of steps; whole numbers stay as they are."""
    return Row(function, name, ones(between), [steps, case(np.array([1, -2, 0]))])


FUNCTIONS: dict[str, Row] = {
    "exp": Row(np.exp, "exp", ones(), [extremes, case([709.7, 709.79, -745.0])]),
    "expm1": Row(np.expm1, "expm1", ones(), [extremes, case([1e-20, -1e-20, 709.7, -745.0])]),
    "log": Row(np.log, "log", ones(positive), [extremes]),
    "log1p": Row(np.log1p, "log1p", ones(positive), [extremes, case([1e-20, -1e-20, -1.0])]),
    "log2": Row(np.log2, "log2", ones(positive), [extremes]),
    "log10": Row(np.log10, "log10", ones(positive), [extremes]),
    "sqrt": Row(np.sqrt, "sqrt", ones(positive), [extremes]),
    "rsqrt": Row(lambda x: 1 / np.sqrt(x), "rsqrt", ones(positive), [extremes]),
    "sin": Row(np.sin, "sin", ones(), [angles]),
    "cos": Row(np.cos, "cos", ones(), [angles]),
    "tan": Row(np.tan, "tan", ones(), [angles]),
    "erf": Row(
        np.vectorize(math.erf, [float]),
        "erf",
        ones(),
        [extremes, case([1e-9, 0.5, -0.999, 1.0, 3.3, -5.99, 6.0, 6.01, 27.0])],
    ),
    "abs": Row(np.abs, "abs", ones(off_zero), [extremes, case(np.array([-2, 0, 3]))]),
    "sign": Row(
        lambda x: np.nan_to_num(np.sign(x)),
        "sign",
        ones(off_zero),
        [extremes, case(np.array([-2, 0, 3]))],
    ),
    "floor": step(np.floor, "floor"),
    "ceil": step(np.ceil, "ceil"),
    "trunc": step(np.trunc, "trunc"),
    "round": Row(
        lambda x, decimals=0: np.round(x, decimals),
        "round",
        [*ones(between), case(np.round(normal(5), 1) + 0.02, decimals=1)],
        [
            steps,
            case(np.array([1, -2, 0])),
            Case(steps.inputs, {"decimals": 2}),
            case([1249.0, 1251.0, -50.0], decimals=-2),
        ],
    ),
}

ACTIVATIONS: dict[str, Row] = {
    "tanh": Row(np.tanh, "tanh", ones(), [extremes]),
    "sigmoid": Row(sigmoid, "sigmoid", ones(), [far, case([0.0, 30.0, -30.0, NAN])]),
    "softsign": Row(lambda x: x / (1 + np.abs(x)), "nn.functional.softsign", ones(), [kinks]),
    "hardtanh": Row(
        lambda x, min_val=-1.0, max_val=1.0: np.clip(x, min_val, max_val),
        "nn.functional.hardtanh",
        [case(between(3, 4)), case(between(5), min_val=-2.0, max_val=0.5)],
        [numbers, kinks, case(np.array([-3, 0, 1, 3]))],
    ),
    "relu6": Row(
        lambda x: np.clip(x, 0, 6),
        "nn.functional.relu6",
        [case(between(3, 4) * 3)],
        [numbers, kinks, case(np.array([-3, 0, 6, 8]))],
    ),
    "hardsigmoid": Row(
        lambda x: np.clip(x / 6 + 0.5, 0, 1),
        lambda t, x: t.nn.functional.relu6(x + 3) / 6,  # its own slope of 1/6 is a float32
        [case(between(3, 4) * 2)],
        [numbers, kinks],
    ),
    "logsigmoid": Row(
        lambda x: -np.logaddexp(0, -x), "nn.functional.logsigmoid", ones(), [far, extremes]
    ),
    "relu": Row(lambda x: np.where(x < 0, 0.0, x), "relu", ones(off_zero), [extremes]),
    "leaky_relu": Row(
        lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
        "nn.functional.leaky_relu",
        [
            *ones(off_zero),
            *(case(off_zero(3, 4), negative_slope=slope) for slope in (0.3, 1.0, 1.5, -0.5, 0.0)),
        ],
        [extremes, Case(extremes.inputs, {"negative_slope": 0.5})],
    ),
    "prelu": Row(
        prelu,
        "nn.functional.prelu",
        [
            case(off_zero(3, 4), [0.3]),
            case(off_zero(3, 4), [0.3, -0.2, 2.0, 0.0]),
            case(off_zero(2, 3, 2, 2), [0.3, 0.1, 0.2]),
            case(off_zero(5), [0.3]),
        ],
        [case([[0.0, -0.0], [-1.0, INF]], [0.5, 0.25])],
    ),
    "elu": Row(
        elu,
        "nn.functional.elu",
        [*ones(off_zero), case(off_zero(3, 4), alpha=2.5)],
        [numbers, Case(kinks.inputs, {"alpha": 0.5})],
    ),
    "celu": Row(
        lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(x / alpha)),
        "nn.functional.celu",
        [*ones(off_zero), case(off_zero(3, 4), alpha=2.5)],
        [numbers, Case(kinks.inputs, {"alpha": 0.5})],
    ),
    "selu": Row(
        lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772),
        "nn.functional.selu",
        ones(off_zero),
        [numbers],
    ),
    "softplus": Row(
        softplus,
        "nn.functional.softplus",
        [*ones(), case((3, 4), beta=2.5), case(between(4), beta=2.0, threshold=3.0)],
        [far, extremes],
    ),
    "silu": Row(lambda x: x * sigmoid(x), "nn.functional.silu", ones(), [far]),
    "hardswish": Row(
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        "nn.functional.hardswish",
        [case(between(3, 4) * 2)],
        [kinks, case([INF])],
    ),
    "mish": Row(
        lambda x: x * np.tanh(np.logaddexp(0, x)), "nn.functional.mish", ones(), [far, case([NAN])]
    ),
    "tanhshrink": Row(
        lambda x: x - np.tanh(x), "nn.functional.tanhshrink", ones(), [case(np.array(EXTREMES))]
    ),
    "gelu": Row(
        gelu,
        "nn.functional.gelu",
        [*ones(), case((3, 4), approximate="tanh")],
        [
            case([0.0, -0.0, 8.4, 8.6, -8.4, -8.6, 40.0, -40.0, 1e4, -1e4, 1e150, -1e150, NAN]),
            case([0.0, -0.0, 8.4, -8.4, 40.0, -40.0, 1e4, -1e4, NAN], approximate="tanh"),
        ],
    ),
}

ROWS = FUNCTIONS | ACTIVATIONS
