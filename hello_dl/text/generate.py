"""Writing: a model says what may come next, one token is drawn, and it is read in its turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from hello_dl.backend import to_device
from hello_dl.graph import no_grad
from hello_dl.models.text import Cache, TextModel
from hello_dl.tensor import Tensor
from hello_dl.train.batches import device_of_model


def generate(
    model: TextModel,
    prompt: Sequence[int],
    count: int,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
    use_cache: bool = True,
) -> Iterator[int]:
    """Yield `count` tokens that follow the prompt, each as soon as it is drawn.

    temperature  divides the scores: below 1 the probable gets more probable; 0 takes the first
    top_k        draw from the k most probable tokens only
    top_p        draw from the fewest that make up this probability (Holtzman et al. 2020)
    use_cache    remember what was read; without it all of it is read again for every token

    When the model can look back no further it forgets the older half and reads the rest anew.
    """
    check_settings(temperature, top_k, top_p)
    if not len(prompt):
        raise ValueError("the prompt is empty: it takes one token at least to go on from")
    rng, known = np.random.default_rng(seed), [int(token) for token in prompt]
    limit, device = model.block_size, device_of_model(model)
    if limit is not None:
        known = known[-limit:]
    cache, unread = Cache(), known
    training = model.training
    model.eval()
    try:
        for _ in range(count):
            read = unread if use_cache else known
            with no_grad():
                block = Tensor(np.array([read]), device=device)
                scores, _ = model(block, cache=cache if use_cache else None)
            row = to_device(scores.data[0, -1], "cpu").astype(np.float64)
            token = draw(row, temperature, top_k, top_p, rng)
            yield token
            known, unread = [*known, token], [token]
            if limit is not None and len(known) > limit:
                known = known[-max(limit // 2, 1) :]
                cache, unread = Cache(), known
    finally:
        model.train(training)


def draw(
    scores: np.ndarray,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    rng: np.random.Generator,
) -> int:
    """Draw a token by its scores (vocab_size,)."""
    if temperature == 0:
        return int(scores.argmax())
    return int(rng.choice(len(scores), p=probabilities(scores, temperature, top_k, top_p)))


def probabilities(
    scores: np.ndarray,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> np.ndarray:
    """Return how probable every token is, after all settings: (vocab_size,)."""
    order = np.argsort(-scores, kind="stable")
    p = np.exp((scores - scores.max()) / temperature)[order]  # the most probable first
    if top_k is not None:
        p[top_k:] = 0
    p /= p.sum()
    if top_p is not None:
        p[np.cumsum(p) - p >= top_p] = 0  # those before it make up that much already
        p /= p.sum()
    result = np.empty_like(p)
    result[order] = p
    return result


def check_settings(
    temperature: float, top_k: int | None, top_p: float | None, flags: bool = False
) -> None:
    """Raise ValueError for settings that make no sense; `flags`: call them --top-k and so on."""
    names = ("--temperature", "--top-k", "--top-p") if flags else ("temperature", "top_k", "top_p")
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"{names[0]} must be 0 or more, such as 0.8, not {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"{names[1]} must be 1 or more, not {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"{names[2]} must be above 0 and at most 1, such as 0.9, not {top_p}")
