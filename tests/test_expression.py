"""Formulas from the shell: what they compute, and that nothing else can be smuggled in."""

import math
import time

import pytest

from hello_dl import Value
from hello_dl.graph import ancestors
from hello_dl.show.expression import FUNCTIONS, assignments, parse


def leaves(result):
    """The named inputs of a result."""
    return {node.name: node for node in ancestors(result) if node.name}


def test_the_expression_of_the_readme():
    result = parse("((a*b + c).tanh()*d).exp()", {"a": 2, "b": -3, "c": 10, "d": 0.5})
    assert result.data == pytest.approx(math.exp(math.tanh(4) * 0.5))
    assert [node.op for node in ancestors(result) if node.parents] == [
        "mul", "add", "tanh", "mul", "exp",
    ]  # fmt: skip
    result.backward(retain_graph=True)
    slope = result.data * 0.5 * (1 - math.tanh(4) ** 2)
    inputs = leaves(result)
    assert inputs["a"].grad == pytest.approx(-3 * slope)
    assert inputs["c"].grad == pytest.approx(slope)
    assert inputs["d"].grad == pytest.approx(result.data * math.tanh(4))
    assert {node.op for node in inputs.values()} == {"input"}


@pytest.mark.parametrize(
    "text, value",
    [
        ("a + 1", 3),
        ("a - 3 - 1", -2),
        ("2 * (a + 1)", 6),
        ("1 / a", 0.5),
        ("a ** 3 ** 2", 512),
        ("-a ** 2", -4),
        ("a**-1", 0.5),
        ("--a", 2),
        ("  a\n + 1e1 ", 12),
        ("relu(-a) + a", 2),
        ("exp(log(a))", 2),
        ("a + 9**9**9**9", math.inf),
        ("1_000 * a", 2000),
    ],
)
def test_arithmetic_is_pythons(text, value):
    assert parse(text, {"a": 2}).data == pytest.approx(value)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_those_of_value_in_both_spellings(name):
    expected = getattr(Value(0.7), name)().data
    for text in (f"{name}(a)", f"a.{name}()", f"(a + 0).{name}()"):
        assert parse(text, {"a": 0.7}).data == pytest.approx(expected)


def test_a_name_is_one_node_however_often_it_is_used():
    result = parse("a*a + a", {"a": 3})
    result.backward()
    assert len(leaves(parse("a*a + a", {"a": 3}))) == 1
    assert sum(node.name == "a" for node in ancestors(parse("a*a + a", {"a": 3}))) == 1


def test_numbers_are_constants_also_where_they_were_computed():
    nodes = ancestors(parse("-3*a + 2*5", {"a": 1}))
    constants = {node.data: node for node in nodes if node.op == "constant"}
    assert set(constants) == {-3, 10}
    assert not any(node.requires_grad for node in constants.values())
    assert len(nodes) == 5  # a, -3, their product, 10, the sum


def test_a_name_may_be_any_word_of_any_language():
    assert parse("größe * exp", {"größe": 2, "exp": 3}).data == 6  # a name, as it is not called
    assert parse("µ + 1", assignments(["µ=2"])).data == 3  # which Python reads as μ


@pytest.mark.parametrize(
    "text, said",
    [
        ("a + e", "'e' at column 5: give it a value: e=1"),
        ("α*e + a", "'α' at column 1"),
        ("größe + q*a", "'größe' at column 1"),
        ("a*(a + größe*2)", "'größe' at column 8"),
        ("a ^ 2", r"'a \^ 2' at column 1: a power is written \*\*"),
        ("a + tanh", r"'tanh' at column 5: .*tanh\(x\) or x.tanh\(\)"),
        ("a.tanh", r"'a.tanh' at column 1: .*\.tanh\(\)"),
        ("a.tanh(2)", r"tanh\(x\) or x.tanh\(\)"),
        ("tanh(a, a)", r"tanh\(x\) or x.tanh\(\)"),
        ("tanh()", r"tanh\(x\) or x.tanh\(\)"),
        ("exp(x=a)", r"exp\(x\) or x.exp\(\)"),
        ("2*round(a)", r"'round\(a\)' at column 3: allowed are"),
        ("a.sum()", r"'a.sum\(\)' at column 1: allowed are"),
        ("2*a.__class__", "'a.__class__' at column 3: allowed are"),
        ("a.backward()", "allowed are"),
        ("a.exp.__globals__", "allowed are"),
        ("__import__('os').system('true')", "allowed are"),
        ("(lambda: a)()", "allowed are"),
        ("[a for a in a]", "allowed are"),
        ("a if a else a", "allowed are"),
        ("a and a", "allowed are"),
        ("a < 1", "allowed are"),
        ("a[0]", "allowed are"),
        ("(a, a)", "allowed are"),
        ("a @ a", "allowed are"),
        ("a // 2", "allowed are"),
        ("a % 2", "allowed are"),
        ("~a", "allowed are"),
        ("not a", "allowed are"),
        ("'x' * a", "''x'' at column 1|\"'x'\" at column 1"),
        ("f'{a}'", "allowed are"),
        ("True * a", "'True' at column 1"),
        ("1j * a", "'1j' at column 1"),
        ("(a := 3)", "allowed are"),
        ("await a", "allowed are"),
        ("a = 2", "column 3.*allowed are"),
        ("import os", "allowed are"),
        ("a; a", "allowed are"),
        ("(a", "column 1.*never closed"),
        ("2a", "allowed are"),
        ("a ×2", "column 3.*allowed are"),
        ("", "allowed are"),
        ("a\x00", "allowed are|null"),
        ("2 + 3", "no name"),
    ],
)
def test_everything_else_is_an_error_in_one_line(text, said):
    numbers = {} if text == "2 + 3" else {"a": 2}
    with pytest.raises(ValueError, match=said) as error:
        parse(text, numbers)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000 + "a" + ")" * 10_000,
        "(" * 900 + "a" + ")" * 900,
        "-" * 1_900 + "a",
        "a" + "+a" * 900,
        "exp(" * 150 + "a" + ")" * 150,
        "a" + ".exp()" * 300,
        "a" + "**a" * 600,
        "a*" + "9" * 1_990 + "(",
        "a" * 1_000_000,
        "a+" * 1_000_000,
    ],
)
def test_huge_input_neither_hangs_nor_crashes(text):
    start = time.process_time()
    with pytest.raises(ValueError) as error:
        parse(text, {"a": 2})
    assert time.process_time() - start < 1
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def test_a_long_number_is_a_number():
    assert parse("a + " + "9" * 400, {"a": 2}).data == math.inf
    assert parse("a" + " + a" * 99, {"a": 2}).data == 200


def test_a_number_that_is_not_used_is_an_error():
    with pytest.raises(ValueError, match="there is no c in 'a\\*b'"):
        parse("a*b", {"a": 1, "b": 2, "c": 3})


def test_assignments():
    assert assignments(["a=2", "b=-3", "c = 1e-3", "_x1=.5"]) == {
        "a": 2, "b": -3, "c": 0.001, "_x1": 0.5,
    }  # fmt: skip
    assert assignments([]) == {}


@pytest.mark.parametrize(
    "words, said",
    [
        (["a"], "'a' gives no name a number: write it as a=2"),
        (["a="], "'' in 'a=' is no number"),
        (["a=x"], "'x' in 'a=x' is no number: write a=2"),
        (["a=2,b=3"], "'2,b=3' in"),
        (["a==2"], "'=2' in 'a==2' is no number"),
        (["=2"], "'' in '=2' is no name"),
        (["1a=2"], "'1a' in '1a=2' is no name"),
        (["lambda=2"], "'lambda' in 'lambda=2' is no name"),
        (["a.b=2"], "is no name"),
        (["a=1", "b=2", "a=1"], "a has two numbers"),
        (["\x1b[1m\n=2"], "is no name"),
    ],
)
def test_assignments_that_are_none(words, said):
    with pytest.raises(ValueError, match=said) as error:
        assignments(words)
    assert str(error.value).isprintable()
