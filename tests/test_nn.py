"""Layers and losses as modules: PyTorch's names, options, numbers and gradients."""

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device

from hello_dl import Tensor, manual_seed, nn

rng = np.random.default_rng(6)


def small_net():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4, bias=False), nn.Tanh(),
        nn.Sequential(nn.Linear(4, 3), nn.Sigmoid()),
    )  # fmt: skip


def torch_net(torch):
    t = torch.nn
    return t.Sequential(
        t.Flatten(), t.Linear(6, 5), t.ReLU(), t.Linear(5, 4, bias=False), t.Tanh(),
        t.Sequential(t.Linear(4, 3), t.Sigmoid()),
    ).double()  # fmt: skip


def in_float64(net, device="cpu"):
    for p in net.parameters():
        p.data = on_device(p.data.astype("float64"), device)
    return net


# ---------------------------------------------------------------------------------- against PyTorch


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("loss", ["CrossEntropyLoss", "MSELoss"])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_net_with_pytorchs_weights_has_pytorchs_gradients(loss, reduction, device):
    torch = import_torch()
    theirs, ours = torch_net(torch), in_float64(small_net(), device)
    ours.load_state_dict({name: p.numpy() for name, p in theirs.state_dict().items()})
    x = rng.standard_normal((4, 2, 3))
    y = np.array([2, 0, 1, 1]) if loss == "CrossEntropyLoss" else rng.standard_normal((4, 3))

    expected = getattr(torch.nn, loss)(reduction=reduction)(
        theirs(torch.tensor(x)), torch.tensor(y)
    )
    inputs = (Tensor(on_device(part, device)) for part in (x, y))
    result = getattr(nn, loss)(reduction=reduction)(*(ours(next(inputs)), next(inputs)))
    assert_close(result, expected.detach().numpy())

    upstream = rng.standard_normal(result.shape)
    expected.backward(torch.tensor(upstream))
    result.backward(upstream)
    for (name, p), (their_name, q) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == their_name and p.device == device
        assert_close(p.grad, q.grad.numpy(), what=name)


def test_state_dict_has_pytorchs_names_and_shapes():
    torch = import_torch()
    theirs = {name: tuple(p.shape) for name, p in torch_net(torch).state_dict().items()}
    assert {name: p.shape for name, p in small_net().state_dict().items()} == theirs


def test_a_new_linear_layer_starts_as_pytorchs_does():
    manual_seed(3)
    layer = nn.Linear(400, 300)
    for p in layer.parameters():
        assert p.dtype == np.float32 and abs(p.data).max() <= 1 / 20
        assert p.data.std() == pytest.approx(1 / 20 / np.sqrt(3), rel=0.1)
    manual_seed(3)
    assert (nn.Linear(400, 300).weight.data == layer.weight.data).all()
    assert (nn.Linear(400, 300).weight.data != layer.weight.data).any()


# ---------------------------------------------------------------------------------- layer by layer

# Each is built by the same line in ours and in PyTorch, and takes blocks of these shapes.
LAYERS = [
    (lambda n: n.Identity(5, anything=True), [(2, 3)]),
    (lambda n: n.Linear(3, 4), [(2, 3)]), (lambda n: n.Linear(3, 4, bias=False), [(2, 5, 3)]),
    (lambda n: n.Linear(3, 4), [(3,)]),
    (lambda n: n.Bilinear(3, 4, 5), [(2, 3), (2, 4)]),
    (lambda n: n.Bilinear(3, 4, 5, bias=False), [(2, 6, 3), (2, 6, 4)]),
    *((lambda n, d=d: n.Flatten(*d), [(2, 3, 4, 5)]) for d in ((), (0, -1), (2, 3), (1, 2))),
    (lambda n: n.Unflatten(1, (2, -1)), [(3, 8, 2)]),
    (lambda n: n.Unflatten(-1, (2, 4)), [(3, 8)]),
    (lambda n: n.Dropout(0.0), [(2, 3)]), (lambda n: n.Dropout1d(0.0), [(2, 3, 4)]),
    (lambda n: n.Dropout2d(0.0), [(2, 3, 4, 5)]),
    (lambda n: n.Dropout(0.5, True).eval(), [(2, 3)]),
    (lambda n: n.LayerNorm(4), [(2, 3, 4)]), (lambda n: n.LayerNorm((3, 4), eps=0.1), [(2, 3, 4)]),
    (lambda n: n.LayerNorm(4, bias=False), [(2, 4)]),
    (lambda n: n.LayerNorm([4], elementwise_affine=False), [(2, 4)]),
    (lambda n: n.RMSNorm(4), [(2, 3, 4)]), (lambda n: n.RMSNorm((3, 4), 0.1, False), [(2, 3, 4)]),
    (lambda n: n.GroupNorm(2, 6), [(3, 6)]), (lambda n: n.GroupNorm(3, 6, 0.1), [(3, 6, 4)]),
    (lambda n: n.GroupNorm(1, 6, affine=False), [(3, 6, 4, 2)]),
    (lambda n: n.BatchNorm1d(3), [(5, 3)]), (lambda n: n.BatchNorm1d(3, affine=False), [(5, 3, 2)]),
    *(
        (lambda n, name=name: getattr(n, name)(), [(3, 4)])
        for name in (
            "ReLU", "Tanh", "Sigmoid", "Softsign", "Hardtanh", "ReLU6", "Hardsigmoid", "LogSigmoid",
            "LeakyReLU", "PReLU", "ELU", "CELU", "SELU", "Softplus", "GELU", "SiLU", "Hardswish",
            "Mish", "Tanhshrink", "GLU",
        )
    ),
    (lambda n: n.ReLU(inplace=False), [(3,)]), (lambda n: n.LeakyReLU(0.3), [(3, 4)]),
    (lambda n: n.Hardtanh(-0.5, 0.7), [(3, 4)]), (lambda n: n.PReLU(4, 0.1), [(3, 4, 2)]),
    (lambda n: n.ELU(0.7), [(3, 4)]), (lambda n: n.CELU(alpha=0.5), [(3, 4)]),
    (lambda n: n.Softplus(2.0, 0.5), [(3, 4)]), (lambda n: n.GELU("tanh"), [(3, 4)]),
    (lambda n: n.GLU(0), [(4, 3)]), (lambda n: n.Softmax(1), [(2, 3, 4)]),
    (lambda n: n.LogSoftmax(dim=-2), [(2, 3, 4)]), (lambda n: n.Softmin(0), [(2, 3)]),
    (lambda n: n.CosineSimilarity(), [(2, 3), (2, 3)]),
    (lambda n: n.CosineSimilarity(dim=-1, eps=0.1), [(2, 3), (3,)]),
]  # fmt: skip


def text(module):
    """Its text; whether there is a bias, only newer versions of PyTorch say of every layer."""
    return repr(module).replace(", bias=True", "").replace(", bias=False", "")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("build, shapes", LAYERS)
def test_a_layer_is_pytorchs(build, shapes, device):
    torch = import_torch()
    ours, theirs = build(nn).to("float64").to(device), build(torch.nn).double()
    assert text(ours) == text(theirs) and ours.training == theirs.training
    ours.load_state_dict({name: p.numpy() for name, p in theirs.state_dict().items()})
    arrays = [rng.standard_normal(shape) for shape in shapes]
    blocks = [Tensor(on_device(x, device), True) for x in arrays]
    others = [torch.tensor(x, requires_grad=True) for x in arrays]
    y, expected = ours(*blocks), theirs(*others)
    rough = isinstance(ours, nn.Hardsigmoid)  # PyTorch has a sixth in float32
    assert_close(y, expected.detach().numpy(), rtol=1e-7 if rough else 1e-10)
    upstream = rng.standard_normal(y.shape)
    y.backward(upstream)
    expected.backward(torch.tensor(upstream))
    for x, other in zip(blocks, others):
        assert_close(x.grad, other.grad.numpy(), rtol=1e-7 if rough else 1e-10)
    for (name, p), (their_name, q) in zip(
        ours.named_parameters(), theirs.named_parameters(), strict=True
    ):
        assert name == their_name
        assert_close(p.grad, q.grad.numpy(), what=name)


@pytest.mark.parametrize("device", DEVICES)
def test_embedding_is_pytorchs(device):
    torch, letters = import_torch(), rng.integers(0, 5, (4, 3))
    for options in ({}, {"padding_idx": 2}, {"padding_idx": -1}):
        ours = nn.Embedding(5, 3, **options, device=device, dtype="float64")
        theirs = torch.nn.Embedding(5, 3, **options).double()
        assert repr(ours) == repr(theirs)
        if options:
            assert not ours.weight.data[options["padding_idx"]].any()
        ours.load_state_dict({"weight": theirs.weight.detach().numpy()})
        y, expected = ours(on_device(letters, device)), theirs(torch.tensor(letters))
        assert_close(y, expected.detach().numpy())
        (y**2).sum().backward()
        (expected**2).sum().backward()
        assert_close(ours.weight.grad, theirs.weight.grad.numpy())


def test_embedding_of_a_table_that_is_there():
    table = rng.standard_normal((4, 3))
    layer = nn.Embedding.from_pretrained(Tensor(table))
    assert (layer([3, 0]).data == table[[3, 0]]).all() and not layer.weight.requires_grad
    assert nn.Embedding.from_pretrained(table, freeze=False, padding_idx=1).weight.requires_grad
    assert repr(layer) == "Embedding(4, 3)"
    with pytest.raises(ValueError, match=r"\(n, d\), not \(3,\)"):
        nn.Embedding.from_pretrained(table[0])
    with pytest.raises(ValueError, match="padding_idx 4 is not among 4 rows"):
        nn.Embedding(4, 3, padding_idx=4)
    for wrong, message in (
        ([4], "row 4 is not among the 4 rows 0 to 3"),
        ([-1], "row -1 is not among"),
        ([0.5], "row numbers must be integers, not float"),
    ):
        with pytest.raises(ValueError, match=message):
            layer(wrong)


def test_an_embedding_starts_normally_distributed():
    manual_seed(0)
    table = nn.Embedding(300, 200, padding_idx=7).weight.data
    assert not table[7].any() and table.std() == pytest.approx(1, rel=0.02)


LOSSES = [
    (lambda n, w: n.CrossEntropyLoss(), (5, 3), "class"),
    (lambda n, w: n.CrossEntropyLoss(w, ignore_index=1, label_smoothing=0.1), (5, 3), "class"),
    (lambda n, w: n.CrossEntropyLoss(reduction="none"), (5, 3, 2), "class"),
    (lambda n, w: n.CrossEntropyLoss(), (5, 3), "share"),
    (lambda n, w: n.NLLLoss(w, ignore_index=2, reduction="sum"), (5, 3), "class"),
    (lambda n, w: n.BCELoss(), (5, 3), "share"),
    (lambda n, w: n.BCELoss(w), (5, 3), "share"),
    (lambda n, w: n.BCEWithLogitsLoss(), (5, 3), "share"),
    (lambda n, w: n.BCEWithLogitsLoss(pos_weight=w, reduction="none"), (5, 3), "share"),
    (lambda n, w: n.BCEWithLogitsLoss(w, pos_weight=w), (5, 3), "share"),
    (lambda n, w: n.KLDivLoss(reduction="batchmean"), (5, 3), "share"),
    (lambda n, w: n.KLDivLoss(log_target=True, reduction="sum"), (5, 3), "number"),
    (lambda n, w: n.MSELoss(), (5, 3), "number"),
    (lambda n, w: n.L1Loss(reduction="sum"), (5, 3), "number"),
    (lambda n, w: n.SmoothL1Loss(beta=0.4), (5, 3), "number"),
    (lambda n, w: n.HuberLoss(delta=0.4), (5, 3), "number"),
    (lambda n, w: n.HuberLoss("none", 2.0), (5, 3), "number"),
    (lambda n, w: n.HingeEmbeddingLoss(0.5), (5,), "sign"),
    (lambda n, w: n.MultiMarginLoss(2, 0.5, w), (5, 3), "class"),
    (lambda n, w: n.MultiMarginLoss(), (5, 3), "class"),
]


def target_of(kind, shape):
    if kind == "class":
        return rng.integers(0, 3, (shape[0], *shape[2:]))
    if kind == "share":
        return rng.uniform(0.1, 0.9, shape)
    return rng.choice([-1, 1], shape) if kind == "sign" else rng.standard_normal(shape)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("build, shape, kind", LOSSES)
@pytest.mark.filterwarnings("ignore:reduction")
def test_a_loss_is_pytorchs(build, shape, kind, device):
    torch, weight = import_torch(), np.array([0.5, 1.0, 2.0])
    ours = build(nn, Tensor(weight)).to(device)
    theirs = build(torch.nn, torch.tensor(weight))
    assert repr(ours) == repr(theirs) and list(ours.state_dict()) == list(theirs.state_dict())
    x, target = rng.uniform(0.1, 0.9, shape), target_of(kind, shape)
    block, other = Tensor(on_device(x, device), True), torch.tensor(x, requires_grad=True)
    loss, expected = ours(block, on_device(target, device)), theirs(other, torch.tensor(target))
    assert_close(loss, expected.detach().numpy())
    loss.sum().backward()
    expected.sum().backward()
    assert_close(block.grad, other.grad.numpy())


def test_a_ranking_loss_takes_two_scores():
    torch = import_torch()
    scores, side = rng.standard_normal((2, 6)), rng.choice([-1, 1], 6)
    for options in ({}, {"margin": 0.7, "reduction": "none"}):
        loss = nn.MarginRankingLoss(**options)(*map(Tensor, scores), side)
        theirs = torch.nn.MarginRankingLoss(**options)
        assert_close(loss, theirs(*map(torch.tensor, scores), torch.tensor(side)).numpy())


def test_inplace_is_taken_and_the_input_stays():
    x = Tensor([-1.0, 1.0])
    for kind in (nn.ReLU, nn.ReLU6, nn.ELU, nn.SELU, nn.SiLU, nn.Hardtanh, nn.LeakyReLU, nn.Mish):
        module = kind(inplace=True)
        assert module(x) is not x and x.tolist() == [-1, 1] and "inplace=True" in repr(module)


def test_options_that_no_activation_has():
    for wrong in (lambda: nn.GELU("erf"), lambda: nn.Hardtanh(1.0, -1.0)):
        with pytest.raises(ValueError, match="'erf'|must be above"):
            wrong()


def test_a_loss_with_an_unknown_reduction():
    with pytest.raises(ValueError, match="'avg' is unknown: use 'mean', 'sum' or 'none'"):
        nn.MSELoss("avg")
    with pytest.raises(ValueError, match="'batchmean' is unknown"):
        nn.MSELoss("batchmean")(Tensor([1.0]), Tensor([1.0]))


@pytest.mark.parametrize(
    "module", [nn.ReLU(), nn.Tanh(), nn.Sigmoid(), nn.Flatten(), nn.Softmax(), nn.Dropout(0.0)]
)
def test_a_module_takes_a_plain_array_as_operations_do(module):
    x = rng.standard_normal((2, 3))
    assert_close(module(x), module(Tensor(x)))
