"""The summary of a model: shapes, parameters, and a model that is left as it was."""

import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import DEVICES

import hello_dl
from hello_dl import Tensor, nn

NET = """Sequential        (64, 10)
  0: Flatten      (64, 784)
  1: Linear       (64, 128)        100,480
  2: BatchNorm1d  (64, 128)            256      257
  3: Dropout      (64, 128)
  4: Sequential   (64, 10)
    0: ReLU       (64, 128)
    1: Linear     (64, 10)           1,290"""


def net():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 128), nn.BatchNorm1d(128), nn.Dropout(0.5),
        nn.Sequential(nn.ReLU(), nn.Linear(128, 10)),
    )  # fmt: skip


def test_the_table_of_a_net():
    model = net()
    found = hello_dl.summary(model, (64, 28, 28))
    assert str(found).splitlines()[0] == "module            output shape  parameters  buffers"
    assert NET in str(found) and str(found) == found.plain() == repr(found)
    last = str(found).splitlines()[-1]
    assert last == "102,026 parameters, all trainable; 257 numbers in buffers; 409 kB"
    assert (found.parameters, found.trainable, found.buffers) == (102_026, 102_026, 257)
    assert found.bytes == 102_026 * 4 + 2 * 128 * 4 + 8
    assert [row.kind for row in found.rows[:2]] == ["Sequential", "Flatten"]


def test_without_an_input_there_are_no_shapes():
    text = str(hello_dl.summary(net()))
    assert "output shape" not in text and "  1: Linear          100,480\n" in text


def test_the_model_stays_as_it_was():
    model = net()
    model[2].eval()
    state = {name: array.copy() for name, array in model.state_dict().items()}
    hello_dl.manual_seed(5)
    before = hello_dl.backend.random.get_state()
    hello_dl.summary(model, (2, 784))
    assert hello_dl.backend.random.get_state() == before
    assert [m.training for m in model.modules()] == [True, True, True, False] + [True] * 4
    assert all((array == state[name]).all() for name, array in model.state_dict().items())
    assert all(m._hooks is None for m in model.modules())
    with pytest.raises(ValueError, match="linear of"):
        hello_dl.summary(model, (2, 5))
    assert all(m._hooks is None for m in model.modules()) and model.training


class Two(nn.Module):
    """Inputs of two kinds, a module that is used twice and one that is never; tied weights."""

    def __init__(self):
        self.letters = nn.Embedding(5, 3)
        self.same = nn.Linear(3, 3, bias=False)
        self.again = self.same
        self.out = nn.Linear(3, 5)
        self.out.weight = self.letters.weight
        self.rest = nn.ModuleList([nn.Linear(1, 1)]).requires_grad_(False)

    def forward(self, letters, x):
        y = self.again(self.same(self.letters(letters) + x))
        return {"out": self.out(y), "both": (y, letters)}


def test_several_inputs_outputs_and_tied_modules():
    found = hello_dl.summary(Two(), [Tensor([[1, 2]]), (1, 2, 3)])
    cells = [row.cells() for row in found.rows]
    assert cells == [
        ("Two", "out: (1, 2, 5), both: (1, 2, 3), (1, 2)", "", ""),
        ("  letters: Embedding", "(1, 2, 3)", "15", ""),
        ("  same: Linear", "(1, 2, 3), 2 calls", "9", ""),
        ("  again: Linear", "(1, 2, 3), 2 calls", "as above", ""),
        ("  out: Linear", "(1, 2, 5)", "5", ""),
        ("  rest: ModuleList", "", "", ""),
        ("    0: Linear", "", "2", ""),
    ]
    assert found.totals() == "31 parameters, 29 trainable and 2 not; 124 bytes"


def test_a_shape_is_no_input_for_letters():
    with pytest.raises(ValueError, match="integers") as error:
        hello_dl.summary(nn.Embedding(3, 2), (1, 2))
    assert "give it a real input" in error.value.__notes__[0]
    with pytest.raises(TypeError, match="takes a model, an nn.Module, not 3"):
        hello_dl.summary(3)
    assert "(2, 2)" in str(hello_dl.summary(nn.Embedding(3, 2), np.array([0, 1])))


@pytest.mark.parametrize("device", DEVICES)
def test_zeros_are_made_as_the_model_needs_them(device):
    layer = nn.Linear(2, 3, device=device, dtype="float64")
    assert "(7, 3)" in str(hello_dl.summary(layer, (7, 2)))
    assert "()" in str(hello_dl.summary(nn.Identity(), ()))


def test_a_terminal_gets_a_table_with_lines():
    code = (
        "import hello_dl; from hello_dl import nn; print(hello_dl.summary(nn.Linear(2, 3), (1, 2)))"
    )
    main, side = pytest.importorskip("pty").openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "60"}
    subprocess.run([sys.executable, "-c", code], stdout=side, env=environment, check=True)
    os.close(side)
    with open(main, "rb", buffering=0) as output:
        shown = output.read(65536).decode()
    assert "│" in shown and "(1, 3)" in shown and "9 parameters, all trainable" in shown
    piped = subprocess.check_output([sys.executable, "-c", code], env=environment).decode()
    assert piped.isascii() and "\x1b" not in piped and "Linear  (1, 3)" in piped
