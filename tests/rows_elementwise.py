"""Rules that treat every entry alike."""

import math

import numpy as np
from helpers import EXTREMES, INF, NAN
from rule_cases import Case, Row, case, extremes, off_zero, ones, pairs, positive, twos

ROWS: dict[str, Row] = {
    "add": Row(np.add, "add", twos(), [pairs]),
    "sub": Row(np.subtract, "sub", twos(), [pairs]),
    "mul": Row(np.multiply, "mul", twos(), [pairs]),
    "div": Row(np.divide, "div", twos(right=off_zero), [pairs]),
    "pow": Row(
        np.power,
        "pow",
        [*twos(left=positive), case(off_zero(4), 3), case(off_zero(4), -2), case(off_zero(4), 0)],
        [
            case([0.0, 0.0, 0.0, 2.0, 2.0, 0.0], [0.0, 1.0, 2.0, 0.0, -INF, 0.5]),
            case([0.0, 1.0, INF], 2),
            case([0.0, 2.0], 0),
            case([0.0, 4.0, INF], 0.5),
        ],
    ),
    "neg": Row(np.negative, "neg", ones(), [extremes]),
    "exp": Row(np.exp, "exp", ones(), [extremes, case([709.7, 709.79, -745.0])]),
    "log": Row(np.log, "log", ones(positive), [extremes]),
    "sqrt": Row(np.sqrt, "sqrt", ones(positive), [extremes]),
    # At nan the slope of abs is nan, numpy's sign; PyTorch says 0.
    "abs": Row(np.abs, "abs", ones(off_zero), [case(np.array(EXTREMES[:-1]))]),
    "sin": Row(np.sin, "sin", ones(), [case([0.0, -0.0, 100.0, INF, -INF, NAN])]),
    "cos": Row(np.cos, "cos", ones(), [case([0.0, -0.0, 100.0, INF, -INF, NAN])]),
    "tanh": Row(np.tanh, "tanh", ones(), [extremes]),
    "sigmoid": Row(
        lambda x: np.where(x > 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x))),
        "sigmoid",
        ones(),
        [case([0.0, 30.0, -30.0, 800.0, -800.0, NAN])],
    ),
    "relu": Row(lambda x: np.where(x < 0, 0.0, x), "relu", ones(off_zero), [extremes]),
    "leaky_relu": Row(
        lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
        "nn.functional.leaky_relu",
        [*ones(off_zero), case(off_zero(3, 4), negative_slope=0.3)],
        [extremes, Case(extremes.inputs, {"negative_slope": 0.5})],
    ),
    "gelu": Row(
        lambda x: x * 0.5 * (1 + np.vectorize(math.erf, [float])(x * math.sqrt(0.5))),
        "nn.functional.gelu",
        ones(),
        [case([0.0, -0.0, 8.4, 8.6, -8.4, -8.6, 40.0, -40.0, 1e4, -1e4, 1e150, -1e150, NAN])],
    ),
}
