"""The recipe for pictures in color: it learns, names, and leaves pictures where they are."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import DEVICES, plain

from hello_dl import device, manual_seed, nn
from hello_dl.backend import is_array
from hello_dl.data import ImageSet
from hello_dl.models import ResNet
from hello_dl.train import Epoch
from hello_dl.train.pictures import as_in, name_pictures, on_device, picture_training

CLASSES = ("red", "green", "blue")


def flags(count, seed=0):
    """Pictures of noise in which one color is a little stronger: their class."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(3, size=count)
    images = rng.integers(0, 120, (count, 3, 8, 8))
    images[np.arange(count), targets] += 60
    return ImageSet(images.astype(np.uint8), targets, CLASSES)


@pytest.mark.parametrize("where", DEVICES)
def test_a_residual_net_learns_colors_and_names_them(where):
    with device(where):
        manual_seed(0)
        learned, new = flags(160), flags(90, seed=1)
        net = ResNet((4,), 1, classes=3)
        settings = {"epochs": 3, "batch_size": 16, "shift": 1}
        epochs = [
            r for r in picture_training(net, learned, new, **settings) if isinstance(r, Epoch)
        ]
        names = name_pictures(net, new, like=learned)
    assert [record.step for record in epochs] == [10, 20, 30]
    assert epochs[-1].lr < 1e-4, "one cycle has ended"
    right = np.mean(names == new.targets)
    assert names.shape == (90,) and right > 0.9
    assert right == pytest.approx(epochs[-1].validation["accuracy"])
    assert next(iter(net.parameters())).device == where


@pytest.mark.parametrize("where", DEVICES)
def test_pictures_are_finished_where_they_lie_as_those_learned_from(where):
    pictures = flags(40)
    with device(where):
        data = on_device(pictures, *as_in(pictures))
        batch, targets = data.__getitems__(range(40))
    assert is_array(targets) and batch.device == where
    block = plain(batch)
    assert block.dtype == np.float32
    np.testing.assert_allclose(block.mean((0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(block.std((0, 2, 3)), 1, atol=1e-5)


class Places(nn.Module):
    """Keeps the pictures that it gets."""

    def __init__(self):
        self.seen, self.linear = [], nn.Linear(1, 3)

    def forward(self, input):
        self.seen.append(input.numpy())
        return self.linear(input[:, 0, :1, 0])


@pytest.mark.parametrize(("shift", "mirror", "kinds"), [(0, False, 1), (0, True, 2), (1, False, 9)])
def test_pictures_are_moved_and_mirrored_in_training_only(shift, mirror, kinds):
    manual_seed(0)
    rng = np.random.default_rng(0)
    images = np.repeat(rng.integers(1, 256, (1, 1, 5, 5), dtype=np.uint8), 200, axis=0)
    pictures = ImageSet(images, np.zeros(200, int), CLASSES)
    net = Places()
    settings = {"epochs": 1, "batch_size": 200, "shift": shift, "mirror": mirror}
    list(picture_training(net, pictures, pictures, **settings))
    trained, tested = net.seen
    assert len(np.unique(trained.reshape(200, -1), axis=0)) == kinds
    assert len(np.unique(tested.reshape(200, -1), axis=0)) == 1
