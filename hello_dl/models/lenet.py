"""LeNet-5: kernels find strokes, pooling lets them move a little, linear maps read the digit."""

from __future__ import annotations

from hello_dl import nn


class LeNet5(nn.Sequential):
    """Pictures (n, 1, 28, 28) to logits (n, classes) (LeCun, Bottou, Bengio and Haffner 1998).

    As it is built today: ReLU, max pooling, and every kernel sees all channels. A border of 2 makes
    28 x 28 the 32 x 32 of the paper. It has 61,706 parameters, 48,120 of them in one linear map.
    As in the paper the bend comes after pooling: the largest of four is the same before and after
    ReLU, and so there are a quarter as many numbers to bend.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__(
            nn.Conv2d(1, 6, 5, padding=2),  # (n, 6, 28, 28)
            nn.MaxPool2d(2),  # (n, 6, 14, 14)
            nn.ReLU(),
            nn.Conv2d(6, 16, 5),  # (n, 16, 10, 10)
            nn.MaxPool2d(2),  # (n, 16, 5, 5)
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, classes),
        )
