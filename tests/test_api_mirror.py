"""The two engines have the same public names with the same meaning, or say where the other is."""

import inspect

import numpy as np
import pytest
from helpers import LEAVES

from hello_dl import Tensor, Value

SHARED = (
    "data grad parents op name requires_grad shape scope "
    "exp log sqrt abs sin cos tanh sigmoid relu leaky_relu gelu sum mean max min "
    "item detach zero_grad backward edges"
).split()
SHARED_DUNDERS = (
    "__add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ __rtruediv__ __pow__ __rpow__ "
    "__iadd__ __isub__ __imul__ __itruediv__ __neg__ __abs__ __eq__ __ne__ __lt__ __le__ __gt__ "
    "__ge__ __hash__ __float__ __int__ __round__ __format__ __repr__ __matmul__ __getitem__"
).split()
METHODS = [name for name in SHARED if callable(getattr(Value, name))]

# What each engine keeps on its edges is the one thing in which they differ: numbers or functions.
EDGES_OF_VALUE = {"slopes"}
EDGES_OF_TENSOR = {"pulls", "broadcasts", "grad_store", "result_class"}


def public(kind):
    return {name for name in dir(kind) if not name.startswith("_")}


def test_the_shared_names_are_on_both():
    for kind in (Value, Tensor):
        missing = [name for name in [*SHARED, *SHARED_DUNDERS] if not hasattr(kind, name)]
        assert not missing, f"{kind.__name__} lacks {missing}"


def test_value_has_nothing_of_its_own_but_slopes():
    assert public(Value) - public(Tensor) == EDGES_OF_VALUE


BLOCKS_ONLY = public(Tensor) - public(Value) - EDGES_OF_TENSOR


def test_there_is_more_that_only_blocks_can_do():
    assert {"reshape", "matmul", "argmax", "dtype", "T"} <= BLOCKS_ONLY


@pytest.mark.parametrize("name", sorted(BLOCKS_ONLY))
def test_value_says_which_lesson_brings_blocks(name):
    with pytest.raises(TypeError, match=f"no {name}: blocks .*lesson 07"):
        getattr(Value(1.0), name)
    assert not hasattr(Value(1.0), name) and getattr(Value(1.0), name, None) is None


def test_operators_of_blocks_say_so_too():
    for use in (lambda v: v @ v, lambda v: v[0], lambda v: v[...], list):
        with pytest.raises(TypeError, match="lesson 07"):
            use(Value(1.0))
    with pytest.raises(AttributeError, match="no attribute 'exq'"):
        Value(1.0).exq()


@pytest.mark.parametrize("name", [*METHODS, *SHARED_DUNDERS])
def test_a_call_that_a_value_takes_a_tensor_takes_too(name):
    """Same parameters in the same order with the same defaults; a Tensor may take more."""
    if not inspect.isfunction(getattr(Value, name)):
        return  # object's own
    ours = list(inspect.signature(getattr(Value, name)).parameters.values())[1:]
    theirs = list(inspect.signature(getattr(Tensor, name)).parameters.values())[1:]
    for one, other in zip(ours, theirs[: len(ours)], strict=True):
        if not name.startswith("__"):
            assert (one.name, one.default) == (other.name, other.default)
    for extra in theirs[len(ours) :]:
        assert extra.default is not inspect.Parameter.empty or extra.kind in (
            inspect.Parameter.VAR_KEYWORD,
            inspect.Parameter.VAR_POSITIONAL,
        )


def test_constructors_differ_in_one_default():
    value, tensor = (inspect.signature(kind).parameters for kind in (Value, Tensor))
    assert set(value) <= set(tensor)
    assert value["requires_grad"].default is True and tensor["requires_grad"].default is False
    for name in ("name", "op"):
        assert value[name].default == tensor[name].default


@pytest.mark.parametrize("make", LEAVES.values(), ids=LEAVES)
def test_one_program_sees_the_same_things(make):
    """Everything a reader may look at after a computation, written once."""
    a, b = make(2.0, name="a"), make(-3.0, name="b", op="parameter")
    result = ((a * b + 10.0).tanh() / 2 - a**2).exp()
    result.name = "result"
    result.backward(retain_graph=True)
    assert (a.op, b.op, a.name, result.op) == ("input", "parameter", "a", "exp")
    assert result.shape == a.shape == () and result.requires_grad
    assert [p.op for p in result.parents] == ["sub"]
    assert [p.op for p in result.parents[0].parents] == ["div", "pow"]
    value = np.exp(np.tanh(4.0) / 2 - 4)
    slope = (1 - np.tanh(4.0) ** 2) / 2
    assert result.item() == float(result) == pytest.approx(value)
    assert float(a.grad) == pytest.approx(value * (-3 * slope - 4))
    assert float(b.grad) == pytest.approx(value * 2 * slope)
    (edge,) = result.edges()
    assert edge[0] is result.parents[0] and float(edge[2]) == pytest.approx(value)
    assert result.detach().item() == result.item() and result.detach().parents == ()
    a.zero_grad()
    assert a.grad is None and b.grad is not None
    assert "name='a'" in repr(a) and repr(a).startswith(type(a).__name__ + "(2")
