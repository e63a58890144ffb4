"""The nets of the lessons, one file each, and the names under which `--model` knows them."""

from collections.abc import Callable

from hello_dl.models.cnn import SmallCNN
from hello_dl.models.lenet import LeNet5
from hello_dl.models.mlp import DigitsMLP, LargeDigitsMLP
from hello_dl.models.resnet import ResNet, ResNet9, digits_resnet, resnet18, resnet20
from hello_dl.nn import Module

__all__ = [
    "MODELS", "DigitsMLP", "LargeDigitsMLP", "LeNet5", "ResNet", "ResNet9", "SmallCNN",
    "check_name", "digits_resnet", "make_model", "resnet18", "resnet20",
]  # fmt: skip

# Every net takes pictures (n, 1, 28, 28) with ink 0..1 and gives logits (n, classes).
MODELS: dict[str, Callable[..., Module]] = {
    "mlp": DigitsMLP,
    "mlp-large": LargeDigitsMLP,
    "lenet": LeNet5,
    "cnn": SmallCNN,
    "resnet": digits_resnet,
}


def check_name(name: str) -> None:
    """Raise ValueError, which lists the names there are, if there is no net of that name."""
    if name not in MODELS:
        raise ValueError(f"there is no net '{name}'; --model takes {', '.join(MODELS)}")


def make_model(name: str, classes: int = 10) -> Module:
    """Make the net of that name, untrained, for so many classes; ValueError as `check_name`."""
    check_name(name)
    return MODELS[name](classes)
