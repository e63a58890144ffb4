"""Every registered rule against numpy, against nudging, against PyTorch, and against its twin."""

import importlib
import inspect
import pkgutil

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, plain
from rule_cases import Case
from rule_table import ROWS

from hello_dl import Tensor, check, ops
from hello_dl.backend import is_array
from hello_dl.ops.rule import RULES

pytestmark = [pytest.mark.filterwarnings("ignore::RuntimeWarning")]  # inf and nan are wanted here
each_device = pytest.mark.parametrize("device", DEVICES)


def each_case(*kinds, rows=ROWS):
    """Parametrize over the cases of all rows: `smooth` ones, `edge` ones, or both."""
    return pytest.mark.parametrize(
        "name, case",
        [
            pytest.param(name, case, id=f"{name}-{kind}{i}")
            for name, row in rows.items()
            for kind, cases in (("smooth", row.cases), ("edge", row.edges))
            if kind in kinds
            for i, case in enumerate(cases)
        ],
    )


def leaves(case, device="cpu", dtype="float64"):
    """Make the inputs of a rule: leaves of floating arrays, plain blocks of the others."""
    made = []
    for x in case.inputs:
        if is_array(x):
            floating = x.dtype.kind == "f"
            x = Tensor(on_device(x.astype(dtype) if floating else x, device), floating)
        made.append(x)
    return made


def apply(name, inputs, case, device="cpu"):
    options = {key: on_device(value, device) for key, value in case.options.items()}
    return RULES[name](*inputs, **options)


def gradients_of(inputs):
    return [x.grad for x in inputs if isinstance(x, Tensor) and x.requires_grad]


def upstream_for(shape):
    return np.random.default_rng(1).standard_normal(shape)


def test_every_rule_has_a_row():
    assert set(ROWS) == set(RULES)


@each_device
@each_case("smooth", "edge")
def test_value_is_that_of_numpy(name, case, device):
    result = apply(name, leaves(case, device), case, device)
    assert is_array(result.data), "a block holds an array, also where it is a single number"
    assert result.op == name
    assert_close(result, ROWS[name].numpy(*case.inputs, **case.options), rtol=1e-12)


@each_device
@each_case("smooth")
def test_gradient_is_that_of_nudging(name, case, device):
    inputs = leaves(case, device)
    blocks = [x for x in inputs if isinstance(x, Tensor)]

    def rule_on_blocks(*moved):
        """Put back the plain numbers, which have no gradient, between the blocks."""
        rest = iter(moved)
        return apply(
            name, [next(rest) if isinstance(x, Tensor) else x for x in inputs], case, device
        )

    assert check.gradients(rule_on_blocks, *blocks) <= 1e-6


@each_device
@each_case("smooth", "edge")
def test_value_and_gradients_are_those_of_pytorch(name, case, device):
    torch = import_torch()
    theirs = [
        torch.tensor(x, requires_grad=x.dtype.kind == "f")
        if is_array(x) and x.dtype.kind == "f"
        else torch.tensor(x if x.dtype.kind == "b" else x.astype(np.int64))
        if is_array(x)
        else x
        for x in case.inputs
    ]
    reference = ROWS[name].torch
    if isinstance(reference, str):
        *path, last = reference.split(".")
        module = importlib.import_module(".".join(["torch", *path]))
        expected = getattr(module, last)(*theirs, **case.options)
    else:
        expected = reference(torch, *theirs, **case.options)
    inputs = leaves(case, device)
    result = apply(name, inputs, case, device)
    assert_close(result, expected.detach().numpy())
    if 0 in expected.shape or not expected.requires_grad:
        assert result.requires_grad is expected.requires_grad
        return  # no number, no gradient
    upstream = upstream_for(result.shape)
    result.backward(upstream)
    expected.backward(torch.tensor(upstream).to(expected.dtype))
    wanted = [t.grad.numpy() for t in theirs if isinstance(t, torch.Tensor) and t.requires_grad]
    for i, (gradient, other) in enumerate(zip(gradients_of(inputs), wanted, strict=True)):
        assert_close(gradient, other, what=f"gradient {i}")


@each_device
@each_case("smooth", rows={name: row for name, row in ROWS.items() if row.keeps_dtype})
def test_float32_stays_float32(name, case, device):
    precise, inputs = leaves(case, device), leaves(case, device, "float32")
    results = apply(name, precise, case, device), apply(name, inputs, case, device)
    for result in results:
        result.backward(upstream_for(result.shape))
    assert results[1].dtype == np.float32
    assert_close(results[1], results[0], rtol=1e-4, atol=1e-5)
    for gradient, other in zip(gradients_of(inputs), gradients_of(precise), strict=True):
        assert gradient.dtype == np.float32
        assert_close(gradient, other, rtol=1e-4, atol=1e-5)


# Fused rules and their twins.


def twins():
    """Find every function of ops/ that is named `..._composed`."""
    for module in pkgutil.iter_modules(ops.__path__, f"{ops.__name__}."):
        for name, function in vars(importlib.import_module(module.name)).items():
            if name.endswith("_composed"):
                yield name.removesuffix("_composed"), function


TWINS = dict(twins())


def twin_cases():
    """Take the cases whose options the twin has too (a twin of a loss spells its mean)."""
    for name, twin in TWINS.items():
        known = inspect.signature(twin).parameters
        row = ROWS[name]
        for i, case in enumerate([*row.cases, *row.edges]):
            if set(case.options) <= set(known):
                yield pytest.param(name, case, id=f"{name}-{i}")


def test_the_twins_are_found():
    assert {"linear", "log_softmax", "softmax", "cross_entropy", "mse_loss"} <= set(TWINS)
    tried = {param.values[0] for param in twin_cases()}
    assert tried == set(TWINS), "every twin is held against its rule by at least one case"


@each_device
@pytest.mark.parametrize("name, case", list(twin_cases()))
def test_fused_rule_is_its_composed_twin(name: str, case: Case, device):
    fused_inputs, composed_inputs = leaves(case, device), leaves(case, device)
    fused = apply(name, fused_inputs, case, device)
    options = {key: on_device(value, device) for key, value in case.options.items()}
    composed = TWINS[name](*composed_inputs, **options)
    assert_close(composed, fused)
    for result in (fused, composed):
        result.backward(upstream_for(result.shape))
    if np.isfinite(plain(fused)).all():  # from inf and nan on, one nan is as good as another
        for one, other in zip(gradients_of(fused_inputs), gradients_of(composed_inputs)):
            assert_close(other, one)
