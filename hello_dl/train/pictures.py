"""The recipe for nets that learn to name pictures: move and mirror, one cycle, smoothed truth.

It is that of the residual nets, with the learning rates of Smith and Topin 2018, which need fewer
epochs. All of it happens where the pictures lie: on a GPU, batch by batch, nothing waits for a CPU.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from hello_dl import functional as F
from hello_dl.data import DataLoader, ImageSet, TensorDataset, transforms
from hello_dl.nn import Module
from hello_dl.optim import SGD
from hello_dl.optim.lr_scheduler import OneCycleLR
from hello_dl.tensor import Tensor
from hello_dl.train.evaluate import predict
from hello_dl.train.fit import fit
from hello_dl.train.metrics import accuracy
from hello_dl.train.records import Training


def picture_training(
    model: Module,
    learned: ImageSet,
    new: ImageSet,
    *,
    epochs: int,
    batch_size: int = 128,
    lr: float = 0.2,
    weight_decay: float = 5e-4,
    label_smoothing: float = 0.1,
    shift: int = 4,
    mirror: bool = True,
) -> Training:
    """Train a model on the pictures of one set, try it on those of the other; yields as `fit`.

    Every epoch shows each picture moved by up to `shift` pixels, and with `mirror` left and right
    exchanged or not. `lr` is the highest learning rate. Pictures are uint8 (n, C, H, W), and the
    model gets them with mean 0 and deviation 1 in each color, as they are in the set to learn from.
    """
    finish = as_in(learned)
    moved = [transforms.RandomCrop(learned.images.shape[2:], padding=shift)]
    flipped = [transforms.RandomHorizontalFlip()] * mirror

    training = DataLoader(
        on_device(learned, *moved, *flipped, *finish), batch_size, shuffle=True, drop_last=True
    )
    optimizer = SGD(
        model.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=weight_decay
    )
    return fit(
        model,
        training,
        optimizer=optimizer,
        loss=partial(F.cross_entropy, label_smoothing=label_smoothing),
        metrics={"accuracy": accuracy},
        epochs=epochs,
        schedule=OneCycleLR(optimizer, lr, total_steps=epochs * len(training)),
        validate=DataLoader(on_device(new, *finish), 500),
    )


def name_pictures(model: Module, pictures: ImageSet, like: ImageSet) -> np.ndarray:
    """Return the class (n,) that a model takes each picture for; it learned from those `like`."""
    batches = DataLoader(on_device(pictures, *as_in(like)), 500)
    return predict(model, (inputs for inputs, _ in batches)).argmax(1)


def as_in(pictures: ImageSet) -> tuple[transforms.Transform, ...]:
    """Make the transforms to floats that have mean 0 and deviation 1 in each color of a set."""
    mean, std = (f(pictures.images, axis=(0, 2, 3)) / 255 for f in (np.mean, np.std))
    return transforms.ToTensor(), transforms.Normalize(mean, std)


def on_device(pictures: ImageSet, *changes: transforms.Transform) -> TensorDataset:
    """Return the pictures as blocks that lie where new nets do, to be changed there."""
    blocks = Tensor(pictures.images), Tensor(pictures.targets)
    return TensorDataset(*blocks, transform=transforms.Compose(changes))
