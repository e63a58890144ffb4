"""Convolution as modules: kernels that slide over pictures, or along lines."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

from hello_dl.nn import init
from hello_dl.nn.module import Module
from hello_dl.nn.parameter import blank
from hello_dl.ops.conv import conv1d, conv2d
from hello_dl.ops.conv_transpose import conv_transpose1d, conv_transpose2d
from hello_dl.ops.pad import padded
from hello_dl.ops.sliding import Sizes, per_axis, whole, windows_of
from hello_dl.tensor import Tensor

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _Kernels(Module):
    """Weight and bias of a convolution, and what all of them are told.

    Both start uniform in ±1/√(entries of a kernel), as PyTorch's do.
    """

    axes: int  # along which a kernel slides
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...] | str
    dilation: tuple[int, ...]

    def _make(
        self, shape: tuple[int, ...], out_channels: int, bias: bool, device: Any, dtype: Any
    ) -> None:
        self.weight = blank(*shape, *self.kernel_size, device=device, dtype=dtype)
        self.bias = blank(out_channels, device=device, dtype=dtype) if bias else None
        self.reset_parameters()

    def _slide(
        self,
        kernel_size: Sizes,
        stride: Sizes,
        padding: Sizes | str,
        dilation: Sizes,
        words: bool = False,
    ) -> None:
        """Check and keep how the kernels slide."""
        windows_of(kernel_size, self.axes, stride, padding, dilation, words)
        self.kernel_size = per_axis(kernel_size, self.axes, "kernel_size")
        self.stride = per_axis(stride, self.axes, "stride")
        self.padding = (
            padding if isinstance(padding, str) else per_axis(padding, self.axes, "padding", 0)
        )
        self.dilation = per_axis(dilation, self.axes, "dilation")

    def _count(self, in_channels: int, out_channels: int, groups: int, padding_mode: str) -> None:
        """Check and keep how many channels there are, and what is around a picture."""
        groups = whole(groups, "groups")
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if whole(channels, name) % groups:
                raise ValueError(f"{name}={channels} do not fall into groups={groups} of one size")
        if padding_mode not in self._modes:
            names = ", ".join(self._modes)
            raise ValueError(f"unknown padding_mode {padding_mode!r}: use one of {names}")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.groups, self.padding_mode = groups, padding_mode

    _modes: tuple[str, ...] = PADDING_MODES

    def reset_parameters(self) -> None:
        """Draw the parameters anew."""
        entries = math.prod(self.weight.shape[1:])
        bound = entries**-0.5 if entries else 0.0
        for parameter in self.parameters(recurse=False):
            init.uniform_(parameter, -bound, bound)

    def extra_repr(self) -> str:
        """Return the options that are not the usual ones."""
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"]
        parts.append(f"stride={self.stride}")
        once, none = (1,) * self.axes, (0,) * self.axes
        usual = {"padding": none, "dilation": once, "output_padding": none, "groups": 1}
        for name, value in usual.items():
            if getattr(self, name, value) != value:
                parts.append(f"{name}={getattr(self, name)}")
        parts += ["bias=False"] if self.bias is None else []
        parts += [f"padding_mode={self.padding_mode}"] if self.padding_mode != "zeros" else []
        return ", ".join(parts)


class _Conv(_Kernels):
    """A convolution along one axis or two."""

    _convolve: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self._count(in_channels, out_channels, groups, padding_mode)
        self._slide(kernel_size, stride, padding, dilation, words=True)
        self._make((out_channels, in_channels // groups), out_channels, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Convolve."""
        options: dict[str, Any] = {"stride": self.stride, "dilation": self.dilation}
        padding: Any = self.padding
        if self.padding_mode != "zeros":
            sliding = self.kernel_size, self.axes, 1, padding, self.dilation
            around = windows_of(*sliding, words=True).padding[-self.axes :]
            pads = [n for pair in reversed(around) for n in pair]  # the last axis first
            input, padding = padded(input, pads, self.padding_mode), 0
        return self._convolve(
            input, self.weight, self.bias, padding=padding, groups=self.groups, **options
        )


class Conv2d(_Conv):
    """Slide `out_channels` kernels over pictures (n, in_channels, height, width).

    `weight` is (out_channels, in_channels / groups, kernel height, kernel width), `bias`
    (out_channels,). Both start uniform in ±1/√(entries of a kernel), as PyTorch's do.

    padding_mode  what is around a picture: "zeros", its mirror image ("reflect"), its border
                  ("replicate"), or its other end ("circular")
    """

    axes = 2
    _convolve = staticmethod(conv2d)


class Conv1d(_Conv):
    """Slide `out_channels` kernels along lines (n, in_channels, length); as Conv2d."""

    axes = 1
    _convolve = staticmethod(conv1d)


class _ConvTranspose(_Kernels):
    """A transposed convolution along one axis or two."""

    _modes = ("zeros",)
    _stamp: Callable[..., Tensor]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes = 0,
        output_padding: Sizes = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Sizes = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self._count(in_channels, out_channels, groups, padding_mode)
        self._slide(kernel_size, stride, padding, dilation)
        self.output_padding = per_axis(output_padding, self.axes, "output_padding", 0)
        self._make((in_channels, out_channels // groups), out_channels, bias, device, dtype)

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        """Enlarge; to `output_size`, the last axes or the whole shape, if it is given."""
        more = self.output_padding if output_size is None else self._more(input, output_size)
        return self._stamp(
            input,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            output_padding=more,
            groups=self.groups,
            dilation=self.dilation,
        )

    def _more(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """Return the output_padding that makes this size."""
        wanted, padding = tuple(output_size)[-self.axes :], cast(tuple[int, ...], self.padding)
        slide = zip(self.stride, padding, self.dilation, self.kernel_size)
        least = [
            (n - 1) * step - 2 * pad + spread * (size - 1) + 1
            for n, (step, pad, spread, size) in zip(input.shape[-self.axes :], slide)
        ]
        more = tuple(n - small for n, small in zip(wanted, least))
        if len(wanted) < self.axes or any(not 0 <= n < s for n, s in zip(more, self.stride)):
            most = [n + step - 1 for n, step in zip(least, self.stride)]
            raise ValueError(f"output_size {wanted} must lie between {least} and {most}")
        return more


class ConvTranspose2d(_ConvTranspose):
    """Enlarge pictures: every entry stamps a kernel, the stamps lie `stride` apart and are added.

    `weight` is (in_channels, out_channels / groups, kernel height, kernel width). Options as
    `nn.functional.conv_transpose2d`.
    """

    axes = 2
    _stamp = staticmethod(conv_transpose2d)


class ConvTranspose1d(_ConvTranspose):
    """Lengthen lines (n, in_channels, length); as ConvTranspose2d."""

    axes = 1
    _stamp = staticmethod(conv_transpose1d)
