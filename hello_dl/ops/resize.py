"""Pictures and lines in another size: interpolation between the entries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hello_dl.backend import Array, is_floating, resample
from hello_dl.ops.adaptive import adaptive_avg_pool1d, adaptive_avg_pool2d
from hello_dl.ops.rule import rule
from hello_dl.ops.sliding import per_axis

MODES = {  # by the number of axes that change: PyTorch's names, and what each is along one axis
    1: {"nearest": "nearest", "nearest-exact": "nearest-exact", "linear": "linear"},
    2: {
        "nearest": "nearest",
        "nearest-exact": "nearest-exact",
        "bilinear": "linear",
        "bicubic": "cubic",
    },
}


@rule
def interpolate(
    x: Array,
    *,
    size: Sequence[int],
    mode: str = "nearest",
    align_corners: bool = False,
    steps: Sequence[float | None] = (None, None),
    antialias: bool = False,
):
    """Bring the axes behind the first two to these sizes, one after the other.

    A step is how far apart two new entries are among the old ones, if that is not just old size /
    new size.
    """
    way = MODES[len(size)][mode]
    if way in ("linear", "cubic") and not is_floating(x.dtype):
        raise ValueError(f"mode {mode!r} computes with floating numbers: make floats of it first")
    plans = []
    for old, new, given in zip(x.shape[2:], size, steps):
        step = old / new if given is None else given
        if align_corners:
            step = (old - 1) / (new - 1) if new > 1 else 0.0
        if old == new and (antialias or way == "linear"):
            step = 1.0  # PyTorch leaves such an axis alone, whatever the scale factor
        plans.append(resample.taps(way, old, new, step, align_corners, antialias))
    y = x
    for axis, plan in enumerate(plans):
        y = resample.resampled(y, axis + 2, *plan)

    def pull(g):
        g = g.astype(x.dtype, copy=False)
        for axis, plan in enumerate(plans):
            g = resample.brought_back(g, axis + 2, *plan, x.shape[axis + 2])
        return g

    return y, pull


def interpolated(
    input: Any,
    size: int | Sequence[int] | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """Bring pictures (n, channels, height, width), or lines (n, channels, length), to another size.

    size          the new one; or `scale_factor`, how many times as large
    mode          "nearest" or "nearest-exact" copies; "linear" (lines), "bilinear" (pictures) and
                  "bicubic" (pictures) mix neighbors; "area" is adaptive_avg_pool
    align_corners the corner entries keep their middles, and not their outer borders
    recompute_scale_factor   take the ratio of the sizes, which are whole, for the scale factor
    antialias     when shrinking with "bilinear" or "bicubic", count in all that is covered
    """
    axes = len(input.shape) - 2
    if axes not in MODES:
        raise ValueError(f"interpolate takes (n, c, length) or (n, c, h, w), not {input.shape}")
    modes = [*MODES[axes], "area"]
    if mode not in modes:
        raise ValueError(f"interpolate: unknown mode {mode!r} here: use one of {', '.join(modes)}")
    mixes = mode not in ("nearest", "nearest-exact", "area")
    if align_corners is not None and not mixes:
        raise ValueError(f"interpolate: align_corners has no meaning with mode {mode!r}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(f"interpolate: antialias is for bilinear and bicubic, not {mode!r}")
    sizes, steps = _sizes(input.shape[2:], size, scale_factor)
    if mode == "area":
        return (adaptive_avg_pool1d if axes == 1 else adaptive_avg_pool2d)(input, output_size=sizes)
    if recompute_scale_factor:
        steps = (None,) * axes
    options = {"align_corners": bool(align_corners), "steps": steps, "antialias": antialias}
    return interpolate(input, size=sizes, mode=mode, **options)


def _sizes(
    old: Sequence[int], size: Any, scale_factor: Any
) -> tuple[tuple[int, ...], tuple[float | None, ...]]:
    """Return the new sizes, and the steps where a scale factor gives them."""
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate takes size or scale_factor, one of the two")
    given = scale_factor if size is None else size
    each = tuple(given) if isinstance(given, Sequence) else (given,) * len(old)
    if len(each) != len(old):
        raise ValueError(f"interpolate: {given} must be one number, or {len(old)}, one an axis")
    if size is not None:
        sizes, steps = per_axis(each, len(old), "interpolate: size"), (None,) * len(old)
    else:
        try:
            sizes = tuple(math.floor(n * factor) for n, factor in zip(old, each))
        except TypeError:
            raise TypeError(f"interpolate: scale_factor takes numbers, not {given!r:.60}") from None
        steps = tuple(1 / factor if factor else None for factor in each)
        if min(sizes) < 1:
            raise ValueError(f"interpolate: scale_factor={given} makes a size of {sizes}")
    return sizes, steps
