"""DataLoader: PyTorch's batches, the same whatever the workers, and exact positions."""

import json

import numpy as np
import pytest
from helpers import import_torch, plain
from loading import (
    WORKERS,
    Squares,
    each_kind,
    nobody_left,
    numbers,
    pictures,
)

from hello_dl import Tensor, manual_seed
from hello_dl.backend import random
from hello_dl.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    current_generator,
    transforms,
)

pytestmark = pytest.mark.usefixtures(nobody_left.__name__)


# ------------------------------------------------------------------------------------- batches


@pytest.mark.parametrize("workers", [{}, {"num_workers": 2}], ids=["none", "threads"])
@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("batch_size", [1, 4, 23, 50])
def test_the_batches_are_pytorch_s(batch_size, drop_last, workers):
    torch = import_torch()
    x = np.arange(46, dtype=np.float32).reshape(23, 2)
    y = np.arange(23)
    ours = DataLoader(TensorDataset(x, y), batch_size, drop_last=drop_last, **workers)
    parts = (torch.from_numpy(x), torch.from_numpy(y))
    theirs = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(*parts), batch_size, drop_last=drop_last
    )
    assert len(ours) == len(theirs)
    batches = list(ours)
    assert len(batches) == len(theirs)
    for mine, other in zip(batches, theirs):
        assert type(mine) is type(other) is list
        for a, b in zip(mine, other, strict=True):
            assert isinstance(a, Tensor) and tuple(a.shape) == tuple(b.shape)
            assert str(a.dtype) == str(b.dtype).removeprefix("torch.")
            np.testing.assert_array_equal(plain(a), b.numpy())


def test_one_sample_at_a_time_and_batches_of_a_sampler():
    data = TensorDataset(np.arange(10.0))
    alone = list(DataLoader(data, batch_size=None))
    assert [x[0].item() for x in alone] == list(range(10)) and alone[0][0].shape == ()
    assert len(DataLoader(data, batch_size=None)) == 10
    groups = [[0, 9], [5], [1, 2, 3]]
    loader = DataLoader(data, batch_sampler=groups)
    assert [b[0].data.tolist() for b in loader] == groups and len(loader) == 3
    in_pairs = BatchSampler(SequentialSampler(data), 4, drop_last=False)
    by_list = DataLoader(data, sampler=in_pairs, batch_size=None)  # PyTorch's idiom: data[[0, 1]]
    assert [b[0].data.tolist() for b in by_list] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert [b.data.tolist() for b in DataLoader([4, 5, 6], 2)] == [[4, 5], [6]]
    assert list(DataLoader(TensorDataset(np.zeros((0, 3))), 4, shuffle=True)) == []


@each_kind
def test_shuffling_takes_every_sample_once_and_anew_in_each_epoch(workers):
    loader = DataLoader(Squares(), 4, shuffle=True, generator=1, **workers)
    epochs = [[i for batch in loader for i in batch[0].data.tolist()] for _ in range(3)]
    for order in epochs:
        assert sorted(order) == list(range(23)) != order
    assert epochs[0] != epochs[1] != epochs[2]
    assert loader.epoch == 3


@each_kind
def test_a_collate_fn_gets_a_list_of_samples(workers):
    pairs = TensorDataset(np.arange(6), np.arange(6) * 2)
    loader = DataLoader(pairs, 4, collate_fn=kept, **workers)
    assert list(loader) == [[(0, 0), (1, 2), (2, 4), (3, 6)], [(4, 8), (5, 10)]]
    named = DataLoader(pictures(4), 2, collate_fn=kept, **workers)
    first = next(iter(named))
    assert len(first) == 2 and plain(first[0][0]).shape == (1, 12, 12)


def kept(samples):
    assert isinstance(samples, list)
    return samples


class Hooked(Dataset):
    """Has PyTorch's hook, which gives a list of samples, or a whole batch."""

    def __init__(self, whole):
        self.whole = whole

    def __len__(self):
        return 10

    def __getitem__(self, i):
        raise AssertionError("one by one is not asked for")

    def __getitems__(self, indices):
        assert isinstance(indices, list)
        rows = np.asarray(indices)
        return {"x": rows, "y": rows * 2} if self.whole else [{"x": i, "y": 2 * i} for i in indices]


@pytest.mark.parametrize("whole", [False, True])
def test_getitems_gives_samples_or_a_batch(whole):
    batch = next(iter(DataLoader(Hooked(whole), 3)))
    assert isinstance(batch["y"], Tensor) and batch["y"].data.tolist() == [0, 2, 4]
    samples = next(iter(DataLoader(Hooked(whole), 3, collate_fn=kept)))
    assert [sample["y"] for sample in samples] == [0, 2, 4]


class Doubled(TensorDataset):
    """Overrides the single sample alone, so that has to be asked."""

    def __getitem__(self, i):
        return super().__getitem__(i)[0] * 2


def test_a_class_that_overrides_getitem_alone_is_asked_one_by_one():
    assert next(iter(DataLoader(Doubled(np.arange(4)), 4))).data.tolist() == [0, 2, 4, 6]


# -------------------------------------------------------------------------------- determinism


@pytest.mark.parametrize("make", [Squares, pictures], ids=["one by one", "whole batches"])
def test_the_workers_do_not_matter(make):
    runs = []
    for workers in WORKERS.values():
        loader = DataLoader(make(), 6, shuffle=True, generator=7, **workers)
        runs.append([numbers(loader) for _ in range(2)])
    assert runs[0][0] != runs[0][1]
    assert all(run == runs[0] for run in runs)


def test_spawned_processes_give_the_same(tmp_path):
    here = DataLoader(pictures(), 6, shuffle=True, generator=7)
    options = {"num_workers": 2, "multiprocessing_context": "spawn", "persistent_workers": True}
    there = DataLoader(pictures(), 6, shuffle=True, generator=7, **options)
    assert there.worker == "process"
    assert [numbers(here) for _ in range(2)] == [numbers(there) for _ in range(2)]


def test_the_seed_decides_and_manual_seed_does_without_one():
    data = Squares()

    def epochs(seed):
        return numbers(DataLoader(data, 5, shuffle=True, generator=seed))

    assert epochs(3) == epochs(3) != epochs(4)
    assert epochs(np.random.default_rng(3)) == epochs(np.random.default_rng(3)) != epochs(3)
    manual_seed(0)
    first = epochs(None)
    assert epochs(None) != first
    manual_seed(0)
    assert epochs(None) == first
    loader = DataLoader(data, 5, shuffle=True)
    manual_seed(0)
    assert numbers(loader) == first, "also where the seed comes after the loader"
    assert numbers(loader) != first
    manual_seed(0)
    assert numbers(loader) == first and loader.epoch == 1


def test_a_loader_takes_no_random_number_from_the_model():
    manual_seed(5)
    alone = random.generator().random(3).tolist()
    manual_seed(5)
    list(DataLoader(pictures(), 6, shuffle=True, num_workers=2))
    assert random.generator().random(3).tolist() == alone


def test_transforms_draw_from_the_batch_and_outside_from_manual_seed():
    flip = transforms.RandomErasing(p=1.0)
    picture = np.ones((1, 9, 9), np.float32)
    manual_seed(1)
    first = flip(picture)
    manual_seed(1)
    assert (flip(picture) == first).all()


# ----------------------------------------------------------------------------------- position


@each_kind
@pytest.mark.parametrize("stop", [0, 2, 6])
def test_a_position_goes_on_with_exactly_what_was_left(stop, workers):
    options = {"batch_size": 4, "shuffle": True, **workers}
    loader = DataLoader(Squares(), generator=9, **options)
    list(loader)  # the first epoch
    epochs = [numbers(loader), numbers(loader)]
    loader = DataLoader(Squares(), generator=9, **options)
    list(loader)
    taken, batches = [], iter(loader)
    for _ in range(stop):
        taken.append(next(batches))
    state = json.loads(json.dumps(loader.state_dict()))
    assert state == {"seed": 9, "epoch": 1, "batch": stop}, "of what was taken, not prefetched"
    del batches

    data = Squares()
    other = DataLoader(data, generator=1, **options)
    other.load_state_dict(state)
    assert other.epoch == 1 and other.state_dict() == state
    rest = list(other)
    assert numbers(taken) + numbers(rest) == epochs[0]
    if not workers:
        assert len(data.asked) == 23 - 4 * min(stop, 6) + (stop == 6), "no sample is fetched twice"
    assert other.epoch == 2 and numbers(other) == epochs[1]


def test_a_loop_that_is_left_ends_its_epoch():
    loader = DataLoader(Squares(), 4, shuffle=True, generator=2)
    whole = DataLoader(Squares(), 4, shuffle=True, generator=2)
    epochs = [numbers(whole) for _ in range(4)]
    assert numbers([next(iter(loader))]) == epochs[0][:1]
    assert numbers([next(iter(loader))]) == epochs[1][:1], "another batch, as in PyTorch"
    both = list(zip(loader, loader))
    assert numbers([a for a, _ in both]) == epochs[2] and numbers([b for _, b in both]) == epochs[3]
    loader.epoch = 0
    assert numbers(loader) == epochs[0] and loader.epoch == 1


@pytest.mark.parametrize("seed", [None, 0, np.random.default_rng(0)])
def test_a_position_comes_before_what_is_seeded_later(seed):
    loader = DataLoader(Squares(), 4, shuffle=True)
    it = iter(loader)
    next(it)
    state, rest = loader.state_dict(), numbers(it)
    other = DataLoader(Squares(), 4, shuffle=True, generator=seed)
    other.load_state_dict(state)
    manual_seed(123)  # as a training does that restores its random state afterwards
    assert other.state_dict() == state and numbers(other) == rest
    manual_seed(123)
    assert other.epoch == (0 if seed is None else 1), "from then on it has a say again"


def test_samplers_of_all_kinds_resume():
    class Odd(Sampler):  # draws as it goes
        def __iter__(self):
            for _ in range(11):
                yield int(current_generator().integers(23))

        def __len__(self):
            return 11

    weights = np.arange(23.0)
    samplers = {
        "random": lambda: RandomSampler(Squares(), replacement=True, num_samples=11, generator=3),
        "weighted": lambda: WeightedRandomSampler(weights, 11),
        "subset": lambda: SubsetRandomSampler(range(11)),
        "own": Odd,
    }
    for name, make in samplers.items():
        loader = DataLoader(Squares(), 2, sampler=make(), generator=5)
        epochs = [numbers(loader), numbers(loader)]
        assert epochs[0] != epochs[1] and len(epochs[0]) == len(loader) == 6, name
        other = DataLoader(Squares(), 2, sampler=make(), generator=5)
        other.load_state_dict({"seed": 5, "epoch": 0, "batch": 4})
        assert numbers(other) == epochs[0][4:] and numbers(other) == epochs[1], name


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"seed": 0, "epoch": 0, "batch": 7}, "batch 7 is beyond the 6 batches"),
        ({"seed": 0, "epoch": 0}, "seed, epoch and batch, not seed, epoch"),
        ({"seed": 0, "epoch": -1, "batch": 0}, "epoch must be a whole number"),
        ({"seed": 0, "epoch": 0, "batch": "3"}, "batch must be a whole number"),
        (None, "not None"),
    ],
)
def test_a_position_that_is_none_changes_nothing(state, words):
    loader = DataLoader(Squares(), 4, generator=0)
    before = loader.state_dict()
    with pytest.raises(ValueError) as caught:
        loader.load_state_dict(state)
    assert words in str(caught.value) and loader.state_dict() == before


# -------------------------------------------------------------------------------------- streams


class Stream(IterableDataset):
    """Whole numbers, and a random one with each."""

    def __init__(self, count=10, known=False):
        self.count = count
        if known:
            self.__class__ = KnownStream

    def __iter__(self):
        for i in range(self.count):
            yield i, current_generator().random()


class KnownStream(Stream):
    def __len__(self):
        return self.count


@each_kind
def test_a_stream_is_batched_resumed_and_read_once(workers):
    torch = import_torch()

    class Same(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(range(10))

    for drop_last in (False, True):
        ours = DataLoader(Stream(), 4, drop_last=drop_last, generator=0, **workers)
        theirs = torch.utils.data.DataLoader(Same(), 4, drop_last=drop_last)
        batches = numbers(ours)
        assert [batch[0] for batch in batches] == [batch.tolist() for batch in theirs]
        other = DataLoader(Stream(), 4, drop_last=drop_last, generator=0, **workers)
        other.load_state_dict({"seed": 0, "epoch": 0, "batch": 1})
        assert numbers(other) == batches[1:]
        assert numbers(other) == numbers(ours) != batches
    with pytest.raises(TypeError):
        len(ours)
    assert len(DataLoader(Stream(known=True), 4)) == 3
    assert [x[0] for x in DataLoader(Stream(3), None, **workers)] == [0, 1, 2]


# ----------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number of at least 1, not 0"),
        ({"batch_size": 2.0}, "batch_size"),
        ({"num_workers": -1}, "num_workers"),
        ({"timeout": -1}, "timeout=-1"),
        ({"prefetch_factor": 2}, "num_workers is 0"),
        ({"persistent_workers": True}, "num_workers is 0"),
        ({"num_workers": 1, "prefetch_factor": 0}, "at least 1 batch"),
        ({"worker": "fiber"}, "thread, process"),
        ({"shuffle": True, "sampler": [1]}, "give one of them"),
        ({"batch_sampler": [[1]], "batch_size": 2}, "leave them out"),
        ({"batch_sampler": [[1]], "drop_last": True}, "leave them out"),
        ({"batch_size": None, "drop_last": True}, "makes no batches"),
        ({"drop_last": "yes"}, "True or False"),
        ({"generator": -1}, "at least 0"),
        ({"device": "gpu"}, "cpu, cuda"),
    ],
)
def test_arguments_that_make_no_sense(options, words):
    with pytest.raises(ValueError) as caught:
        DataLoader(Squares(), **options)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_data_set_and_no_seed():
    with pytest.raises(TypeError, match="__getitem__"):
        DataLoader(7)
    endless = type("Endless", (Dataset,), {"__getitem__": lambda self, i: i})()
    with pytest.raises(TypeError, match="Endless has no __len__. .*IterableDataset"):
        DataLoader(endless, 2)
    assert [b.tolist() for b in DataLoader(endless, 2, sampler=[5, 7])] == [[5, 7]]
    with pytest.raises(TypeError, match="numpy Generator"):
        DataLoader(Squares(), generator="abc")
    with pytest.raises(ValueError, match="own order"):
        DataLoader(Stream(), shuffle=True)
    with pytest.raises(TypeError, match="needs a __getitem__"):
        Dataset()[0]
    with pytest.raises(TypeError, match="needs an __iter__"):
        iter(IterableDataset())
    with pytest.raises(ValueError, match="above 0"):
        WeightedRandomSampler([0.0, 0.0], 1)
    with pytest.raises(ValueError, match="only 1 samples|and 1 samples"):
        WeightedRandomSampler([0.0, 1.0], 2, replacement=False)
