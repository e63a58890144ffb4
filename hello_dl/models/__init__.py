"""The nets of the lessons, one file each, and the names under which `--model` knows them."""

from collections.abc import Callable

from hello_dl.models.mlp import DigitsMLP, LargeDigitsMLP
from hello_dl.nn import Module

__all__ = ["MODELS", "DigitsMLP", "LargeDigitsMLP", "make_model"]

# Every net takes pictures (n, 1, 28, 28) with ink 0..1 and gives logits (n, 10).
MODELS: dict[str, Callable[[], Module]] = {
    "mlp": DigitsMLP,
    "mlp-large": LargeDigitsMLP,
}


def make_model(name: str) -> Module:
    """Make the net of that name, untrained; ValueError lists the names there are."""
    if name not in MODELS:
        raise ValueError(f"there is no net '{name}'; --model takes {', '.join(MODELS)}")
    return MODELS[name]()
