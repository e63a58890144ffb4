"""Random numbers from a counter: the same on every device, and a state that can be saved."""

import json
import math

import numpy as np
import pytest
from helpers import DEVICES

from hello_dl.backend import philox, random, to_device

each_device = pytest.mark.parametrize("device", DEVICES)


@each_device
@pytest.mark.parametrize("seed", [0, 7, 2**64 + 3, 2**128 - 1])
@pytest.mark.parametrize("block, count", [(0, 1), (0, 8), (5, 1000), (2**40, 17)])
def test_bits_are_those_of_numpy_at_that_place(seed, block, count, device):
    source = np.random.Philox(key=seed)
    source.advance(block)
    expected = source.random_raw(4 * -(-count // 8)).view(np.uint32)[:count]
    assert (to_device(philox.bits(seed, block, count, device), "cpu") == expected).all()


@each_device
@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_masks_drop_the_share_they_should_and_never_repeat(p, device):
    random.manual_seed(3)
    first, second = (to_device(random.keep_mask((200, 50), p, device), "cpu") for _ in range(2))
    assert first.dtype == bool and first.shape == (200, 50)
    assert abs(first.mean() - (1 - p)) < 4 * math.sqrt(p * (1 - p) / 10_000) + 1e-9
    assert p == 0 or (first != second).any()
    random.manual_seed(3)
    assert (to_device(random.keep_mask((200, 50), p, device), "cpu") == first).all()


@pytest.mark.gpu
def test_a_mask_is_the_same_on_every_device():
    masks = []
    for device in ("cpu", "cuda"):
        random.manual_seed(11)
        masks.append(to_device(random.keep_mask((3, 1001), 0.3, device), "cpu"))
    assert (masks[0] == masks[1]).all()


@each_device
def test_the_state_of_all_generators_can_be_saved_and_put_back(device):
    def draw():
        drawn = [random.uniform((3,), device=device), random.normal((2, 2), device=device)]
        drawn += [random.keep_mask((9,), 0.5, device), random.generator().permutation(5)]
        return [to_device(x, "cpu").tolist() for x in drawn]

    random.manual_seed(5)
    draw()
    state = json.loads(json.dumps(random.get_state()))
    first = draw()
    assert draw() != first
    random.set_state(state)
    assert draw() == first


@each_device
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_the_spread_is_right_on_every_device(dtype, device):
    random.manual_seed(0)
    x = to_device(random.uniform((20_000,), -2, 3, dtype, device), "cpu").astype("float64")
    assert -2 <= x.min() < -1.9 and 2.9 < x.max() <= 3 and abs(x.mean() - 0.5) < 0.04
    x = to_device(random.normal((20_000,), 2, 0.5, dtype, device), "cpu").astype("float64")
    assert abs(x.mean() - 2) < 0.02 and abs(x.std() - 0.5) < 0.02
    assert abs(((x - 2) ** 4).mean() / 0.5**4 - 3) < 0.3, "as many far ones as a normal has"
    assert random.uniform((2,), dtype=dtype, device=device).dtype == dtype
