"""Batch norm follows its batches as PyTorch's does; what is said of shapes that do not fit."""

import numpy as np
import pytest
from helpers import DEVICES, assert_close, import_torch, on_device, plain

from hello_dl import Tensor, nn, no_grad
from hello_dl import functional as F

rng = np.random.default_rng(9)
each_device = pytest.mark.parametrize("device", DEVICES)


def names(module):
    """Its text; whether there is a bias, only newer versions of PyTorch say of every layer."""
    return repr(module).replace(", bias=True", "").replace(", bias=False", "")


@each_device
@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2)])
@pytest.mark.parametrize(
    "options",
    [{}, {"momentum": 0.4, "eps": 0.1}, {"momentum": None}, {"affine": False}, {"momentum": 0.0}]
    + [{"track_running_stats": False}, {"momentum": 1.0}],
)
def test_batch_norm_follows_the_batches(shape, options, device):
    torch = import_torch()
    theirs = torch.nn.BatchNorm1d(3, **options).double()
    ours = nn.BatchNorm1d(3, **options, dtype="float64", device=device)
    assert names(ours) == names(theirs)
    for training in (True, True, True, False, True, False):
        x = rng.standard_normal(shape) * 3 + 1
        upstream = rng.standard_normal(shape)
        a, b = Tensor(on_device(x, device), True), torch.tensor(x, requires_grad=True)
        results = ours.train(training)(a), theirs.train(training)(b)
        assert_close(results[0], results[1].detach().numpy())
        for result, g in zip(results, (upstream, torch.tensor(upstream))):
            result.backward(g)
        assert_close(a.grad, b.grad.numpy())
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert_close(p.grad, q.grad.numpy())
        for name, array in ours.state_dict().items():
            assert_close(array, theirs.state_dict()[name].numpy(), what=name)


def test_a_functional_batch_norm_changes_what_it_is_given():
    torch = import_torch()
    x, mean, var = rng.standard_normal((4, 2, 3, 3)), np.zeros(2), np.ones(2)
    theirs = [torch.tensor(part) for part in (x, mean, var)]
    ours = [Tensor(part.copy()) for part in (x, mean, var)]
    node = ours[1] * 2
    expected = torch.nn.functional.batch_norm(*theirs, None, None, True, 0.3, 0.01)
    assert_close(F.batch_norm(*ours, None, None, True, 0.3, 0.01), expected.numpy())
    for mine, other in zip(ours[1:], theirs[1:]):
        assert_close(mine, other.numpy())
    expected = torch.nn.functional.batch_norm(*theirs)
    assert_close(F.batch_norm(*ours), expected.numpy(), what="with the running ones")
    ours[1].requires_grad = True
    assert node.data.tolist() == [0, 0]


def test_batch_norm_computes_in_the_dtype_of_its_input():
    layer = nn.BatchNorm1d(2)
    x = rng.standard_normal((8, 2)).astype("float16")
    y = layer.half()(Tensor(x))
    assert y.dtype == np.float16 and layer.running_mean.dtype == np.float16
    wide = nn.BatchNorm1d(2)(Tensor(x.astype("float32")))
    assert_close(y.data.astype("float32"), wide, rtol=2e-3, atol=2e-3)
    assert nn.BatchNorm1d(2).eval()(Tensor(x[:1].astype("float32"))).dtype == np.float32


def test_resetting():
    layer = nn.BatchNorm1d(2)
    layer(Tensor(rng.standard_normal((8, 2)).astype("float32")))
    layer.weight.data += 1
    layer.reset_running_stats()
    assert layer.running_mean.tolist() == [0, 0] and layer.running_var.tolist() == [1, 1]
    assert layer.num_batches_tracked.item() == 0 and layer.weight.tolist() == [2, 2]
    layer.reset_parameters()
    assert layer.weight.tolist() == [1, 1]


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: nn.BatchNorm1d(3)(Tensor(np.ones((1, 3)))), "one value for each channel"),
        (lambda: nn.BatchNorm1d(3)(Tensor(np.ones((4, 2)))), r"\(n, c\) or .*c=3, not \(4, 2\)"),
        (lambda: nn.BatchNorm1d(3)(Tensor(np.ones(3))), r"c=3, not \(3,\)"),
        (
            lambda: F.batch_norm(Tensor(np.ones((4, 2))), None, None, np.ones(3), None, True),
            r"2 channels.*\(3",
        ),
        (lambda: F.batch_norm(Tensor(np.ones((4, 2))), None, None), "without training it needs a"),
        (lambda: F.batch_norm(Tensor(np.ones((4, 2))), [0, 0], None), "together, or neither"),
        (lambda: F.layer_norm(Tensor(np.ones((4, 2))), 3), r"normalized_shape=\(3,\)"),
        (lambda: F.layer_norm(Tensor(np.ones((4, 2))), 2, np.ones(3)), r"have the shape \(2,\)"),
        (lambda: F.layer_norm(Tensor(np.ones((4, 2))), ()), r"normalized_shape=\(\)"),
        (lambda: nn.LayerNorm(3)(Tensor(np.ones((4, 2)))), r"layer_norm of \(4, 2\).*\(3,\)"),
        (lambda: F.rms_norm(Tensor(np.ones((4, 2))), (4,)), r"normalized_shape=\(4,\)"),
        (lambda: F.group_norm(Tensor(np.ones((4, 3))), 2), "3 channels do not make up 2 groups"),
        (lambda: nn.GroupNorm(2, 3), "3 channels do not make up 2 groups"),
        (lambda: F.group_norm(Tensor(np.ones(4)), 2), r"\(n, channels"),
    ],
)
def test_errors(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


@each_device
@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_norms_of_large_and_small_numbers(dtype, device):
    """In half precision squares of 300 would be infinite."""
    x = (rng.standard_normal((4, 64)) * 300 + 1000).astype(dtype)
    block = Tensor(on_device(x, device))
    wide = Tensor(x.astype("float64"))
    for norm in (lambda t: F.layer_norm(t, 64), lambda t: F.rms_norm(t, 64, eps=1e-5)):
        result = norm(block)
        assert result.dtype == np.dtype(dtype)
        assert_close(plain(result).astype("float64"), norm(wide), rtol=2e-3, atol=2e-3)


def test_norms_of_blocks_in_any_memory_order():
    torch = import_torch()
    x = rng.standard_normal((4, 6, 5))
    for view in (x.transpose(2, 0, 1), x[:, ::2], x[::-1], np.broadcast_to(x[:1], (3, 6, 5))):
        ours, theirs = Tensor(view, True), torch.tensor(view.copy(), requires_grad=True)
        n = view.shape[-1]
        for f, g in (
            (F.layer_norm(ours, n), torch.nn.functional.layer_norm(theirs, (n,))),
            (F.softmax(ours, -1), theirs.softmax(-1)),
            (F.log_softmax(ours, 1), theirs.log_softmax(1)),
            (F.batch_norm(ours, None, None, training=True),
             torch.nn.functional.batch_norm(theirs, None, None, training=True)),
        ):  # fmt: skip
            assert_close(f, g.detach().numpy())
            (f**3).sum().backward()
            (g**3).sum().backward()
        assert_close(ours.grad, theirs.grad.numpy())


def test_evaluation_leaves_no_trace():
    layer = nn.BatchNorm1d(2).eval()
    state = {name: array.copy() for name, array in layer.state_dict().items()}
    with no_grad():
        layer(Tensor(rng.standard_normal((8, 2)).astype("float32")))
    assert all((array == state[name]).all() for name, array in layer.state_dict().items())
