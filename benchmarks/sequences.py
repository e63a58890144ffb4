"""Peers for sequences: a GRU and a GPT, in hello_dl and in PyTorch, eager, with equal sizes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from pictures import Step, Tools, both

VOCABULARY = 65


def tokens_of(n: int, length: int) -> list[Any]:
    """Return batches (n, length + 1) of random tokens."""
    import numpy

    draw = numpy.random.default_rng(0)
    return [draw.integers(0, VOCABULARY, (n, length + 1)) for _ in range(8)]


def gru_step(tools: Callable[[], Tools]) -> Step:
    """One step with Adam: 128 hidden units, 64 steps, batch 32; the loss of every next token."""
    library, functional, tensor, wait = tools()
    nn = library.nn
    table, layer = nn.Embedding(VOCABULARY, 64), nn.GRU(64, 128, batch_first=True)
    net = nn.ModuleList([table, layer, nn.Linear(128, VOCABULARY)])
    optimizer = library.optim.Adam(net.parameters(), lr=1e-3)

    def loss_of(tokens: Any, targets: Any) -> Any:
        return functional.cross_entropy(
            net[2](layer(table(tokens))[0]).flatten(0, 1), targets.flatten()
        )

    return stepped(tokens_of(32, 64), loss_of, net, optimizer, tensor, wait)


def gpt_step(tools: Callable[[], Tools]) -> Step:
    """One step of nanoGPT's recipe for a CPU: 4 layers, 4 heads, 128 features, 64 tokens, batch 12.

    AdamW, and the gradient clipped to 1.
    """
    library, functional, tensor, wait = tools()
    nn = library.nn

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln_1, self.ln_2 = nn.LayerNorm(128, bias=False), nn.LayerNorm(128, bias=False)
            self.attend, self.project = nn.Linear(128, 384, False), nn.Linear(128, 128, False)
            self.widen, self.narrow = nn.Linear(128, 512, False), nn.Linear(512, 128, False)

        def forward(self, x: Any) -> Any:
            heads = self.attend(self.ln_1(x)).unflatten(2, (12, 32)).transpose(1, 2)
            y = functional.scaled_dot_product_attention(*heads.chunk(3, 1), is_causal=True)
            x = x + self.project(y.transpose(1, 2).flatten(2))
            return x + self.narrow(functional.gelu(self.widen(self.ln_2(x)), approximate="tanh"))

    tables = nn.Embedding(VOCABULARY, 128), nn.Embedding(64, 128)
    blocks = [Block() for _ in range(4)]
    net = nn.ModuleList([*tables, *blocks, nn.LayerNorm(128, bias=False)])
    optimizer = library.optim.AdamW(net.parameters(), lr=1e-3, betas=(0.9, 0.99))

    def loss_of(tokens: Any, targets: Any) -> Any:
        x = tables[0](tokens) + tables[1].weight[: tokens.shape[1]]
        for layer in net[2:]:
            x = layer(x)
        scores = functional.linear(x, tables[0].weight)
        return functional.cross_entropy(scores.flatten(0, 1), targets.flatten())

    def clip() -> None:
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)

    return stepped(tokens_of(12, 64), loss_of, net, optimizer, tensor, wait, clip)


def stepped(
    batches: list[Any],
    loss_of: Callable[..., Any],
    net: Any,
    optimizer: Any,
    tensor: Callable[[Any], Any],
    wait: Callable[[], Any],
    clip: Callable[[], None] = lambda: None,
) -> Step:
    """Return a function that does one step of training, each with the next batch."""
    ready = [(tensor(batch[:, :-1].copy()), tensor(batch[:, 1:].copy())) for batch in batches]
    count = iter(range(sys.maxsize))

    def step() -> object:
        loss = loss_of(*ready[next(count) % len(ready)])
        optimizer.zero_grad()
        loss.backward()
        clip()
        optimizer.step()
        wait()
        return loss

    return step


GRU = "GRU, hidden 128, 64 steps, batch 32, Adam"
GPT = "GPT, 4 layers, 128 wide, 64 long, batch 12, AdamW"

CASES: dict[str, tuple[str, int, int, dict[str, Callable[[], Step]]]] = {
    "gru": (GRU, 10, 100, both(gru_step)),
    "gpt": (GPT, 10, 60, both(gpt_step)),
    "gru-cuda": (f"{GRU}, on a GPU", 50, 200, both(gru_step, cuda=True)),
    "gpt-cuda": (f"{GPT}, on a GPU", 50, 200, both(gpt_step, cuda=True)),
}
