"""nn.init: the numbers that a network starts from, as PyTorch draws them."""

import math

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, plain

from hello_dl import Tensor, manual_seed, nn
from hello_dl.nn import init

each_device = pytest.mark.parametrize("device", DEVICES)


def filled(fill, *shape, device="cpu", dtype="float32", **options):
    manual_seed(4)
    tensor = Tensor(np.full(shape, np.nan), dtype=dtype, device=device)
    assert fill(tensor, **options) is tensor
    assert (tensor.device, tensor.dtype, tensor.shape) == (device, np.dtype(dtype), shape)
    return plain(tensor)


# What the standard deviation, or the half width of an even distribution, should be: (out, in, ...).
SIZES = [
    (init.xavier_uniform_, (300, 500), {}, "even", math.sqrt(6 / 800)),
    (init.xavier_uniform_, (30, 20, 5, 5), {"gain": 2.0}, "even", 2 * math.sqrt(6 / 1250)),
    (init.xavier_normal_, (300, 500), {"gain": 0.5}, "normal", 0.5 * math.sqrt(2 / 800)),
    (init.kaiming_uniform_, (300, 500), {}, "even", math.sqrt(6 / 500)),
    (init.kaiming_uniform_, (300, 500), {"a": math.sqrt(5)}, "even", math.sqrt(1 / 500)),
    (init.kaiming_uniform_, (300, 500), {"mode": "fan_out"}, "even", math.sqrt(6 / 300)),
    (init.kaiming_normal_, (300, 500), {"nonlinearity": "relu"}, "normal", math.sqrt(2 / 500)),
    (init.kaiming_normal_, (30, 20, 5, 5), {"nonlinearity": "linear", "mode": "fan_out"},
     "normal", math.sqrt(1 / 750)),
    (init.uniform_, (300, 500), {"a": -3.0, "b": 3.0}, "even", 3.0),
    (init.normal_, (300, 500), {"std": 0.3}, "normal", 0.3),
]  # fmt: skip


@each_device
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("fill, shape, options, kind, size", SIZES)
def test_sizes_are_those_of_the_papers(fill, shape, options, kind, size, dtype, device):
    x = filled(fill, *shape, dtype=dtype, device=device, **options).astype("float64")
    count = math.sqrt(x.size)
    std = size if kind == "normal" else size / math.sqrt(3)
    assert abs(x.mean()) < 5 * std / count and x.std() == pytest.approx(std, rel=5 / count)
    if kind == "even":
        assert abs(x).max() <= size * (1 + 1e-3) and abs(x).max() > 0.99 * size
    else:
        assert (abs(x) < std).mean() == pytest.approx(0.6827, abs=0.01)


@pytest.mark.parametrize("fill, shape, options, kind, size", SIZES)
def test_sizes_are_those_of_pytorch(fill, shape, options, kind, size):
    torch = import_torch()
    torch.manual_seed(0)
    theirs = torch.empty(shape)
    getattr(torch.nn.init, fill.__name__)(theirs, **options)
    ours = filled(fill, *shape, **options)
    assert ours.std() == pytest.approx(theirs.std().item(), rel=0.05)


@each_device
@pytest.mark.parametrize(
    "mean, std, a, b", [(0.0, 1.0, -2.0, 2.0), (0.0, 0.02, -2.0, 2.0), (1.0, 2.0, -1.0, 1.5)]
)
def test_truncated_normal_numbers(mean, std, a, b, device):
    torch = import_torch()
    x = filled(init.trunc_normal_, 200, 300, mean=mean, std=std, a=a, b=b, device=device)
    theirs = torch.nn.init.trunc_normal_(torch.empty(200, 300), mean, std, a, b).numpy()
    assert x.min() >= a and x.max() <= b
    assert x.mean() == pytest.approx(theirs.mean(), abs=0.03 * std)
    assert x.std() == pytest.approx(theirs.std(), rel=0.03)


@each_device
@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3), (4, 2, 3), (2, 3, 3)])
def test_orthogonal_rows_or_columns(shape, device):
    x = filled(init.orthogonal_, *shape, gain=2.0, dtype="float64", device=device)
    x = x.reshape(shape[0], -1)
    product = x @ x.T if len(x) <= x.shape[1] else x.T @ x
    assert_close(product, 4 * np.eye(len(product)), atol=1e-9)


def test_no_direction_is_more_likely():
    manual_seed(1)
    drawn = [init.orthogonal_(Tensor(np.zeros((3, 3)))).data for _ in range(400)]
    assert abs(np.mean(drawn, 0)).max() < 0.15, "QR by itself prefers a sign"


@each_device
def test_plain_fillings(device):
    torch = import_torch()
    assert filled(init.zeros_, 2, 3, device=device).tolist() == [[0] * 3] * 2
    assert filled(init.ones_, 2, device=device).tolist() == [1, 1]
    assert filled(init.constant_, 2, val=2.5, device=device).tolist() == [2.5] * 2
    assert_close(filled(init.eye_, 2, 3, device=device), np.eye(2, 3))
    x = filled(init.sparse_, 40, 30, sparsity=0.31, std=0.5, device=device)
    theirs = torch.nn.init.sparse_(torch.empty(40, 30), 0.31)
    assert ((x == 0).sum(0) == (theirs == 0).sum(0).numpy()).all() and (x == 0).sum() == 13 * 30
    assert x[x != 0].std() == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize(
    "nonlinearity, param",
    [("linear", None), ("relu", None), ("tanh", None), ("selu", None), ("sigmoid", None)]
    + [("conv2d", None), ("leaky_relu", None), ("leaky_relu", 0.2), ("leaky_relu", 1)],
)
def test_gains_are_those_of_pytorch(nonlinearity, param):
    expected = import_torch().nn.init.calculate_gain(nonlinearity, param)
    assert init.calculate_gain(nonlinearity, param) == pytest.approx(expected)


def test_a_parameter_is_filled_in_place_and_the_graph_is_told():
    layer = nn.Linear(2, 1)
    memory = layer.weight.data
    loss = layer(Tensor([[1.0, 2.0]])).sum()
    init.ones_(layer.weight)
    assert (
        layer.weight.data is memory and memory.tolist() == [[1, 1]] and layer.weight.requires_grad
    )
    with pytest.raises(ValueError, match="in place"):
        loss.backward()


def test_the_same_seed_gives_the_same_numbers():
    one, other = (filled(init.kaiming_normal_, 5, 5) for _ in range(2))
    assert (one == other).all()
    from hello_dl import Generator

    draws = [
        filled(init.xavier_uniform_, 5, 5, generator=Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert (draws[0] == draws[1]).all() and (draws[0] != draws[2]).any()


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: init.calculate_gain("gelu"), "'gelu': use one of linear, conv1d.*leaky_relu"),
        (lambda: init.xavier_uniform_(Tensor([1.0])), r"2 axes or more, not the shape \(1,\)"),
        (lambda: init.kaiming_normal_(Tensor([[1.0]]), mode="fan"), "'fan': use fan_in or fan_out"),
        (lambda: init.eye_(Tensor([1.0])), r"matrix, not a block of shape \(1,\)"),
        (lambda: init.orthogonal_(Tensor([1.0])), r"2 axes or more, not the shape \(1,\)"),
        (lambda: init.sparse_(Tensor([1.0]), 0.5), "matrix, not a block"),
        (lambda: init.trunc_normal_(Tensor([1.0]), 9.0), r"hardly ever in \[-2.0, 2.0\]"),
    ],
)
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()
