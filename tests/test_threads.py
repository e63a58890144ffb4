"""Several threads at once: results in order, settings and errors that reach the threads."""

import os
import threading

import numpy as np
import pytest
from helpers import assert_close
from threadpoolctl import threadpool_limits

from hello_dl import Tensor
from hello_dl import functional as F
from hello_dl.backend import batch_norm, pool, threads


@pytest.fixture
def two_threads(monkeypatch):
    monkeypatch.setattr(threads, "count", lambda: 2)


def test_results_come_in_order(two_threads):
    assert threads.together(lambda n: n * n, range(20), 2) == [n * n for n in range(20)]
    both = threading.Barrier(2, timeout=20)  # neither goes on before the other has a piece as well

    def name(_):
        both.wait()
        return threading.current_thread().name

    here, there = sorted(threads.together(name, range(2), 2))
    assert (here, there[:8]) == ("MainThread", "hello_dl")
    assert threads.together(lambda _: threading.current_thread().name, [0], 2) == ["MainThread"]


def test_settings_of_numpy_hold_in_the_threads(two_threads):
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        threads.together(lambda n: np.ones(2) / (n - 1), range(2), 2)


def test_as_many_as_blas_may_use():
    with threadpool_limits(1, "blas"):
        assert threads.count() == 1


def test_blas_works_alone_in_each_thread_and_has_its_threads_back(two_threads):
    libraries = threads._libraries()
    before = [library.num_threads for library in libraries]

    def seen(_):
        return [library.num_threads for library in libraries]

    assert threads.together(seen, range(2), 2) == [[1] * len(before)] * 2
    assert seen(0) == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no process is forked off here")
def test_a_process_that_is_forked_off_has_threads_of_its_own(two_threads):
    threads.together(abs, range(4), 2)
    child = os.fork()
    if not child:
        os._exit(0 if threads.together(abs, range(4), 2) == [0, 1, 2, 3] else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_net_is_the_same_with_one_thread_and_with_two(monkeypatch):
    x, weight = np.random.default_rng(1).standard_normal((2, 4, 3, 9, 9)).astype("float32")[:, :3]
    results = []
    monkeypatch.setattr(threads, "WORTH", 1e-9)
    monkeypatch.setattr(batch_norm, "PIECE", 100)
    monkeypatch.setattr(pool, "PIECE", 100)
    for number in (1, 2):
        monkeypatch.setattr(threads, "count", lambda number=number: number)
        leaves = [Tensor(x, True), Tensor(np.ascontiguousarray(weight[..., :3, :3]), True)]
        y = F.batch_norm(F.conv2d(*leaves, padding=1), None, None, training=True)
        (F.max_pool2d(y, 2) ** 2).sum().backward()
        results.append([y.data, *(leaf.grad for leaf in leaves)])
    for one, two in zip(*results):
        assert_close(one, two, rtol=1e-4, atol=1e-5)


def test_products_may_be_left_undivided_while_the_pool_works_on(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    libraries = threads._libraries()
    before, many = [library.num_threads for library in libraries], threads.count()
    with threads.undivided_products():
        assert [library.num_threads for library in libraries] == [1] * len(libraries)
        assert threads.count() == many
        assert threads.together(lambda _: threads.count(), range(3), 2) == [many] * 3
    assert [library.num_threads for library in libraries] == before
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")  # the user has decided
    with threads.undivided_products():
        assert [library.num_threads for library in libraries] == before
