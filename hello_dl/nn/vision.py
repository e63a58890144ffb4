"""Modules that give pictures another size or another order, and have nothing to learn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hello_dl.nn.module import Module
from hello_dl.ops.columns import fold, unfold
from hello_dl.ops.resize import interpolated
from hello_dl.ops.shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
from hello_dl.ops.sliding import Sizes
from hello_dl.tensor import Tensor


class Unfold(Module):
    """Write down every window of pictures (n, c, h, w) as a column: (n, c · window, windows)."""

    def __init__(
        self, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
    ) -> None:
        self.kernel_size, self.dilation = kernel_size, dilation
        self.padding, self.stride = padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """Unfold."""
        return unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Fold(Module):
    """Add columns (n, c · window, windows) up to pictures (n, c, *output_size)."""

    def __init__(
        self,
        output_size: Sizes,
        kernel_size: Sizes,
        dilation: Sizes = 1,
        padding: Sizes = 0,
        stride: Sizes = 1,
    ) -> None:
        self.output_size, self.kernel_size = output_size, kernel_size
        self.dilation, self.padding, self.stride = dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        """Fold."""
        sliding = self.kernel_size, self.dilation, self.padding, self.stride
        return fold(input, self.output_size, *sliding)

    def extra_repr(self) -> str:
        """Return the options."""
        return f"output_size={self.output_size}, " + Unfold.extra_repr(self)  # type: ignore[arg-type]


class Upsample(Module):
    """Bring pictures or lines to another size; options as `nn.functional.interpolate`."""

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        scale_factor: float | Sequence[float] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        self.size, self.scale_factor, self.mode = size, scale_factor, mode
        self.align_corners, self.recompute_scale_factor = align_corners, recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Interpolate."""
        corners, recompute = self.align_corners, self.recompute_scale_factor
        return interpolated(input, self.size, self.scale_factor, self.mode, corners, recompute)

    def extra_repr(self) -> str:
        """Return the size or the factor, and the mode."""
        by_factor = self.size is None
        size = f"scale_factor={self.scale_factor}" if by_factor else f"size={self.size}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Enlarge pictures by copying the nearest entries."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Enlarge pictures by mixing neighbors; the corner entries keep their middles."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


class PixelShuffle(Module):
    """Make larger pictures of r² channels each: (n, c·r², h, w) to (n, c, h·r, w·r)."""

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Shuffle."""
        return pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Make r² channels of tiles of r x r: (n, c, h·r, w·r) to (n, c·r², h, w)."""

    def __init__(self, downscale_factor: int) -> None:
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        """Undo the shuffle."""
        return pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        """Return the factor."""
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Deal the channels of (n, c, ...) out anew, so that each group gets some of every group."""

    def __init__(self, groups: int) -> None:
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        """Shuffle."""
        return channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        """Return the number of groups."""
        return f"groups={self.groups}"
