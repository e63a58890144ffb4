"""From samples to batches, and the order of samples: collate and samplers, as PyTorch has them."""

from collections import namedtuple

import numpy as np
import pytest
from helpers import import_torch, plain

from hello_dl import Tensor
from hello_dl.data import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
    default_collate,
    default_convert,
)

Point = namedtuple("Point", "x y")
COLLATE = {
    "whole numbers": [1, 2, 3],
    "bools": [True, False],
    "numpy scalars": [np.float64(0.5), np.float64(1.5)],
    "single": [np.int32(1), np.int32(2)],
    "arrays": [np.ones((2, 3)), np.zeros((2, 3))],
    "half": [np.ones(2, np.float16), np.zeros(2, np.float16)],
    "texts": ["a", "b"],
    "bytes": [b"a", b"b"],
    "tuples": [(1, np.ones(2)), (2, np.zeros(2))],
    "lists": [[1, 2], [3, 4]],
    "dicts": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}],
    "named": [Point(1, 2), Point(3, 4)],
    "nested": [{"a": [(1, 2), {"c": np.ones(3)}]}, {"a": [(3, 4), {"c": np.zeros(3)}]}],
    "empty": [np.ones((0, 2)), np.ones((0, 2))],
    "zero-d": [np.array(1.0), np.array(2.0)],
}


def assert_same(ours, theirs):
    """Hold a batch against PyTorch's."""
    if isinstance(ours, Tensor):
        assert str(ours.dtype) == str(theirs.dtype).removeprefix("torch.")
        np.testing.assert_array_equal(plain(ours), theirs.numpy())
    elif isinstance(ours, dict):
        assert ours.keys() == theirs.keys()
        for key in ours:
            assert_same(ours[key], theirs[key])
    elif isinstance(ours, (list, tuple)):
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for a, b in zip(ours, theirs):
            assert_same(a, b)
    else:
        assert ours == theirs


@pytest.mark.parametrize("samples", COLLATE.values(), ids=COLLATE)
def test_collate_is_pytorch_s(samples):
    torch = import_torch()
    assert_same(default_collate(samples), torch.utils.data.default_collate(samples))


def test_a_sample_that_is_not_batched_is_converted_as_in_pytorch():
    torch = import_torch()
    samples = (
        np.ones(2), np.int64(3), np.float32(0.5), np.bool_(True), 4, 0.5, "a",
        {"a": np.zeros((0, 2)), "b": [np.uint8(1)]}, Point(np.ones(1), 2),
    )  # fmt: skip
    for sample in samples:
        assert_same(default_convert(sample), torch.utils.data.default_convert(sample))


def test_collate_of_tensors_and_of_floats():
    batch = default_collate([(Tensor([1.0]), 0.5), (Tensor([2.0]), 1.5)])
    assert batch[0].data.tolist() == [[1.0], [2.0]] and batch[1].data.tolist() == [0.5, 1.5]
    assert batch[1].dtype == np.float32, "ours: a float of Python's never becomes float64"


@pytest.mark.parametrize(
    ("samples", "error", "words"),
    [
        ([np.ones(2), np.ones(3)], ValueError, "differ in shape, (2,) at 0 and (3,) at 1"),
        ([(1, 2), (1, 2, 3)], ValueError, "2 to 3 parts"),
        ([None, None], TypeError, "NoneType"),
        ([np.array(["a"]), np.array(["b"])], TypeError, "numbers"),
        ([object()], TypeError, "collate_fn"),
        ([], ValueError, "no samples"),
    ],
)
def test_what_cannot_be_stacked_is_said(samples, error, words):
    with pytest.raises(error) as caught:
        default_collate(samples)
    assert words in str(caught.value) and "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------ samplers


def test_samplers_give_what_pytorch_s_give():
    torch = import_torch()
    theirs = torch.utils.data
    data = range(10)
    assert list(SequentialSampler(data)) == list(theirs.SequentialSampler(data))
    for drop_last in (False, True):
        batches = BatchSampler(SequentialSampler(data), 3, drop_last)
        other = theirs.BatchSampler(theirs.SequentialSampler(data), 3, drop_last)
        assert list(batches) == list(other) and len(batches) == len(other)
    for number in (1, 7, 10, 25):
        for replacement in (False, True):
            ours = list(RandomSampler(data, replacement, number, generator=0))
            assert len(ours) == number == len(RandomSampler(data, replacement, number))
            assert all(type(i) is int and 0 <= i < 10 for i in ours)
            if not replacement:
                assert sorted(ours[:10]) == sorted(set(ours[:10]))
    assert sorted(SubsetRandomSampler([3, 5, 9])) == [3, 5, 9]


def test_weights_are_frequencies():
    weights = [0.0, 1.0, 3.0, 0.0, 4.0, 0.0]
    picked = list(WeightedRandomSampler(weights, 40_000, generator=0))
    shares = np.bincount(picked, minlength=6) / 40_000
    np.testing.assert_allclose(shares, np.array(weights) / 8, atol=0.01)
    assert shares[0] == shares[3] == shares[5] == 0
    once = list(WeightedRandomSampler(Tensor(weights), 3, replacement=False, generator=0))
    assert sorted(once) == [1, 2, 4]
    firsts = [list(WeightedRandomSampler(weights, 1, False, i))[0] for i in range(4000)]
    shares = np.bincount(firsts, minlength=6) / 4000
    np.testing.assert_allclose(shares, np.array(weights) / 8, atol=0.03)
