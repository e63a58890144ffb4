"""Setting up with make after it went wrong, and what the benchmark says of itself."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A Python with which `-m venv` succeeds or not, as Debian's does without python3-venv.
PYTHON = """#!/bin/sh
[ "$1" = -c ] && exit 0
echo "$*" >>"$0.log"
[ -e "$0.broken" ] && exit 1
mkdir -p .venv/bin && printf '#!/bin/sh\\nexit 0\\n' >.venv/bin/python && chmod +x .venv/bin/python
"""


@pytest.fixture
def make(tmp_path):
    """Run make in a folder of its own with that Python; return its result and what venv got."""
    if sys.platform == "win32" or not shutil.which("make"):
        pytest.skip("needs make")
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)

    def start(target):
        command = ["make", "-C", tmp_path, target, f"PYTHON={python}", "MAKEFLAGS="]
        done = subprocess.run(command, capture_output=True, text=True)
        log = tmp_path / "python.log"
        return done, log.read_text().splitlines() if log.exists() else []

    return start


def test_make_replaces_a_venv_without_pip_and_keeps_one_that_has_it(make, tmp_path):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    half = tmp_path / ".venv" / "bin" / "python"
    half.write_text("#!/bin/sh\n[ $2 = pip ] && echo 'No module named pip' >&2 && exit 1\nexit 0\n")
    half.chmod(0o755)
    done, log = make("setup")
    assert done.returncode == 0 and "No module" not in done.stderr, done.stderr
    assert log == ["-m venv --clear .venv"]
    (tmp_path / ".venv" / ".installed").unlink()
    done, log = make("setup")
    assert done.returncode == 0 and len(log) == 1


def test_make_names_what_to_install_where_there_is_no_venv(make, tmp_path):
    (tmp_path / "python.broken").touch()
    done, _ = make("setup")
    assert done.returncode and "apt install python3-venv" in done.stderr
    assert not (tmp_path / ".venv" / ".installed").exists()


def test_the_benchmark_names_its_cases_and_its_machine():
    run = [sys.executable, "run.py", "mons"]
    done = subprocess.run(run, cwd=ROOT / "benchmarks", capture_output=True, text=True)
    assert done.returncode == 2
    assert "there is no case 'mons': use moons, " in done.stderr and "{" not in done.stderr
    assert "pipeline, overhead" in done.stderr
    ask = [sys.executable, "-c", "import json, run; print(json.dumps(run.machine()))"]
    done = subprocess.run(ask, cwd=ROOT / "benchmarks", capture_output=True, text=True, check=True)
    machine = json.loads(done.stdout)
    assert machine.keys() >= {"python", "processor", "numpy", "blas"}
    assert all(machine.values())


def test_the_benchmark_writes_what_it_prints(tmp_path):
    path = tmp_path / "bench.json"
    run = [sys.executable, "run.py", "overhead", "--json", str(path)]
    done = subprocess.run(
        run, cwd=ROOT / "benchmarks", capture_output=True, text=True, encoding="utf-8", check=True
    )
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report.keys() == {"machine", "threads", "overhead"}
    for name, row in report["overhead"].items():
        assert f"{row['overhead']:.2f}" in done.stdout and name in done.stdout
        assert row["overhead"] == row["hello_dl"] - row["numpy"]
