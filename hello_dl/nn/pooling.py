"""Pooling as modules: of each window keep the largest entry, or the mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hello_dl.nn.module import Module
from hello_dl.ops import adaptive, pool, unpool
from hello_dl.ops.adaptive import Size
from hello_dl.ops.sliding import Sizes, per_axis
from hello_dl.tensor import Tensor


class _MaxPool(Module):
    """The largest entry of every window."""

    _pool: Callable[..., Any]

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        dilation: Sizes = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.dilation = padding, dilation
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Tensor) -> Any:
        """Pool; with `return_indices` a pair of the entries and their places."""
        sliding = self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode
        return self._pool(input, *sliding, self.return_indices)

    def extra_repr(self) -> str:
        """Return the options."""
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool2d(_MaxPool):
    """Keep the largest entry of every window of pictures (n, channels, height, width).

    A stride of None is that of windows side by side; options as `nn.functional.max_pool2d`.
    """

    _pool = staticmethod(pool.max_pooled2d)


class MaxPool1d(_MaxPool):
    """Keep the largest entry of every window of lines (n, channels, length)."""

    _pool = staticmethod(pool.max_pooled1d)


class AvgPool2d(Module):
    """Take the mean of every window of pictures (n, channels, height, width).

    Options as `nn.functional.avg_pool2d`.
    """

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding, self.ceil_mode = padding, ceil_mode
        self.count_include_pad, self.divisor_override = count_include_pad, divisor_override

    def forward(self, input: Tensor) -> Tensor:
        """Pool."""
        sliding = self.kernel_size, self.stride, self.padding, self.ceil_mode
        return pool.avg_pool2d(input, *sliding, self.count_include_pad, self.divisor_override)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(Module):
    """Take the mean of every window of lines (n, channels, length)."""

    def __init__(
        self,
        kernel_size: Sizes,
        stride: Sizes | None = None,
        padding: Sizes = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        self.kernel_size = per_axis(kernel_size, 1, "kernel_size")
        self.stride = self.kernel_size if stride is None else per_axis(stride, 1, "stride")
        self.padding, self.ceil_mode = per_axis(padding, 1, "padding", 0), ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Tensor) -> Tensor:
        """Pool."""
        sliding = self.kernel_size, self.stride, self.padding, self.ceil_mode
        return pool.avg_pool1d(input, *sliding, self.count_include_pad)

    extra_repr = AvgPool2d.extra_repr


class _Adaptive(Module):
    """Pooling to a given size."""

    _pool: Callable[..., Any]

    def __init__(self, output_size: Size) -> None:
        self.output_size = output_size

    def forward(self, input: Tensor) -> Any:
        """Pool."""
        return self._pool(input, self.output_size)

    def extra_repr(self) -> str:
        """Return the size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(_Adaptive):
    """Take means so that pictures (n, channels, height, width) get this size; 1: one mean of all.

    None for the height or the width leaves it as it is.
    """

    _pool = staticmethod(adaptive.adaptive_avg_pool2d)


class AdaptiveAvgPool1d(_Adaptive):
    """Take means so that lines (n, channels, length) get this length."""

    _pool = staticmethod(adaptive.adaptive_avg_pool1d)


class AdaptiveMaxPool2d(_Adaptive):
    """Keep the largest entries so that pictures (n, channels, height, width) get this size."""

    _pool = staticmethod(adaptive.adaptive_max_pool2d)

    def __init__(self, output_size: Size, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Tensor) -> Any:
        """Pool; with `return_indices` a pair of the entries and their places."""
        return self._pool(input, self.output_size, self.return_indices)


class AdaptiveMaxPool1d(AdaptiveMaxPool2d):
    """Keep the largest entries so that lines (n, channels, length) get this length."""

    _pool = staticmethod(adaptive.adaptive_max_pool1d)


class MaxUnpool2d(Module):
    """Put what MaxPool2d with `return_indices` has kept back into pictures of zeros."""

    _unpool: Callable[..., Tensor] = staticmethod(unpool.max_unpool2d)

    def __init__(self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0) -> None:
        self.kernel_size, self.stride = kernel_size, kernel_size if stride is None else stride
        self.padding = padding

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        """Put the entries back where they were."""
        sliding = self.kernel_size, self.stride, self.padding
        return self._unpool(input, indices, *sliding, output_size)

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(MaxUnpool2d):
    """Put what MaxPool1d with `return_indices` has kept back into lines of zeros."""

    _unpool = staticmethod(unpool.max_unpool1d)
