"""A small convolutional net as it is built today: kernels of 3 x 3, batch norm, ReLU, pooling."""

from __future__ import annotations

from hello_dl import nn


class SmallCNN(nn.Sequential):
    """Pictures (n, 1, 28, 28) of digits or letters to logits (n, classes).

    It halves the picture three times, and finds more features in it meanwhile. The first kernels
    are larger and go two pixels at a time: where there is only ink to see, they miss little, and
    all that follows has a quarter of the places. For 10 classes it has 71,466 parameters.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__(
            *found(1, 32, kernel_size=5, stride=2),  # (n, 32, 14, 14)
            *found(32, 32),
            nn.MaxPool2d(2),  # (n, 32, 7, 7)
            *found(32, 64),
            *found(64, 64),
            nn.MaxPool2d(2),  # (n, 64, 3, 3)
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(64 * 3 * 3, classes),
        )


def found(
    channels: int, features: int, kernel_size: int = 3, stride: int = 1
) -> tuple[nn.Module, ...]:
    """Look for features, in places of 3 x 3. The norm has a bias, so the kernels need none."""
    padding = kernel_size // 2
    kernels = nn.Conv2d(channels, features, kernel_size, stride, padding, bias=False)
    return kernels, nn.BatchNorm2d(features), nn.ReLU()
