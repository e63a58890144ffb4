"""Norms as modules: what keeps numbers at one scale from layer to layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hello_dl.creation import empty, full
from hello_dl.nn import init
from hello_dl.nn.module import Module
from hello_dl.nn.parameter import blank
from hello_dl.ops.axes import sizes_of
from hello_dl.ops.batch_norm import batch_normed
from hello_dl.ops.instance_norm import instance_normed
from hello_dl.ops.norm import group_norm, layer_norm, rms_norm
from hello_dl.ops.sliding import whole
from hello_dl.tensor import Tensor


class _Norm(Module):
    """A weight that starts at 1 and a bias that starts at 0, where they are wanted."""

    def _make(
        self, shape: Sequence[int], weight: bool, bias: bool, device: Any, dtype: Any
    ) -> None:
        self.weight = blank(*shape, device=device, dtype=dtype) if weight else None
        self.bias = blank(*shape, device=device, dtype=dtype) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Put the parameters where they start."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)


class LayerNorm(_Norm):
    """Bring the last axes of each example to mean 0 and variance 1, then stretch and shift them.

    `normalized_shape` is the length of the last axis, or the lengths of the last axes; weight and
    bias have that shape.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape, self.eps = sizes_of((normalized_shape,)), eps
        self.elementwise_affine = elementwise_affine
        affine = elementwise_affine, elementwise_affine and bias
        self._make(self.normalized_shape, *affine, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize the last axes."""
        options = {"normalized_shape": self.normalized_shape, "eps": self.eps}
        return layer_norm(input, self.weight, self.bias, **options)

    def extra_repr(self) -> str:
        """Return the options."""
        shape, affine = self.normalized_shape, self.elementwise_affine
        bias = self.bias is not None
        return f"{shape}, eps={self.eps}, elementwise_affine={affine}, bias={bias}"


class RMSNorm(_Norm):
    """Divide the last axes of each example by the root of their mean square, then stretch them.

    `normalized_shape` is the length of the last axis, or the lengths of the last axes. An `eps` of
    None is the step of the dtype at 1.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.normalized_shape, self.eps = sizes_of((normalized_shape,)), eps
        self.elementwise_affine = elementwise_affine
        self._make(self.normalized_shape, elementwise_affine, False, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize the last axes."""
        options = {"normalized_shape": self.normalized_shape, "eps": self.eps}
        return rms_norm(input, self.weight, **options)

    def extra_repr(self) -> str:
        """Return the options."""
        shape, affine = self.normalized_shape, self.elementwise_affine
        return f"{shape}, eps={self.eps}, elementwise_affine={affine}"


class GroupNorm(_Norm):
    """Bring groups of the channels of each example to mean 0 and variance 1: (n, c, ...)."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        if whole(num_channels, "num_channels") % whole(num_groups, "num_groups"):
            raise ValueError(f"{num_channels} channels do not make up {num_groups} groups")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.affine = affine
        self._make((num_channels,), affine, affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize the groups."""
        options = {"num_groups": self.num_groups, "eps": self.eps}
        return group_norm(input, self.weight, self.bias, **options)

    def extra_repr(self) -> str:
        """Return the options."""
        sizes, bias = f"{self.num_groups}, {self.num_channels}", self.bias is not None
        return f"{sizes}, eps={self.eps}, affine={self.affine}, bias={bias}"


class _ChannelNorm(_Norm):
    """A norm of channels, which can follow their mean and variance from batch to batch."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    axes: tuple[int, ...]  # that an input may have

    def _follow(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        device: Any,
        dtype: Any,
        bias: bool = True,
    ) -> None:
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        for name in ("running_mean", "running_var"):
            block = empty(num_features, device=device, dtype=dtype)
            self.register_buffer(name, block if track_running_stats else None)
        count = full((), 0, device=device)
        self.register_buffer("num_batches_tracked", count if track_running_stats else None)
        self._make((num_features,), affine, affine and bias, device, dtype)

    def reset_running_stats(self) -> None:
        """Forget all batches."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Put the parameters and the running numbers where they start."""
        self.reset_running_stats()
        super().reset_parameters()

    def extra_repr(self) -> str:
        """Return the options."""
        affine = f"affine={self.affine}, bias={self.bias is not None}"
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, {affine}, "
            f"track_running_stats={self.track_running_stats}"
        )


class BatchNorm1d(_ChannelNorm):
    """Bring each channel, over the whole batch, to mean 0 and variance 1: (n, c) or (n, c, length).

    In training the mean and the variance are those of the batch; they are also followed, a share
    `momentum` at a time (None: so that all batches have the same share), and in evaluation what
    they were followed to takes their place.
    """

    axes: tuple[int, ...] = (2, 3)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        options = eps, momentum, affine, track_running_stats
        self._follow(num_features, *options, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize the channels; in training, follow the batch."""
        if len(input.shape) not in self.axes or input.shape[1] != self.num_features:
            sizes = " or ".join(
                ["(n, c)", "(n, c, length)", "(n, c, h, w)"][n - 2] for n in self.axes
            )
            raise ValueError(
                f"{type(self).__name__} takes {sizes} with c={self.num_features}, not {input.shape}"
            )
        momentum: Any = self.momentum
        if self.training and self.track_running_stats:
            self.num_batches_tracked.data += 1
            if momentum is None:
                momentum = 1 / self.num_batches_tracked.data.astype(self.running_mean.dtype)
        return batch_normed(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            momentum,
            self.eps,
        )


class BatchNorm2d(BatchNorm1d):
    """Bring each channel, over the whole batch, to mean 0 and variance 1: (n, c, height, width).

    As BatchNorm1d; what is one channel is all of its pictures.
    """

    axes = (4,)


class InstanceNorm1d(_ChannelNorm):
    """Bring each channel of each example to mean 0 and variance 1: (n, c, length) or (c, length).

    With `track_running_stats` mean and variance are followed in training, and used in evaluation.
    """

    axes = (3, 2)  # of a batch, of one example

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        options = eps, momentum, affine, track_running_stats
        self._follow(num_features, *options, device, dtype, bias)

    def forward(self, input: Tensor) -> Tensor:
        """Normalize the channels of each example."""
        one, ndim = len(input.shape) == self.axes[1], len(input.shape)
        if ndim not in self.axes or input.shape[0 if one else 1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__} takes {self.axes[0]} axes, (n, c, ...) with "
                f"c={self.num_features}, or one example without n, not {input.shape}"
            )
        y = instance_normed(
            input.unsqueeze(0) if one else input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum or 0.0,
            self.eps,
        )
        return y.squeeze(0) if one else y


class InstanceNorm2d(InstanceNorm1d):
    """Bring each channel of each picture to mean 0 and variance 1: (n, c, height, width)."""

    axes = (4, 3)
