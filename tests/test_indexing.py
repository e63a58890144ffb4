"""Indexing: every kind of index as PyTorch reads it, with gradients, and writing through one."""

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, tensor_leaf
from same import assert_same_as_pytorch

import hello_dl
from hello_dl import Tensor
from hello_dl.backend import kernels

each_device = pytest.mark.parametrize("device", DEVICES)
rng = np.random.default_rng(5)


def normal(*shape):
    return np.array(rng.standard_normal(shape))


INDICES = """
0 | -1 | 1: | ::2 | None | ... | 0, 1 | 0, ... | ..., 0 | None, 0 | 0, None | ..., None, 0 | -2:
1:1 | 5:9 | [0, 1] | [0, 0, 1] | [0], [1] | [0, 1], [1, 1] | 0, [0, 1] | 0, :, [0, 2]
[0, 1], :, 0 | [-1] | [0, 1], :, [0, 1] | :, [0, 1], 0 | :, 0, [0, 1] | 0, [0, 1], 0 | [1, 0], 0
:, [0, 1], [1, 0] | ..., [0, 1] | [0, 1], ... | None, [0, 1] | [0, 1], None | 0, None, [0, 1]
[0, 1], None, [1, 0] | t.tensor(1) | t.tensor([1, 0]) | t.tensor(1), :, t.tensor([0, 1])
t.tensor([[0, 1], [1, 1]]) | t.tensor([True, False]) | [True, False] | True | False | None, True
x > 0 | x[0] > 0 | range(2) | 0, t.tensor([True, False, True]) | :, t.tensor([True, False, True])
t.tensor([True, False]), :, 0 | t.tensor([True, False]), 0 | t.tensor([True, False]), [0]
t.tensor([[True, False, True]] * 2) | [] | :, [] | t.tensor([], dtype=t.int64) | (0, 1)
((0, 1),) | t.tensor([0, 1], dtype=t.int32) | np.int64(1) | 0, slice(0, 2), [0, 1, 1]
[0, 1], t.tensor(1) | :, [0, 1], None, [1, 0] | 0, [1], :, None | ..., 0, [0, 1] | [0], ..., [1]
np.array([0, 1]) | 0, 5 | [0, 5] | 5 | 0, 0, 0, 0 | 0.5 | "a" | t.tensor([0.0, 1.0])
"""


@each_device
@pytest.mark.parametrize("index", [i.strip() for i in INDICES[1:-1].replace("\n", "|").split("|")])
def test_an_index_picks_what_it_picks_in_pytorch(index, device):
    for shape in [(2, 3, 4), (2, 3), (3,), (), (2, 2, 3, 2), (0, 3)]:
        if device == "cpu" or "5" not in index:  # a GPU does not look at the numbers of an index
            assert_same_as_pytorch(f"x[{index}]", normal(*shape), device=device)


WRITTEN = [
    "1",
    "2.5",
    "t.tensor(3.0)",
    "t.tensor([1.0, 2.0])",
    "t.zeros(1)",
    "t.ones(1, 1, 1)",
    "True",
]
WRITTEN += ["t.arange(4.0)", '"a"', "None"]
PLACES = "0 | -1 | 1: | ::2 | ... | None | 0, 1 | ..., 0 | [0, 1] | [0], [1] | 0, :, [0, 2] | x > 0"
PLACES += (
    "| t.tensor([1, 0]) | t.tensor(1), :, t.tensor([0, 1]) | [True, False] | :, 0, [0, 1] | 5 | ()"
)


def written(library, place, value, numbers):
    names = {"t": library, "x": library.tensor(numbers)}
    exec(f"x[{place}] = {value}", names)
    return names["x"]


@each_device
@pytest.mark.parametrize("place", [place.strip() for place in PLACES.split("|")])
def test_what_is_written_arrives_where_pytorch_writes_it(place, device):
    torch = import_torch()
    for shape in [(2, 3, 4), (2, 3), (3,), ()]:
        numbers = rng.standard_normal(shape).astype("float32")
        for value in WRITTEN:
            try:
                expected = written(torch, place, value, numbers)
            except Exception:
                if (
                    device == "cpu" and "arange" not in value
                ):  # whole numbers go into float ones here
                    with pytest.raises((ValueError, TypeError, IndexError)) as caught:
                        written(hello_dl, place, value, numbers)
                    assert "\n" not in str(caught.value)
                continue
            with hello_dl.device(device):
                assert_close(written(hello_dl, place, value, numbers), expected.numpy())


def test_lists_and_arrays_are_written_too():
    x = Tensor(np.zeros((2, 3), "float32"))
    x[0] = [1, 2, 3]
    x[:, 1] = np.array([7.0, 8.0])
    x[x == 0] = [4, 5]
    assert x.tolist() == [[1, 7, 3], [4, 8, 5]] and x.dtype == "float32"
    whole = Tensor([1, 2])
    whole[0] = 2.9
    assert whole.tolist() == [2, 2]


# Along an axis.

LINES = """
t.gather(x, 0, y) | t.gather(x, 1, y) | x.gather(-1, y) | t.take_along_dim(x, y, 0)
x.gather(2, y) | t.take_along_dim(x, y, -1) | x.take_along_dim(y, dim=2) | t.take_along_dim(x, y)
t.take(x, y) | t.scatter_add(x, 0, y, y * x.sum()) | x.scatter_add(-1, y, y * x.mean())
t.scatter(x, 0, y, 2.5) | t.scatter(x, 1, y, value=-1) | x.scatter(-1, y, 0.5)
t.gather(input=x, dim=0, index=y)
"""
PICKS = [
    rng.integers(0, 2, (2, 2, 3)), rng.integers(0, 2, (2, 1, 3)), rng.integers(0, 2, (1, 2, 3)),
    rng.integers(0, 3, (1, 3, 2)), np.zeros((0, 2, 2), int), rng.integers(0, 9, (2, 3, 4)),
    -rng.integers(1, 2, (2, 2, 3)), np.zeros((2, 2)), np.zeros((2, 3), int),
    np.zeros((2, 3, 9), int),
]  # fmt: skip


@pytest.mark.parametrize("line", [i.strip() for i in LINES[1:-1].replace("\n", "|").split("|")])
def test_picking_along_an_axis_is_that_of_pytorch(line):
    for picks in PICKS:
        if "along" in line and picks.size and picks.max() > 1:
            continue  # PyTorch does not look where it picks from there
        assert_same_as_pytorch(line, normal(2, 3, 4), picks)
    assert_same_as_pytorch(line, normal(3), np.array([0, 2, 2]))
    assert_same_as_pytorch(line, normal(), np.array(0))


OF_A_LINE = """
t.index_select(x, 0, y) | t.index_select(x, 1, y) | x.index_select(-1, y) | x.index_select(3, y)
t.index_add(x, 0, y, z) | t.index_add(x, 1, y, z) | x.index_add(-1, y, z, alpha=2)
t.index_fill(x, 0, y, 2.5) | x.index_fill(-1, y, -1)
"""
ROWS = [
    np.array([0, 1, 1]),
    np.array([], int),
    np.array(1),
    np.array([[0]]),
    np.array([-1]),
    np.array([0, 9]),
]
ROWS += [np.array([0, 1], "int32"), np.array([0.0]), np.array([True])]


@pytest.mark.parametrize("line", [i.strip() for i in OF_A_LINE[1:-1].replace("\n", "|").split("|")])
def test_picking_whole_rows_is_that_of_pytorch(line):
    for picks in ROWS:
        if "fill" in line and picks.dtype == "int32":
            continue  # PyTorch wants int64 there; any whole numbers will do
        assert_same_as_pytorch(line, normal(3, 3), picks, normal(3, 3))
        assert_same_as_pytorch(line, normal(3, 3), picks, normal(2, 3))
        assert_same_as_pytorch(line, normal(3, 3, 2), picks, normal(3, 3, 2))


@each_device
def test_rows_are_copied_over_others(device):
    for line in ("t.index_copy(x, 0, y, z)", "x.index_copy(1, y, z)"):
        assert_same_as_pytorch(line, normal(3, 3), np.array([2, 0, 1]), normal(3, 3), device=device)
    line = "t.index_copy(x, 0, y, z)"
    assert_same_as_pytorch(line, normal(3, 2), np.array([2]), normal(1, 2), device=device)
    assert_same_as_pytorch(line, normal(3, 2), np.array([2]), normal(2, 2))


MASKS = """
t.masked_fill(x, y, 2) | x.masked_fill(y, float("-inf")) | x.masked_fill(~y, 0.5)
x.masked_fill(y, z) | t.masked_select(x, y) | x.masked_select(y) | x[y]
t.masked_fill(x, y, x.sum().detach())
"""


@each_device
@pytest.mark.parametrize("line", [i.strip() for i in MASKS[1:-1].replace("\n", "|").split("|")])
def test_masks_are_those_of_pytorch(line, device):
    for shape, mask in [
        ((2, 3), (3,)),
        ((2, 3), (2, 3)),
        ((3,), (2, 3)),
        ((2, 1), (1, 3)),
        ((), ()),
    ]:
        if "[y]" in line and shape != mask:
            continue
        chosen = np.array(rng.integers(0, 2, mask) > 0)
        assert_same_as_pytorch(line, normal(*shape), chosen, normal(), device=device)
    assert_same_as_pytorch(line, normal(3), np.array([0, 1, 1]), normal())  # numbers are no mask


def test_masks_of_whole_numbers():
    for value in ("1", "1.5", "True", "float('inf')"):
        assert_same_as_pytorch(
            f"x.masked_fill(y, {value})", np.arange(3), np.array([True, False, True])
        )


@each_device
def test_the_places_of_what_is_not_zero(device):
    for x in [
        np.array([[0, 1.5], [2, 0]]),
        np.zeros((2, 2)),
        np.array([False, True]),
        np.array(3),
        np.array(0),
    ]:
        for line in ("t.nonzero(x)", "x.nonzero(as_tuple=True)", "t.argwhere(x)"):
            assert_same_as_pytorch(line, x, device=device)


# Gradients that add up.


@each_device
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_many_picks_of_one_row_lose_no_digits(dtype, device):
    """2,049 in float16, added up one by one, stays 2,048."""
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    table = hello_dl.zeros(3, 4, dtype=dtype, device=device, requires_grad=True)
    picks = on_device(np.full(4096, 1), device)
    for y in (table[picks], table.index_select(0, picks), table[:, 0].gather(0, Tensor(picks))):
        table.zero_grad()
        y.sum().backward()
        assert (
            table.grad[1, 0] == 4096 and table.grad.dtype == table.dtype and not table.grad[0].any()
        )


@each_device
@pytest.mark.parametrize("width", [1, 2, 3, 64])
@pytest.mark.parametrize("height, picks", [(3, 2000), (500, 7), (70_000, 40)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_rows_are_added_up_by_whatever_way_is_fastest(height, picks, width, dtype, device):
    rows = rng.integers(-height, height, picks)
    numbers = rng.integers(-9, 9, (picks, width)).astype(dtype)
    expected = np.zeros((height, width), dtype)
    for row, line in zip(rows, numbers):
        expected[row] += line
    added = on_device(np.zeros((height, width), dtype), device)
    kernels.add_at(added, on_device(rows, device), on_device(numbers, device))
    assert (on_device(added, "cpu") == expected).all()


@each_device
def test_any_index_adds_up(device):
    """Lists beside slices, lists that stretch to each other, entries picked again and again."""
    x = rng.standard_normal((4, 5, 6))
    for index in [
        (slice(None), [0, 0, 3]), ([[0], [1]], [2, 2]), ([1, 1], slice(1, 3), [5, 5]),
        ([0, 0], None),
        (slice(None), [0, 0], [1, 1]), ([3, 3, 3], [1, 1, 1], [2, 2, 2]), (..., [5, 5, 5]),
    ]:  # fmt: skip
        block = tensor_leaf(on_device(x, device))
        picked = block[index]
        upstream = rng.standard_normal(picked.shape)
        picked.backward(on_device(upstream, device))
        expected = np.zeros_like(x)
        np.add.at(expected, index, upstream)
        assert_close(block.grad, expected)


BAD = [
    (lambda x: x.gather(0, [[0, 5, 0]]), IndexError, "index 5 is out of range: use 0 to 1"),
    (lambda x: x.gather(0, [[0, -1, 0]]), IndexError, "index -1 is out of range: use 0 to 1"),
    (lambda x: x.gather(0, [[0.5]]), TypeError, "an index holds whole numbers, not float32"),
    (lambda x: x.gather(0, [0]), ValueError, r"gather of \(2, 3\).*as many axes"),
    (lambda x: x.scatter(0, [[0, 1]], [[1.0]]), ValueError, r"\(1, 2\) does not fit.*\(1, 1\)"),
    (lambda x: x.index_select(1, [3]), IndexError, "index_select of .*index 3 .* use 0 to 2"),
    (lambda x: x.index_add(0, [0], [[1.0]]), ValueError, r"shape \(1, 3\), and has \(1, 1\)"),
    (lambda x: x.masked_fill([1, 0, 1], 0.0), TypeError, "a mask holds bools: write x > 0"),
    (lambda x: x.masked_fill(x > 0, [1.0, 2.0, 3.0]), ValueError, r"one number.*\(3,\): use where"),
    (lambda x: x[[True, False, True]], IndexError, "getitem of .*boolean index did not match"),
    (lambda x: x["a"], IndexError, "only integers, slices"),
]  # fmt: skip


@pytest.mark.parametrize("mistake, kind, message", BAD)
def test_errors_show_what_is_wrong(mistake, kind, message):
    with pytest.raises(kind, match=message) as caught:
        mistake(Tensor(np.zeros((2, 3), "float32")))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250
