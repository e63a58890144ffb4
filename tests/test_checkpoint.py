import os
import sys
from pathlib import Path

import numpy as np
import pytest

from hello_dl import manual_seed, nn
from hello_dl.models import MODELS, make_model
from hello_dl.train import checkpoint


def small_net(hidden=5):
    return nn.Sequential(nn.Flatten(), nn.Linear(4, hidden), nn.ReLU(), nn.Linear(hidden, 3))


def numbers(model):
    return {name: array.copy() for name, array in model.state_dict().items()}


def assert_same(a, b):
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name])


@pytest.fixture
def saved(tmp_path):
    """A model and its file."""
    manual_seed(1)
    model = small_net()
    path = tmp_path / "model.safetensors"
    checkpoint.save(path, model, {"model": "small", "data": "none"})
    return model, path


def test_what_is_saved_is_loaded(saved):
    model, path = saved
    manual_seed(2)
    other = small_net()
    assert not np.array_equal(other[1].weight.data, model[1].weight.data)
    assert checkpoint.load(path, other) == {"model": "small", "data": "none"}
    assert_same(numbers(other), numbers(model))


def test_a_path_may_be_a_string_and_nothing_need_be_said(saved, tmp_path):
    model, other = saved[0], small_net()
    checkpoint.save(str(tmp_path / "plain.safetensors"), model)
    assert checkpoint.load(str(tmp_path / "plain.safetensors"), other) == {}
    assert_same(numbers(other), numbers(model))


def test_parameters_that_an_optimizer_has_moved_are_saved_as_they_are(saved, tmp_path):
    from hello_dl import optim

    model, _ = saved
    before = numbers(model)
    optim.SGD(model.parameters(), lr=0.1)  # parameters are views of one block now
    checkpoint.save(tmp_path / "moved", model, {})
    other = small_net()
    checkpoint.load(tmp_path / "moved", other)
    assert_same(numbers(other), before)


@pytest.mark.skipif(sys.platform == "win32", reason="permission bits")
def test_others_may_read_the_file_if_the_umask_says_so(saved):
    umask = os.umask(0)
    os.umask(umask)
    assert saved[1].stat().st_mode & 0o777 == 0o666 & ~umask


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_in_the_middle_leaves_the_old_file(saved, monkeypatch, error):
    model, path = saved
    old, write = path.read_bytes(), Path.write_bytes

    def fail_half_way(self, content):
        write(self, content[: len(content) // 2])
        raise error

    monkeypatch.setattr(Path, "write_bytes", fail_half_way)
    model[1].weight.data += 1
    with pytest.raises(type(error)):
        checkpoint.save(path, model, {})
    assert path.read_bytes() == old
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # and no half file


def test_until_all_is_written_the_old_file_is_there(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with checkpoint.replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("net", "differs"),
    [
        (lambda: nn.Sequential(nn.Linear(4, 3)), "'0.weight' is missing"),
        (lambda: small_net(hidden=6), "'1.weight' has shape (5, 4)"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(4, 5)), "is unknown to the model"),
    ],
)
def test_a_file_of_another_net_names_what_differs_and_changes_nothing(saved, net, differs):
    model = net()
    before = numbers(model)
    with pytest.raises(ValueError, match="holds another net") as caught:
        checkpoint.load(saved[1], model)
    assert differs in str(caught.value)
    assert str(saved[1]) in str(caught.value)
    assert_same(numbers(model), before)


@pytest.mark.parametrize("damage", ["empty", "short", "header", "text"])
def test_a_damaged_file_is_an_error_of_one_line(saved, damage):
    _, path = saved
    content = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "short": content[:-10],
            "header": b"\xff" * 8 + content[8:],
            "text": b"<html>404</html>",
        }[damage]
    )
    model = small_net()
    before = numbers(model)
    with pytest.raises(ValueError, match="damaged or no model file") as caught:
        checkpoint.load(path, model)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert_same(numbers(model), before)


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_a_file_with_numbers_that_are_not_finite_is_an_error(saved, number):
    model, path = saved
    model[1].weight.data[0, 0] = number
    checkpoint.save(path, model, {})
    other = small_net()
    before = numbers(other)
    with pytest.raises(ValueError, match="damaged: 1.weight has numbers that are nan or inf"):
        checkpoint.load(path, other)
    assert_same(numbers(other), before)


def test_a_missing_file_and_a_folder_are_clear_errors(tmp_path):
    with pytest.raises(ValueError, match="there is no file"):
        checkpoint.load(tmp_path / "model.safetensors", small_net())
    with pytest.raises(ValueError, match="cannot be read"):
        checkpoint.load(tmp_path, small_net())


def test_the_digits_net_has_the_size_that_its_docstring_says():
    model = make_model("mlp")
    assert sum(parameter.numel() for parameter in model.parameters()) == 109_386
    assert "109,386" in MODELS["mlp"].__doc__
    assert [parameter.shape for parameter in model.parameters()] == [
        (128, 784), (128,), (64, 128), (64,), (10, 64), (10,),
    ]  # fmt: skip


def test_an_unknown_net_lists_the_known_ones():
    with pytest.raises(ValueError, match="'transformer'.*mlp"):
        make_model("transformer")
