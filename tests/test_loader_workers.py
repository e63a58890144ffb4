"""Workers of a DataLoader: their errors are told, none outlives its loop; batches reach the GPU."""

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback

import numpy as np
import pytest
from helpers import DEVICES, plain
from loading import (
    Slow,
    Squares,
    Trap,
    each_crew,
    each_kind,
    eventually,
    nobody_left,
    numbers,
    pictures,
)

import hello_dl
from hello_dl import Tensor
from hello_dl.backend import random
from hello_dl.data import (
    DataLoader,
    Dataset,
    TensorDataset,
    get_worker_info,
)

pytestmark = pytest.mark.usefixtures(nobody_left.__name__)


# ------------------------------------------------------------------------------------ workers


@each_kind
@pytest.mark.parametrize("error", [ValueError, KeyError])
def test_what_a_worker_raises_is_raised_here_in_its_turn(error, workers):
    loader, got = DataLoader(Trap(error), 4, **workers), []
    start = time.monotonic()
    with pytest.raises(error) as caught:
        for batch in loader:
            got.append(batch[0].data.tolist())
    assert time.monotonic() - start < 5
    assert got == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert loader.state_dict()["batch"] == 3
    told = "".join(traceback_lines(caught.value))
    assert "fall_into_it" in told and "rotten" in told, "its own traceback, down to the line"


def traceback_lines(error):

    return traceback.format_exception(error)


class Unsendable(Exception):
    """Pickles, but cannot be made again: its __init__ wants more."""

    def __init__(self, text):
        super().__init__(text, 1)


def test_an_error_that_cannot_be_sent_is_told():
    with pytest.raises(RuntimeError) as caught:
        list(DataLoader(Trap(Unsendable), 4, num_workers=2, worker="process"))
    assert "Unsendable in worker process 1" in str(caught.value)
    assert "fall_into_it" in "".join(traceback_lines(caught.value))


@each_crew
def test_a_worker_that_cannot_begin_is_told(workers):
    with pytest.raises(ZeroDivisionError):
        next(iter(DataLoader(Squares(), 4, worker_init_fn=divide, **workers)))


def divide(worker):
    return 1 / 0


class Deadly(Squares):
    """Ends the whole process, as a crash in C or a system short of memory does."""

    def __getitem__(self, i):
        if i == 9:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(i)


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_worker_that_dies_is_no_wait_for_ever():
    start = time.monotonic()
    with pytest.raises(RuntimeError, match=r"worker process 0 died with exit code -9: .*memory"):
        list(DataLoader(Deadly(), 4, num_workers=2, worker="process"))
    assert time.monotonic() - start < 5


@each_crew
def test_patience_can_be_limited(workers):
    loader = DataLoader(Slow(), 23, timeout=0.05, **workers)
    with pytest.raises(RuntimeError, match="no batch within timeout=0.05 seconds"):
        list(loader)


class Angry(Squares):
    """Has a time-out of its own."""

    def __getitem__(self, i):
        raise TimeoutError("the disk did not answer")


@each_crew
def test_a_time_out_of_the_data_set_is_its_own(workers):
    with pytest.raises(TimeoutError, match="disk"):
        list(DataLoader(Angry(), 4, timeout=5, **workers))


@each_crew
@pytest.mark.parametrize("leave", ["break", "forget", "raise", "close"])
def test_leaving_early_ends_the_workers(leave, workers):
    before = threading.active_count()
    loader = DataLoader(Slow(200), 2, **workers)
    start = time.monotonic()
    if leave == "break":
        for _ in loader:
            break
    elif leave == "raise":
        with pytest.raises(KeyboardInterrupt):
            for _ in loader:
                raise KeyboardInterrupt
    else:
        batches = iter(loader)
        next(batches)
        batches.close() if leave == "close" else None
        del batches
    gc.collect()
    assert eventually(lambda: threading.active_count() == before)
    assert eventually(lambda: not multiprocessing.active_children())
    assert time.monotonic() - start < 3


@each_crew
def test_workers_that_persist_are_the_same_in_the_next_epoch(workers):
    loader = DataLoader(Where(), 2, persistent_workers=True, **workers)
    first, second = who_fetched(loader), who_fetched(loader)
    assert first & second and len(first | second) <= workers["num_workers"]
    assert not who_fetched(DataLoader(Where(), 2, **workers)) & first
    next(iter(loader))  # left early: they end, and the next epoch has new ones
    assert not multiprocessing.active_children()
    assert not who_fetched(loader) & first
    del loader


def who_fetched(loader):
    return {tuple(row) for batch in loader for row in batch.data.tolist()}


_marks = threading.local()


class Where(Dataset):
    """Sample i tells who fetched it."""

    def __len__(self):
        return 12

    def __getitem__(self, i):
        if not hasattr(_marks, "mark"):
            _marks.mark = time.monotonic_ns() % 10**9
        time.sleep(0.001)
        return np.array([os.getpid(), _marks.mark])


@each_crew
def test_workers_know_who_they_are(workers):
    assert get_worker_info() is None
    told = {tuple(b.data.tolist()) for b in DataLoader(Who(), None, worker_init_fn=note, **workers)}
    count = workers["num_workers"]
    assert told <= {(i, count, 12, i) for i in range(count)}
    if "worker" in workers:
        assert len(told) == count, "they take turns"


def note(worker):
    _marks.number = worker


class Who(Where):
    def __getitem__(self, i):
        info = get_worker_info()
        return np.array([info.id, info.num_workers, len(info.dataset), _marks.number])


class Careless(Squares):
    """Draws from Python's and numpy's own generators: a classic."""

    def __getitem__(self, i):
        import random as python_random

        return [python_random.random(), np.random.rand(), random.generator().random()]


def test_processes_do_not_repeat_random_numbers_and_their_count_does_not_matter():
    runs = []
    for count in (1, 2, 3):
        loader = DataLoader(Careless(8), 1, num_workers=count, worker="process", generator=0)
        runs.append(numbers(loader) + numbers(loader))  # two epochs
    for kind in range(3):
        assert len({batch[kind][0] for batch in runs[0]}) == 16
    assert runs[0] == runs[1] == runs[2]


class Noisy(Squares):
    """Draws as the users of PyTorch do."""

    def __getitem__(self, i):
        return hello_dl.rand(2), hello_dl.randn(1), hello_dl.randperm(9), hello_dl.randint(9, (3,))


class Reseeded(Squares):
    """Noise that belongs to the sample, in every epoch the same."""

    def __getitem__(self, i):
        hello_dl.manual_seed(i)
        return hello_dl.randn(2)


@each_kind
def test_what_rand_gives_to_a_data_set_does_not_depend_on_the_workers(workers):
    def epochs(**workers):
        hello_dl.manual_seed(3)
        loader = DataLoader(Noisy(9), 2, **workers)
        told = numbers(loader), numbers(loader), hello_dl.rand(1).item()
        assert told[0] != told[1]
        return told

    assert epochs(**workers) == epochs()  # nor does the model's next number, after the loops


@each_kind
def test_manual_seed_in_a_data_set_is_for_its_own_batch(workers):
    hello_dl.manual_seed(3)
    undisturbed = hello_dl.rand(1).item()
    hello_dl.manual_seed(3)
    found = [row for batch in DataLoader(Reseeded(5), 2, **workers) for row in batch.tolist()]
    assert hello_dl.rand(1).item() == undisturbed
    for i, row in enumerate(found):
        hello_dl.manual_seed(i)
        assert hello_dl.randn(2).tolist() == row


@each_crew
def test_the_seed_of_a_worker_is_another_one_in_every_epoch(workers):
    loader = DataLoader(Seeded(), None, generator=0, **workers)
    first, second = ({int(seed) for seed in loader} for _ in range(2))
    assert not first & second


class Seeded(Where):
    def __getitem__(self, i):
        return np.int64(get_worker_info().seed)


def test_large_tasks_and_large_batches_do_not_block_each_other():
    n = 300_000
    loader = DataLoader(TensorDataset(np.arange(n)), n // 4, num_workers=2, worker="process")
    assert sum(b[0].shape[0] for b in loader) == n


def test_processes_send_tensors_as_numbers():
    for batch in DataLoader(Nested(), 2, num_workers=1, worker="process", collate_fn=graph):
        assert batch.op == "input" and not batch.requires_grad
        loss = (batch * Tensor([2.0], requires_grad=True)).sum()
        loss.backward()


class Nested(Squares):
    def __getitem__(self, i):
        return Tensor([float(i)])


def graph(samples):
    return sum(samples, start=Tensor([0.0])) * 1.0


class Quitting(Squares):
    """Ends its process, as a library does that gives up."""

    def __getitem__(self, i):
        os._exit(3)


def test_a_worker_that_ends_itself_is_told():
    with pytest.raises(RuntimeError, match="worker process 0 died with exit code 3: something in"):
        list(DataLoader(Quitting(), 4, num_workers=2, worker="process"))


def test_what_cannot_be_pickled_is_said_with_the_fix():
    loader = DataLoader(
        Squares(), 4, num_workers=1, multiprocessing_context="spawn", collate_fn=lambda s: s
    )
    with pytest.raises(TypeError, match="cannot be sent to a worker process.*worker='thread'"):
        list(loader)


# -------------------------------------------------------------------------- whole programs

PROGRAM = """
import os, sys, time
import numpy as np
from hello_dl.data import DataLoader, Dataset

class Slow(Dataset):
    def __len__(self):
        return 1000
    def __getitem__(self, i):
        time.sleep(0.05)
        return np.array([i, os.getpid()])

def run():
    for batch in DataLoader(Slow(), 2, **OPTIONS):
        print(*batch.data[:, 1].tolist(), flush=True)
        BODY

GUARD
"""
GUARDED = 'if __name__ == "__main__":\n    run()'


def program(tmp_path, options, body="pass", guard=GUARDED):
    """Start a script of a user's; return the process."""
    text = PROGRAM.replace("OPTIONS", options).replace("BODY", body).replace("GUARD", guard)
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    root = os.path.dirname(os.path.dirname(hello_dl.__file__))
    return subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": root},
        start_new_session=True,
    )


def alive(pid):
    """Tell whether a process runs; one that is dead and not yet buried does not."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


needs_proc = pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks into /proc")
CREWS = {
    "threads": "dict(num_workers=2)",
    "processes": "dict(num_workers=2, worker='process')",
    "spawned": "dict(num_workers=2, multiprocessing_context='spawn')",
}


@needs_proc
@pytest.mark.parametrize("crew", CREWS)
@pytest.mark.parametrize(
    "sent", [signal.SIGINT, getattr(signal, "SIGKILL", 9)], ids=["ctrl-c", "kill"]
)
def test_a_program_that_is_stopped_leaves_nobody_behind(crew, sent, tmp_path):
    script = program(tmp_path, CREWS[crew])
    workers = {int(script.stdout.readline().split()[0]) for _ in range(3)}
    start = time.monotonic()
    # Ctrl-C in a terminal reaches the whole group, kill only the one that is named.
    (os.killpg if sent == signal.SIGINT else os.kill)(script.pid, sent)
    _, err = script.communicate(timeout=20)
    assert time.monotonic() - start < 5
    assert eventually(lambda: not any(alive(pid) for pid in workers)), "orphans"
    if sent == signal.SIGINT:
        assert err.count("Traceback") == 1 and err.strip().endswith("KeyboardInterrupt"), err


@pytest.mark.parametrize("crew", CREWS)
def test_a_program_ends_while_a_loop_is_open(crew, tmp_path):
    script = program(
        tmp_path, CREWS[crew], guard=f"if __name__ == '__main__':\n"
        f"    it = iter(DataLoader(Slow(), 2, **{CREWS[crew]}))\n    next(it)\n    print('end')"
    )  # fmt: skip
    start = time.monotonic()
    out, err = script.communicate(timeout=20)
    assert (out, err, script.returncode) == ("end\n", "", 0)
    assert time.monotonic() - start < 10


def test_a_script_without_a_guard_is_told_so(tmp_path):
    script = program(tmp_path, CREWS["spawned"], guard="run()")
    _, err = script.communicate(timeout=30)
    assert script.returncode == 1
    assert "needs `if __name__ == '__main__':`" in err.strip().splitlines()[-1]


# ------------------------------------------------------------------------------------- devices


@pytest.mark.parametrize("device", DEVICES)
@each_crew
def test_batches_come_to_the_device(device, workers):
    on_host = DataLoader(pictures(), 6, shuffle=True, generator=1)
    loader = DataLoader(pictures(), 6, shuffle=True, generator=1, device=device, **workers)
    batches, positions = [], []
    for batch in loader:  # all of them are kept: no buffer may be used twice
        batches.append(batch)
        positions.append(loader.state_dict()["batch"])
    assert all(part.device == device for batch in batches for part in batch)
    assert positions == list(range(1, 8))
    assert numbers(batches) == numbers(on_host)


@pytest.mark.gpu
def test_batches_are_right_while_the_gpu_is_busy():
    rows = np.arange(64 * 50_000, dtype=np.float32).reshape(64, 50_000)
    loader = DataLoader(TensorDataset(rows, np.arange(64)), 4, device="cuda", num_workers=2)
    heavy = Tensor(np.ones((3000, 3000), np.float32), device="cuda")
    sums = []
    for x, y in loader:
        heavy = (heavy @ heavy) * 1e-4
        sums.append((x.sum(1), y))
    for x, y in sums:
        np.testing.assert_allclose(plain(x), rows[plain(y)].sum(1), rtol=1e-4)


@pytest.mark.gpu
def test_batches_go_where_new_blocks_are_made():
    with hello_dl.device("cuda"):
        x, y = next(iter(DataLoader(pictures(), 4)))
        assert x.device == y.device == "cuda"
    on_gpu = TensorDataset(Tensor(np.arange(6.0), device="cuda"))
    assert next(iter(DataLoader(on_gpu, 4)))[0].device == "cuda"
    assert next(iter(DataLoader(on_gpu, 4, device="cpu")))[0].device == "cpu"


def test_pinning_changes_no_number():
    runs = [numbers(DataLoader(pictures(), 6, pin_memory=p, generator=0)) for p in (True, False)]
    assert runs[0] == runs[1]
