"""More entries around a block: zeros, its own mirror image, its border, or its other end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hello_dl.backend import Array, module_of
from hello_dl.ops.axes import sizes_of
from hello_dl.ops.index import index_select
from hello_dl.ops.rule import rule


@rule(halves=True)
def pad(x: Array, *, pad: Sequence[int], value: float = 0):
    """Put `value` around the block: pad=(left, right, top, bottom, ...), from the last axis on.

    A negative number takes entries away.
    """
    size, into, out_of = [], [], []  # of the result; where x goes in it; which part of x
    for n, (before, after) in zip(x.shape, _pairs(pad, x.ndim)):
        if n + before + after < 0:
            raise ValueError(f"padding an axis of length {n} by {before} and {after} leaves less")
        size.append(n + before + after)
        into.append(slice(max(before, 0), size[-1] - max(after, 0)))
        out_of.append(slice(max(-before, 0), n - max(-after, 0)))
    inner, outer = tuple(into), tuple(out_of)
    y = module_of(x).full(size, value, x.dtype)
    y[inner] = x[outer]

    def pull(g):
        if y[inner].shape == x.shape:
            return g[inner]
        gradient = module_of(x).zeros(x.shape, g.dtype)
        gradient[outer] = g[inner]
        return gradient

    return y, pull


def padded(
    input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Any:
    """Put entries around a block: pad=(left, right, top, bottom, ...), from the last axis on.

    mode  "constant" puts `value`, which is 0 by itself; "reflect" mirrors at the outermost entry,
          "replicate" repeats it, "circular" goes on at the other end. Negative numbers take away.
    """
    try:
        pads = sizes_of((pad,))
    except TypeError:
        raise TypeError(f"pad takes whole numbers, not {pad!r:.60}") from None
    if mode == "constant":
        return _constant(input, pad=pads, value=0 if value is None else value)
    if mode not in _SOURCES:
        raise ValueError(f"pad: unknown mode {mode!r}: use constant, {', '.join(_SOURCES)}")
    if value is not None:
        raise ValueError(f"pad: mode {mode!r} takes no value, and {value} is given")
    for axis, (before, after) in enumerate(_pairs(pads, len(input.shape))):
        if not (before or after):
            continue
        n, most = input.shape[axis], max(before, after)
        left = range(n)[max(-before, 0) : n + min(after, 0)]
        if not n or n + before + after < 1:
            raise ValueError(f"pad: {before} and {after} leave nothing of an axis of length {n}")
        if most > {"reflect": n - 1, "circular": len(left)}.get(mode, most):
            raise ValueError(f"pad: {mode} finds no {most} entries in an axis of length {n}")
        source = [_SOURCES[mode](i, n, left) for i in range(-before, n + after)]
        picks = module_of(input._data).asarray(source, "int64")
        input = index_select(input, picks, dim=axis)
    return input


_constant = pad

# Which entry of an axis of length n stands at place i, in front of it (below 0) or behind it. What
# goes round goes round in what is left of it.
_SOURCES: dict[str, Callable[[int, int, range], int]] = {
    "reflect": lambda i, n, left: n - 1 - abs(n - 1 - abs(i)),
    "replicate": lambda i, n, left: min(max(i, 0), n - 1),
    "circular": lambda i, n, left: left[(i - left.start) % len(left)],
}


def _pairs(pad: Sequence[int], ndim: int) -> list[tuple[int, int]]:
    """Return (before, after) for every axis, the first axis first."""
    if len(pad) % 2 or len(pad) > 2 * ndim:
        raise ValueError(f"pad {tuple(pad)} must be pairs, one for each of the last axes of {ndim}")
    pairs = list(zip(pad[::2], pad[1::2]))
    return [(0, 0)] * (ndim - len(pairs)) + pairs[::-1]
