"""Batch norm: what a channel is compared with is the rest of the batch."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.backend.batch_norm import normalized, scaled, slopes
from hello_dl.ops.norm import channels_of
from hello_dl.ops.rule import Block, rule
from hello_dl.ops.untracked import plain


@rule(floats=True)
def batch_norm(
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    *,
    running: tuple[Array, Array] | None = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
):
    """Bring each channel, over the whole batch, to mean 0 and variance 1 (Ioffe, Szegedy 2015).

    x (n, c) or (n, c, ...), weight and bias (c,). `running` are a mean and a variance (c,). In
    training they are changed in place: with each batch they go a share `momentum` of the way to
    its own. Without training they are taken instead of those of the batch.
    """
    channels = channels_of(x, weight, bias, *(running or ()))
    of_batch = training and x.size > 0  # of an empty one there is nothing to learn
    if of_batch:
        if x.size == channels:
            raise ValueError(
                "one value for each channel has no variance: train on more at once, or call eval()"
            )
        y, mean, scale = normalized(x, weight, bias, eps, running, momentum)
    elif running is None and not training:
        raise ValueError("without training it needs a running_mean and a running_var")
    else:
        xp = module_of(x)
        mean, var = running or (xp.zeros(channels), xp.ones(channels))
        mean, var = mean.astype(x.dtype), var.astype(x.dtype)
        scale = 1 / xp.sqrt(var + eps)
        y = scaled(x, mean, scale, weight, bias)

    def pull(g):
        dx, along, total = slopes(g.astype(x.dtype, copy=False), x, mean, scale, weight, of_batch)
        rest = [along] if weight is not None else []
        return (dx, *rest, total) if bias is not None else (dx, *rest)

    return y, pull if weight is not None or bias is not None else lambda g: pull(g)[0]


def batch_norm_composed(
    x: Any, weight: Any = None, bias: Any = None, *, training: bool = True, eps: float = 1e-5
) -> Any:
    """Spell `batch_norm` in small operations, with the mean and variance of the batch."""
    axes, wide = (0, *range(2, x.ndim)), (-1, *(1 for _ in x.shape[2:]))
    centered = x - x.mean(axes, keepdim=True)
    y = centered / ((centered**2).mean(axes, keepdim=True) + eps).sqrt()
    y = y if weight is None else y * weight.reshape(wide)
    return y if bias is None else y + bias.reshape(wide)


def batch_normed(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Bring each channel, over the whole batch, to mean 0 and variance 1.

    In training `running_mean` and `running_var`, where they are given, follow the batches.
    """
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm takes running_mean and running_var together, or neither")
    running = None if running_mean is None else (plain(running_mean), plain(running_var))
    options = {"running": running, "training": training, "momentum": momentum, "eps": eps}
    y = batch_norm(input, weight, bias, **options)
    for block in (running_mean, running_var):
        if training and isinstance(block, Block):
            block._changed()
    return y
