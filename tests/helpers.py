"""What the tests of the engines share: devices, leaves of both engines, numbers, made-up rules."""

import gc
import math
from contextlib import contextmanager

import numpy as np
import pytest

from hello_dl import Tensor, Value
from hello_dl.backend import is_array, to_device
from hello_dl.graph import Node
from hello_dl.ops.rule import RULES, rule

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def tensor_leaf(x, requires_grad=True, **names):
    """Make a float64 leaf that takes part in gradients, as a Value does by itself."""
    return Tensor(x, requires_grad, dtype="float64", **names)


LEAVES = {
    "Value": Value,
    "Tensor": tensor_leaf,
}  # leaf(number, requires_grad=True, name=..., op=...)

INF, NAN = math.inf, math.nan
EXTREMES = (0.0, -0.0, 1.0, -1.0, 1000.0, -1000.0, 1e308, -1e308, 1e-320, INF, -INF, NAN)


def import_torch():
    """PyTorch, or skip the test. One thread: the numbers are few, and other tests want cores."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def plain(x):
    """The numbers of a node or an array, in CPU memory, as numpy has them."""
    if isinstance(x, Node):
        x = x.data
    return to_device(x, "cpu") if is_array(x) else np.asarray(x)


def assert_close(actual, expected, rtol=1e-10, atol=1e-12, what=""):
    """Hold two blocks of numbers together: shapes too, and nan equals nan."""
    actual, expected = plain(actual), plain(expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, not {expected.shape}"
    np.testing.assert_allclose(actual, expected, rtol, atol, err_msg=what)


def on_device(x, device):
    """Copy the arrays in x, which may be a tuple, to a device; leave everything else."""
    if isinstance(x, tuple):
        return tuple(on_device(part, device) for part in x)
    return to_device(x, device) if is_array(x) else x


@contextmanager
def made_up_rule(function, **options):
    """Register a rule for a while: the table of rules stays as the library has it."""
    try:
        yield rule(function, **options)
    finally:
        del RULES[function.__name__]


def live(kind):
    """Count the objects of a kind that are alive."""
    gc.collect()
    return sum(issubclass(type(x), kind) for x in gc.get_objects())
