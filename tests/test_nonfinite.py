"""Training that meets nan or inf stops, says where it came from, and leaves the weights alone."""

import math
import warnings

import numpy as np
import pytest
from helpers import DEVICES, plain

from hello_dl import Tensor, manual_seed, nn, optim
from hello_dl import functional as F
from hello_dl.backend.random import get_state, keep_mask
from hello_dl.optim.lr_scheduler import StepLR
from hello_dl.train import NonFiniteError, accuracy, fit

X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
Y = np.arange(8) % 3


class Odd(nn.Module):
    """A linear layer, and then a function that has its limits."""

    def __init__(self, function):
        super().__init__()
        self.layer, self.function = nn.Linear(4, 3), function

    def forward(self, x):
        return self.function(self.layer(x))


class Drop(nn.Module):
    """Dropout in its plainest form."""

    def forward(self, x):
        return x * keep_mask(x.shape, 0.3, "cpu") if self.training else x


class Log(nn.Module):
    def forward(self, x):
        return x.log()


def weights(model):
    return {name: plain(array).copy() for name, array in model.state_dict().items()}


def stopped(model, data=None, lr=0.1, device="cpu", optimizer=None, **options):
    """Train until it stops; return the error, after a look at the weights."""
    manual_seed(0)
    model.to(device)
    optimizer = optimizer or optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    history = {0: weights(model)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # numpy's, of overflows
        with pytest.raises(NonFiniteError) as caught:
            for record in fit(model, data or [(X, Y)] * 9, optimizer=optimizer, **options):
                history[record.step] = weights(model)
    for name, array in weights(model).items():
        np.testing.assert_array_equal(array, history[caught.value.step - 1][name])
    assert all(p.grad is None for p in model.parameters())
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("device", DEVICES)
def test_forward_the_first_operation_is_named_with_its_place_and_shapes(device):
    model = nn.Sequential(nn.Linear(4, 4), Odd(lambda x: (x.tanh() - 5).log().exp() + 1))
    error = stopped(model, device=device)
    assert (error.op, error.where, error.backward, error.step) == (
        "log", "Sequential/Odd 1", False, 1,
    )  # fmt: skip
    for part in (
        "the loss is nan at step 1",
        "log in Sequential/Odd 1",
        "(8, 3) to (8, 3)",
        "24 nan",
    ):
        assert part in str(error)


@pytest.mark.parametrize("device", DEVICES)
def test_backward_the_first_pull_is_named(device):
    model = nn.Sequential(nn.Linear(4, 4), Odd(lambda x: (x * 0).sqrt() * 2))
    error = stopped(model, device=device)
    assert (error.op, error.where, error.backward) == ("sqrt", "Sequential/Odd 1", True)
    assert "a gradient is nan or inf at step 1" in str(error)
    assert "on the way back" in str(error)


def test_updates_that_are_too_large_say_what_to_try():
    model = nn.Sequential(nn.Linear(4, 40), nn.ReLU(), nn.Linear(40, 3))
    error = stopped(model, lr=1e38)
    assert (error.op, error.backward) == ("linear", False)
    assert "(8, 40), (3, 40), (3,) to (8, 3)" in str(error)
    assert "try a smaller learning rate than 1e+38" in str(error)


def test_weights_that_an_update_has_spoiled_are_named():
    model = nn.Linear(4, 3)
    error = stopped(model, lr=1e39)  # overflows float32 in the update itself
    assert error.op == "parameter"
    assert "'weight'" in str(error) and "the updates before were too large" in str(error)


def test_weights_that_were_bad_from_the_start_are_no_fault_of_the_learning_rate():
    model = nn.Linear(4, 3)
    model.weight.data[0, 0] = math.nan
    error = stopped(model)
    assert error.op == "parameter" and error.step == 1
    assert "before training began" in error.fix and "learning rate" not in str(error)


def test_the_fix_fits_the_operation():
    assert "at 0 and below" in stopped(nn.Sequential(nn.Linear(4, 4), Log())).fix
    divided = Odd(lambda x: x / (x - x))
    assert "at 0: keep" in stopped(nn.Sequential(nn.Linear(4, 4), divided)).fix


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_data_that_is_no_number_is_named(bad):
    spoiled = X.copy()
    spoiled[3, 1] = bad
    error = stopped(nn.Linear(4, 3), [(X, Y), (spoiled, Y)])
    assert error.step == 2 and error.op == "input"
    assert f"the input of shape (8, 4) held 1 {bad}" in str(error)
    assert "take it out of the data" in str(error)


def test_the_infinity_of_a_mask_is_no_fault():
    mask = np.array([0, -math.inf, 0], np.float32)
    error = stopped(nn.Sequential(Odd(lambda x: (x + Tensor(mask)).softmax(1) - 2), Log()))
    assert (error.op, error.where) == ("log", "Sequential/Log 1")


def test_a_loss_function_has_no_module():
    model = nn.Linear(4, 3)
    error = stopped(model, loss=lambda out, y: (F.cross_entropy(out, y) * 0 - 1).log())
    assert (error.op, error.where) == ("log", "")
    assert "log in the loss" in str(error)


def test_the_search_repeats_the_very_step_and_leaves_no_trace():
    class Chancy(nn.Module):
        """Spoils its output for one pattern of chance only, and counts in a buffer."""

        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)
            self.register_buffer("count", Tensor(np.zeros(1, np.float32)))

        def forward(self, x):
            self.count.data = self.count.data + 1
            out = self.layer(x)
            if keep_mask((1,), 0.8, "cpu")[0]:
                return (out * 0 - 1).log()
            return out

    model = Chancy()
    error = stopped(model)
    assert error.op == "log"
    assert error.step > 1, "or this test is of no use: take another seed"
    assert model.count.data.tolist() == [error.step - 1]
    state = get_state()
    keep_mask((1,), 0.8, "cpu")
    assert state != get_state()


@pytest.mark.parametrize("bad", [1, 2, 15, 16, 17, 33, 40])
@pytest.mark.parametrize("make", [optim.SGD, optim.Adam])
def test_where_looking_is_dear_it_goes_back_to_the_very_step(monkeypatch, bad, make):
    # On a GPU it looks once in 16 steps, and at the end of an epoch. That can be tried without one.
    monkeypatch.setattr("hello_dl.train.lookout.device_of_model", lambda model: "cuda")
    spoiled = X.copy()
    spoiled[0, 0] = math.nan
    data = [(X * (1 + i / 40), Y) for i in range(40)]
    data[bad - 1] = (spoiled, Y)
    model = nn.Sequential(nn.Linear(4, 6), Drop(), nn.BatchNorm1d(6), nn.Linear(6, 3))
    manual_seed(1)
    optimizer = make(model.parameters(), lr=0.05)
    schedule = StepLR(optimizer, 1, 0.99)
    error = stopped(
        model, data, optimizer=optimizer, schedule=schedule, clip=1.0, metrics={"a": accuracy}
    )
    assert (error.step, error.op) == (bad, "input")
    assert optimizer.lr == pytest.approx(0.05 * 0.99 ** (bad - 1))


def test_where_looking_is_dear_the_numbers_are_the_same(monkeypatch, tmp_path):
    def trained():
        manual_seed(1)
        model = nn.Sequential(nn.Linear(4, 6), Drop(), nn.BatchNorm1d(6), nn.Linear(6, 3))
        optimizer = optim.Adam(model.parameters(), lr=0.05)
        data = [(X * (1 + i / 40), Y) for i in range(20)]
        records = list(fit(model, data, optimizer=optimizer, epochs=2, validate=data[:2],
                           metrics={"accuracy": accuracy}, out=tmp_path, save_every=7))  # fmt: skip
        told = [(r.step, r.loss, r.lr, r.samples, r.metrics) for r in records]
        return told, weights(model)

    expected, arrays = trained()
    monkeypatch.setattr("hello_dl.train.lookout.device_of_model", lambda model: "cuda")
    told, same = trained()
    assert told == expected
    for name in arrays:
        np.testing.assert_array_equal(same[name], arrays[name])


def test_large_batches_are_not_kept_for_long(monkeypatch):
    monkeypatch.setattr("hello_dl.train.lookout.device_of_model", lambda model: "cuda")
    monkeypatch.setattr("hello_dl.train.lookout.BYTES", 500)  # more than two batches of 192 bytes
    spoiled = np.full_like(X, math.nan)
    model = nn.Linear(4, 3)
    seen = []
    with pytest.raises(NonFiniteError, match="step 5"):
        data = [(X, Y)] * 4 + [(spoiled, Y)] * 20
        for record in fit(model, data, optimizer=optim.SGD(model.parameters(), lr=0.1)):
            seen.append(record.step)
    assert max(seen) == 5


@pytest.mark.parametrize("limit", ["BYTES", "LARGE"])
def test_what_is_large_is_looked_at_at_once(monkeypatch, limit):
    monkeypatch.setattr("hello_dl.train.lookout.device_of_model", lambda model: "cuda")
    monkeypatch.setattr(f"hello_dl.train.lookout.{limit}", 50)
    data = [(X, Y)] * 4 + [(np.full_like(X, math.nan), Y)] * 20
    error = stopped(nn.Linear(4, 3), data)
    assert error.step == 5


def test_among_several_batches_of_a_step_the_bad_one_is_found():
    bad = X.copy()
    bad[0, 0] = math.nan
    error = stopped(nn.Linear(4, 3), [(X, Y)] * 3 + [(bad, Y)], accumulate=2)
    assert (error.op, error.step) == ("input", 2)


def test_clipping_does_not_hide_it():
    assert stopped(Odd(lambda x: (x * 0).sqrt()), clip=1.0).op == "sqrt"


def test_a_gradient_that_is_only_too_long():
    class Huge(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(np.zeros(3, np.float32))

        def forward(self, x, y):
            return (self.weight * 1e30).sum()

    error = stopped(Huge(), loss=None)
    assert "the gradient has length inf at step 1" in str(error)


def test_no_checkpoint_is_made_of_it(tmp_path):
    model = nn.Sequential(nn.Linear(4, 40), nn.ReLU(), nn.Linear(40, 3))
    stopped(model, lr=1e38, out=tmp_path, save_every=1)
    assert [path.name for path in tmp_path.iterdir()] == ["last.safetensors"]
    from hello_dl.train import state

    assert state.read(tmp_path / "last.safetensors")["progress"]["step"] == 1
