"""Watching a training: a dashboard in a terminal, plain lines elsewhere."""

import io
import re

import numpy as np
import pytest

from hello_dl import manual_seed, nn, optim
from hello_dl.show.output import Output
from hello_dl.train import Epoch, Step, accuracy, fit, live


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


def stream(kind=io.TextIOWrapper, encoding="utf-8"):
    return kind(io.BytesIO(), encoding, newline="\n")


def text_of(file):
    file.flush()
    return file.buffer.getvalue().decode(file.encoding)


def training(**options):
    manual_seed(0)
    model = nn.Linear(4, 3)
    rng = np.random.default_rng(0)
    data = [(rng.normal(size=(8, 4)).astype(np.float32), rng.integers(0, 3, 8)) for _ in range(5)]
    options = {
        "epochs": 2, "validate": data, "metrics": {"accuracy": accuracy},
        "optimizer": optim.SGD(model.parameters(), lr=0.1), **options,
    }  # fmt: skip
    return fit(model, data, **options)


def test_a_pipe_gets_one_line_an_epoch_and_no_escape_bytes():
    out = stream()
    records = list(live(training(), "my net", output=Output(out)))
    assert [type(r) for r in records] == ([Step] * 5 + [Epoch]) * 2
    text = text_of(out)
    assert "\x1b" not in text
    lines = text.splitlines()
    assert len(lines) == 2
    assert re.fullmatch(
        r"epoch 1 of 2   loss \d\.\d{4} val \d\.\d{4}   "
        r"accuracy \d+\.\d\d % val \d+\.\d\d %   best",
        lines[0],
    )
    assert max(map(len, lines)) <= 80
    assert lines[0].isascii()


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_terminal_gets_a_dashboard_and_keeps_the_lines(monkeypatch, encoding):
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("hello_dl.show.dashboard.PAUSE", 0)
    out = stream(Terminal, encoding)
    list(live(training(), "my net", output=Output(out)))
    before, during, after = re.split(r"\x1b\[\?1049[hl]", text_of(out))
    for part in ("my net", "epoch    1 of 2", "loss", "accuracy", "samples a second", "rate 0.1"):
        assert part in during
    assert "epoch 2 of 2" in after and "epoch 1 of 2" in after


def test_breaking_off_ends_the_training_and_the_display(monkeypatch, tmp_path):
    monkeypatch.setenv("TERM", "xterm-256color")
    out = stream(Terminal)
    for record in live(training(out=tmp_path), output=Output(out)):
        if record.step == 3:
            break
    assert (tmp_path / "last.safetensors").exists()
    assert text_of(out).rindex("\x1b[?1049l") > text_of(out).rindex("\x1b[?1049h")


def test_without_validation_and_metrics_and_length(monkeypatch):
    class Endless:
        def __iter__(self):
            return iter([(np.zeros((2, 4), np.float32), np.zeros(2, np.int64))] * 3)

    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("hello_dl.show.dashboard.PAUSE", 0)
    for kind in (Terminal, io.TextIOWrapper):
        out = stream(kind)
        model = nn.Linear(4, 3)
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        list(live(fit(model, Endless(), optimizer=optimizer), output=Output(out)))
        assert re.search(r"epoch 1 of 1   loss \d\.\d{4}   [\d,]+ samples/s", text_of(out))
        assert "val" not in text_of(out)
