"""The learning-rate finder: a rate that works, and everything as it was before."""

import math

import numpy as np
import pytest

from hello_dl import manual_seed, nn, optim
from hello_dl.backend.random import get_state
from hello_dl.data.dataset import TensorDataset
from hello_dl.data.loader import DataLoader
from hello_dl.train import find_lr, fit, state
from hello_dl.train.lr_finder import steepest, valley


@pytest.fixture
def task():
    """A small problem: a net, and a loader in the middle of an epoch."""
    manual_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5)).astype(np.float32)
    model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 2))
    return model, DataLoader(TensorDataset(x, (x[:, 0] > x[:, 1]).astype(np.int64)), 20, True)


def test_the_suggestion_trains_better_than_a_tenth_and_than_thirty_times_as_much(task):
    model, loader = task
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    curve = find_lr(model, loader, optimizer)
    assert 1e-3 < curve.suggestion < 1
    before = state.pack(model.state_dict())

    def loss_after(lr):
        model.load_state_dict(state.unpack(*before))
        optimizer = optim.SGD(model.parameters(), lr=lr)
        *_, epoch = fit(model, loader, optimizer=optimizer, epochs=3)
        return epoch.loss

    good = loss_after(curve.suggestion)
    assert good < loss_after(curve.suggestion / 10)
    assert good < loss_after(curve.suggestion * 300)


def test_everything_is_as_it_was(task):
    model, loader = task
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    list(fit(model, loader, optimizer=optimizer))
    coming = iter(loader)
    next(coming)
    model[0].eval()
    parts = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "loader": loader.state_dict(),
        "random": get_state(),
    }
    before, modes = state.pack(parts), [m.training for m in model.modules()]
    find_lr(model, loader, optimizer, steps=30)
    after = state.pack(
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "loader": loader.state_dict(),
            "random": get_state(),
        }
    )
    assert after[1] == before[1]
    assert list(after[0]) == list(before[0])
    for name in before[0]:
        np.testing.assert_array_equal(after[0][name], before[0][name], name)
    assert [m.training for m in model.modules()] == modes
    assert all(p.grad is None for p in model.parameters())


def test_it_is_put_back_after_an_error_too(task):
    model, loader = task
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    before, calls = state.pack(model.state_dict()), []

    def step_loss(model, batch):
        calls.append(batch)
        if len(calls) == 20:
            raise RuntimeError("broken")
        return (model(batch[0]) ** 2).mean()

    with pytest.raises(RuntimeError, match="broken"):
        find_lr(model, loader, optimizer, step_loss=step_loss)
    for name, array in state.pack(model.state_dict())[0].items():
        np.testing.assert_array_equal(array, before[0][name])
    assert optimizer.lr == 0.1


def test_rates_rise_by_a_factor_and_it_ends_when_the_loss_explodes(task):
    model, loader = task

    def steep(model, batch):
        return ((model(batch[0]) - 3.0) ** 2).mean()

    curve = find_lr(
        model, loader, optim.SGD(model.parameters(), lr=1.0), step_loss=steep,
        start=1e-6, end=1e4, steps=200,
    )  # fmt: skip
    assert len(curve.lrs) == len(curve.losses) < 200
    assert curve.lrs[0] == pytest.approx(1e-6)
    factors = np.divide(curve.lrs[1:], curve.lrs[:-1])
    np.testing.assert_allclose(factors, (1e10) ** (1 / 199))
    assert all(map(math.isfinite, curve.losses))
    assert curve.suggestion in curve.lrs and curve.steepest in curve.lrs


def test_valley_and_steepest_by_hand():
    losses = [2.0, 2.1, 2.0, 1.9, 1.5, 1.0, 0.9, 0.8, 3.0, 1.5]
    assert valley(losses) == 1 + (7 - 1) // 2  # 2.1 2.0 1.9 1.5 1.0 0.9 0.8
    assert steepest(losses) in (4, 5)  # what falls after the explosion does not count
    assert valley([1.0, 2.0, 3.0]) == 0


def test_the_curve_is_a_png(task, tmp_path):
    model, loader = task
    curve = find_lr(model, loader, optim.SGD(model.parameters(), lr=1.0))
    curve.save(tmp_path / "new" / "lr.png")
    assert (tmp_path / "new" / "lr.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "options",
    [{"start": 0.0}, {"start": 1.0, "end": 0.1}, {"end": math.inf}, {"steps": 5}],
)
def test_settings_that_make_no_sense(task, options):
    model, loader = task
    with pytest.raises(ValueError, match="0 < start < end"):
        find_lr(model, loader, optim.SGD(model.parameters(), lr=1.0), **options)


def test_a_loss_that_is_nan_from_the_start(task):
    model, loader = task
    model[0].weight.data[...] = math.nan
    with pytest.raises(ValueError, match="nan or inf at the very first step"):
        find_lr(model, loader, optim.SGD(model.parameters(), lr=1.0))
