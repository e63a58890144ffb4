import io
import json
import re
import signal
import struct
import warnings
from dataclasses import replace

import numpy as np
import pytest
from helpers import DEVICES
from safetensors.numpy import load_file, save_file
from threadpoolctl import threadpool_info

from hello_dl import Tensor, manual_seed, nn
from hello_dl.backend import current_device, device
from hello_dl.data import sources
from hello_dl.data.digits import Characters
from hello_dl.data.loader import DataLoader
from hello_dl.data.sources import DataError
from hello_dl.data.strokes import load_strokes
from hello_dl.graph import recording
from hello_dl.models import make_model
from hello_dl.show.render import RenderError, renderers
from hello_dl.train import checkpoint, files, spoil, tasks
from hello_dl.train import job as main_job
from hello_dl.train.diary import read_pictures
from hello_dl.train.job import run
from hello_dl.train.job_options import JobOptions
from hello_dl.train.metrics import accuracy, confusion, right_answers, worst_mistakes
from hello_dl.train.recipes import OPTIMIZERS, RECIPES, Quick

GRAPH = {"graph.svg"} if renderers() else {"graph.dot", "graph.txt"}
FILES = {"model.safetensors", "metrics.jsonl", "curves.png"} | GRAPH
LAST = re.compile(r"test accuracy (\d+\.\d\d) % \(([\d,]+) of ([\d,]+), (MNIST|strokes)\)")


@pytest.fixture(scope="module")
def some_digits():
    """Drawn digits, few enough to learn in a blink."""
    return Characters(*load_strokes(1200, 300, cache=False), "strokes", "drawn for the test")


@pytest.fixture(autouse=True)
def few_digits(monkeypatch, some_digits):
    """Let the job find these, and MNIST nowhere."""
    monkeypatch.setattr(tasks, "load_digits", lambda data, download, progress: some_digits)
    monkeypatch.setattr(tasks, "find", lambda source: None)


@pytest.fixture
def job(tmp_path):
    """Run the job into tmp_path/out; return its result and what it printed."""

    def start(on_step=None, encoding="utf-8", out="out", **options):
        stream = io.TextIOWrapper(io.BytesIO(), encoding, newline="\n")
        options = {"epochs": 2, "batch_size": 32, **options}
        result = run(JobOptions(out=tmp_path / out, **options), stream, on_step)
        return result, stream.buffer.getvalue().decode(encoding)

    return start


def stop_at(number):
    """A Ctrl-C after that step."""

    def on_step(step):
        if step.step == number:
            raise KeyboardInterrupt

    return on_step


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


# ----------------------------------------------------------------------------------- it trains


def test_it_trains_and_leaves_four_files_and_a_last_line(job, tmp_path, some_digits):
    result, text = job()
    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == FILES
    assert set(result.files) == {out / name for name in FILES}
    assert not result.interrupted
    assert "\x1b" not in text
    assert len(re.findall(r"^epoch \d of 2 ", text, re.MULTILINE)) == 2

    told = LAST.fullmatch(text.rstrip("\n").split("\n")[-1])
    assert told
    assert told[4] == "strokes"
    assert (int(told[2]), int(told[3])) == (result.right, result.count) == (result.right, 300)
    assert float(told[1]) == pytest.approx(100 * result.right / 300, abs=0.01)
    assert result.right > 150  # it has learned something

    model = make_model("mlp")
    about = checkpoint.load(out / "model.safetensors", model)
    assert (about["model"], about["data"]) == ("mlp", "strokes")
    assert accuracy(read_pictures(model, some_digits.test_images), some_digits.test_labels) == (
        result.right / 300
    )
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    graph = (out / min(GRAPH)).read_text(encoding="utf-8")
    for expected in ("images", "labels", "(128, 784)", "Linear 5", "cross_entropy"):
        assert expected in graph


def test_the_metrics_have_a_line_for_every_epoch(job, tmp_path):
    result, _ = job(epochs=3)
    lines = (tmp_path / "out" / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    epochs = [json.loads(line) for line in lines]
    assert [epoch["epoch"] for epoch in epochs] == [1, 2, 3]
    assert [epoch["step"] for epoch in epochs] == [38, 76, 114]  # 1200 / 32, rounded up
    assert epochs[0]["loss"] > epochs[1]["loss"] > epochs[2]["loss"] > 0
    assert epochs[0]["lr"] > epochs[1]["lr"] > epochs[2]["lr"] > 0
    assert 0 < epochs[0]["seconds"] < epochs[1]["seconds"] < epochs[2]["seconds"]
    assert epochs[2]["test_accuracy"] == result.right / result.count
    assert 0.5 < epochs[2]["train_accuracy"] <= 1
    assert all(epoch["images_per_second"] > 0 for epoch in epochs)


def test_the_same_seed_gives_the_same_training(job):
    def losses(**options):
        return [epoch.loss for epoch in job(**options)[0].epochs]

    assert losses(seed=3) == losses(seed=3)
    assert losses(seed=3) != losses(seed=4)


def test_the_report_has_the_confusion_table_and_the_worst_mistakes(job):
    result, text = job()
    table = re.findall(r"^ {5}\d( +[\d.]+){10}", text, re.MULTILINE)
    assert len(table) == 10
    mistakes = re.findall(r"predicted (\d) \((\d+\.\d\d) %\),", text)
    actual = re.findall(r"actual (\d): missed", text)
    assert len(mistakes) == len(actual) == 6
    assert all(digit != other for (digit, _), other in zip(mistakes, actual))
    shares = [float(share) for _, share in mistakes]
    assert shares == sorted(shares, reverse=True)
    assert all(
        len(line) <= 80 for line in text.splitlines() if str(result.files[0].parent) not in line
    )


def test_it_says_how_well_spoiled_digits_are_read(job, tmp_path, some_digits):
    result, text = job()
    found = re.findall(r"test accuracy (.*): (\d+\.\d\d) % \(([-+]\d+\.\d\d)\)\n", text)
    assert [how for how, _, _ in found] == list(spoil.WAYS)
    model = make_model("mlp")
    checkpoint.load(tmp_path / "out" / "model.safetensors", model)
    for how, share, change in found:
        images = spoil.WAYS[how](some_digits.test_images, np.random.default_rng(0))
        right = right_answers(read_pictures(model, images), some_digits.test_labels)
        assert float(share) == pytest.approx(100 * right / 300, abs=0.01)
        assert float(change) == pytest.approx(100 * (right - result.right) / 300, abs=0.01)


@pytest.mark.parametrize("model", ["lenet", "cnn"])
def test_convolutional_nets_learn_too(job, model, monkeypatch, some_digits):
    few = some_digits.first(600, 100)
    monkeypatch.setattr(tasks, "load_digits", lambda *_: few)
    result, text = job(model=model, epochs=2, batch_size=16, augment=False)
    assert result.right > 50, text
    assert f"net    {model}, " in text


def test_quick_learns_from_fewer_digits(job, monkeypatch, tmp_path):
    quick = replace(RECIPES["mlp"], quick=Quick(2, 320, 200))
    monkeypatch.setitem(RECIPES, "mlp", quick)
    result, text = job(quick=True, epochs=None)
    assert [epoch.step for epoch in result.epochs] == [10, 20]
    assert "320 to learn from, 200 to test" in text
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_it_runs_where_the_output_can_encode_little(job, encoding):
    result, text = job(encoding=encoding, out="Ziffern – 数字 é")
    assert LAST.fullmatch(text.splitlines()[-1])
    assert re.search("Ziffern [-–] [?][?] (e|é)\n", text)
    assert all(file.exists() for file in result.files)
    job(encoding=encoding, out="Ziffern – 数字 é", show=5)


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


def test_in_a_terminal_it_is_live_and_the_last_line_is_the_same(job, tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    for stop, plain in ((None, False), (stop_at(30), False), (None, True)):
        stream = Terminal(io.BytesIO(), "utf-8", newline="\n")
        options = JobOptions(out=tmp_path / "live", epochs=1, batch_size=32, plain=plain)
        result = run(options, stream, stop)
        stream.flush()
        text = stream.buffer.getvalue().decode()
        assert result.interrupted == bool(stop)
        assert ("\x1b" in text) != plain
        if not plain:
            before, during, after = re.split(r"\x1b\[\?1049[hl]", text)
            assert "net    mlp" in before
            assert "hello-dl digits" in during
            assert "saved" in after
            assert ("epoch 1 of 1" in after) == (not stop), "what was seen live stays"
        last = re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip("\n").split("\n")[-1]
        assert last == result.last_line
        assert LAST.fullmatch(last)


def test_looking_on_does_not_change_the_training(job, tmp_path, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("hello_dl.show.dashboard.PAUSE", 0)
    stream = Terminal(io.BytesIO(), "utf-8")
    options = JobOptions(out=tmp_path / "live", epochs=1, batch_size=32)
    live = run(options, stream)
    blind, _ = job(epochs=1)
    assert live.epochs[0].loss == blind.epochs[0].loss
    assert live.right == blind.right


# --------------------------------------------------------------------------- trained on strokes


def idx(array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def test_on_strokes_it_tries_mnist_if_that_is_here(job, monkeypatch, tmp_path, some_digits):
    files = {
        "t10k-images-idx3-ubyte": idx(some_digits.test_images[:50]),
        "t10k-labels-idx1-ubyte": idx(some_digits.test_labels[:50]),
    }
    monkeypatch.setattr(tasks, "find", lambda source: tmp_path / source.name)
    monkeypatch.setattr(tasks, "read", lambda source, path: files[source.name])
    result, text = job()
    *_, tried, last = text.splitlines()
    right = re.fullmatch(r"real handwriting, .*: \d+\.\d\d % \((\d+) of 50, MNIST\)", tried)
    assert right
    model = make_model("mlp")
    checkpoint.load(tmp_path / "out" / "model.safetensors", model)
    expected = right_answers(
        read_pictures(model, some_digits.test_images[:50]), some_digits.test_labels[:50]
    )
    assert int(right[1]) == expected
    assert last == result.last_line
    assert "strokes" in last


def test_a_damaged_mnist_is_only_mentioned(job, monkeypatch, tmp_path):
    def read(source, path):
        raise DataError(f"{path} is damaged", "delete it")

    monkeypatch.setattr(tasks, "find", lambda source: tmp_path / source.name)
    monkeypatch.setattr(tasks, "read", read)
    _, text = job()
    assert "MNIST could not be tried" in text
    assert LAST.fullmatch(text.splitlines()[-1])


def test_a_bad_data_folder_is_only_mentioned_after_training_on_strokes(job, monkeypatch, tmp_path):
    monkeypatch.setattr(tasks, "find", sources.find)
    monkeypatch.setenv("HELLO_DL_DATA", str(tmp_path / "nope"))
    _, text = job(data="strokes")
    assert "MNIST could not be tried: HELLO_DL_DATA" in text
    assert LAST.fullmatch(text.splitlines()[-1])


def test_training_that_taught_nothing_says_so(job):
    told = "It did not learn: try smaller steps, --lr"
    result, text = job(lr=100.0)
    assert result.right < 0.2 * result.count, "or this test is of no use"
    assert told in text.splitlines()[-2]
    assert told not in job()[1]


def test_it_says_nothing_of_mnist_where_there_is_none_or_it_was_trained_on(
    job, monkeypatch, some_digits
):
    assert "handwriting, which" not in job()[1]
    renamed = some_digits._replace(name="MNIST")
    monkeypatch.setattr(tasks, "load_digits", lambda *_: renamed)
    monkeypatch.setattr(tasks, "find", lambda source: pytest.fail("it looked for MNIST"))
    assert job()[1].splitlines()[-1].endswith("of 300, MNIST)")


# -------------------------------------------------------------------------------------- Ctrl-C


@pytest.mark.parametrize("number", [1, 30, 38, 45])
def test_ctrl_c_saves_what_there_is_and_says_where(job, tmp_path, number, some_digits):
    result, text = job(stop_at(number))
    out = tmp_path / "out"
    assert result.interrupted
    assert f"stopped after {number} steps" in text
    assert (
        f"saved  model.safetensors, metrics.jsonl, curves.png, {', '.join(sorted(GRAPH))}" in text
    )
    assert str(out) in text.splitlines()[-3]
    assert LAST.fullmatch(text.splitlines()[-1])
    assert {file.name for file in out.iterdir()} == FILES | {"unfinished"}
    assert f"to go on: hello-dl digits --resume --out {out}\n" in text
    lines = (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [n for n in (38,) if n < number] + [
        number
    ]
    model = make_model("mlp")
    checkpoint.load(out / "model.safetensors", model)
    read = right_answers(read_pictures(model, some_digits.test_images), some_digits.test_labels)
    assert read == result.right


def test_ctrl_c_before_the_first_step_keeps_what_was_saved(job, tmp_path, monkeypatch):
    job()
    before = contents(tmp_path / "out")

    def load_digits(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tasks, "load_digits", load_digits)
    result, text = job()
    assert result.interrupted
    assert result.count == 0
    assert "nothing was saved" in text.lower()
    assert text.splitlines()[-1].startswith("test accuracy not measured")
    assert contents(tmp_path / "out") == before


def test_a_second_ctrl_c_skips_the_pictures_only(job, tmp_path, monkeypatch):
    def draw_pictures(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "draw_pictures", draw_pictures)
    result, text = job(stop_at(5))
    assert {file.name for file in result.files} == {"model.safetensors", "metrics.jsonl"}
    assert LAST.fullmatch(text.splitlines()[-1])


def test_ctrl_c_in_a_step_waits_for_its_end(job, tmp_path, monkeypatch):
    def press(step):
        if step.step == 10:
            signal.raise_signal(signal.SIGINT)
            pressed.append(step)

    pressed = []
    result, text = job(press)
    assert pressed, "Ctrl-C was only noted"
    assert result.interrupted and "stopped after 10 steps" in text
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def press_twice(step):
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)
        pytest.fail("who presses it twice does not want to wait")

    assert job(press_twice, out="twice")[0].interrupted


# -------------------------------------------------------------------------------------- resume


def weights(folder):
    arrays = load_file(folder / "model.safetensors")
    return {name: array.tobytes() for name, array in arrays.items()}


def without_clock(folder):
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    return [{k: v for k, v in line.items() if "second" not in k} for line in lines]


@pytest.mark.parametrize("number", [5, 38, 100])
def test_a_run_that_was_stopped_goes_on_with_its_own_flags(job, tmp_path, number):
    flags = {"epochs": 3, "seed": 4, "optimizer": "adam", "batch_size": 32, "lr": 0.003}
    whole, _ = job(out="whole", **flags)
    job(stop_at(number), **flags)
    losses = []
    stream = io.StringIO()
    result = run(JobOptions(out=tmp_path / "out", resume=True), stream, losses.append)
    text = stream.getvalue()
    assert f"resume after {number} steps" in text
    assert "3 x 38 steps of 32 digits, seed 4\n" in text
    assert "with   adam, learning rate 0.003 falling to 0\n" in text
    assert losses[0].step == number + 1
    assert not result.interrupted and result.last_line == whole.last_line
    assert weights(tmp_path / "out") == weights(tmp_path / "whole")
    assert without_clock(tmp_path / "out") == without_clock(tmp_path / "whole")
    assert {file.name for file in (tmp_path / "out").iterdir()} == FILES
    assert "done   114 steps" in text


def test_resume_where_there_is_nothing(job, tmp_path):
    with pytest.raises(ValueError, match="no unfinished run in .*leave --resume out"):
        job(resume=True)
    job()
    with pytest.raises(ValueError, match="no unfinished run in"):
        job(resume=True)


def test_resume_with_other_flags_or_other_data_names_them(job, tmp_path, monkeypatch, some_digits):
    job(stop_at(5))
    before = contents(tmp_path / "out" / "unfinished")

    def refused(**options):
        with pytest.raises(ValueError) as caught:
            run(JobOptions(out=tmp_path / "out", resume=True, **options), io.StringIO())
        assert "\n" not in str(caught.value)
        assert contents(tmp_path / "out" / "unfinished") == before
        return str(caught.value)

    assert "--epochs is 2 in the run to go on with, not 7" in refused(epochs=7)
    assert "--optimizer is sgd" in refused(optimizer="adam")
    assert "--batch-size is 32" in refused(batch_size=128)
    monkeypatch.setattr(tasks, "load_digits", lambda *_: some_digits._replace(name="MNIST"))
    assert "learned from strokes, and here is MNIST" in refused()
    (tmp_path / "out" / "unfinished" / "last.safetensors").write_bytes(b"not one")
    before = contents(tmp_path / "out" / "unfinished")
    assert "last.safetensors' is damaged" in refused()


def test_a_run_that_was_killed_goes_on_from_its_last_epoch(job, tmp_path, monkeypatch):
    job(out="whole", epochs=3)

    class Killed(BaseException):
        """The end of the process: nobody saves anything any more."""

    def kill(step):
        if step.step == 50:
            raise Killed

    with monkeypatch.context() as dying:
        dying.setattr("hello_dl.train.run.Run.__exit__", lambda *_: None)
        with pytest.raises(Killed):
            job(kill, epochs=3)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"unfinished"}
    _, text = job(resume=True, epochs=None, batch_size=None)
    assert "resume after 38 steps" in text
    assert without_clock(tmp_path / "out") == without_clock(tmp_path / "whole")
    assert weights(tmp_path / "out") == weights(tmp_path / "whole")


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_every_optimizer_learns(job, name):
    result, text = job(optimizer=name, epochs=3)
    assert result.right > 150, text.splitlines()[-1]
    assert f"with   {name}, learning rate {OPTIMIZERS[name].lr:g} falling to 0\n" in text


def test_augmented_digits_are_new_in_every_epoch(job, monkeypatch):
    plain, _ = job(epochs=2)
    result, _ = job(epochs=2, augment=True)
    assert result.right > 100
    assert result.epochs[0].loss > plain.epochs[0].loss, "they are harder"


def test_augmented_digits_are_worth_more_epochs():
    epochs = [JobOptions(augment=augment).recipe.epochs for augment in (None, False, True)]
    assert epochs == [10, 10, 25]
    assert JobOptions(augment=True, quick=True).recipe.epochs == 2
    assert JobOptions(augment=True, epochs=3).recipe.epochs == 3


def test_the_large_net_learns_and_is_loaded_again(job):
    result, text = job(model="mlp-large", augment=True, epochs=3)
    assert result.right > 150 and "mlp-large, 535,818 parameters" in text
    for options in ({"model": "mlp-large"}, {}):  # the file says which net it is
        read, text = job(show=3, **options)
        assert read.right == result.right and "net    mlp-large from" in text
    with pytest.raises(ValueError, match="another net"):
        job(model="mlp", show=3)


@pytest.mark.parametrize("device", DEVICES)
def test_it_runs_on_the_device_that_was_asked_for(job, tmp_path, device):
    seen = []
    result, _ = job(lambda step: seen.append(current_device()), device=device)
    assert set(seen) == {device}
    assert current_device() == "cpu"
    assert result.right > 150
    read, _ = job(show=5)
    assert read.right == pytest.approx(result.right, abs=2)


def test_warming_up_a_gpu_and_having_the_data_there_changes_nothing(job, tmp_path, monkeypatch):
    """A pretended GPU: what is done for one is done, on the CPU."""
    plain, text = job(model="lenet", epochs=1)
    assert "warmed up" not in text
    monkeypatch.setattr(main_job, "current_device", lambda: "cuda")
    asked = []

    def loader(*arguments, **options):
        asked.append(options)
        return DataLoader(*arguments, **options)

    monkeypatch.setattr(main_job, "DataLoader", loader)
    result, text = job(model="lenet", epochs=1, out="gpu")
    assert re.search(r"\ngpu    warmed up in \d+\.\d s, which do not count as training\n", text)
    assert [epoch.loss for epoch in result.epochs] == [epoch.loss for epoch in plain.epochs]
    assert weights(tmp_path / "gpu") == weights(tmp_path / "out")
    assert len(asked) == 2 and asked[0] == asked[1]


# ---------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"epochs": 0}, "--epochs.*0"),
        ({"batch_size": -1}, "--batch-size.*-1"),
        ({"lr": 0.0}, "--lr.*0"),
        ({"lr": float("nan")}, "--lr.*nan"),
        ({"lr": float("inf")}, "--lr.*inf"),
        ({"seed": -5}, "--seed.*-5"),
        ({"show": 0}, "--show.*0"),
        ({"out": " "}, "--out is empty"),
        ({"model": "lenet5000"}, "lenet5000.*mlp"),
        ({"optimizer": "sdg"}, "'sdg'; --optimizer takes sgd, adam"),
        ({"device": "tpu"}, "'tpu'"),
    ],
)
def test_options_that_make_no_sense_are_named(options, told):
    with pytest.raises(ValueError, match=told):
        JobOptions(**options)


@pytest.mark.parametrize("out", ["file", "file/below", "folder", "a\0b"])
def test_an_unwritable_out_fails_before_any_work_and_loses_nothing(job, tmp_path, monkeypatch, out):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder" / "model.safetensors").mkdir(parents=True)
    monkeypatch.setattr(tasks, "load_digits", lambda *_: pytest.fail("it went to work"))
    with pytest.raises(ValueError, match="--out") as caught:
        job(out=out)
    assert str(tmp_path) in str(caught.value)
    assert "name another folder" in str(caught.value)
    assert str(caught.value).isprintable()
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_leaves_the_earlier_model(job, tmp_path, monkeypatch):
    job()
    before = contents(tmp_path / "out")

    def write_bytes(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", write_bytes)
    stream = io.StringIO()
    options = JobOptions(out=tmp_path / "out", epochs=2, batch_size=32)
    with pytest.raises(ValueError, match="No space left on device"):
        run(options, stream)
    assert contents(tmp_path / "out") == before
    assert "actual   predicted" in stream.getvalue() and "saved" not in stream.getvalue()
    assert LAST.fullmatch(stream.getvalue().splitlines()[-1]), "the result is not thrown away"


def test_a_picture_that_cannot_be_written_loses_nothing_else(job, monkeypatch):
    def draw_curves(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hello_dl.show.plots.draw_curves", draw_curves)
    result, text = job()
    assert {file.name for file in result.files} == FILES - {"curves.png"}, "the graph can be drawn"
    assert "curves.png is missing: No space left on device\n" in text
    assert LAST.fullmatch(text.splitlines()[-1])


def test_without_graphviz_the_graph_is_text_and_it_says_what_to_install(job, monkeypatch):
    def render(dot, kind):
        raise RenderError("there is no Graphviz on this machine: install it")

    monkeypatch.setattr("hello_dl.show.graph.render", render)
    result, text = job()
    assert {file.name for file in result.files} >= {"curves.png", "graph.dot", "graph.txt"}
    assert "no Graphviz on this machine: install it" in text


def test_unreadable_data_is_an_error_and_loses_nothing(job, tmp_path, monkeypatch):
    job()
    before = contents(tmp_path / "out")

    def load_digits(*_):
        raise DataError("--data 'nowhere' cannot be read", "name a folder")

    monkeypatch.setattr(tasks, "load_digits", load_digits)
    with pytest.raises(DataError, match="nowhere"):
        job(data="nowhere")
    assert contents(tmp_path / "out") == before


def test_a_batch_larger_than_the_data_is_an_error(job):
    with pytest.raises(ValueError, match=r"--batch-size 1201 .* 1,200"):
        job(batch_size=1201)
    job(batch_size=1200)


@pytest.mark.filterwarnings("error::RuntimeWarning")  # numpy's, of overflows
def test_steps_too_large_to_learn_end_with_a_fix_and_lose_nothing(job, tmp_path):
    job()
    before = contents(tmp_path / "out")
    with pytest.raises(ValueError, match=r"loss is (nan|inf) at step \d+: .*linear.*try --lr 0.05"):
        job(lr=1e20)
    assert contents(tmp_path / "out") == before


# ------------------------------------------------------------------------------------- showing


def test_show_loads_the_model_and_draws_what_it_reads(job, tmp_path):
    trained, _ = job()
    before = contents(tmp_path / "out")
    result, text = job(show=7)
    assert len(re.findall(r"predicted \d \(\d+\.\d\d %\),", text)) == 7
    assert len(re.findall(r"actual \d: (?:got it|missed)", text)) == 7
    assert "epoch" not in text
    assert text.splitlines()[-1] == trained.last_line == result.last_line
    assert contents(tmp_path / "out") == before
    assert job(show=7)[1] == text
    assert job(show=7, seed=1)[1] != text


def test_show_tells_right_from_wrong(job, some_digits):
    job()
    result, text = job(show=300)
    predicted = re.findall(r"predicted (\d)", text)
    actual = re.findall(r"actual (\d): (got it|missed)", text)
    assert len(predicted) == len(actual) == 300
    for said, (digit, verdict) in zip(predicted, actual):
        assert (said == digit) == (verdict == "got it")
    assert sum(verdict == "got it" for _, verdict in actual) == result.right
    assert sorted(digit for digit, _ in actual) == sorted(map(str, some_digits.test_labels))


def test_show_without_a_model_says_what_to_run(job, tmp_path):
    with pytest.raises(ValueError, match="run hello-dl digits first") as caught:
        job(show=3)
    assert str(tmp_path / "out" / "model.safetensors") in str(caught.value)


def test_show_of_another_net_names_what_differs(job, tmp_path):
    (tmp_path / "out").mkdir()
    path = tmp_path / "out" / "model.safetensors"
    manual_seed(0)
    other = nn.Sequential(nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10))
    checkpoint.save(path, other, {"model": "other"})
    with pytest.raises(ValueError, match=r"'1.weight' has shape \(100, 784\)") as caught:
        job(show=3)
    assert "--out" in str(caught.value)
    save_file({"conv": np.zeros(3)}, path)
    with pytest.raises(ValueError, match="'1.weight' is missing"):
        job(show=3)
    path.write_bytes(b"not a model")
    with pytest.raises(ValueError, match="damaged or no model file"):
        job(show=3)
    assert path.read_bytes() == b"not a model"


def test_show_of_more_digits_than_there_are(job):
    job()
    with pytest.raises(ValueError, match="--show 301 .* 300"):
        job(show=301)


# ------------------------------------------------------------------------- the loop, and metrics


def test_it_takes_every_digit_once_an_epoch_with_a_falling_rate(job, monkeypatch, some_digits):
    few = some_digits._replace(
        train_images=some_digits.train_images[:100], train_labels=some_digits.train_labels[:100]
    )
    seen, rates = [], []

    class Watch(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(784, 10)

        def forward(self, x):
            assert x.dtype == "float32"
            assert 0 <= x.data.min() < x.data.max() <= 1
            if self.training:
                seen.append(x.data.reshape(len(x), -1).sum(1))
            return self.layer(x.flatten(1))

    monkeypatch.setattr(tasks, "load_digits", lambda *_: few)
    monkeypatch.setattr(main_job, "make_model", lambda *_: Watch())
    job(rates.append, epochs=2, batch_size=30, lr=0.4)
    assert [step.samples for step in rates] == [30, 30, 30, 10] * 2
    assert [step.epoch for step in rates] == [1] * 4 + [2] * 4
    assert [step.lr for step in rates] == pytest.approx([0.4 * (1 - i / 8) for i in range(8)])
    ink = np.sort(few.train_images.reshape(100, -1).sum(1) / 255.0)
    first, second = np.concatenate(seen[:4]), np.concatenate(seen[4:8])
    np.testing.assert_allclose(np.sort(first), ink, rtol=1e-4)
    np.testing.assert_allclose(np.sort(second), ink, rtol=1e-4)
    assert not np.array_equal(first, second)


def test_reading_gives_probabilities_whatever_the_batches(some_digits, monkeypatch):
    model = make_model("mlp")
    images = some_digits.test_images[:25]
    all_at_once = read_pictures(model, images)
    assert all_at_once.shape == (25, 10)
    np.testing.assert_allclose(all_at_once.sum(1), 1, rtol=1e-5)
    np.testing.assert_allclose(read_pictures(model, images, at_once=4), all_at_once, rtol=1e-4)
    assert model.training
    recorded = []
    monkeypatch.setattr(
        model, "forward", lambda x: recorded.append(recording.path) or Tensor(x.data[:, 0, 0, :10])
    )
    read_pictures(model, images)
    assert recorded == [None], "no graph is needed, and it would take memory"


def test_accuracy_confusion_and_worst_mistakes_by_hand():
    probabilities = np.array(
        [
            [0.7, 0.2, 0.1],  # 0, right
            [0.1, 0.8, 0.1],  # 1, is 2
            [0.2, 0.3, 0.5],  # 2, right
            [0.0, 0.1, 0.9],  # 2, is 0
            [0.4, 0.3, 0.3],  # 0, is 1
        ]
    )
    labels = np.array([0, 2, 2, 0, 1])
    assert right_answers(probabilities, labels) == 2
    assert accuracy(probabilities, labels) == 0.4
    assert confusion(probabilities, labels).tolist() == [[1, 0, 1], [1, 0, 0], [0, 1, 1]]
    assert worst_mistakes(probabilities, labels, 10) == [3, 1, 4]
    assert worst_mistakes(probabilities, labels, 2) == [3, 1]
    assert worst_mistakes(probabilities[[0, 2]], labels[[0, 2]], 2) == []


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("wish", [None, "2"])
def test_one_thread_multiplies_unless_the_user_says_otherwise(job, wish, monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    if wish:
        monkeypatch.setenv("OPENBLAS_NUM_THREADS", wish)
    before, during = blas_threads(), []
    job(lambda step: during.append(blas_threads()), epochs=1)
    assert during[0] == (before if wish else [1] * len(before))
    assert blas_threads() == before


def test_that_there_is_no_gpu_is_said_once():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        options = JobOptions(device="cuda")
        with device(options.device):
            pass
    assert len(said) == (options.device == "cpu")
