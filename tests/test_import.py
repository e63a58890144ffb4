"""`import hello_dl` is light, and imports within the library go down the map only."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import hello_dl

ROOT = Path(hello_dl.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

# The map of the library, from the ground up. A file imports from levels below its own, and from
# its own folder. "hello_dl" is the package itself, which gathers what a user needs.
MAP = [
    {"graph"},
    {"backend", "grad_mode"},
    {"value", "ops"},
    {"creation"},
    {"sampling"},
    {"neuron", "tensor"},
    {"functional", "toplevel", "cuda", "check", "nn", "optim", "data", "program"},
    {"hello_dl"},
    {"show", "models"},
    {"train"},
    {"read"},
    {"progress", "usage"},
    {"course", "doctor"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(MAP) for name in names}

# Some keep to less than the map would let them.
ONLY = {
    "backend": set(),  # plain arrays
    "value": {"graph"},  # the scalar engine, in one sitting
    "neuron": {"graph", "value"},
    "ops": {"backend", "graph"},
    "data": {"backend", "tensor"},  # files and arrays; loaders hand out Tensors
    "show": {"backend", "graph", "data"},  # any node of either engine, of no class
}
EXCEPT = {
    ("show/expression.py", "value"),  # `hello-dl draw` computes what it draws with Values
    ("creation.py", "tensor"),  # for the type of what they return, and not while running:
    ("sampling.py", "tensor"),  # Tensors have some of them as methods
    ("nn/__init__.py", "functional"),  # PyTorch's name for it is nn.functional
}

# Where numbers are computed, the module of the array is asked for, so that cupy works as well.
# These are the host's business: files, batches, pictures, reports.
NUMPY = {"backend", "data", "show", "train", "read", "doctor"}


def place(file):
    """Name the part of the map that a file belongs to: its folder, or the file itself."""
    first = file.relative_to(ROOT).parts[0].removesuffix(".py")
    return "hello_dl" if first == "__init__" else first


def imported(file):
    """Yield the parts that a file imports, in functions too, and other packages by their names."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}: a relative import hides which way it goes"
            modules = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for module in modules:
            package, *path = module.split(".")
            if package == "hello_dl":
                yield path[0] if path and path[0] in LEVEL else "hello_dl"
            else:
                yield package


each_file = pytest.mark.parametrize("file", FILES, ids=lambda f: f.relative_to(ROOT).as_posix())


@each_file
def test_imports_go_down_the_map(file):
    here = place(file)
    assert here in LEVEL, f"{file.name}: a new part needs a level on the map"
    for other in set(imported(file)) - {here}:
        if other in LEVEL and (file.relative_to(ROOT).as_posix(), other) not in EXCEPT:
            assert LEVEL[other] < LEVEL[here], (
                f"{here} imports {other}, which is above or beside it"
            )
            assert other in ONLY.get(here, {other}), f"{here} should do without {other}"


@each_file
def test_arrays_are_computed_by_their_own_module(file):
    here, packages = place(file), set(imported(file))
    assert "numpy" not in packages or here in NUMPY
    assert not packages & {"cupy", "cupyx"} or here == "backend"
    assert not packages & {"torch", "tensorflow", "jax", "scipy"}


# ---------------------------------------------------------------------------------- weight

REPORT = """
import json, sys, time
start = time.process_time()
import numpy, numpy.random
middle = time.process_time()
before = set(sys.modules)
import hello_dl
seconds = time.process_time() - middle
packages = {name.partition(".")[0] for name in set(sys.modules) - before}
print(json.dumps([seconds, middle - start, sorted(packages - sys.stdlib_module_names)]))
"""


def test_functional_is_found_where_pytorch_has_it():
    import hello_dl.nn.functional as F

    assert F is hello_dl.functional is hello_dl.nn.functional


def test_import_brings_numpy_alone_and_is_quick():
    runs = [json.loads(subprocess.check_output([sys.executable, "-c", REPORT])) for _ in range(5)]
    assert runs[0][2] == ["hello_dl"]
    ours, numpy = (min(run[part] for run in runs) for part in (0, 1))
    assert ours <= 4 * numpy, "of processor time; mostly it is less than numpy itself takes"
