"""Dropout: how much is left out, the same on every device, and what the gradient sees of it."""

import numpy as np
import pytest
from helpers import DEVICES, assert_close, on_device, plain

from hello_dl import Tensor, manual_seed, nn
from hello_dl import functional as F

each_device = pytest.mark.parametrize("device", DEVICES)


def dropped(f, x, device="cpu", seed=3):
    manual_seed(seed)
    block = Tensor(on_device(x, device), requires_grad=True)
    y = f(block)
    y.backward(np.full(y.shape, 2.0))
    return plain(y), plain(block.grad)


@each_device
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_a_share_is_left_out_and_the_rest_grows(p, device):
    x = np.ones((200, 500), "float32")
    y, grad = dropped(lambda t: F.dropout(t, p), x, device)
    assert y.dtype == np.float32 and set(np.unique(y)) == {0, np.float32(1 / (1 - p))}
    assert (y == 0).mean() == pytest.approx(p, abs=0.01) and y.mean() == pytest.approx(1, abs=0.05)
    assert_close(grad, 2 * y, rtol=1e-6)


def test_every_call_chooses_anew_and_a_seed_brings_it_back():
    x = Tensor(np.ones((20, 20)))
    manual_seed(1)
    first, second = F.dropout(x), F.dropout(x)
    manual_seed(1)
    assert (F.dropout(x).data == first.data).all() and (first.data != second.data).any()


@pytest.mark.gpu
def test_both_devices_leave_out_the_same():
    x = np.random.default_rng(0).standard_normal((33, 7))
    assert_close(*(dropped(F.dropout, x, device)[0] for device in ("cpu", "cuda")))


@each_device
@pytest.mark.parametrize(
    "f, shape, axes",
    [
        (F.dropout1d, (40, 30, 5), (2,)),
        (F.dropout1d, (40, 30), (1,)),
        (F.dropout2d, (40, 30, 3, 2), (2, 3)),
    ],
)
def test_whole_channels_are_left_out(f, shape, axes, device):
    y, grad = dropped(lambda t: f(t, 0.3), np.ones(shape), device)
    ends = y.min(axes), y.max(axes)
    assert (ends[0] == ends[1]).all() and set(np.unique(y)) == {0, 1 / 0.7}
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.15)
    assert_close(grad, 2 * y)


@each_device
def test_nothing_everything_and_evaluation(device):
    x = np.array([1.0, -2.0, np.inf])
    for f in (lambda t: F.dropout(t, 0), lambda t: F.dropout(t, 0.5, False)):
        y, grad = dropped(f, x, device)
        assert (y == x).all() and (grad == 2).all()
    y, grad = dropped(lambda t: F.dropout(t, 1.0), x[:2], device)
    assert not y.any() and not grad.any()
    layer = nn.Dropout(0.5)
    assert (layer.eval()(Tensor(x)).data == x).all() and "p=0.5" in repr(layer)
    assert not layer.train()(Tensor(np.ones(100))).data.all()


def test_evaluation_draws_no_random_numbers():
    layer, x = nn.Dropout(0.5), Tensor(np.ones(50))
    manual_seed(2)
    expected = layer(x)
    manual_seed(2)
    layer.eval()(x)
    assert (layer.train()(x).data == expected.data).all()


@pytest.mark.parametrize("p", [-0.1, 1.5])
def test_a_probability_is_one(p):
    for f in (lambda: F.dropout(Tensor([1.0]), p), lambda: nn.Dropout(p)):
        with pytest.raises(ValueError, match=f"between 0 and 1, got {p}"):
            f()
    with pytest.raises(ValueError, match="channels"):
        F.dropout2d(Tensor([1.0]))


def test_half_precision_is_scaled_exactly():
    y, _ = dropped(lambda t: F.dropout(t, 0.1), np.full(1000, 3.0, "float16"))
    assert y.dtype == np.float16 and set(np.unique(y)) == {0, np.float16(3 / 0.9)}
