"""Shapes and arrangements of Tensors: each line as PyTorch has it, on blocks of many shapes."""

import numpy as np
import pytest
from helpers import DEVICES, assert_close, tensor_leaf
from same import assert_same_as_pytorch

import hello_dl
from hello_dl import Tensor
from hello_dl import functional as F

each_device = pytest.mark.parametrize("device", DEVICES)
rng = np.random.default_rng(7)

SHAPES = [(), (1,), (3,), (2, 3), (2, 3, 4), (0, 3), (1, 3, 1), (2, 0, 4)]

LINES = """
t.flatten(x) | t.flatten(x, 1) | t.flatten(x, -2) | x.flatten(0, 1) | x.flatten(end_dim=-2)
x.reshape(-1) | x.reshape((3, -1)) | x.reshape([1, -1]) | x.reshape(x.shape)
t.reshape(x, (-1, 1)) | x.reshape(4, 3, 2) | x.view(-1) | x.view(2, -1) | x.ravel()
x.view_as(x) | x.reshape_as(x.flatten()) | t.squeeze(x) | t.squeeze(x, 0) | x.squeeze(-1)
t.squeeze(x, (0, 2)) | x.squeeze(dim=(0, -1)) | t.unsqueeze(x, 0) | x.unsqueeze(-1)
t.unsqueeze(x, 1) | t.unsqueeze(x, -2) | x.unsqueeze(dim=2) | t.transpose(x, 0, 1)
x.transpose(0, -1) | x.swapaxes(-1, 0) | t.swapdims(x, 0, 2) | x.t() | x.T | x.permute(2, 0, 1)
x.permute(-1, 0, 1) | x.permute((1, 0)) | x.permute(0, 0) | t.permute(x, (1, 0))
t.permute(x, dims=(0, 2, 1)) | x.permute(dims=(1, 0)) | x.permute(0, 5, 1) | t.movedim(x, 0, -1)
t.movedim(x, (0, 1), (1, 0)) | t.moveaxis(x, (0, 2), (2, 1)) | x.movedim(0, (1, 2))
t.broadcast_to(x, (2, 3)) | t.broadcast_to(x, (4, 2, 3, 4)) | x.expand(2, 3, 4)
x.expand(2, -1, 4) | x.expand(-1, 2, 3) | x.expand((5, 2, 3, 4)) | x.expand_as(t.zeros(2, 3))
x.expand(-2, 3) | x.unflatten(0, (1, -1)) | x.unflatten(-1, (2, -1)) | t.unflatten(x, -1, (3, 1))
x.unflatten(0, (-1, -1)) | t.atleast_1d(x) | t.atleast_2d(x) | t.atleast_1d(x, x)
t.broadcast_tensors(x, t.zeros(2, 3, 1)) | x.split(2) | x.split(2, -1) | x.split([1, 2], 1)
t.split(x, 1, dim=1) | x.split([1, 1], 1) | x.split(0) | x.chunk(2) | x.chunk(2, -1)
t.chunk(x, 5, 1) | x.chunk(0) | x.unbind() | x.unbind(-1) | t.unbind(x, 1) | t.tensor_split(x, 2)
t.tensor_split(x, 3, -1) | t.tensor_split(x, (1, 2), -1) | t.tensor_split(x, (2, 1))
t.tensor_split(x, (1, -1), -1) | t.narrow(x, 0, 0, 1) | t.narrow(x, -1, -1, 1)
x.narrow(-1, 1, 3) | x.select(0, -1) | t.select(x, -1, 1) | x.select(0, 7) | [y for y in x]
list(zip(x, x))[0][1] | x.repeat(2, 1, 2) | x.repeat(2) | x.repeat(2, 2) | x.repeat((0, 2, 1))
x.repeat(-1, 1, 1) | t.tile(x, (2,)) | t.tile(x, (2, 1, 2, 2)) | x.tile(2, 2)
t.repeat_interleave(x, 2) | t.repeat_interleave(x, 2, 0) | x.repeat_interleave(3, -1)
x.repeat_interleave(0, dim=-1) | t.repeat_interleave(x, -1, 0)
t.repeat_interleave(x, t.tensor([2, 1]), 0) | x.repeat_interleave(t.tensor([2, 0, 1]), 1)
x.repeat_interleave(t.tensor([2]), -1) | t.flip(x, (0,)) | t.flip(x, [0, -1]) | x.flip(-1)
x.flip(0, 1) | x.flip(0, 0) | x.flip(dims=(1,)) | t.roll(x, 1) | t.roll(x, -2, 0)
t.roll(x, (1, 2), (0, 1)) | t.roll(x, (1, 2), (0, 0)) | x.roll(7, -1) | t.roll(x, (1, 2))
x.roll(shifts=1, dims=0) | x.roll((1,), (0, 1)) | t.stack([x, x]) | t.stack([x, x * 2], -1)
t.stack((x,), 1) | t.stack([], 0) | t.stack([x, x], 9) | t.cat([x, x * 2]) | t.cat((x, x, x), -1)
t.cat([x]) | t.concat([x, x], dim=1) | t.cat([]) | t.cat([x, x], 9) | t.hstack([x, x])
t.vstack([x, x]) | t.column_stack([x, x]) | t.cat([t.tensor([]), x]) | t.tril(x) | t.triu(x, 1)
x.tril(-1) | x.triu(diagonal=-1) | t.diagonal(x) | t.diagonal(x, 1) | t.diagonal(x, 0, 1, 0)
x.diagonal(-1, -1, -2) | x.diagonal(offset=1, dim1=0, dim2=2) | x.diagonal(5)
t.diagonal(x, 0, 1, 1) | t.diag(x) | t.diag(x, 1) | x.diag(-2) | t.diag_embed(x)
t.diag_embed(x, 1) | t.diag_embed(x, -1, 0, 1) | t.diag_embed(x, 0, 1, 0) | x.diag_embed(0, 0, 2)
t.trace(x) | t.fliplr(x) | t.flipud(x) | t.rot90(x) | t.rot90(x, 2) | x.rot90(-1, (1, 0))
t.rot90(x, 4, (0, -1)) | t.rot90(x, 1, (0,)) | t.dstack([x, x]) | x.unfold(0, 2, 1)
x.unfold(-1, 2, 2) | x.unfold(0, 9, 1) | x.unfold(0, 1, 0) | t.concatenate([x, x]) | x.clone()
x.contiguous() | x.T.contiguous() | x.transpose(0, 1).reshape(-1) | x.mT.flatten()
"""


@each_device
@pytest.mark.parametrize(
    "line", [line.strip() for line in LINES.replace("|", "\n").split("\n")[1:-1]]
)
def test_a_line_gives_what_pytorch_gives(line, device):
    for shape in SHAPES:
        if "mT" in line and len(shape) < 2:
            continue  # PyTorch is about to refuse it, and we do
        assert_same_as_pytorch(line, rng.standard_normal(shape), device=device)


OF_TWO = [
    ("t.cat([x, y])", (2,), (3,)), ("t.cat([x, y], 1)", (2, 3), (2, 1)),
    ("t.cat([x, y], 1)", (2, 3), (3, 1)), ("t.cat([x, y])", (0,), (3, 2)),
    ("t.cat([y, x, y], 1)", (0,), (3, 2)), ("t.cat([x, y])", (), ()),
    ("t.stack([x, y])", (2,), (3,)), ("t.hstack([x, y])", (), ()),
    ("t.hstack([x, y])", (2, 1), (2, 3)), ("t.vstack([x, y])", (2,), (3, 2)),
    ("t.column_stack([x, y])", (3,), (3, 2)), ("t.meshgrid(x, y)", (3,), (2,)),
    ("t.meshgrid(x, y, indexing='xy')", (3,), (2,)),
    ("t.meshgrid([x, y, x], indexing='xy')", (3,), (2,)),
    ("t.meshgrid(x, y, indexing='ij')", (3,), ()), ("t.meshgrid(x, y, indexing='zz')", (3,), (2,)),
    ("t.meshgrid(x, y)", (3, 1), (2,)), ("t.broadcast_tensors(x, y)", (3, 1), (2,)),
    ("t.broadcast_tensors(x, y)", (3, 1), (2, 2)),
]  # fmt: skip


@each_device
@pytest.mark.parametrize("line, one, other", OF_TWO)
def test_several_blocks_together(line, one, other, device):
    assert_same_as_pytorch(
        line, rng.standard_normal(one), rng.standard_normal(other), device=device
    )


@pytest.mark.parametrize("one", ["float32", "float64", "int64", "bool", "uint8"])
@pytest.mark.parametrize("other", ["float32", "float64", "int64", "int32"])
def test_blocks_of_two_dtypes_together(one, other):
    for line in ("t.cat([x, y])", "t.stack([x, y])"):
        assert_same_as_pytorch(line, np.ones(2, one), np.zeros(2, other))


MODES = ["constant", "reflect", "replicate", "circular"]
PADS = [
    (1, 1),
    (2, 0),
    (0, 3),
    (-1, 1),
    (1, 2, 2, 1),
    (-1, 0, 0, -1),
    (3, 3),
    (4, 4),
    (1,),
    (1,) * 6,
]


@each_device
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), (2, 2, 3, 4)])
def test_padding_is_that_of_pytorch(mode, shape, device):
    for pad in PADS:
        if mode != "constant" and not len(shape) - 2 <= len(pad) // 2 <= len(shape) - 1:
            continue  # PyTorch pads the last axes of few shapes; here it is all of them
        line = f"F.pad(x, {pad}, mode={mode!r})"
        assert_same_as_pytorch(line, rng.standard_normal(shape), device=device)
    for line in ("value=2.5", f"{mode!r}, -1"):
        assert_same_as_pytorch(f"F.pad(x, (1, 2), {line})", rng.standard_normal(shape))


def test_every_axis_can_be_padded_in_every_mode():
    x = Tensor(np.arange(6.0).reshape(2, 3))
    assert F.pad(x, (1, 1, 1, 1), "reflect").tolist()[0] == [4, 3, 4, 5, 4]
    assert F.pad(x, (0, 0, 1, 0), "circular").tolist() == [[3, 4, 5], [0, 1, 2], [3, 4, 5]]
    assert F.pad(x, (0, 1, 2, 0), "replicate").tolist()[0] == [0, 1, 2, 2]


@each_device
def test_the_pieces_of_a_split_put_one_gradient_together(device):
    """Whatever is done with them, twice over, and with pieces that are not used at all."""
    x = Tensor(rng.standard_normal((2, 8)), True, device=device)
    a, b, _, d = x.chunk(4, 1)
    result = (a * b).sum() + (d * 3).sum() + (b * b).sum() + x[0, 4]
    expected = np.zeros((2, 8))
    numbers = x.detach().cpu().numpy()
    expected[:, :2] = numbers[:, 2:4]
    expected[:, 2:4] = numbers[:, :2] + 2 * numbers[:, 2:4]
    expected[:, 6:] = 3
    expected[0, 4] = 1
    result.backward(retain_graph=True)
    assert_close(x.grad, expected)
    result.backward()
    assert_close(x.grad, 2 * expected)


def test_what_is_unbound_writes_into_one_gradient():
    """Each for itself would make one as large as the whole, and add it: slow for many."""
    x = tensor_leaf(rng.standard_normal((50, 3)))
    rows = x.unbind()
    (whole,) = {row.parents[0] for row in rows}  # one node between x and all of them
    seen = []
    for row in rows:
        row.register_hook(lambda g: seen.append(whole.grad))
    hello_dl.stack(rows).sum().backward()
    assert (x.grad == 1).all() and (whole.grad == 1).all()
    assert seen[0] is None and all(grad is whole.grad for grad in seen[1:])
    with hello_dl.no_grad():
        assert x.unbind()[0].parents == () and not Tensor(x.data).unbind()[0].requires_grad


def test_views_share_memory_where_nothing_has_to_be_copied():
    x = Tensor(np.arange(6.0))
    for y in (x.view(2, 3), x.reshape(3, 2).T, x[1:4], x.unsqueeze(0), x.expand(2, 6), x.detach()):
        assert np.shares_memory(x.data, y.data)
    with pytest.raises(ValueError, match="stretched"):
        x.expand(2, 6)[0, 0] = 1.0  # one entry of memory stands for two


def test_names_of_arguments_are_those_of_pytorch():
    x = Tensor(np.zeros((2, 3)))
    assert hello_dl.cat(tensors=[x, x], dim=1).shape == (2, 6)
    assert hello_dl.stack(tensors=(x, x), dim=-1).shape == (2, 3, 2)
    assert hello_dl.flip(input=x, dims=(0,)).shape == hello_dl.roll(input=x, shifts=1).shape
    assert hello_dl.split(x, split_size=1, dim=0)[0].shape == (1, 3)
    assert F.pad(input=x, pad=(1, 0), mode="constant", value=1).shape == (2, 4)


BAD = [
    (lambda x: x.transpose(0, 2), IndexError, "no axis 2: use -2 to 1"),
    (lambda x: hello_dl.cat([x, x[:, :2]]), ValueError, r"cat of \(2, 3\).*\(2, 2\).*axes but 0"),
    (lambda x: hello_dl.cat(x), TypeError, r"cat takes a list of Tensors, such as cat\(\[a, b\]\)"),
    (lambda x: hello_dl.stack([]), ValueError, "stack needs at least one Tensor"),
    (lambda x: x.expand(3, 3), ValueError, r"expand of \(2, 3\).*to \(3, 3\): an axis of length 2"),
    (lambda x: x.unflatten(1, (2, 2)), ValueError, r"\(2, 2\) do not make up the length 3"),
    (lambda x: x.repeat(2), ValueError, r"repeat of \(2, 3\).*one for every axis"),
    (lambda x: F.pad(x, (1,)), ValueError, "pairs"),
    (lambda x: F.pad(x, (3, 0), "reflect"), ValueError, "reflect finds no 3 entries in an axis of"),
    (lambda x: F.pad(x, (1, 0), "mirror"), ValueError, "unknown mode 'mirror': use constant"),
    (lambda x: hello_dl.diag(x[None]), ValueError, r"vector or a matrix.*\(1, 2, 3\)"),
    (lambda x: x[0].tril(), ValueError, r"tril of \(3,\).*two axes"),
    (lambda x: x.roll(1, 5), IndexError, r"roll of \(2, 3\).*no axis 5: use -2 to 1"),
    (lambda x: x.t().unsqueeze(0).t(), ValueError, r"t\(\) is for matrices.*\(1, 3, 2\)"),
]  # fmt: skip


@pytest.mark.parametrize("mistake, kind, message", BAD)
def test_errors_show_what_is_wrong(mistake, kind, message):
    with pytest.raises(kind, match=message) as caught:
        mistake(Tensor(np.zeros((2, 3), "float32")))
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 200
