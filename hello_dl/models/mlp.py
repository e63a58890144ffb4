"""The digits nets: multi-layer perceptrons, three linear maps with a bend after the first two."""

from __future__ import annotations

from hello_dl import nn


class DigitsMLP(nn.Sequential):
    """Pictures (n, 28, 28) to logits (n, classes), through 128 and 64 neurons.

    For 10 classes it has 109,386 parameters: 784·128 + 128, 128·64 + 64, and 64·10 + 10.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(784, 128),
            nn.ReLU(),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )


class LargeDigitsMLP(nn.Sequential):
    """Pictures (n, 28, 28) to logits (n, classes), through 512 and 256 neurons, with dropout.

    For 10 classes it has 535,818 parameters, enough to learn its digits by heart: give it new ones
    in every epoch (`hello-dl digits --augment`).
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__(
            nn.Flatten(),
            nn.Linear(784, 512),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(512, 256),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(256, classes),
        )
