"""Peers side by side: every contestant in its own process, taking turns, medians and ratios.

python benchmarks/run.py [CASE ...] [--rounds N] [--json FILE]

Then the data pipeline (pipeline.py), and what the engine adds to one operation (overhead.py).

These machines drift, so peers alternate within one run, and the ratio is taken round by round: it
says how many times as fast ours is. A peer that is not installed is left out and named.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

import overhead
import pipeline
from peers import CASES
from rich.console import Console
from rich.table import Table

from hello_dl.backend import cuda_trouble

HERE = Path(__file__).parent
PARTS = {"pipeline": pipeline, "overhead": overhead}  # each has its measure() and its table()
NEEDS = {  # what a peer is made with: its module
    "micrograd": "micrograd",
    "PyTorch": "torch",
    "PyTorch on cuda": "torch",
    "hello_dl fast": "numba",
}


def write_digits(path: Path) -> None:
    """Write the digits that all peers train on: 20,000 that hello_dl draws itself."""
    import numpy

    from hello_dl.data.strokes import load_strokes

    images, labels, _, _ = load_strokes()
    numpy.savez(path, images=images, labels=labels)


def default_cases() -> list[str]:
    """List all cases, those for a GPU only where there is one."""
    here = [*CASES, *PARTS]
    return here if cuda_trouble() is None else [c for c in here if not c.endswith("-cuda")]


def time_peer(case: str, peer: str, threads: int, digits: Path) -> float:
    """Run one peer in a fresh process; return the median seconds of its steps."""
    variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "THREADS")
    settings = {**dict.fromkeys(variables, str(threads)), "DIGITS": str(digits)}
    command = [sys.executable, str(HERE / "peers.py"), case, peer]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | settings)
    if done.returncode:
        raise SystemExit(f"{case} / {peer} failed:\n{done.stderr}")
    return statistics.median(json.loads(done.stdout))


def measure(case: str, rounds: int, threads: int, digits: Path) -> dict[str, object]:
    """Let the peers of one case take turns for some rounds."""
    title, _, _, peers = CASES[case]
    present = [p for p in peers if p not in NEEDS or importlib.util.find_spec(NEEDS[p])]
    times: dict[str, list[float]] = {peer: [] for peer in present}
    for turn in range(1, rounds + 1):
        for peer in present:
            print(f"{case}: {peer}, round {turn} of {rounds}", file=sys.stderr, flush=True)
            times[peer].append(time_peer(case, peer, threads, digits))
    ours = present[0]
    ratios = {p: [t / o for t, o in zip(times[p], times[ours])] for p in present}
    return {
        "case": case,
        "title": title,
        "seconds": {p: statistics.median(t) for p, t in times.items()},
        "times_as_fast": {p: statistics.median(r) for p, r in ratios.items()},
        "spread": {p: [min(r), max(r)] for p, r in ratios.items()},
        "missing": [p for p in peers if p not in present],
    }


def table(results: list[dict], threads: int) -> Table:
    """Lay the results out for reading."""
    out = Table(title=f"one training step, medians, {threads} threads", title_justify="left")
    out.add_column("what")
    out.add_column("who")
    out.add_column("time", justify="right")
    out.add_column("ours is faster by", justify="right")
    for result in results:
        title = result["title"]
        for peer, seconds in result["seconds"].items():
            low, high = result["spread"][peer]
            ratio = f"{result['times_as_fast'][peer]:.2f} ×  ({low:.2f} to {high:.2f})"
            out.add_row(title, peer, f"{seconds * 1e3:.3f} ms", ratio if title == "" else "")
            title = ""
        for peer in result["missing"]:
            out.add_row(title, peer, "not installed", f"pip install {NEEDS[peer]}")
        out.add_section()
    return out


def machine() -> dict[str, str]:
    """Say what the figures were measured with: the processor, and the version of everything."""
    import numpy

    blas = numpy.show_config("dicts")["Build Dependencies"]["blas"]
    about = {
        "python": platform.python_version(),
        "processor": processor(),
        "numpy": numpy.__version__,
        "blas": f"{blas['name']} {blas['version']}",
    }
    for package in ("torch", "micrograd", "numba"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            about[package] = metadata.version(package)
    return about


def processor() -> str:
    """Return the processor's model where the system tells it, else its architecture."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return f"{line.partition(': ')[2]} ({platform.machine()})"
    return platform.processor() or platform.machine()


def main() -> None:
    """Measure, print the table, and write the figures as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    known = ", ".join([*CASES, *PARTS])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {known}; default: all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--json", type=Path, default=Path("out/bench.json"))
    options = parser.parse_args()
    for case in options.cases:
        if case not in CASES and case not in PARTS:
            parser.error(f"there is no case '{case}': use {known}")
    wanted = options.cases or default_cases()
    console = Console(width=110 if not sys.stdout.isatty() else None)
    report: dict[str, object] = {"machine": machine(), "threads": options.threads}
    if cases := [case for case in wanted if case in CASES]:
        with tempfile.TemporaryDirectory() as folder:
            digits = Path(folder) / "digits.npz"
            write_digits(digits)
            results = [measure(case, options.rounds, options.threads, digits) for case in cases]
        console.print(table(results, options.threads))
        report["results"] = results
    for name in (part for part in PARTS if part in wanted):
        print(f"{name}: measuring", file=sys.stderr, flush=True)
        report[name] = figures = PARTS[name].measure()
        console.print(PARTS[name].table(figures))
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"figures: {options.json}")


if __name__ == "__main__":
    main()
