"""Residual nets for pictures of 32 x 32: every block adds a correction to what it was given.

So a block that has learned nothing yet does no harm, and gradients have a straight way back: nets
can be deep (He, Zhang, Ren and Sun 2016, "Deep residual learning for image recognition").
"""

from __future__ import annotations

from hello_dl import functional as F
from hello_dl import nn
from hello_dl.models.cnn import found
from hello_dl.tensor import Tensor


class Shortcut(nn.Module):
    """What a block is given, brought to the size of its correction without a parameter.

    Every `stride`-th row and column, and channels of zeros on both sides: option A of the paper.
    """

    def __init__(self, channels: int, features: int, stride: int) -> None:
        self.stride, self.more = stride, features - channels

    def forward(self, input: Tensor) -> Tensor:
        """Subsample, and add channels."""
        small = input[:, :, :: self.stride, :: self.stride]
        return F.pad(small, (0, 0, 0, 0, self.more // 2, self.more - self.more // 2))


class BasicBlock(nn.Module):
    """Two convolutions of 3 x 3 make a correction, which is added to the input: relu(x + f(x))."""

    def __init__(
        self, channels: int, features: int, stride: int = 1, projection: bool = False
    ) -> None:
        self.conv1 = nn.Conv2d(channels, features, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(features)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(features)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or channels != features:
            self.shortcut = Shortcut(channels, features, stride)
            if projection:  # option B of the paper: a learned mix of the channels
                mix = nn.Conv2d(channels, features, 1, stride, bias=False)
                self.shortcut = nn.Sequential(mix, nn.BatchNorm2d(features))

    def forward(self, input: Tensor) -> Tensor:
        """Correct the input."""
        correction = self.bn1(self.conv1(input)).relu()
        correction = self.bn2(self.conv2(correction))
        return (correction + self.shortcut(input)).relu()


class ResNet(nn.Sequential):
    """Pictures (n, channels, 32, 32) to logits (n, classes), through stages of BasicBlocks.

    widths      features of each stage; each but the first halves the picture
    blocks      in every stage
    projection  shortcuts between stages have weights (option B), and are not only zeros (A)
    """

    def __init__(
        self,
        widths: tuple[int, ...],
        blocks: int,
        projection: bool = False,
        classes: int = 10,
        channels: int = 3,
    ) -> None:
        layers = list(found(channels, widths[0]))
        width = widths[0]
        for stage, features in enumerate(widths):
            for block in range(blocks):
                stride = 2 if stage and not block else 1
                layers.append(BasicBlock(width, features, stride, projection))
                width = features
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def resnet20(classes: int = 10, channels: int = 3) -> ResNet:
    """Make ResNet-20 of the paper, 3 stages of 3 blocks, 16 to 64 features: 269,722 parameters."""
    return ResNet((16, 32, 64), 3, classes=classes, channels=channels)


def resnet18(classes: int = 10, channels: int = 3) -> ResNet:
    """Make ResNet-18 with a first layer for small pictures: 4 stages, 11,173,962 parameters."""
    widths = (64, 128, 256, 512)
    return ResNet(widths, 2, projection=True, classes=classes, channels=channels)


def digits_resnet(classes: int = 10) -> ResNet:
    """Make a residual net for pictures (n, 1, 28, 28): 3 stages of 1 block, 75,002 parameters."""
    return ResNet((16, 32, 64), 1, classes=classes, channels=1)


class _Doubled(nn.Sequential):
    """A residual block of two layers: x + f(x)."""

    def __init__(self, features: int) -> None:
        super().__init__(*found(features, features), *found(features, features))

    def forward(self, input: Tensor) -> Tensor:
        """Correct the input."""
        return input + super().forward(input)


class ResNet9(nn.Sequential):
    """Pictures (n, channels, 32, 32) to logits (n, classes): few layers, wide ones, quick to train.

    (David Page, "How to train your ResNet", 2018.) It has 6,573,130 parameters.
    """

    def __init__(self, classes: int = 10, channels: int = 3) -> None:
        super().__init__(
            *found(channels, 64),
            *found(64, 128),
            nn.MaxPool2d(2),
            _Doubled(128),
            *found(128, 256),
            nn.MaxPool2d(2),
            *found(256, 512),
            nn.MaxPool2d(2),
            _Doubled(512),
            nn.AdaptiveMaxPool2d(1),
            nn.Flatten(),
            nn.Linear(512, classes),
        )
