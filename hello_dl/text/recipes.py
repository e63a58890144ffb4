"""The recipes: which text a model learns from, how large it is, and how it is trained best.

`CONFIGS` has a row for each `--config` of `hello-dl train-text`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from hello_dl.models.text import GPT, Bigram, GPTConfig, TextMLP, TextModel, TextRNN
from hello_dl.nn import Module
from hello_dl.optim import AdamW
from hello_dl.optim.lr_scheduler import LambdaLR, LRScheduler

MODELS = ("gpt", "gru", "lstm", "rnn", "mlp", "bigram")


@dataclass(frozen=True)
class Recipe:
    """How to train a model on a text.

    text         which one: "shakespeare", "names" or "pydoc"
    block_size   tokens of a window; batch_size: windows of a step
    n_layer, n_head, n_embd  sizes of a GPT; the other models take the last
    lr           after `warmup` steps; then it falls along a cosine to a tenth
    every        steps between two validations
    """

    text: str
    block_size: int
    batch_size: int
    n_layer: int
    n_head: int
    n_embd: int
    steps: int
    lr: float
    dropout: float = 0.0
    warmup: int = 100
    every: int = 250
    clip: float = 1.0

    @property
    def quick(self) -> Recipe:
        """The same for a first look, in seconds: fewer steps, and no more than a CPU can do."""
        small = {"block_size": 64, "batch_size": 32, "n_layer": 4, "n_head": 4, "n_embd": 128}
        sizes = {name: min(getattr(self, name), largest) for name, largest in small.items()}
        return replace(self, steps=min(self.steps, 120), every=40, warmup=20, **sizes)

    def make_model(self, name: str, vocab_size: int) -> TextModel:
        """Make a model of that name, untrained."""
        if name == "gpt":
            sizes = self.block_size, self.n_layer, self.n_head, self.n_embd
            return GPT(GPTConfig(vocab_size, *sizes, dropout=self.dropout, bias=False))
        if name == "mlp":
            return TextMLP(vocab_size, min(self.block_size, 16), hidden_size=4 * self.n_embd)
        if name == "bigram":
            return Bigram(vocab_size)
        return TextRNN(vocab_size, name, self.n_embd // 2, 2 * self.n_embd, dropout=self.dropout)

    def rate(self, model: str) -> float:
        """The largest learning rate: the small models bear more."""
        return {"gpt": 1, "lstm": 4, "gru": 4, "rnn": 1, "mlp": 2, "bigram": 50}[model] * self.lr

    def make_optimizer(self, model: TextModel, name: str) -> AdamW:
        """Make AdamW, with decay for matrices only: not for norms and biases."""
        matrices = [p for p in model.parameters() if p.ndim >= 2]
        others = [p for p in model.parameters() if p.ndim < 2]
        groups = [{"params": matrices, "weight_decay": 0.1}]
        groups += [{"params": others, "weight_decay": 0.0}] if others else []
        return AdamW(groups, lr=self.rate(name), betas=(0.9, 0.99))

    def make_schedule(self, optimizer: AdamW) -> LRScheduler:
        """Make the schedule: up along a line, down along half a cosine."""

        def share(step: int) -> float:
            if step < self.warmup:
                return (step + 1) / (self.warmup + 1)
            way = (step - self.warmup) / max(self.steps - self.warmup, 1)
            return 0.1 + 0.45 * (1 + math.cos(math.pi * min(way, 1)))

        return LambdaLR(optimizer, share)


# The sizes for Shakespeare are those of nanoGPT (Karpathy 2022). With its rate, 1e-3, the first one
# comes to a validation loss of 1.91, with this one to 1.77.
# fmt: off
CONFIGS = {
    #                          text         block batch layers heads features steps  rate
    "shakespeare-cpu": Recipe("shakespeare",  64,  12,   4,    4,    128,    2_000, 3e-3),
    "shakespeare-gpu": Recipe("shakespeare", 256,  64,   6,    6,    384,    5_000, 2e-3, 0.2),
    "names":           Recipe("names",        32,  32,   4,    4,     64,    2_000, 3e-3),
    "pydoc":           Recipe("pydoc",        64,  12,   4,    4,    128,    2_000, 3e-3),
}
# fmt: on


def check_name(name: str) -> None:
    """Raise ValueError for a name that no model has."""
    if name not in MODELS:
        raise ValueError(f"there is no model '{name}'; --model takes {', '.join(MODELS)}")


def size_of(model: Module) -> int:
    """How many parameters it has."""
    return sum(parameter.numel() for parameter in model.parameters())
