"""The training loop: the numbers of a loop written by hand, and what it is asked for besides."""

import gc
import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import DEVICES, live, plain

from hello_dl import Tensor, manual_seed, nn, optim
from hello_dl import functional as F
from hello_dl.data.dataset import TensorDataset
from hello_dl.data.loader import DataLoader
from hello_dl.graph import Node, recording
from hello_dl.nn.utils import clip_grad_norm_
from hello_dl.optim.lr_scheduler import ReduceLROnPlateau, StepLR
from hello_dl.train import Epoch, Step, accuracy, evaluate, fit, predict
from hello_dl.train.early_stopping import EarlyStopping


def net(seed=0):
    manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))


def batches(sizes=(8, 8, 8, 5), seed=0):
    rng = np.random.default_rng(seed)
    return [(rng.normal(size=(n, 4)).astype(np.float32), rng.integers(0, 3, n)) for n in sizes]


def weights(model):
    return {name: plain(array).copy() for name, array in model.state_dict().items()}


def assert_same(a, b):
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], name)


def steps_of(training):
    return [record for record in training if isinstance(record, Step)]


def epochs_of(training):
    return [record for record in training if isinstance(record, Epoch)]


# --------------------------------------------------------------------- the loop written by hand


def test_it_does_what_the_loop_written_by_hand_does():
    by_hand, data = net(), batches()
    optimizer = optim.SGD(by_hand.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(3):
        for x, y in data:
            loss = F.cross_entropy(by_hand(Tensor(x)), Tensor(y))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    records = list(fit(model, data, optimizer=optimizer, epochs=3))
    assert_same(weights(model), weights(by_hand))
    assert [type(record) for record in records] == ([Step] * 4 + [Epoch]) * 3
    steps = steps_of(records)
    assert [step.loss for step in steps] == losses
    assert [step.step for step in steps] == list(range(1, 13))
    assert {(step.steps, step.epochs, step.lr) for step in steps} == {(12, 3, 0.1)}
    assert [step.epoch for step in steps] == [1] * 4 + [2] * 4 + [3] * 4
    assert [step.samples for step in steps] == [8, 8, 8, 5] * 3
    assert all(step.grad_norm > 0 and step.metrics == {} for step in steps)
    epochs = epochs_of(records)
    means = [np.average(losses[i : i + 4], weights=[8, 8, 8, 5]) for i in (0, 4, 8)]
    assert [epoch.loss for epoch in epochs] == pytest.approx(means)
    assert [(e.epoch, e.step, e.samples) for e in epochs] == [(1, 4, 29), (2, 8, 29), (3, 12, 29)]
    assert epochs[0].seconds < epochs[1].seconds < epochs[2].seconds
    assert all(epoch.samples_per_second > 0 for epoch in epochs)
    assert epochs[0].validation == {} and not epochs[0].best


def test_progress_comes_step_by_step_and_the_caller_may_stop():
    model, data = net(), batches()
    before = weights(model)
    training = fit(model, data, optimizer=optim.SGD(model.parameters(), lr=0.1), epochs=100)
    assert_same(weights(model), before)
    assert next(training).step == 1
    after_one = weights(model)
    assert any((after_one[name] != before[name]).any() for name in before)
    assert next(training).step == 2
    training.close()
    assert list(training) == []


def test_a_data_loader_gives_each_sample_once_an_epoch():
    x = np.arange(20, dtype=np.float32).reshape(20, 1)
    seen = []

    class Watch(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(1, 2)

        def forward(self, x):
            seen.append(plain(x)[:, 0].tolist())
            return self.layer(x)

    manual_seed(0)
    model = Watch()
    loader = DataLoader(TensorDataset(x, np.zeros(20, np.int64)), batch_size=6, shuffle=True)
    records = list(fit(model, loader, optimizer=optim.SGD(model.parameters(), 0.01), epochs=2))
    assert [step.samples for step in steps_of(records)] == [6, 6, 6, 2] * 2
    for epoch in (seen[:4], seen[4:]):
        assert sorted(sum(epoch, [])) == list(range(20))
    assert seen[:4] != seen[4:]


def test_accumulating_two_batches_is_one_of_both():
    x, y = batches((50,))[0]

    def trained(sizes, accumulate):
        edges = np.cumsum([0, *sizes])
        data = [(x[a:b], y[a:b]) for a, b in zip(edges, edges[1:])]
        manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).to("float64")
        data = [(a.astype(np.float64), b) for a, b in data]
        optimizer = optim.Adam(model.parameters(), lr=0.01)
        steps = steps_of(
            fit(model, data, optimizer=optimizer, epochs=3, accumulate=accumulate,
                metrics={"accuracy": accuracy})
        )  # fmt: skip
        return model, steps

    large, steps = trained((16, 16, 16, 2), 1)
    small, accumulated = trained((8, 8, 8, 8, 11, 5, 2), 2)  # of unequal sizes too
    assert [step.samples for step in accumulated] == [16, 16, 16, 2] * 3
    for a, b in zip(steps, accumulated):
        assert b.loss == pytest.approx(a.loss, rel=1e-10)
        assert b.grad_norm == pytest.approx(a.grad_norm, rel=1e-10)
        assert b.metrics == pytest.approx(a.metrics)
        assert (b.steps, b.step) == (12, a.step)
    for name, array in weights(large).items():
        np.testing.assert_allclose(weights(small)[name], array, rtol=1e-8)


def test_clipping_cuts_a_long_gradient_and_tells_how_long_it_was():
    data, clip = batches(), 0.1
    by_hand = net()
    optimizer = optim.SGD(by_hand.parameters(), lr=1.0)
    norms = []
    for x, y in data:
        optimizer.zero_grad()
        F.cross_entropy(by_hand(Tensor(x)), Tensor(y)).backward()
        norms.append(float(clip_grad_norm_(by_hand.parameters(), clip)))
        optimizer.step()
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    steps = steps_of(fit(model, data, optimizer=optimizer, clip=clip))
    assert [step.grad_norm for step in steps] == norms
    assert min(norms) > clip
    assert_same(weights(model), weights(by_hand))


def test_a_schedule_moves_after_every_step_or_every_epoch():
    def rates(every):
        model = net()
        optimizer = optim.SGD(model.parameters(), lr=1.0)
        schedule = StepLR(optimizer, step_size=1, gamma=0.5)
        training = fit(
            model, batches((4, 4)), optimizer=optimizer, schedule=schedule, epochs=2,
            schedule_every=every,
        )  # fmt: skip
        return [record.lr for record in training]

    assert rates("step") == [1.0, 0.5, 0.5, 0.25, 0.125, 0.125]  # an Epoch has its last step's
    assert rates("epoch") == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5]


def test_a_plateau_is_seen_in_validation():
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=1.0)
    schedule = ReduceLROnPlateau(optimizer, factor=0.1, patience=0)
    told = iter([3.0, 2.0, 2.5, 1.0])
    training = fit(
        model, batches((4,)), optimizer=optimizer, schedule=schedule, epochs=4,
        validate=lambda model: {"loss": next(told)},
    )  # fmt: skip
    assert [step.lr for step in steps_of(training)] == pytest.approx([1.0, 1.0, 1.0, 0.1])


# ---------------------------------------------------------------------------------- validation


class Mode(nn.Module):
    """Notes in which mode, and whether with a graph, it was called."""

    def __init__(self):
        super().__init__()
        self.layer, self.frozen, self.modes = nn.Linear(4, 3), nn.Dropout(0.5), []

    def forward(self, x):
        self.modes.append((self.training, recording.path is not None))
        return self.layer(x)


def test_validation_runs_in_evaluation_mode_without_a_graph_and_puts_the_mode_back():
    manual_seed(0)
    model, data = Mode(), batches((4, 4))
    model.eval()
    held_out = batches((5, 3, 1), seed=9)
    training = fit(
        model, data, optimizer=optim.SGD(model.parameters(), lr=0.1), epochs=2, validate=held_out,
        metrics={"accuracy": accuracy},
    )  # fmt: skip
    for record in training:
        if record.step == 1:
            assert model.training, "what was shown before must not keep dropout from working"
            model.frozen.eval()  # somebody freezes a part on purpose
        if isinstance(record, Epoch):
            x, y = (np.concatenate(part) for part in zip(*held_out))
            logits = predict(model, [x])
            expected = F.cross_entropy(Tensor(logits), Tensor(y)).item()
            assert record.validation["loss"] == pytest.approx(expected, rel=1e-5)
            assert record.validation["accuracy"] == (logits.argmax(1) == y).mean()
            assert model.training and not model.frozen.training
            assert evaluate(model, held_out, metrics={"accuracy": accuracy}) == record.validation
    assert model.modes[:5] == [(True, True)] * 2 + [(False, False)] * 3


def test_validation_may_be_a_function_of_the_model():
    model, seen = net(), []

    def validate(given):
        seen.append((given is model, given.training, recording.path))
        return {"loss": Tensor(0.25), "words": 7}

    training = fit(
        model, batches(), optimizer=optim.SGD(model.parameters(), lr=0.1), validate=validate
    )
    (epoch,) = epochs_of(training)
    assert epoch.validation == {"loss": 0.25, "words": 7.0}
    assert seen == [(True, False, None)]


def test_early_stopping_waits_for_patience_epochs(tmp_path):
    told = [0.5, 0.6, 0.61, 0.605, 0.7, 0.70001, 0.69, 0.69, 0.9]

    def epochs(**settings):
        model, coming = net(), iter(told)
        return epochs_of(
            fit(
                model, batches((4,)), optimizer=optim.SGD(model.parameters(), lr=0.1), epochs=9,
                validate=lambda model: {"accuracy": next(coming)}, monitor="accuracy", mode="max",
                **settings,
            )
        )  # fmt: skip

    assert len(epochs()) == 9
    stopped = epochs(patience=2)
    assert [epoch.best for epoch in stopped] == [True, True, True, False, True, True, False, False]
    assert [epoch.patience for epoch in stopped] == [2, 2, 2, 1, 2, 2, 1, 0]
    assert len(epochs(patience=2, min_delta=0.05)) == 4  # 0.5 0.6 . .
    assert len(epochs(patience=3, min_delta=0.05)) == 8  # 0.5 0.6 . . 0.7 . . .


def test_the_smallest_loss_is_best_and_nan_never():
    watch = EarlyStopping(patience=2)
    told = [math.nan, 1.0, 1.0, math.nan]
    assert [watch.update({"loss": x}) for x in told] == [False, True, False, False]
    assert watch.finished and watch.best == 1.0


# --------------------------------------------------------------------------------- what a batch is


def test_batches_of_three_parts_and_of_names():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, left, right):
            return self.layer(left + 2 * right)

    def trained(data, **options):
        manual_seed(0)
        model = Two()
        list(fit(model, data, optimizer=optim.SGD(model.parameters(), lr=0.1), **options))
        return weights(model)

    parts = [(x, x + 1, y) for x, y in batches()]
    expected = trained(parts)
    named = [{"right": b, "left": a, "labels": y} for a, b, y in parts]
    assert_same(trained(named), expected)
    by_place = trained(parts, step_loss=lambda model, b: F.cross_entropy(model(b[0], b[1]), b[2]))
    assert_same(by_place, expected)


def test_the_model_may_give_the_loss_itself():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x, y):
            return F.cross_entropy(self.layer(x), y)

    manual_seed(0)
    model, other = Own(), nn.Linear(4, 3)
    other.load_state_dict({name: model.layer.state_dict()[name] for name in ("weight", "bias")})
    list(fit(model, batches(), optimizer=optim.SGD(model.parameters(), lr=0.1), loss=None))
    list(fit(other, batches(), optimizer=optim.SGD(other.parameters(), lr=0.1)))
    assert_same(weights(model.layer), weights(other))


def test_step_loss_may_measure_more():
    def step_loss(model, batch):
        outputs = model(batch[0])
        return F.cross_entropy(outputs, batch[1]), {"largest": outputs.max(), "one": 1}

    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    records = list(fit(model, batches(), optimizer=optimizer, step_loss=step_loss,
                       validate=batches(seed=2)))  # fmt: skip
    assert all(step.metrics["one"] == 1.0 for step in steps_of(records))
    assert isinstance(records[0].metrics["largest"], float)
    assert records[-1].metrics["one"] == 1.0
    assert set(records[-1].validation) == {"loss", "largest", "one"}


@pytest.mark.parametrize("device", DEVICES)
def test_batches_are_moved_to_the_model(device, tmp_path):
    model = net().to(device)
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    data = [(Tensor(x, device="cpu"), y) for x, y in batches()]
    training = fit(
        model, data, optimizer=optimizer, epochs=2, clip=1.0, metrics={"accuracy": accuracy},
        validate=[{"input": x, "target": y} for x, y in data], out=tmp_path, statistics=2,
        accumulate=2,
    )  # fmt: skip
    records = list(training)
    assert records[-1].loss < records[0].loss
    assert all(type(step.loss) is type(step.grad_norm) is float for step in steps_of(records))
    assert model[0].weight.device == device
    again = net(seed=3).to(device)
    optimizer = optim.Adam(again.parameters(), lr=0.01)
    options = {"optimizer": optimizer, "accumulate": 2, "out": tmp_path, "resume": True}
    assert list(fit(again, data, epochs=2, validate=data, **options)) == []
    assert_same(weights(again), weights(model))


@pytest.mark.parametrize(
    ("batch", "told"),
    [
        (
            Tensor(np.zeros((2, 4), np.float32)),
            r"\(inputs, targets\), and this is a Tensor.*step_loss",
        ),
        ((np.zeros((2, 4), np.float32),), "a tuple of 1"),
        ({"x": np.zeros((2, 4), np.float32), "y": np.zeros(2, np.int64)}, "'x', 'y'; its targets"),
        (("no", "arrays"), "holds Tensors or arrays"),
    ],
)
def test_a_batch_that_is_not_understood(batch, told):
    model = net()
    with pytest.raises(ValueError, match=told) as caught:
        list(fit(model, [batch], optimizer=optim.SGD(model.parameters(), lr=0.1)))
    assert "\n" not in str(caught.value)


def test_a_loss_of_many_numbers_is_an_error():
    model = net()

    def unreduced(outputs, targets):
        return F.cross_entropy(outputs, targets) * Tensor(np.ones(8, np.float32))

    with pytest.raises(ValueError, match=r"shape \(8,\): take its mean"):
        list(fit(model, batches(), optimizer=optim.SGD(model.parameters(), lr=0.1), loss=unreduced))
    with pytest.raises(TypeError, match="step_loss returns the loss"):
        list(fit(model, batches(), optimizer=optim.SGD(model.parameters(), lr=0.1),
                 step_loss=lambda model, batch: None))  # fmt: skip


def test_a_loader_that_is_used_up():
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="gives no batches"):
        list(fit(model, iter(batches()), optimizer=optimizer, epochs=2))
    with pytest.raises(ValueError, match="gives no batches"):
        list(fit(model, [], optimizer=optimizer))
    with pytest.raises(ValueError, match="evaluate on gives no batches"):
        list(fit(model, batches(), optimizer=optimizer, validate=[]))


def test_a_loader_without_a_length():
    class Stream:
        def __iter__(self):
            return iter(batches())

    model = net()
    steps = steps_of(fit(model, Stream(), optimizer=optim.SGD(model.parameters(), 0.1), epochs=2))
    assert [(step.step, step.steps) for step in steps] == [(i, None) for i in range(1, 9)]


# ------------------------------------------------------------------------------ bad settings


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"epochs": 0}, "epochs must be a whole number of 1 or more, not 0"),
        ({"epochs": 1.5}, "epochs .* 1.5"),
        ({"accumulate": 0}, "accumulate .* 0"),
        ({"clip": 0.0}, "clip .* 0.0"),
        ({"clip": math.nan}, "clip .* nan"),
        ({"schedule_every": "batch"}, "'batch': use 'step' or 'epoch'"),
        ({"patience": 3}, "patience=3 needs validate="),
        ({"patience": 0, "validate": []}, "patience .* not 0"),
        ({"min_delta": -1.0}, "min_delta .* -1.0"),
        ({"mode": "less"}, "'less': use 'min' .* 'max'"),
        ({"save_every": 10}, "save_every=10 needs out="),
        ({"log_every": 10}, "log_every=10 needs out="),
        ({"resume": True}, "resume=True needs out="),
        ({"tensorboard": True}, "tensorboard=True needs out="),
        ({"statistics": -1}, "statistics .* -1"),
        ({"clip": "1"}, "clip .* '1'"),
        ({"out": ""}, "out='' cannot be written to: the name is empty"),
        ({"out": __file__}, "out=.* it is a file; name another folder"),
        ({"metrics": {"loss": accuracy}}, "cannot be called 'loss'"),
        ({"metrics": {"step": accuracy}}, "cannot be called 'step'"),
    ],
)
def test_settings_that_make_no_sense_are_named_at_once(options, told):
    model = net()
    with pytest.raises(ValueError, match=told) as caught:
        fit(model, batches(), optimizer=optim.SGD(model.parameters(), lr=0.1), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"out": 3}, "out is a folder, .* not 3"),
        ({"metrics": accuracy}, "metrics are functions by name"),
        ({"metrics": [accuracy]}, "metrics are functions by name"),
        ({"validate": 3}, "validate is a loader, or a function of the model, not 3"),
        ({"loader": None}, "fit takes a DataLoader, or a list of batches, not None"),
        ({"loader": TensorDataset(np.zeros((8, 4)))}, r"TensorDataset gives samples: DataLoader\("),
    ],
)
def test_settings_of_the_wrong_kind_are_named_at_once(options, told):
    model = net()
    settings = {"loader": batches(), "optimizer": optim.SGD(model.parameters(), lr=0.1)} | options
    with pytest.raises(TypeError, match=told):
        fit(model, **settings)


@pytest.mark.parametrize("name", ["metrics.jsonl", "last.safetensors", "best.safetensors"])
def test_a_folder_that_cannot_take_the_files_is_an_error_before_any_step(tmp_path, name):
    (tmp_path / name).mkdir()
    model = net()
    with pytest.raises(ValueError, match=f"{name} in it is a folder"):
        fit(model, batches(), optimizer=optim.SGD(model.parameters(), lr=0.1), out=tmp_path)


def test_what_is_no_number_is_named():
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    told = r"metric 'each' must give one number, not an array of shape \(8,\)"
    with pytest.raises(TypeError, match=told):
        list(fit(model, batches(), optimizer=optimizer,
                 metrics={"each": lambda out, y: out.argmax(1) == y}))  # fmt: skip
    with pytest.raises(TypeError, match="'none' must give one number, not None"):
        list(fit(model, batches(), optimizer=optimizer, metrics={"none": lambda out, y: None}))
    with pytest.raises(TypeError, match="a loss is a Tensor .* not 1.0"):
        list(fit(model, batches(), optimizer=optimizer, loss=lambda out, y: 1.0))
    with pytest.raises(ValueError, match="no batches of inputs"):
        predict(model, [])


def test_the_parts_must_belong_together():
    model = net()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ValueError, match="none of the model's parameters"):
        fit(net(), batches(), optimizer=optimizer)
    with pytest.raises(TypeError, match="fit trains a Module"):
        fit(lambda x: x, batches(), optimizer=optimizer)
    with pytest.raises(TypeError, match="an optimizer such as"):
        fit(model, batches(), optimizer=0.1)
    with pytest.raises(TypeError, match="lr_scheduler"):
        fit(model, batches(), optimizer=optimizer, schedule=0.1)
    others = StepLR(optim.SGD(net().parameters(), lr=0.1), 3)
    with pytest.raises(ValueError, match="the learning rate of another optimizer"):
        fit(model, batches(), optimizer=optimizer, schedule=others)
    with pytest.raises(ValueError, match="ReduceLROnPlateau needs validate="):
        fit(model, batches(), optimizer=optimizer, schedule=ReduceLROnPlateau(optimizer))
    with pytest.raises(ValueError, match="monitor='accuracy': validation measures 'loss'"):
        list(fit(model, batches(), optimizer=optimizer, validate=batches(), monitor="accuracy"))


# ----------------------------------------------------------------------------------- on disk


def lines_of(folder):
    text = (Path(folder) / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_metrics_are_one_json_object_a_line(tmp_path):
    model = net()
    records = list(
        fit(
            model, batches(), optimizer=optim.SGD(model.parameters(), lr=0.1), epochs=2,
            out=tmp_path, log_every=3, validate=batches(seed=1), metrics={"accuracy": accuracy},
        )
    )  # fmt: skip
    lines = lines_of(tmp_path)
    assert [line["step"] for line in lines] == [3, 4, 6, 8]
    assert [line["epoch"] for line in lines] == [1, 1, 2, 2]
    third, first_epoch = records[2], records[4]
    assert lines[0] == {
        "epoch": 1, "step": 3, "loss": third.loss, "lr": 0.1, "samples": 8,
        "grad_norm": third.grad_norm, "accuracy": third.metrics["accuracy"],
    }  # fmt: skip
    assert lines[1]["loss"] == first_epoch.loss
    assert lines[1]["accuracy"] == first_epoch.metrics["accuracy"]
    assert lines[1]["validation_loss"] == first_epoch.validation["loss"]
    assert lines[1]["validation_accuracy"] == first_epoch.validation["accuracy"]
    assert lines[1]["best"] is True
    assert lines[1]["seconds"] > 0


def test_the_lines_are_there_while_it_trains_and_nan_is_null(tmp_path):
    model = net()
    training = fit(
        model, batches((4, 4)), optimizer=optim.SGD(model.parameters(), lr=0.1), out=tmp_path,
        log_every=1, validate=lambda model: {"loss": math.nan, "other": math.inf},
    )  # fmt: skip
    for step in training:
        if isinstance(step, Step):
            assert [line["step"] for line in lines_of(tmp_path)] == list(range(1, step.step + 1))
    assert lines_of(tmp_path)[-1]["validation_loss"] is None
    assert lines_of(tmp_path)[-1]["validation_other"] is None


def test_a_new_run_begins_the_file_anew_with_its_first_line(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("an earlier run\n" * 50, encoding="utf-8")
    model = net()
    options = {"optimizer": optim.SGD(model.parameters(), lr=0.1), "out": tmp_path}
    training = fit(model, batches(), **options)
    for _ in range(4):
        next(training)
        assert "an earlier run" in (tmp_path / "metrics.jsonl").read_text(encoding="utf-8")
    next(training)
    assert len(lines_of(tmp_path)) == 1


def events_of(folder):
    """What TensorBoard would find: {(tag, step): number}, and the steps from which it forgets."""
    from tensorboardX.proto.event_pb2 import Event

    found, purged = {}, []
    for path in sorted(folder.glob("events.out.tfevents.*"), key=lambda path: path.suffix):
        content = path.read_bytes()
        while content:
            (length,) = struct.unpack("<Q", content[:8])
            event = Event.FromString(content[12 : 12 + length])
            content = content[16 + length :]
            purged += [event.step] if event.HasField("session_log") else []
            found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
    return found, purged


def test_tensorboard_gets_the_same_numbers(tmp_path):
    pytest.importorskip("tensorboardX")
    options = {"log_every": 2, "tensorboard": True, "statistics": 4, "epochs": 2}

    def run(resume, stop):
        model = net()
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        for record in fit(
            model, batches(), optimizer=optimizer, out=tmp_path, resume=resume,
            validate=batches(seed=1), metrics={"accuracy": accuracy}, **options,
        ):  # fmt: skip
            if record.step == stop:
                break

    run(False, 3)
    run(True, None)
    found, purged = events_of(tmp_path)
    assert purged == [0, 3], "a new run hides an old one, a resumed one what was after it"
    lines = lines_of(tmp_path)
    logged = {line["step"]: line for line in lines if "grad_norm" in line}
    for step, line in logged.items():
        for name in ("loss", "lr", "grad_norm", "accuracy"):
            assert found[f"step/{name}", step] == pytest.approx(line[name])
    last = lines[-1]
    assert found["epoch/loss", 8] == pytest.approx(last["loss"])
    assert found["validation/loss", 8] == pytest.approx(last["validation_loss"])
    assert found["validation/accuracy", 8] == pytest.approx(last["validation_accuracy"])
    assert {("std/1", 4), ("ratio/0.weight", 8)} <= set(found)


def test_without_the_package_tensorboard_is_a_line_that_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    model = net()
    with pytest.raises(ValueError, match=r"pip install 'hello_dl\[tensorboard\]'"):
        fit(model, batches(), optimizer=optim.SGD(model.parameters(), lr=0.1), out=tmp_path,
            tensorboard=True)  # fmt: skip


# ------------------------------------------------------------------------------------ memory


def test_live_tensors_are_flat_over_many_steps():
    model = net()
    training = fit(
        model, batches((4,)), optimizer=optim.SGD(model.parameters(), lr=0.01), epochs=300,
        metrics={"accuracy": accuracy}, validate=batches((4,)),
    )  # fmt: skip
    counts = []
    gc.disable()
    try:
        for record in training:
            if record.step % 100 == 50 and isinstance(record, Step):
                counts.append(live(Node))
    finally:
        gc.enable()
    assert len(set(counts)) == 1, counts
