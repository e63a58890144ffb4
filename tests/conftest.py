"""What every test gets: a cache of its own session instead of the user's, and no GPU it lacks."""

from __future__ import annotations

import signal
from importlib.util import find_spec

import pytest
from threadpoolctl import threadpool_limits

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts what is in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what tests start should hear Ctrl-C


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory):
    """One cache folder for the whole run, so that strokes are drawn once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session", autouse=True)
def one_blas_thread():
    """Small products gain nothing from two threads, and on a busy machine wait long for them."""
    with threadpool_limits(1, "blas"):
        yield


@pytest.fixture(autouse=True)
def own_cache(monkeypatch, session_cache):
    """Keep tests away from the user's cache and data."""
    monkeypatch.setenv("HELLO_DL_CACHE", str(session_cache))
    monkeypatch.delenv("HELLO_DL_DATA", raising=False)
    monkeypatch.setenv("COLUMNS", "80")  # not those of the caller's terminal
    monkeypatch.setenv("LINES", "24")


def pytest_terminal_summary(terminalreporter):
    """Say in one line why so many tests may be skipped."""
    from hello_dl.backend import cuda_trouble

    gpu = "none" if cuda_trouble() else "there"
    peers = "there" if find_spec("torch") else "not installed, comparisons are skipped"
    terminalreporter.write_line(f"PyTorch: {peers}; GPU: {gpu}")


def pytest_collection_modifyitems(items):
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if not marked:
        return
    from hello_dl.backend import cuda_trouble

    trouble = cuda_trouble()
    for item in marked if trouble else []:
        item.add_marker(pytest.mark.skip(reason=trouble))


@pytest.fixture
def eager_kernels(monkeypatch):
    """Use compiled kernels for small blocks too; what was turned on or off is so again later."""
    from hello_dl.backend import fast

    if not fast.is_installed():
        pytest.skip("numba is not installed")
    monkeypatch.setattr(fast, "LEAST", 0)
    monkeypatch.setattr(fast, "_wanted", True)
