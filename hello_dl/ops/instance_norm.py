"""Instance norm: each channel of each picture is brought to one scale by itself.

What is left is what lies where, and not how bright it is: it is used where a style is changed.
"""

from __future__ import annotations

import math
from typing import Any

from hello_dl.backend import Array
from hello_dl.ops.batch_norm import batch_normed
from hello_dl.ops.norm import group_norm
from hello_dl.ops.rule import Block
from hello_dl.ops.untracked import plain


def instance_normed(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Bring each channel of each example (n, c, ...) to mean 0 and variance 1.

    (Ulyanov, Vedaldi and Lempitsky 2016.) `running_mean` and `running_var`, where they are given,
    follow the mean over the examples; without `use_input_stats` they are used instead.
    """
    if not use_input_stats:
        options = {"weight": weight, "bias": bias, "training": False, "eps": eps}
        return batch_normed(input, running_mean, running_var, **options)
    if len(input.shape) < 3 or math.prod(input.shape[2:]) < 2:
        raise ValueError(f"instance_norm needs 2 entries or more behind (n, c), not {input.shape}")
    x = plain(input)
    axes = tuple(range(2, x.ndim))
    if running_mean is not None and len(x):
        _follow(running_mean, x.mean(axes), momentum)
    if running_var is not None and len(x):
        _follow(running_var, x.var(axes, ddof=1), momentum)
    return group_norm(input, weight, bias, num_groups=input.shape[1], eps=eps)


def _follow(running: Any, now: Array, momentum: float) -> None:
    """Let running numbers (c,) go a share of the way to those of the examples (n, c)."""
    array = plain(running)
    array *= 1 - momentum
    array += momentum * now.mean(0).astype(array.dtype)
    if isinstance(running, Block):
        running._changed()
