"""A look into the layers: what it says is so, and looking changes nothing."""

import json

import numpy as np
import pytest
from helpers import DEVICES, plain

from hello_dl import Tensor, manual_seed, nn, optim
from hello_dl import functional as F
from hello_dl.train import Step, fit

X = np.random.default_rng(0).normal(size=(16, 4)).astype(np.float32)
Y = np.arange(16) % 3


def net():
    manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))


def steps(model, optimizer, **options):
    training = fit(model, [(X, Y)] * 4, optimizer=optimizer, **options)
    return [record for record in training if isinstance(record, Step)]


@pytest.mark.parametrize("device", DEVICES)
def test_statistics_are_those_of_the_step(device):
    model = net().to(device)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    training = fit(model, [(X, Y)] * 4, optimizer=optimizer, statistics=2, epochs=2)
    for record in training:
        if not isinstance(record, Step) or record.step % 2:
            assert getattr(record, "statistics", None) is None
            before = {name: plain(array).copy() for name, array in model.state_dict().items()}
            continue
        seen = record.statistics
        assert seen.step == record.step
        twin = net()
        twin.load_state_dict(before)
        outputs, x = [], Tensor(X, device="cpu")
        for layer in twin:
            x = layer(x)
            outputs.append(plain(x))
        F.cross_entropy(x, Tensor(Y, device="cpu")).backward()
        assert [a.layer for a in seen.activations] == ["0", "1", "2", "3", "4"]
        assert [a.kind for a in seen.activations] == ["Linear", "ReLU", "Linear", "Tanh", "Linear"]
        for a, y in zip(seen.activations, outputs):
            assert a.shape == y.shape
            assert a.mean == pytest.approx(y.mean(), abs=1e-5)
            assert a.std == pytest.approx(y.std(), rel=1e-4)
            assert a.zeros == (y == 0).mean()
            assert (a.saturated is None) == (a.kind != "Tanh")
        assert seen.activations[3].saturated == (abs(outputs[3]) > 0.97).mean()
        assert [u.parameter for u in seen.updates] == list(before)
        for u, p in zip(seen.updates, twin.parameters()):
            norm, grad_norm = np.linalg.norm(plain(p)), np.linalg.norm(plain(p.grad))
            assert u.norm == pytest.approx(norm, rel=1e-4)
            assert u.grad_norm == pytest.approx(grad_norm, rel=1e-3)
            assert u.ratio == pytest.approx(0.5 * grad_norm / norm, rel=1e-3)
        before = {name: plain(array).copy() for name, array in model.state_dict().items()}


def test_looking_changes_nothing_and_leaves_no_hooks():
    plainly, watched = net(), net()
    steps(plainly, optim.Adam(plainly.parameters(), lr=0.1))
    seen = []

    class Spy(nn.Linear):
        def register_forward_hook(self, hook):
            seen.append(hook)
            return super().register_forward_hook(hook)

    watched[0].__class__ = Spy
    training = fit(
        watched, [(X, Y)] * 4, optimizer=optim.Adam(watched.parameters(), lr=0.1), statistics=2
    )
    list(training)
    for a, b in zip(plainly.parameters(), watched.parameters()):
        np.testing.assert_array_equal(a.data, b.data)
    assert len(seen) == 2, "hooks are there in the steps that are looked at only"
    calls = len(seen)
    watched(Tensor(X))
    assert len(seen) == calls


def test_a_dead_layer_can_be_seen():
    model = net()
    model[0].bias.data[...] = -100
    (step,) = [s for s in steps(model, optim.SGD(model.parameters(), lr=0.0), statistics=4)
               if s.statistics]  # fmt: skip
    dead = step.statistics.activations[1]
    assert (dead.zeros, dead.mean) == (1.0, 0.0)
    updates = {u.parameter: u for u in step.statistics.updates}
    assert updates["0.weight"].grad_norm == 0
    assert all(u.ratio == 0 for u in step.statistics.updates)


def test_the_table_can_be_printed_and_the_numbers_are_logged(tmp_path):
    model = net()
    (step,) = [
        s for s in steps(model, optim.SGD(model.parameters(), lr=0.1), statistics=3, out=tmp_path)
        if s.statistics
    ]  # fmt: skip
    lines = step.statistics.table().splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "mean", "std", "zeros", "saturated"]
    assert lines[1].startswith("0      Linear  (16, 8)")
    assert "%" in lines[2] and lines[4].rstrip().endswith("%")
    assert lines[7].split()[:3] == ["parameter", "shape", "norm"]
    assert len({len(line) for line in lines[7:]}) == 1
    text = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8")
    logged = [json.loads(line) for line in text.splitlines()]
    assert logged[0]["step"] == 3
    assert [row["layer"] for row in logged[0]["activations"]] == ["0", "1", "2", "3", "4"]
    assert logged[0]["updates"][0]["ratio"] == step.statistics.updates[0].ratio


def test_modules_that_give_several_things_or_none_are_no_trouble():
    class Both(nn.Module):
        def forward(self, x):
            return x, {"more": x}

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.both, self.unused = nn.Linear(4, 3), Both(), nn.Linear(2, 2)

        def forward(self, x):
            return self.both(self.layer(x))[0]

    model = Whole()
    (step,) = [s for s in steps(model, optim.SGD(model.parameters(), lr=0.1), statistics=4)
               if s.statistics]  # fmt: skip
    assert [a.layer for a in step.statistics.activations] == ["layer", "both"]
    assert [u.parameter for u in step.statistics.updates] == ["layer.weight", "layer.bias"]
