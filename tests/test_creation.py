"""New Tensors: shapes, dtypes, numbers and refusals as PyTorch has them; and what chance draws."""

import math

import numpy as np
import pytest
from helpers import DEVICES, import_torch, on_device, plain
from same import assert_same_as_pytorch

import hello_dl
from hello_dl import Tensor

each_device = pytest.mark.parametrize("device", DEVICES)
NUMBERS = np.arange(6.0).reshape(2, 3)


def lines(text):
    return [line.strip() for line in text.strip().replace("|", "\n").split("\n")]


SIZES = """
2 | 2, 3 | (2, 3) | [2, 3] | () | 0 | (0, 3) | size=(2, 3) | -1 | 2.5 | (2, -1) | "a"
t.tensor(2) | 2, dtype=t.float64 | 2, dtype=t.int64 | 2, dtype=t.bool | 2, dtype=bool
2, dtype=float | 2, dtype=int | 2, requires_grad=True | 2, dtype=t.int32, requires_grad=True
2, device="cpu" | 2, 3, dtype=t.half
"""


@pytest.mark.parametrize("size", lines(SIZES))
def test_blocks_of_one_number(size):
    assert_same_as_pytorch(f"t.zeros({size})")
    assert_same_as_pytorch(f"t.ones({size})")
    assert_same_as_pytorch(f"t.empty({size}).shape")


FILLED = """
t.full((2,), 1) | t.full((2,), 1.5) | t.full((2,), True) | t.full((2, 3), 1, dtype=t.float32)
t.full((2,), t.tensor(3.0)) | t.full((), 2.0) | t.full((2,), 1.5, dtype=t.int64)
t.full((2,), float("inf")) | t.full((2,), 0.0, requires_grad=True)
t.full(size=(2,), fill_value=7) | t.zeros_like(x) | t.ones_like(x) | t.full_like(x, 3)
t.full_like(x, 2.5) | t.empty_like(x).shape | t.zeros_like(x, dtype=t.int64)
t.full_like(x, True, dtype=t.bool) | t.ones_like(x.T) | x.new_zeros(2) | x.new_zeros((2, 3))
x.new_ones(2, 3) | x.new_full((2,), 3.0) | x.new_empty(3).shape | x.new_tensor([1, 2])
x.new_tensor([1.5, 2], dtype=t.int64) | x.new_zeros(2, dtype=t.int32)
"""


@each_device
@pytest.mark.parametrize("line", lines(FILLED))
def test_blocks_like_another(line, device):
    for dtype in ("float64", "float32", "int64", "bool", "float16"):
        assert_same_as_pytorch(line, NUMBERS.astype(dtype), device=device)


COUNTED = """
5 | 0 | -1 | 5.0 | 1, 4 | 1, 4, 2 | 4, 1, -1 | 4, 1 | 0, 1, 0.1 | 0.0, 5 | 1, 2, 0.25 | 3, 3
True | 0, 5, dtype=t.float32 | end=5 | start=1, end=4 | 1, 4, 0 | t.tensor(3)
0, 1, 0.3, dtype=t.float64 | 5, dtype=t.int32 | 5.5, dtype=t.int64 | -2.5, 2 | 0, 1e-1, 1e-3
5, requires_grad=True | 2, 10, 3 | 5.0, requires_grad=True | 10, 2, -3 | 0, 2, dtype=t.float16
0, 3, step=2
"""
SPACED = """
0, 1, 5 | 0, 1, 1 | 0, 1, 0 | 1, 0, 3 | 0, 1, -1 | -1, 1, 7, dtype=t.float64 | 0, 1, steps=3
start=0, end=1, steps=3 | 2, 2, 4 | 0, 3, 4 | 0, 1, 5, requires_grad=True
"""
CORNERS = "3, 3 | 2, 4 | 4, 2, 1 | 3, 3, -1 | 0, 3 | 3, 4, 5 | 3, 4, -5 | 3, 4, offset=1"


@each_device
@pytest.mark.parametrize(
    "line",
    [f"t.arange({counts})" for counts in lines(COUNTED)]
    + [f"t.{name}({bounds})" for bounds in lines(SPACED) for name in ("linspace", "logspace")]
    + [
        "t.logspace(0, 3, 4, 2)",
        "t.logspace(0, 3, 4, base=2.0)",
        "t.linspace(0, 10, 5, dtype=t.int64)",
    ]
    + [
        f"t.eye({n})"
        for n in lines("3 | 2, 3 | 3, 2 | 0 | 3, dtype=t.int64 | -1 | 2, requires_grad=True")
    ]
    + [f"t.{name}_indices({size})" for size in lines(CORNERS) for name in ("tril", "triu")],
)
def test_numbers_in_order(line, device):
    assert_same_as_pytorch(line, device=device)


GIVEN = """
1 | 1.5 | True | [1, 2] | [1, 2.5] | [] | [[]] | [[1, 2], [3, 4]] | [True, False] | (1, 2)
range(3) | np.float64(2) | np.float32(2) | np.int32(2) | np.ones(2) | np.ones(2, "float32")
np.array(3) | 1e400 | np.array([True]) | np.arange(3, dtype="uint8") | float("nan")
t.tensor([1.0, 2.0]) | [1, [2]] | None | np.arange(6).reshape(2, 3).T
[t.tensor(1.0), t.tensor(2.0)] | [[t.tensor(1.0), 2.0]] | "a"
"""


@pytest.mark.parametrize("given", lines(GIVEN))
def test_numbers_that_are_given(given):
    assert_same_as_pytorch(f"t.tensor({given})")
    assert_same_as_pytorch(f"t.as_tensor({given})")
    for options in ("dtype=t.float32", "dtype=t.int64", "dtype=t.bool"):
        if not any(part in given for part in ("nan", "e400", "[t.tensor", "np.float32")):
            assert_same_as_pytorch(f"t.tensor({given}, {options})")
    if "t.tensor" not in given:
        assert_same_as_pytorch(f"t.tensor({given}, requires_grad=True)")


def test_who_shares_memory_and_who_copies():
    array = np.zeros(3)
    tensor = hello_dl.tensor(array)
    shared = [hello_dl.from_numpy(array), hello_dl.as_tensor(array), Tensor(array)]
    array[0] = 5
    assert tensor.tolist() == [0, 0, 0] and all(x.tolist() == [5, 0, 0] for x in shared)
    assert hello_dl.as_tensor(tensor) is tensor and hello_dl.tensor(tensor).data is not tensor.data
    assert hello_dl.as_tensor(array, dtype="float32").dtype == "float32"
    for wrong in ([1.0], 3.0, tensor):
        with pytest.raises(TypeError, match="from_numpy takes a numpy array, not"):
            hello_dl.from_numpy(wrong)


@each_device
def test_new_blocks_are_made_where_they_are_wanted(device):
    for make in (
        lambda **at: hello_dl.zeros(2, **at), lambda **at: hello_dl.full((2,), 1.0, **at),
        lambda **at: hello_dl.arange(3, **at), lambda **at: hello_dl.eye(2, **at),
        lambda **at: hello_dl.tensor([1.0], **at), lambda **at: hello_dl.rand(2, **at),
        lambda **at: hello_dl.randn(2, **at), lambda **at: hello_dl.randint(5, (2,), **at),
        lambda **at: hello_dl.randperm(3, **at), lambda **at: hello_dl.linspace(0, 1, 3, **at),
        lambda **at: hello_dl.tril_indices(2, 2, **at), lambda **at: hello_dl.as_tensor([1], **at),
        lambda **at: hello_dl.empty((2,), **at), lambda **at: hello_dl.normal(0.0, 1.0, (2,), **at),
    ):  # fmt: skip
        assert make(device=device).device == device
        with hello_dl.device(device) as default:
            assert make().device == device
        with hello_dl.device("cpu"):
            assert make(device=default).device == device  # what `device(...)` returns is one too
    x = hello_dl.zeros(2, device=device)
    for like in (hello_dl.ones_like(x), hello_dl.rand_like(x), x.new_zeros(3), x.new_tensor([1])):
        assert like.device == device
    with pytest.raises(ValueError, match="unknown device 'gpu': use one of cpu, cuda"):
        hello_dl.zeros(2, device="gpu")
    with pytest.raises(ValueError, match="unknown dtype 'float31': use one of float16"):
        hello_dl.zeros(2, dtype="float31")


# ---------------------------------------------------------------------------------- dtypes


def test_dtypes_have_names_at_the_top():
    torch = import_torch()
    for name in "float16 half float32 float float64 double int32 int int64 long uint8 bool".split():
        ours = getattr(hello_dl, name)
        assert str(getattr(torch, name)) == f"torch.{ours}"
        assert hello_dl.zeros(2, dtype=ours).dtype == ours == hello_dl.zeros(2).to(ours).dtype
    for name, full in [("float16", "finfo"), ("float32", "finfo"), ("int32", "iinfo")]:
        one, other = getattr(hello_dl, full), getattr(torch, full)
        assert one(getattr(hello_dl, name)).max == other(getattr(torch, name)).max


def test_bfloat16_is_there_where_its_package_is():
    pytest.importorskip("ml_dtypes")
    x = hello_dl.tensor([1.0, 2.5], dtype=hello_dl.bfloat16, requires_grad=True)
    assert repr(x) == "Tensor([1. , 2.5], dtype=bfloat16, requires_grad=True)"
    (x * 3).sum().backward()
    assert x.grad.tolist() == [3, 3] and x.grad.dtype == hello_dl.bfloat16
    assert hello_dl.finfo("bfloat16").max > 1e38 and x.bfloat16() is x
    for make in (hello_dl.zeros, hello_dl.ones, hello_dl.randn, hello_dl.rand, hello_dl.empty):
        assert make(2, dtype="bfloat16").dtype == hello_dl.bfloat16
    with pytest.raises(AttributeError, match="no 'float17'"):
        hello_dl.float17  # noqa: B018


# ---------------------------------------------------------------------------------- chance


@each_device
def test_random_numbers_are_spread_as_they_should_be(device):
    hello_dl.manual_seed(1)
    with hello_dl.device(device):
        n = 20_000
        even, bell = plain(hello_dl.rand(n)), plain(hello_dl.randn(n, dtype="float64"))
        assert even.dtype == "float32" and 0 <= even.min() < 0.01 and 0.99 < even.max() < 1
        assert abs(even.mean() - 0.5) < 0.01
        assert abs(bell.mean()) < 0.03 and abs(bell.std() - 1) < 0.03
        dice = hello_dl.randint(1, 7, (n,))
        assert dice.dtype == "int64"
        counts = np.bincount(plain(dice), minlength=8)
        assert (
            counts[0] == counts[7] == 0 and (abs(counts[1:7] - n / 6) < 6 * math.sqrt(n / 6)).all()
        )
        order = plain(hello_dl.randperm(1000))
        assert sorted(order) == list(range(1000)) and (order != np.arange(1000)).any()
        shifted = plain(hello_dl.normal(3.0, 0.5, (n,)))
        assert abs(shifted.mean() - 3) < 0.02 and abs(shifted.std() - 0.5) < 0.02
        each = plain(hello_dl.normal(hello_dl.tensor([0.0, 100.0]), hello_dl.tensor([1.0, 0.0])))
        assert each[1] == 100 and each[0] != 0
        chance = hello_dl.tensor([0.0, 0.3, 1.0]).expand(n, 3)
        drawn = plain(hello_dl.bernoulli(chance)).mean(0)
        assert drawn[0] == 0 and drawn[2] == 1 and abs(drawn[1] - 0.3) < 0.02


@each_device
def test_a_seed_gives_the_same_numbers_again(device):
    def draw(**options):
        with hello_dl.device(device):
            return [
                plain(x).tolist()
                for x in (
                    hello_dl.rand(2, **options), hello_dl.randn(2, 2, **options),
                    hello_dl.randint(9, (3,), **options), hello_dl.randperm(5, **options),
                    hello_dl.normal(0.0, 1.0, (2,), **options),
                    hello_dl.bernoulli(hello_dl.full((5,), 0.5), **options),
                    hello_dl.multinomial(hello_dl.tensor([1.0, 2.0, 3.0]), 2, **options),
                    hello_dl.zeros(3).uniform_(**options), hello_dl.zeros(3).normal_(**options),
                    hello_dl.zeros(3).exponential_(**options),
                    hello_dl.zeros(3).random_(9, **options),
                )
            ]  # fmt: skip

    hello_dl.manual_seed(5)
    first = draw()
    hello_dl.manual_seed(5)
    assert draw() == first != draw()
    own = hello_dl.Generator().manual_seed(7)
    drawn = draw(generator=own)
    assert draw(generator=own) != drawn
    hello_dl.manual_seed(5)
    assert draw(generator=hello_dl.Generator().manual_seed(7)) == drawn
    assert draw() == first, "a generator of its own takes nothing out of the common stream"
    assert draw(generator=np.random.default_rng(3)) == draw(generator=np.random.default_rng(3))


@each_device
def test_places_are_drawn_by_their_weights(device):
    hello_dl.manual_seed(2)
    weights = on_device(np.array([[1.0, 0, 3, 4], [0, 0, 5, 0]]), device)
    many = plain(hello_dl.multinomial(Tensor(weights), 20_000, replacement=True))
    assert many.shape == (2, 20_000) and many.dtype == "int64" and (many[1] == 2).all()
    assert abs(np.bincount(many[0], minlength=4) / 20_000 - [1 / 8, 0, 3 / 8, 4 / 8]).max() < 0.02
    few = [plain(Tensor(weights[0]).multinomial(3)).tolist() for _ in range(2000)]
    assert all(sorted(places) == [0, 2, 3] for places in few)
    first = np.bincount([places[0] for places in few], minlength=4) / 2000
    assert abs(first - [1 / 8, 0, 3 / 8, 4 / 8]).max() < 0.05
    assert hello_dl.multinomial(Tensor(weights).float(), 1).tolist()[1] == [2]


@pytest.mark.parametrize(
    "line",
    lines("""
    t.rand(2, 3).shape | t.rand((2, 3)).dtype == t.float32 | t.randn(()).shape | t.rand(0).shape
    t.randint(3, (2,)).dtype == t.int64 | t.randint(2, 3, (2,)) | t.randint(high=1, size=(2, 2))
    t.randint(low=4, high=5, size=(2,), dtype=t.float32) | t.randint(3, 3, (2,))
    t.randint(0, (2,)) | t.rand(2, dtype=t.int64)
    t.randn(2, dtype=t.float64).dtype == t.float64 | t.rand(-1) | t.randperm(1) | t.randperm(0)
    t.randperm(3, dtype=t.int32).dtype == t.int32 | t.normal(0.0, -1.0, (2,))
    t.normal(2.0, 0.0, (2,)) | t.normal(x.detach(), 0.0) | t.normal(0.0, x.detach() * 0)
    t.bernoulli(t.zeros(3)) | t.bernoulli(t.ones(2, 2)) | x.detach().bernoulli(0.0)
    t.zeros(2).bernoulli_(1.0) | t.multinomial(x, 1) | t.multinomial(x * 0, 1)
    t.multinomial(x[0], 9) | t.multinomial(-x, 1) | t.multinomial(x.long(), 1)
    t.rand_like(x).shape | t.randn_like(x).dtype == x.dtype | t.multinomial(x, 0)
    t.randint_like(x, 1) | t.randint_like(x, 3, 4) | t.rand(2, requires_grad=True).requires_grad
    t.zeros(2).uniform_(3, 3) | t.zeros(2).normal_(1, 0) | t.zeros(2).random_(1)
    t.zeros(2).random_(4, 5) | t.zeros(2, dtype=t.int64).uniform_()
    t.zeros(2, dtype=t.int64).random_(1) | x.uniform_()
    t.zeros(2, dtype=t.int64).exponential_() | t.tensor([0.0, 0.0, 2.0]).multinomial(1)

    """),
)
def test_chance_is_asked_for_as_in_pytorch(line):
    if line != "t.multinomial(x, 1)":
        assert_same_as_pytorch(line, NUMBERS)
