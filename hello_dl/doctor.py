"""The doctor: what this machine has for the course, and what to do about what is missing."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hello_dl.backend import is_fast
from hello_dl.show import render
from hello_dl.show.plots import usable_matplotlib

THREAD_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")

# Run on its own, as a half-installed CUDA may crash or hang: 1 + 4 + 9, multiplied and added by
# kernels that are compiled for it.
GPU_TRIAL = """
from hello_dl import Tensor
x = Tensor([1.0, 2.0, 3.0], device="cuda")
print((x * x).sum().item())
"""
GPU_PATIENCE = 120  # seconds: the first kernel of a fresh installation is compiled


class Finding(NamedTuple):
    """One row of the report: what was looked for, what was found, what to do if it is not well."""

    what: str
    found: str
    to_do: str = ""


def examine() -> Iterator[Finding]:
    """Yield a finding for everything the course uses, one by one, as some take a while."""
    for look in (python, blas, threads, numba, graphviz, fonts, gpu):
        yield look()
    yield from data()


def python() -> Finding:
    """Say which Python this is."""
    where = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    return Finding("Python", f"{where}, {sys.executable}")


def blas() -> Finding:
    """Say which library multiplies numpy's matrices, and how fast it does."""
    built: dict = {}
    with contextlib.suppress(KeyError, TypeError):
        built |= np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    name = str(built.get("name", "none")).removeprefix("scipy-")
    speed = f"{multiply_adds_per_second() / 1e9:,.0f} billion multiply-adds a second"
    if name == "none":
        to_do = f"matrix products are slow: {_pip()} --force-reinstall numpy brings a fast BLAS"
        return Finding("numpy", f"{np.__version__} without a BLAS, {speed}", to_do)
    return Finding("numpy", f"{np.__version__} with {name} {built.get('version', '')}, {speed}")


def multiply_adds_per_second(size: int = 512, patience: float = 0.3) -> float:
    """Measure the product of two float32 matrices; the best within `patience` seconds."""
    a = np.ones((size, size), np.float32)
    a @ a  # wakes the threads
    began, best = time.perf_counter(), float("inf")
    while time.perf_counter() - began < patience:
        start = time.perf_counter()
        a @ a
        best = min(best, time.perf_counter() - start)
    return size**3 / best


def threads() -> Finding:
    """Say how many cores this process may use, and what limits numpy's threads."""
    there = os.cpu_count() or 1
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else there
    found = f"{ours} of {there} cores to use" if ours < there else f"{there} cores"
    set_to = {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ}
    limits = ", ".join(f"{name}={value}" for name, value in set_to.items())
    return Finding("threads", f"{found}, {limits or 'which share a large matrix product'}")


def numba() -> Finding:
    """Say whether the extra `fast` compiles kernels for pictures on the CPU."""
    if not (version := _version("numba")):
        to_do = f"{_pip()} 'hello_dl[fast]' makes convolutional nets on the CPU faster"
        return Finding("numba", "not installed: numpy does everything", to_do)
    off = "" if is_fast() else ", turned off by HELLO_DL_FAST=0"
    return Finding("numba", f"{version}, for convolutional nets on the CPU{off}")


def graphviz() -> Finding:
    """Say what turns a graph into a picture, and try it."""
    dot, wheel = render.find_dot(), _version("pygraphviz")
    found = [f"dot ({dot})"] if dot else []
    found += [f"pygraphviz {wheel}, which carries Graphviz inside"] if wheel else []
    try:
        render.render("digraph { a -> b }", "png")
    except render.RenderError as error:
        to_do = f"graphs are drawn as text: {error}"
        return Finding("Graphviz", " and ".join(found) or "none", to_do)
    return Finding("Graphviz", " and ".join(found))


def fonts() -> Finding:
    """Say which fonts pictures are labeled with."""
    usable_matplotlib()
    from matplotlib import get_data_path

    carried = os.path.join(get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    names = _output(["fc-list", ":", "family"]) if shutil.which("fc-list") else None
    families = len(set(names.splitlines())) if names else 0
    found = f"{families} families of the system" if families else "none of the system"
    if os.path.isfile(carried):
        return Finding("fonts", f"{found}, and DejaVu Sans, which matplotlib carries")
    return Finding("fonts", found, "" if families else f"{_pip()} --force-reinstall matplotlib")


def gpu() -> Finding:
    """Say whether a GPU computes: driver, package, and a kernel that is compiled and run."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    answer = _output(query) if shutil.which("nvidia-smi") else None
    if not answer:
        return Finding("GPU", "no NVIDIA driver found: everything runs on the CPU")
    cards = answer.splitlines()
    name, driver = (part.strip() for part in f"{cards[0]}, ?".split(",")[:2])
    found = f"{len(cards)} x {name}, driver {driver}"
    packages = [p for p in ("cupy-cuda12x", "cupy-cuda13x", "cupy") if _version(p)]
    if not packages:
        newest = driver.split(".")[0] >= "580"  # the first driver that runs CUDA 13
        package = "cupy-cuda13x" if newest else "cupy-cuda12x"
        return Finding("GPU", f"{found}, but no CuPy", f'{_pip()} "{package}[ctk]"')
    found += "".join(f", {package} {_version(package)}" for package in packages)
    if len(packages) > 1:
        return Finding("GPU", found, f"keep one: {_pip('uninstall')} {' '.join(packages[1:])}")
    start = time.perf_counter()
    trouble = gpu_trouble()
    if trouble is None:
        return Finding("GPU", f"{found}, ran a kernel in {time.perf_counter() - start:.1f} s")
    to_do = f'{_pip()} --force-reinstall "{packages[0]}[ctk]"; until then it is the CPU'
    return Finding("GPU", f"{found}, but no kernel runs: {trouble}", to_do)


def gpu_trouble() -> str | None:
    """Compile and run a kernel in a process of its own; return the cause if it fails."""
    try:
        trial = subprocess.run(
            [sys.executable, "-c", GPU_TRIAL],
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=GPU_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {GPU_PATIENCE} seconds"
    if trial.returncode == 0 and trial.stdout.split() == ["14.0"]:
        return None
    lines = [line.strip() for line in trial.stderr.splitlines() if line.strip()]
    wrong = f"1 + 4 + 9 came out as {trial.stdout.strip()!r}, exit code {trial.returncode}"
    return lines[-1][:200] if lines else wrong


def data() -> Iterator[Finding]:
    """Say for each data set where it is, or how to get it."""
    from hello_dl.data.catalog import datasets
    from hello_dl.data.sources import UnavailableError

    for name, dataset in datasets().items():
        what = f"data: {name}"
        try:
            paths = dataset.fetch(download=False)
        except UnavailableError:
            size, some = megabytes(dataset.size), dataset.where()
            yield Finding(
                what, some or "not on this machine", f"hello-dl data {name} downloads it ({size})"
            )
        except ValueError as error:  # a damaged file, or $HELLO_DL_DATA names no folder
            yield Finding(what, "cannot be used", str(error))
        else:
            found = f"{paths[0].parent}, checked" if paths else dataset.where()
            yield Finding(what, found or "")


def megabytes(size: int) -> str:
    """Write a number of bytes for a person: `55 MB`, `0.2 MB`."""
    return f"{size / 1e6:.0f} MB" if size >= 9.5e6 else f"{size / 1e6:.1f} MB"


def _version(package: str) -> str | None:
    """Return the version of an installed package, which is not imported for it."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _output(command: list[str]) -> str | None:
    """Return what a program prints; None if it fails or takes too long."""
    options: dict = {"capture_output": True, "text": True, "errors": "replace", "timeout": 20}
    try:
        result = subprocess.run(command, **options)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return result.stdout.strip() if result.returncode == 0 else None


def _pip(verb: str = "install") -> str:
    return f"{shlex.quote(sys.executable)} -m pip {verb}"
