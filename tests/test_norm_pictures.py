"""Batch norm and instance norm of pictures, as modules, against PyTorch over several batches."""

import inspect
import re

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, plain

from hello_dl import Tensor, nn
from hello_dl import functional as F
from hello_dl.backend import batch_norm, device

each_device = pytest.mark.parametrize("where", DEVICES)
rng = np.random.default_rng(14)

NORMS = [
    ("BatchNorm2d", (3,), {}, (4, 3, 5, 6)),
    ("BatchNorm2d", (3,), {"affine": False, "momentum": None}, (4, 3, 5, 6)),
    ("BatchNorm2d", (2,), {"track_running_stats": False, "eps": 0.1}, (3, 2, 1, 4)),
    ("BatchNorm1d", (3,), {"momentum": 0.3}, (4, 3, 40)),
    ("BatchNorm1d", (5,), {}, (8, 5)),
    ("InstanceNorm2d", (3,), {}, (4, 3, 5, 6)),
    ("InstanceNorm2d", (3,), {"affine": True, "track_running_stats": True}, (4, 3, 5, 6)),
    ("InstanceNorm1d", (2,), {"affine": True, "eps": 0.1}, (2, 2, 7)),
    ("InstanceNorm2d", (3,), {"affine": True}, (3, 5, 6)),  # one picture
    ("InstanceNorm2d", (3,), {"track_running_stats": True, "momentum": None}, (2, 3, 5, 6)),
    ("InstanceNorm1d", (3,), {"track_running_stats": True, "momentum": 1.0}, (3, 8)),
    ("BatchNorm2d", (3,), {"bias": False, "momentum": None}, (2, 3, 4, 3)),
    ("GroupNorm", (2, 6), {"eps": 0.1}, (3, 6, 4, 5)),
    ("GroupNorm", (3, 3), {"affine": False}, (2, 3, 7)),
    ("GroupNorm", (1, 4), {"bias": False}, (3, 4)),
]


@each_device
@pytest.mark.parametrize("lies", ["plainly", "batch innermost"])
@pytest.mark.parametrize("name, arguments, options, shape", NORMS)
def test_norms_are_those_of_pytorch(name, arguments, options, shape, lies, where, monkeypatch):
    torch = import_torch()
    monkeypatch.setattr(batch_norm, "PIECE", 50)  # a channel or two at a time
    layer = getattr(torch.nn, name)
    if not options.keys() <= inspect.signature(layer).parameters.keys():
        pytest.skip(f"{name} of this PyTorch does not know all of {list(options)}")
    theirs = layer(*arguments, **options).double()
    with device(where):
        ours = getattr(nn, name)(*arguments, **options, dtype="float64")
    assert re.sub(", bias=\\w+", "", repr(ours)) == re.sub(", bias=\\w+", "", repr(theirs))
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    for training in (True, True, False):
        x = 3 * rng.standard_normal(shape) + 2
        if lies != "plainly":
            x = np.ascontiguousarray(x.swapaxes(0, -1)).swapaxes(0, -1)
        one, other = Tensor(on_device(x, where), True), torch.tensor(x, requires_grad=True)
        ours.train(training)
        theirs.train(training)
        y, expected = ours(one), theirs(other)
        assert_close(y, expected.detach().numpy(), rtol=1e-9, atol=1e-9)
        g = rng.standard_normal(shape)
        y.backward(g)
        expected.backward(torch.tensor(g))
        assert_close(one.grad, other.grad.numpy(), rtol=1e-9, atol=1e-9)
        for parameter, twin in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert_close(parameter.grad, twin.grad.numpy(), rtol=1e-9, atol=1e-9)
        for key, value in theirs.state_dict().items():
            assert_close(ours.state_dict()[key], value.numpy(), rtol=1e-9, what=key)


@each_device
def test_numbers_far_from_zero_keep_their_digits(where):
    """A mean of 1000 and a spread of 1: squares that are added up would leave nothing of it."""
    x = (1000 + rng.standard_normal((64, 2, 12, 12))).astype("float32")
    y = F.batch_norm(Tensor(on_device(x, where)), None, None, training=True)
    exact = (x - x.mean((0, 2, 3), "float64", keepdims=True)) / x.std(
        (0, 2, 3), "float64", keepdims=True
    )
    assert_close(y, exact, rtol=1e-3, atol=2e-3)


@each_device
@pytest.mark.parametrize("count", [3, 300, 40_000])
def test_a_channel_of_many_entries(count, where):
    """On a GPU it is added up in shares by several blocks of threads."""
    x = rng.standard_normal((count // 3, 2, 1, 3))
    leaf, g = Tensor(on_device(x, where), True), rng.standard_normal(x.shape)
    weight, bias = (Tensor(on_device(rng.standard_normal(2), where), True) for _ in range(2))
    y = F.batch_norm(leaf, None, None, weight, bias, training=True)
    y.backward(g)
    unit = (x - x.mean((0, 2, 3), keepdims=True)) / np.sqrt(x.var((0, 2, 3), keepdims=True) + 1e-5)
    assert_close(weight.grad, (g * unit).sum((0, 2, 3)), rtol=1e-8)
    assert_close(bias.grad, g.sum((0, 2, 3)), rtol=1e-8)


@each_device
@pytest.mark.parametrize("shape", [(0, 3), (0, 3, 4), (0, 3, 4, 5)])
def test_a_batch_of_none_teaches_nothing(shape, where):
    torch = import_torch()
    with device(where):
        layer = nn.BatchNorm2d(3) if len(shape) == 4 else nn.BatchNorm1d(3)
    theirs = torch.nn.BatchNorm2d(3) if len(shape) == 4 else torch.nn.BatchNorm1d(3)
    before = {name: plain(array).copy() for name, array in layer.state_dict().items()}
    x = Tensor(on_device(np.ones(shape, "float32"), where), True)
    y = layer(x)
    assert y.shape == shape and tuple(theirs(torch.ones(shape)).shape) == shape
    y.sum().backward()
    assert x.grad.shape == shape and not plain(layer.weight.grad).any()
    for name, array in layer.state_dict().items():
        assert_close(array, theirs.state_dict()[name].numpy(), what=name)
        assert name == "num_batches_tracked" or (plain(array) == before[name]).all()
    if len(shape) > 2:
        mean, var = (Tensor(on_device(np.ones(3), where)) for _ in range(2))
        assert F.instance_norm(x, mean, var).shape == shape and mean.tolist() == [1, 1, 1]


@each_device
def test_one_number_for_each_channel_has_no_variance(where):
    for shape in ((1, 3), (1, 3, 1), (1, 3, 1, 1)):
        layer = (nn.BatchNorm2d if len(shape) == 4 else nn.BatchNorm1d)(3).to(where)
        x = Tensor(on_device(np.ones(shape, "float32"), where))
        with pytest.raises(ValueError, match=r"train on more at once, or call eval\(\)"):
            layer(x)
        assert layer.eval()(x).shape == shape


def test_errors_say_what_is_wrong():
    with pytest.raises(
        ValueError, match=r"BatchNorm2d takes \(n, c, h, w\) with c=3, not \(2, 3\)"
    ):
        nn.BatchNorm2d(3)(Tensor(np.ones((2, 3))))
    with pytest.raises(ValueError, match=r"InstanceNorm2d takes 4 axes, .*c=3.*not \(2, 4, 5, 5\)"):
        nn.InstanceNorm2d(3)(Tensor(np.ones((2, 4, 5, 5))))
    with pytest.raises(ValueError, match="needs 2 entries or more"):
        F.instance_norm(Tensor(np.ones((2, 4, 1, 1))))
    with pytest.raises(ValueError, match="num_groups is a whole number from 1 on, not 0"):
        nn.GroupNorm(0, 4)
    with pytest.raises(TypeError, match="num_groups takes a whole number, not 2.0"):
        F.group_norm(Tensor(np.ones((2, 4))), 2.0)
