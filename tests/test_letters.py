"""`hello-dl letters`: the job with many classes, and nets whose norms keep running statistics."""

import io
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from safetensors.numpy import load_file

from hello_dl.data import letters
from hello_dl.data.digits import Characters
from hello_dl.data.strokes import LETTERS, load_strokes
from hello_dl.show.digits import draw_bars, frequent_confusions
from hello_dl.train import spoil, tasks
from hello_dl.train.job import run
from hello_dl.train.job_options import JobOptions
from hello_dl.train.recipes import RECIPES, Quick


@pytest.fixture(scope="module")
def some_letters():
    halves = load_strokes(1560, 520, LETTERS, cache=False)
    return Characters(*halves, "strokes letters", "drawn for the test", LETTERS)


@pytest.fixture(autouse=True)
def few_letters(monkeypatch, some_letters):
    monkeypatch.setattr(tasks, "load_letters", lambda data: some_letters)


@pytest.fixture
def job(tmp_path):
    """Learn letters into tmp_path/out; return the result and what was printed."""

    def start(on_step=None, out="out", **options):
        stream = io.StringIO()
        result = run(JobOptions("letters", out=tmp_path / out, **options), stream, on_step)
        return result, stream.getvalue()

    return start


def test_letters_are_learned_and_shown(job, tmp_path, monkeypatch):
    monkeypatch.setitem(RECIPES, "lenet", replace(RECIPES["lenet"], quick=Quick(2, 1500, 520)))
    result, text = job(quick=True)
    assert "lenet, 65,276 parameters" in text
    assert "1,500 to learn from, 520 to test" in text
    last = text.splitlines()[-1]
    assert last == result.last_line
    assert re.fullmatch(r"test accuracy \d+\.\d\d % \([\d,]+ of 520, strokes letters\)", last)
    assert "Most often misread:" in text and "actual   predicted" not in text
    assert len(re.findall(r"predicted [A-Za-z] \(\d+\.\d\d %\),", text)) == 6
    assert len(re.findall(r"^epoch", text, re.MULTILINE)) == 2
    assert {"model.safetensors", "metrics.jsonl"} < {file.name for file in result.files}
    assert all(len(line) <= 80 for line in text.splitlines() if str(tmp_path) not in line)

    read, shown = job(show=3)
    assert len(re.findall(r"actual [A-Za-z]: (?:got it|missed)", shown)) == 3
    assert read.count == 520
    with pytest.raises(ValueError, match="another net"):
        job(show=3, model="mlp")


def test_capitals_and_small_letters_as_one(job):
    result, text = job(epochs=4, model="mlp")
    together = re.search(r"test accuracy if c and C count as one: (\d+\.\d\d) %", text)
    assert 100 * result.right / result.count < float(together[1]) <= 100


def test_show_asks_for_the_letters_that_the_net_reads(job, monkeypatch, some_letters):
    job(epochs=1, model="mlp")
    other = some_letters._replace(alphabet=LETTERS[26:], test_labels=some_letters.test_labels % 26)
    monkeypatch.setattr(tasks, "load_letters", lambda data: other)
    with pytest.raises(ValueError, match="reads ABC.*here are abc.*--data"):
        job(show=1)


@pytest.mark.parametrize("number", [2, 6])
def test_a_net_with_running_statistics_goes_on_exactly(
    job, tmp_path, number, monkeypatch, some_letters
):
    monkeypatch.setattr(tasks, "load_letters", lambda data: some_letters.first(208, 52))

    def stop(step):
        if step.step == number:
            raise KeyboardInterrupt

    flags = {"model": "cnn", "batch_size": 52, "epochs": 2, "augment": True}
    job(out="whole", **flags)
    _, text = job(stop, **flags)
    assert "to go on: hello-dl letters --resume --out " in text
    with pytest.raises(ValueError, match="learns letters: hello-dl letters --resume"):
        run(JobOptions("digits", out=tmp_path / "out", resume=True), io.StringIO())
    assert f"resume after {number} steps" in job(resume=True)[1]
    whole, resumed = (load_file(tmp_path / out / "model.safetensors") for out in ("whole", "out"))
    assert any("running_var" in name for name in whole)
    for name, array in whole.items():
        assert array.tobytes() == resumed[name].tobytes(), name


# --------------------------------------------------------------------------------- where from


def test_letters_are_drawn_where_there_is_no_emnist(monkeypatch):
    asked = []

    def drawn(*arguments):
        asked.append(arguments)
        return load_strokes(52, 52, LETTERS, cache=False)

    monkeypatch.setattr(letters, "load_strokes", drawn)
    monkeypatch.setattr(letters, "find", lambda source: None)
    for data, told in ((None, "hello-dl data emnist fetches it"), ("strokes", "drawn by hello_dl")):
        found = letters.load_letters(data)
        assert (found.name, found.alphabet) == ("strokes letters", LETTERS)
        assert found.note.endswith(told) or told in found.note
    assert asked == [(letters.TRAIN, letters.TEST, LETTERS)] * 2


def test_emnist_is_taken_where_it_is(monkeypatch, tmp_path):
    def emnist(root, split, train, download):
        assert (root, split, download) == (None, "letters", False)
        images = np.full((3 - train, 28, 28), 9, np.uint8)
        targets = np.arange(len(images))
        classes = list("abcdefghijklmnopqrstuvwxyz")
        return SimpleNamespace(images=images, targets=targets, classes=classes, where="there")

    monkeypatch.setattr(letters, "EMNIST", emnist)
    monkeypatch.setattr(letters, "find", lambda source: tmp_path / "gzip.zip")
    found = letters.load_letters()
    assert (len(found.train_labels), len(found.test_labels)) == (2, 3)
    assert (found.name, found.note) == ("EMNIST letters", "from there")
    assert found.alphabet == "abcdefghijklmnopqrstuvwxyz"


def test_a_folder_without_emnist_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="holds no gzip.zip"):
        letters.load_letters(tmp_path)


# ---------------------------------------------------------------------------------- pictures


def test_of_many_classes_the_ten_most_probable_have_bars():
    probabilities = np.full(52, 0.001)
    probabilities[[3, 40]] = 0.7, 0.25
    lines = draw_bars(probabilities, 30, actual=40, names=LETTERS)
    assert [line.plain[0] for line in lines][:2] == [LETTERS[3], LETTERS[40]]
    assert len(lines) == 10 and lines[0].style == "bold red"


def test_frequent_confusions_by_hand():
    counts = np.diag([5, 5, 5, 0])
    counts[0, 1], counts[2, 0] = 2, 4
    lines = [line.plain for line in frequent_confusions(counts, "abcd")]
    assert lines == ["c read as a    4 of 9      a read as b    2 of 7"]
    assert frequent_confusions(np.diag([3, 3]), "ab") == []


# ----------------------------------------------------------------------------- spoiled pictures


def test_shifted_pictures_are_the_same_ink_elsewhere():
    images = np.zeros((200, 9, 9), np.uint8)
    images[:, 4, 4] = 200
    moved = spoil.shifted(images, np.random.default_rng(0))
    assert (moved.sum((1, 2)) == 200).all()
    places = {tuple(place) for place in np.argwhere(moved)[:, 1:].tolist()}
    assert places == {(y, x) for y in range(2, 7) for x in range(2, 7)}


def test_speckled_pictures_have_so_many_other_pixels():
    images = np.random.default_rng(1).integers(0, 256, (50, 28, 28)).astype(np.uint8)
    before = images.copy()
    spoiled = spoil.speckled(images, np.random.default_rng(0))
    changed = spoiled != before
    assert (changed.sum((1, 2)) == 5).all()
    assert (spoiled[changed] == 255 - before[changed]).all()
    assert (images == before).all()
    assert len({tuple(np.flatnonzero(one)) for one in changed}) > 40
