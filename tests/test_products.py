"""Products of vectors, matrices and more: each line as PyTorch has it, in every pair of shapes."""

import itertools

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch
from same import assert_same_as_pytorch

import hello_dl
from hello_dl import Tensor
from hello_dl import functional as F

each_device = pytest.mark.parametrize("device", DEVICES)
rng = np.random.default_rng(3)


def normal(*shape):
    return np.array(rng.standard_normal(shape))


SHAPES = [(), (3,), (4,), (0,), (3, 4), (4, 3), (2, 3, 4), (2, 4, 3), (1, 4, 3), (2, 1, 3, 4)]
SHAPES += [(5, 4, 3), (2, 5, 4, 3), (0, 4), (4, 0), (0, 3, 4), (1,), (1, 1)]
PRODUCTS = ["matmul", "mm", "bmm", "mv", "dot", "outer", "inner", "tensordot"]


@each_device
@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_is_that_of_pytorch_or_refused_as_there(product, device):
    arguments = "x, y, 1" if product == "tensordot" else "x, y"
    for one, other in itertools.product(SHAPES, SHAPES):
        assert_same_as_pytorch(
            f"t.{product}({arguments})", normal(*one), normal(*other), device=device
        )


@each_device
def test_a_product_along_several_axes(device):
    for line, one, other in [
        ("t.tensordot(x, y)", (2, 3, 4), (3, 4, 5)),
        ("t.tensordot(x, y, 0)", (2, 3), (2,)),
        ("t.tensordot(x, y, ([1, 0], [0, 1]))", (2, 3, 4), (3, 2, 5)),
        ("t.tensordot(x, y, dims=([1, 0], [0, 1]))", (2, 3, 4), (2, 3, 5)),
        ("t.tensordot(x, y, ([0], [-1]))", (3, 2), (4, 3)),
    ]:
        assert_same_as_pytorch(line, normal(*one), normal(*other), device=device)


@each_device
@pytest.mark.parametrize("options", ["", ", beta=0", ", alpha=2.0", ", beta=0.5, alpha=3"])
def test_a_product_added_to_something(options, device):
    for start in [(2, 3), (3,), (1, 3), (2, 1), (5,)]:
        line = f"t.addmm(x, y, z{options})"
        assert_same_as_pytorch(line, normal(*start), normal(2, 4), normal(4, 3), device=device)
    line = f"x.baddbmm(y, z{options})"
    assert_same_as_pytorch(line, normal(5, 2, 3), normal(5, 2, 4), normal(5, 4, 3), device=device)
    nothing = np.full((2, 3), np.nan)
    assert_same_as_pytorch("t.addmm(x, y, z, beta=0)", nothing, normal(2, 4), normal(4, 3))


@each_device
def test_layers_made_of_a_product(device):
    for x, weight in [((5, 3), (4, 3)), ((3,), (4, 3)), ((2, 5, 3), (4, 3)), ((0, 3), (4, 3))]:
        assert_same_as_pytorch("F.linear(x, y)", normal(*x), normal(*weight), device=device)
        assert_same_as_pytorch(
            "F.linear(x, y, z)", normal(*x), normal(*weight), normal(4), device=device
        )
    for x, y in [((5, 2), (5, 3)), ((2,), (3,)), ((4, 5, 2), (4, 5, 3)), ((0, 2), (0, 3))]:
        line = "F.bilinear(x, y, z, t.ones(4, dtype=t.float64))"
        assert_same_as_pytorch(line, normal(*x), normal(*y), normal(4, 2, 3), device=device)


OF_ONE = [
    "i->",
    "i",
    "i->i",
    "ij->ji",
    "ij->i",
    "ij",
    "ji",
    "ij->",
    "ii",
    "ii->i",
    "...",
    "...ii->...i",
]
OF_ONE += [
    "...ij->...ji",
    "iij->ij",
    "iij->j",
    "iji->",
    "i...->...",
    "bi",
    "zA",
    "aA->Aa",
    "... i -> i ...",
]
OF_ONE += ["iii", "iii->i", "ij->ik", "ij->ii", "", "->", "i...j->", "i...j", "...i->", "i1", "i.j"]
OF_TWO = [
    ("i,i->", (3,), (3,)), ("i,i", (3,), (3,)), ("i,j", (3,), (2,)), ("ij,jk", (2, 3), (3, 4)),
    ("ij,jk->ki", (2, 3), (3, 4)), ("bij,bkj->bik", (2, 3, 4), (2, 5, 4)),
    ("ij,k->kj", (2, 3), (4,)), ("ij,ij->i", (2, 3), (2, 3)), ("ij,kl->ijkl", (2, 3), (4, 5)),
    ("ij,kl->ik", (2, 3), (4, 5)), ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    ("...ij,...jk->...ik", (5, 1, 3, 4), (2, 4, 5)), ("...ij,jk", (5, 3, 4), (4, 5)),
    ("...,...", (2, 3), (3,)), ("...,...->...", (2, 1), (3,)), ("i...,i...->...", (2, 3), (2, 1)),
    ("bhqd,bhkd->bhqk", (2, 3, 4, 5), (2, 3, 6, 5)),
    ("bhqk,bhkd->bqhd", (2, 3, 4, 6), (2, 3, 6, 5)), ("ij,jk->ik", (2, 1), (3, 4)),
    ("ii,ii->i", (3, 3), (3, 3)), ("i,ii->i", (3,), (3, 3)), ("ij,jk->ik", (2, 3), (4, 4)),
    ("ij,jk->ikk", (2, 3), (3, 4)), ("ij,jk->il", (2, 3), (3, 4)), ("ij->ji", (2, 3), (3, 4)),
    ("i,j,k->ijk", (2,), (3,)), (",ij->ij", (), (2, 3)), ("ij,->ij", (2, 3), ()),
    ("a..b,b->a", (2, 4), (4,)), ("a...b,b->a...", (2, 3, 4), (4,)),
    ("bij,bj->bi", (4, 2, 3), (4, 3)), ("ij,jk->ik", (0, 3), (3, 2)),
]  # fmt: skip
OF_THREE = [
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)), ("bi,oij,bj->bo", (6, 2), (4, 2, 3), (6, 3)),
    ("i,i,i->i", (3,), (3,), (3,)), ("i,j,k->ijk", (2,), (3,), (4,)), ("i,i,j->", (1,), (3,), (2,)),
    ("ij,jk,ki->", (2, 3), (3, 4), (4, 2)), ("...a,ab,...b->...", (5, 2), (2, 3), (5, 3)),
    ("ii,i,i->", (3, 3), (3,), (3,)), ("...,...,...->...", (2, 1), (3,), (1, 3)),
]  # fmt: skip


@each_device
@pytest.mark.parametrize("equation", OF_ONE)
def test_einsum_of_one_block(equation, device):
    for shape in [(), (3,), (3, 3), (2, 3), (3, 3, 3), (3, 3, 2), (2, 3, 4, 4), (0, 3)]:
        assert_same_as_pytorch(f"t.einsum({equation!r}, x)", normal(*shape), device=device)


@each_device
@pytest.mark.parametrize("equation, one, other", OF_TWO)
def test_einsum_of_two_blocks(equation, one, other, device):
    for operands in ("x, y", "[x, y]"):
        line = f"t.einsum({equation!r}, {operands})"
        assert_same_as_pytorch(line, normal(*one), normal(*other), device=device)


@each_device
@pytest.mark.parametrize("equation, one, two, three", OF_THREE)
def test_einsum_of_three_blocks(equation, one, two, three, device):
    line = f"t.einsum({equation!r}, x, y, z)"
    assert_same_as_pytorch(line, normal(*one), normal(*two), normal(*three), device=device)


@each_device
def test_blocks_that_lie_crosswise_in_memory(device):
    line = "x.transpose(0, 1) @ y.transpose(1, 2)"
    assert_same_as_pytorch(line, normal(4, 2, 3), normal(2, 5, 3), device=device)
    line = "t.einsum('ijk,jl->kil', x.permute(2, 0, 1), y.T)"
    assert_same_as_pytorch(line, normal(2, 4, 3), normal(5, 2), device=device)


def test_whole_numbers_stay_whole():
    whole = np.arange(6).reshape(2, 3)
    for line in (
        "x @ y.T",
        "t.einsum('ij,kj->ik', x, y)",
        "t.einsum('ij->', x)",
        "t.outer(x[0], y[1])",
    ):
        assert_same_as_pytorch(line, whole, whole)
        assert_same_as_pytorch(line, whole.astype("int32"), whole.astype("int32"))


@each_device
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_added_up_in_float32(dtype, device):
    if dtype == "bfloat16":
        pytest.importorskip("ml_dtypes")
    ones = hello_dl.ones(4096, dtype=dtype, device=device, requires_grad=True)
    for product in (
        ones @ ones,
        hello_dl.einsum("i->", ones),
        hello_dl.einsum("i,i->", ones, ones),
    ):
        assert product.item() == 4096 and product.dtype == ones.dtype
    bias = hello_dl.zeros(2, dtype=dtype, device=device, requires_grad=True)
    x = hello_dl.zeros(1000, 3, dtype=dtype, device=device)
    for y in (F.linear(x, x[:2], bias), x[:, :2] + bias, bias.expand(1000, 2)):
        bias.zero_grad()
        y.sum().backward()
        assert bias.grad.tolist() == [1000, 1000]


def test_one_matrix_for_many_is_one_product(monkeypatch):
    """(n, k, m) @ (m, j): numpy would go through the n matrices one by one."""
    torch = import_torch()
    calls = []
    whole = np.matmul
    monkeypatch.setattr(
        np, "matmul", lambda a, b, out=None: calls.append(a.shape) or whole(a, b, out)
    )
    x, w = normal(8, 3, 4), normal(4, 5)
    a, b = Tensor(x, True), Tensor(w, True)
    (a @ b).sum().backward()
    assert calls == [(24, 4), (24, 5), (4, 24)]
    theirs = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    (theirs[0] @ theirs[1]).sum().backward()
    assert_close(a.grad, theirs[0].grad.numpy())
    assert_close(b.grad, theirs[1].grad.numpy())


BAD = [
    (lambda x: hello_dl.einsum("ij,jk->ik", x), "1 operand"),
    (lambda x: hello_dl.einsum("ijk->i", x), r"'ijk' does not fit a block of 2 axes"),
    (lambda x: hello_dl.einsum("ij,jk->ik", x, x), r"\(2, 3\), \(2, 3\): 'j' has two lengths"),
    (lambda x: hello_dl.einsum("ij->iz", x), "letters of the terms"),
    (lambda x: hello_dl.mm(x, x[0]), r"mm takes a matrix here, and the shape is \(3,\)"),
    (lambda x: x.bmm(x), "bmm takes a block of three axes"),
    (lambda x: hello_dl.dot(x[0], x[0, :2]), r"matmul of \(3,\).*\(2,\)"),
    (lambda x: F.linear(x, x[0]), r"linear of .*weight \(out, in\).*x @ weight"),
]


@pytest.mark.parametrize("mistake, message", BAD)
def test_errors_show_what_is_wrong(mistake, message):
    with pytest.raises(ValueError, match=message) as caught:
        mistake(Tensor(np.zeros((2, 3), "float32")))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200
