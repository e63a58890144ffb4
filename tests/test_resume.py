"""A run that goes on from a checkpoint ends as if nothing had happened, bit for bit."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import plain
from safetensors.numpy import load_file

from hello_dl import manual_seed, nn, optim
from hello_dl.data.dataset import TensorDataset
from hello_dl.data.loader import DataLoader
from hello_dl.optim.lr_scheduler import StepLR
from hello_dl.train import Epoch, Step, checkpoint, fit, state
from hello_dl.train.saving import BEST, LAST

HERE = Path(__file__).parent


def lines_of(folder):
    """The lines of metrics.jsonl, without what a clock says."""
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    return [{k: v for k, v in line.items() if "second" not in k} for line in lines]


# ------------------------------------------------------------------------------------- SIGKILL


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("kind", ["adam", "sgd", "accumulate", "stops", "workers", "plain"])
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bytes(kind, tmp_path):
    command = [sys.executable, str(HERE / "killed_training.py"), str(tmp_path), kind, "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 2, "or this test is of no use"
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    name = "model.safetensors"
    assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert lines_of(killed) == lines_of(whole)
    for file in (LAST, BEST):
        expected, actual = load_file(whole / file), load_file(killed / file)
        assert set(expected) == set(actual)
        for array in expected:
            np.testing.assert_array_equal(actual[array], expected[array], array)
        a, b = (state.read(folder / file) for folder in (whole, killed))
        for part in ("schedule", "feed", "validate", "stopping", "random"):
            assert a[part] == b[part]
    left = {path.name for path in killed.iterdir() if not path.name.endswith(name)}
    assert left == {"metrics.jsonl", LAST, BEST}, "no half checkpoints are left"


# ------------------------------------------------------------------------------ broken off


class Training:
    """A training that can be made anew as often as a test likes."""

    def __init__(self, folder, **options):
        manual_seed(5)
        self.model = nn.Sequential(nn.Linear(3, 7), nn.Tanh(), nn.Linear(7, 2))
        self.optimizer = optim.Adam(self.model.parameters(), lr=0.05)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(22, 3)).astype(np.float32)
        self.data = TensorDataset(x, (x.sum(1) > 0).astype(np.int64))
        self.loader = DataLoader(self.data, 4, shuffle=True)
        self.options = {
            "optimizer": self.optimizer,
            "schedule": StepLR(self.optimizer, 5, 0.7),
            "epochs": 3,
            "validate": DataLoader(self.data, 8),
            "out": folder,
            **options,
        }

    def fit(self, **options):
        return fit(self.model, self.loader, **{**self.options, **options})

    @property
    def weights(self):
        return {name: plain(array).copy() for name, array in self.model.state_dict().items()}


def assert_same(a, b):
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], name)


def told(records):
    return [
        (type(r).__name__, r.epoch, r.step, r.loss, r.lr, r.samples, r.metrics)
        + ((r.validation, r.best) if isinstance(r, Epoch) else (r.grad_norm,))
        for r in records
    ]


@pytest.mark.parametrize("accumulate", [1, 2, 4])
def test_breaking_off_anywhere_leaves_a_checkpoint_that_goes_on_right_there(tmp_path, accumulate):
    whole = Training(tmp_path / "whole", accumulate=accumulate)
    records = list(whole.fit())
    for stop in range(1, len(records)):
        folder = tmp_path / str(stop)
        first = Training(folder, accumulate=accumulate)
        done = []
        for record in first.fit():
            done.append(record)
            if len(done) == stop:
                break
        second = Training(folder, accumulate=accumulate)
        rest = list(second.fit(resume=True))
        assert told(done + rest) == told(records), f"stopped after {stop} records"
        assert_same(second.weights, whole.weights)
        assert lines_of(folder) == lines_of(tmp_path / "whole")


def test_what_failed_in_the_middle_of_a_step_is_not_saved(tmp_path):
    whole = Training(tmp_path / "whole")
    list(whole.fit())
    first = Training(tmp_path / "a", save_every=3)

    class Stop(Exception):
        pass

    update, calls = first.optimizer.step, []

    def half_an_update():
        calls.append(update())
        if len(calls) == 8:
            first.model[0].weight.data[...] = 0
            raise Stop

    first.optimizer.step = half_an_update
    with pytest.raises(Stop):
        list(first.fit())
    assert state.read(tmp_path / "a" / LAST)["progress"]["step"] == 6
    second = Training(tmp_path / "a")
    list(second.fit(resume=True))
    assert_same(second.weights, whole.weights)


def test_time_and_position_go_on(tmp_path):
    first = Training(tmp_path)
    for record in first.fit():
        if record.step == 9:
            break
    assert first.loader.state_dict()["batch"] == 3
    second = Training(tmp_path)
    training = second.fit(resume=True)
    step = next(training)
    assert (step.step, step.epoch, step.steps, step.epochs) == (10, 2, 18, 3)
    assert step.seconds > record.seconds
    training.close()


def test_resume_without_a_checkpoint_begins(tmp_path):
    training = Training(tmp_path / "nothing").fit(resume=True)
    assert next(training).step == 1


def test_a_finished_run_has_nothing_left_and_more_epochs_go_on(tmp_path):
    first = Training(tmp_path)
    list(first.fit())
    second = Training(tmp_path)
    assert list(second.fit(resume=True)) == []
    assert_same(second.weights, first.weights)
    longer = Training(tmp_path / "longer", epochs=5)
    list(longer.fit())
    third = Training(tmp_path)
    records = list(third.fit(resume=True, epochs=5))
    assert records[0].step == 19 and records[-1].epoch == 5
    assert_same(third.weights, longer.weights)


def test_best_is_the_best_epoch_s(tmp_path):
    training, seen = Training(tmp_path, epochs=2), {}
    losses = iter([0.5, 0.9])
    for record in training.fit(validate=lambda model: {"loss": next(losses)}):
        if isinstance(record, Epoch):
            seen[record.epoch] = training.weights
    other = Training(tmp_path)
    checkpoint.load(tmp_path / BEST, other.model)
    assert_same(other.weights, seen[1])
    checkpoint.load(tmp_path / LAST, other.model)
    assert_same(other.weights, seen[2])


def test_more_objects_may_come_along(tmp_path):
    class Average:
        def __init__(self):
            self.losses = []

        def state_dict(self):
            return {"losses": np.array(self.losses), "many": len(self.losses)}

        def load_state_dict(self, saved):
            self.losses = saved["losses"].tolist()
            assert saved["many"] == len(self.losses)

    first, average = Training(tmp_path), Average()
    for record in first.fit(also={"average": average}):
        if isinstance(record, Step):
            average.losses.append(record.loss)
        if record.step == 8:
            break
    again = Average()
    training = Training(tmp_path).fit(also={"average": again}, resume=True)
    assert again.losses == average.losses and len(again.losses) == 8
    next(training)
    with pytest.raises(ValueError, match="'model': .* taken"):
        Training(tmp_path).fit(also={"model": again})


# ------------------------------------------------------------------------- what does not fit


def everything(training):
    return state.pack(
        {
            "model": training.model.state_dict(),
            "optimizer": training.optimizer.state_dict(),
            "schedule": training.options["schedule"].state_dict(),
            "loader": training.loader.state_dict(),
        }
    )


def assert_nothing_changed(training, before):
    after = everything(training)
    assert after[1] == before[1]
    assert_same(after[0], before[0])


def optimize_with(training, optimizer):
    training.options["optimizer"] = training.optimizer = optimizer
    training.options["schedule"] = StepLR(optimizer, 5, 0.7)


def other_model(training):
    training.model = nn.Sequential(nn.Linear(3, 9), nn.Tanh(), nn.Linear(9, 2))
    optimize_with(training, optim.Adam(training.model.parameters()))


def more_layers(training):
    training.model = nn.Sequential(*training.model, nn.Tanh(), nn.Linear(2, 2))
    optimize_with(training, optim.Adam(training.model.parameters()))


def other_optimizer(training):
    optimize_with(training, optim.SGD(training.model.parameters(), lr=0.1))


def other_groups(training):
    first, second = list(training.model.parameters())[:2], list(training.model.parameters())[2:]
    optimize_with(training, optim.Adam([{"params": first}, {"params": second}], lr=0.1))


def other_loader(training):
    training.loader = DataLoader(training.data, 5, shuffle=True)


def as_many_batches_of_another_size(training):
    data = TensorDataset(np.zeros((30, 3), np.float32), np.zeros(30, np.int64))
    training.loader = DataLoader(data, 5, shuffle=True)


def no_schedule(training):
    training.options["schedule"] = None


def no_validation(training):
    training.options["validate"] = None


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (other_model, [r"'0\.weight'", r"\(7, 3\)", r"\(9, 3\)"]),
        (more_layers, [r"4\.weight"]),
        (other_optimizer, ["optimizer is Adam", "SGD"]),
        (other_groups, ["optimizer", "group"]),
        (other_loader, ["batches in an epoch is 6", "5"]),
        (as_many_batches_of_another_size, ["batch_size is"]),
        (no_schedule, ["schedule is StepLR", "None"]),
        (no_validation, ["validate"]),
    ],
)
def test_a_checkpoint_of_another_run_names_the_first_difference_and_changes_nothing(
    tmp_path, change, names
):
    first = Training(tmp_path)
    for record in first.fit():
        if record.step == 8:
            break
    content = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = Training(tmp_path)
    change(other)
    before = everything(other) if other.options["schedule"] else None
    with pytest.raises(ValueError) as caught:
        other.fit(resume=True)
    message = str(caught.value)
    assert "\n" not in message and str(tmp_path / LAST) in message
    for name in names:
        assert __import__("re").search(name, message), message
    if before:
        assert_nothing_changed(other, before)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == content


@pytest.mark.parametrize("damage", ["empty", "short", "one byte", "text", "a model", "version"])
def test_a_damaged_checkpoint_is_an_error_of_one_line_and_changes_nothing(tmp_path, damage):
    first = Training(tmp_path)
    for record in first.fit():
        if record.step == 8:
            break
    path = tmp_path / LAST
    content = path.read_bytes()
    if damage == "a model":
        checkpoint.save(path, first.model, {})
    elif damage == "version":
        state.write(path, state.read(path) | {"format": 99})
    else:
        path.write_bytes(
            {
                "empty": b"",
                "short": content[:-100],
                "one byte": content[:-50] + bytes([content[-50] ^ 1]) + content[-49:],
                "text": b"<html>404</html>",
            }[damage]
        )
    other = Training(tmp_path)
    before = everything(other)
    with pytest.raises(ValueError) as caught:
        other.fit(resume=True)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert_nothing_changed(other, before)


def test_what_refuses_late_puts_the_rest_back(tmp_path):
    first = Training(tmp_path)
    for record in first.fit():
        if record.step == 8:
            break

    class Refuses:
        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            raise ValueError("not today")

    path = tmp_path / LAST
    state.write(path, state.read(path) | {"late": {}})
    other = Training(tmp_path)
    before, lines = everything(other), (tmp_path / "metrics.jsonl").read_bytes()
    with pytest.raises(ValueError, match="cannot be resumed: late: not today"):
        other.fit(resume=True, also={"late": Refuses()})
    assert_nothing_changed(other, before)
    assert (tmp_path / "metrics.jsonl").read_bytes() == lines


# -------------------------------------------------------------------------------- while saving


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_while_saving_leaves_the_checkpoint_before(tmp_path, monkeypatch, error):
    whole = Training(tmp_path / "whole")
    list(whole.fit())
    first = Training(tmp_path / "a", save_every=3)
    training, write = first.fit(), Path.write_bytes

    def fail_half_way(self, content):
        write(self, content[: len(content) // 2])
        raise error

    for record in training:
        if record.step == 5:
            monkeypatch.setattr(Path, "write_bytes", fail_half_way)
            break
    with pytest.raises((ValueError, KeyboardInterrupt)) as caught:
        for _ in training:
            pass
    if isinstance(error, OSError):
        assert "No space left on device" in str(caught.value)
        assert "the checkpoint before it is still there" in str(caught.value)
    monkeypatch.undo()
    assert state.read(tmp_path / "a" / LAST)["progress"]["step"] == 3
    assert {path.name for path in (tmp_path / "a").iterdir()} == {LAST}
    second = Training(tmp_path / "a")
    list(second.fit(resume=True))
    assert_same(second.weights, whole.weights)


def test_half_files_of_a_killed_process_are_swept_away(tmp_path):
    first = Training(tmp_path)
    for record in first.fit():
        if record.step == 2:
            break
    (tmp_path / f".123-456.part.{LAST}").write_bytes(b"half")
    (tmp_path / f".123-456.part.{BEST}").write_bytes(b"half")
    (tmp_path / ".hidden").write_bytes(b"not ours")
    list(Training(tmp_path).fit(resume=True))
    assert {path.name for path in tmp_path.iterdir()} == {LAST, BEST, "metrics.jsonl", ".hidden"}
