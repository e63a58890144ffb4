"""Every lesson runs by itself, keeps the frame, and uses only what the course has built by then."""

from __future__ import annotations

import ast
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hello_dl
from hello_dl import toplevel
from hello_dl.course import following, lessons

LESSONS = lessons()
lesson_files = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path.stem)

# You may use it once you have built it: from which lesson on. The longest name that fits decides.
INTRODUCED_IN = {
    "hello_dl": 1,  # the name alone, as in `import hello_dl`; its public names stand below
    "hello_dl.__version__": 1,
    "hello_dl.course": 1,
    "hello_dl.data": 1,
    "hello_dl.show": 1,
    "hello_dl.manual_seed": 1,
    "hello_dl.value": 2,
    "hello_dl.Value": 2,
    "hello_dl.check": 2,
    "hello_dl.graph": 3,
    "hello_dl.no_grad": 3,
    "hello_dl.scope": 3,
    "hello_dl.neuron": 5,
    "hello_dl.neuron.Neuron": 4,
    "hello_dl.Neuron": 4,
    "hello_dl.Layer": 5,
    "hello_dl.MLP": 5,
    "hello_dl.program": 6,
    "hello_dl.Program": 6,
    "hello_dl.compile": 6,
    "hello_dl.tensor": 7,
    "hello_dl.Tensor": 7,
    "hello_dl.ops": 7,
    "hello_dl.backend": 7,
    "hello_dl.device": 7,
    "hello_dl.nn": 8,
    "hello_dl.optim": 8,
    "hello_dl.optim.Adam": 9,
    "hello_dl.optim.RMSprop": 9,
    "hello_dl.optim.lr_scheduler": 9,
    "hello_dl.optim.AdamW": 10,
    "hello_dl.nn.Dropout": 10,
    "hello_dl.data.DataLoader": 10,
    "hello_dl.data.transforms": 10,
    "hello_dl.train.fit": 10,
    "hello_dl.nn.Conv2d": 11,
    "hello_dl.nn.MaxPool2d": 11,
    "hello_dl.functional.conv2d": 11,
    "hello_dl.functional.max_pool2d": 11,
    "hello_dl.models.LeNet5": 12,
    "hello_dl.nn.BatchNorm1d": 13,
    "hello_dl.nn.BatchNorm2d": 13,
    "hello_dl.nn.GELU": 13,
    "hello_dl.functional.batch_norm": 13,
    "hello_dl.functional.gelu": 13,
    "hello_dl.models.resnet": 13,
    "hello_dl.models.ResNet": 13,
    "hello_dl.models.ResNet9": 13,
    "hello_dl.models.SmallCNN": 13,
    "hello_dl.models.digits_resnet": 13,
    "hello_dl.models.resnet18": 13,
    "hello_dl.models.resnet20": 13,
    "hello_dl.nn.Embedding": 19,
    "hello_dl.nn.RNN": 19,
    "hello_dl.nn.RNNCell": 19,
    "hello_dl.nn.utils.clip_grad_norm_": 19,
    "hello_dl.nn.GRU": 20,
    "hello_dl.nn.GRUCell": 20,
    "hello_dl.nn.LSTM": 20,
    "hello_dl.nn.LSTMCell": 20,
    "hello_dl.models.text": 20,
    "hello_dl.text": 20,
    "hello_dl.nn.LearnedPositions": 21,
    "hello_dl.nn.MultiheadAttention": 21,
    "hello_dl.nn.RotaryPositions": 21,
    "hello_dl.nn.SinusoidalPositions": 21,
    "hello_dl.functional.scaled_dot_product_attention": 21,
    "hello_dl.nn.LayerNorm": 22,
    "hello_dl.nn.TransformerEncoder": 22,
    "hello_dl.nn.TransformerEncoderLayer": 22,
    "hello_dl.models.text.GPT": 22,
    "hello_dl.models.text.GPTConfig": 22,
    "hello_dl.train.pictures": 13,
    "hello_dl.read": 14,
    "hello_dl.functional": 8,
    "hello_dl.models": 8,
    "hello_dl.train": 8,
    "hello_dl.summary": 8,
}
# What the package has for blocks, from `zeros` to `einsum`, belongs to them; a part of it earlier.
FOR_BLOCKS = {*toplevel.__all__, "creation", "sampling", "toplevel", "cuda", "grad_mode"}
INTRODUCED_IN = {f"hello_dl.{name}": 7 for name in FOR_BLOCKS} | INTRODUCED_IN
GLIMPSES = {(6, "hello_dl.Tensor")}  # a lesson may show, once, what the next one will build
NOT_FOR_LESSONS = {
    "hello_dl.__main__",
    "hello_dl.cli",
    "hello_dl.doctor",
    "hello_dl.progress",
    "hello_dl.usage",
}  # they run lessons, not the other way
ALWAYS = {*sys.stdlib_module_names, "numpy", "matplotlib", "rich"}


def used_names(source: str) -> Iterator[str]:
    """Yield the dotted name of everything that a script imports, or reaches through a module."""
    tree = ast.parse(source)
    modules = {}  # what a name in the script stands for
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                modules[alias.asname or alias.name.split(".")[0]] = (
                    alias.name if alias.asname else alias.name.split(".")[0]
                )
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (name := _dotted(node, modules)):
            yield name


def _dotted(node: ast.expr, modules: dict[str, str]) -> str | None:
    """Write `hello_dl.nn.Linear` for the expression that says so, through any import's name."""
    if isinstance(node, ast.Name):
        return modules.get(node.id)
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value, modules)):
        return f"{before}.{node.attr}"
    return None


def introduced_in(name: str) -> int | None:
    """Return the lesson from which on a name may be used; None if the table has no word on it."""
    while name not in INTRODUCED_IN:
        if name.count(".") <= 1:  # a public name has its own row, not that of `hello_dl`
            return None
        name = name.rpartition(".")[0]
    return INTRODUCED_IN[name]


def violations(source: str, number: int) -> list[str]:
    """List what lesson `number` uses that neither it nor an earlier one has built."""
    wrong = []
    for name in used_names(source):
        package = name.split(".")[0]
        if package == "hello_dl":
            lesson = introduced_in(name)
            if lesson is None:
                wrong.append(f"{name} is not in the table")
            elif lesson > number and (number, name) not in GLIMPSES:
                wrong.append(f"{name} is built in lesson {lesson:02}")
        elif package not in ALWAYS:
            wrong.append(f"{name} is not part of the course")
    return sorted(set(wrong))


# -------------------------------------------------------------------------------- the sources


@lesson_files
def test_a_lesson_uses_only_what_it_or_an_earlier_one_has_built(lesson):
    assert violations(lesson.path.read_text(encoding="utf-8"), lesson.number) == []


@pytest.mark.parametrize(
    ("source", "number", "caught"),
    [
        ("from hello_dl import Tensor", 5, "hello_dl.Tensor is built in lesson 07"),
        ("from hello_dl import Tensor", 7, None),
        (
            "import hello_dl\nhello_dl.nn.Linear(2, 3)",
            7,
            "hello_dl.nn.Linear is built in lesson 08",
        ),
        ("import hello_dl as h\nx = h.Value(2)", 1, "hello_dl.Value is built in lesson 02"),
        ("from hello_dl.neuron import Neuron", 4, None),
        ("from hello_dl.neuron import MLP", 4, "hello_dl.neuron.MLP is built in lesson 05"),
        ("from hello_dl import neuron\nneuron.MLP", 4, "hello_dl.neuron.MLP is built in lesson 05"),
        ("def f():\n    import hello_dl.optim.sgd", 7, "hello_dl.optim.sgd is built in lesson 08"),
        ("from hello_dl import optim\noptim.SGD([])", 8, None),
        (
            "from hello_dl import optim as o\no.Adam([])",
            8,
            "hello_dl.optim.Adam is built in lesson 09",
        ),
        ("import torch", 8, "torch is not part of the course"),
        ("import hello_dl.cli", 31, "hello_dl.cli is not in the table"),
        ("from hello_dl.show import draw\nimport numpy.linalg, math, rich.table", 1, None),
    ],
)
def test_a_violation_is_caught(source, number, caught):
    found = violations(source, number)
    assert caught in found if caught else found == []


def test_the_table_has_every_public_name_and_module_and_no_other():
    modules = {f"hello_dl.{module.name}" for module in pkgutil.iter_modules(hello_dl.__path__)}
    public = {f"hello_dl.{name}" for name in hello_dl.__all__} | modules
    assert {name for name in public - NOT_FOR_LESSONS if introduced_in(name) is None} == set()
    for name in INTRODUCED_IN:
        pkgutil.resolve_name(name)  # an error where the library has no such name


@lesson_files
def test_a_lesson_can_be_read_in_one_sitting(lesson):
    source = lesson.path.read_text(encoding="utf-8")
    lines = source.splitlines()
    assert 80 <= len(lines) <= 200
    assert sum(line.startswith("# %%") for line in lines) >= 3
    assert max(map(len, lines)) <= 100
    guard = 'if __name__ != "__main__":\n    raise ImportError("a lesson is run, not imported")\n'
    assert guard in source


@lesson_files
def test_a_lesson_cannot_be_imported(lesson, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["pytest"])
    code = compile(lesson.path.read_text(encoding="utf-8"), lesson.path.name, "exec")
    with pytest.raises(ImportError, match="run, not imported"):
        exec(code, {"__name__": lesson.path.stem, "__doc__": "", "__file__": str(lesson.path)})


# ------------------------------------------------------------------------------- the transcripts


def run(path: Path, folder: Path, encoding: str = "utf-8") -> str:
    """Run a lesson piped and quick; return its transcript once it has ended well."""
    result = subprocess.run(
        [sys.executable, str(path), "--quick"],
        capture_output=True,
        cwd=folder,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        timeout=240,
    )
    errors = result.stderr.decode(encoding)
    assert result.returncode == 0, result.stdout.decode(encoding)[-3000:] + errors
    assert "Traceback" not in errors
    assert b"\x1b" not in result.stdout + result.stderr and b"\r" not in result.stdout
    return result.stdout.decode(encoding)


@lesson_files
def test_a_lesson_runs_and_keeps_the_frame(lesson, tmp_path):
    text = run(lesson.path, tmp_path)
    lines = text.splitlines()
    assert lines[:2] == [lesson.name, lesson.question]
    learned, try_this = text.index("What we learned"), text.index("Try this")
    assert 0 < learned < try_this
    after = following(lesson.number, LESSONS)
    ending = text[try_this:]
    assert (f"hello-dl lesson {after.number}" if after else "The course: hello-dl") in ending
    assert "(expect " in text, "a lesson says which results to expect"
    assert max(map(len, lines)) <= 100
    pictures = [line.removeprefix("picture: ") for line in lines if line.startswith("picture: ")]
    assert all((tmp_path / picture).stat().st_size > 0 for picture in pictures)


@pytest.mark.parametrize("lesson", LESSONS[:4:3], ids=lambda lesson: lesson.path.stem)
def test_a_lesson_runs_where_the_terminal_knows_no_unicode(lesson, tmp_path):
    text = run(lesson.path, tmp_path, "cp1252")
    assert text.startswith(lesson.name) and "What we learned" in text
