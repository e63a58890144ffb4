"""The two parts of a text: what a model learns from, and what it is tried on."""

from __future__ import annotations

from hello_dl.nn import Module
from hello_dl.tensor import Tensor
from hello_dl.text.corpus import Batch, OrderedWindows, RandomWindows, Tokens, split
from hello_dl.text.options import TextOptions
from hello_dl.train.evaluate import evaluate


class Halves:
    """A text as tokens: what is learned from, and the tenth at its end for validation."""

    def __init__(self, tokens: Tokens, options: TextOptions) -> None:
        recipe = options.recipe
        self.train, self.validation = split(tokens)
        window = recipe.block_size + 1
        if len(self.validation) < window:
            raise ValueError(
                f"the text has {len(tokens):,} tokens, and {10 * window:,} are needed: a tenth of "
                f"it is kept for validation, and has to hold a window of {window}"
            )
        self.recipe, self.seed = recipe, options.seed

    def windows(self) -> RandomWindows:
        """Batches to learn from; an epoch is what lies between two validations."""
        sizes = self.recipe.block_size, self.recipe.batch_size, self.recipe.every
        return RandomWindows(self.train, *sizes, self.seed, self.recipe.steps)

    def loss(self, model: Module, batches: int | None = None) -> float:
        """The loss of all the validation text, or of windows spread evenly over it."""
        size = max(self.recipe.batch_size, 32)
        windows = OrderedWindows(self.validation, self.recipe.block_size, size, batches)
        return evaluate(model, windows, step_loss=loss_of)["loss"]


def loss_of(model: Module, batch: Batch) -> Tensor:
    """The loss of a batch."""
    return model(*batch)[1]
