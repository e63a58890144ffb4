"""Losses as modules: the options are given once, then it is called with input and target.

Each is the function of the same name in hello_dl.functional, where its options are explained.
`reduction` is "mean", "sum" or "none".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hello_dl.nn.module import Module
from hello_dl.ops import cross_entropy as classes
from hello_dl.ops import distance
from hello_dl.ops import loss as probabilities
from hello_dl.tensor import Tensor


class _Loss(Module):
    """A function with options, which are attributes, and with weights, which are buffers."""

    _function: Callable[..., Any]

    def __init__(self, reduction: str, **options: Any) -> None:
        if reduction not in ("mean", "sum", "none", "batchmean"):
            raise ValueError(f"reduction {reduction!r} is unknown: use 'mean', 'sum' or 'none'")
        self._options = ("reduction", *options)
        for name, value in {"reduction": reduction, **options}.items():
            setattr(self, name, value)

    def _set_weights(self, **weights: Any) -> None:
        for name, weight in weights.items():
            self.register_buffer(name, weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        """Return the loss as one number, or a block of losses with reduction "none"."""
        options = {name: getattr(self, name) for name in self._options}
        return self._function(input, target, **options, **dict(self._own_buffers()))


class CrossEntropyLoss(_Loss):
    """Mean of -log(probability of the right class): logits (n, classes), target (n,)."""

    _function = staticmethod(classes.cross_entropy)

    def __init__(
        self,
        weight: Any = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction, ignore_index=ignore_index, label_smoothing=label_smoothing)
        self._set_weights(weight=weight)


class NLLLoss(_Loss):
    """Mean of -log(probability of the right class), of logarithms (n, classes), target (n,)."""

    _function = staticmethod(classes.nll_loss)

    def __init__(
        self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, ignore_index=ignore_index)
        self._set_weights(weight=weight)


class BCELoss(_Loss):
    """Mean of -log(probability of the truth), of the probability of a yes."""

    _function = staticmethod(probabilities.binary_cross_entropy)

    def __init__(self, weight: Any = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self._set_weights(weight=weight)


class BCEWithLogitsLoss(_Loss):
    """Mean of -log(probability of the truth), the probability of a yes being sigmoid(input)."""

    _function = staticmethod(probabilities.binary_cross_entropy_with_logits)

    def __init__(
        self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None
    ) -> None:
        super().__init__(reduction)
        self._set_weights(weight=weight, pos_weight=pos_weight)


class KLDivLoss(_Loss):
    """Divergence of probabilities from those of the input, which are logarithms."""

    _function = staticmethod(probabilities.kl_div)

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction, log_target=log_target)


class MSELoss(_Loss):
    """Mean squared error of two blocks of one shape."""

    _function = staticmethod(distance.mse_loss)

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)


class L1Loss(_Loss):
    """Mean absolute error of two blocks of one shape."""

    _function = staticmethod(distance.l1_loss)

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)


class SmoothL1Loss(_Loss):
    """Squared error near the target, and absolute error farther away than `beta`."""

    _function = staticmethod(distance.smooth_l1_loss)

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction, beta=beta)


class HuberLoss(_Loss):
    """Squared error near the target, and `delta` times the absolute one farther away."""

    _function = staticmethod(distance.huber_loss)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction, delta=delta)


class HingeEmbeddingLoss(_Loss):
    """Distances that should be small (target 1), or at least `margin` (target -1)."""

    _function = staticmethod(distance.hinge_embedding_loss)

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)


class MultiMarginLoss(_Loss):
    """The hinge of a classifier: wrong scores should lie a margin below the right one."""

    _function = staticmethod(distance.multi_margin_loss)

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Any = None, *, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, p=p, margin=margin)
        self._set_weights(weight=weight)


class MarginRankingLoss(_Loss):
    """Which of two scores should be higher, by `margin`: the first (target 1) or second (-1)."""

    margin: float
    reduction: str

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:  # type: ignore[override]
        """Return the loss as one number, or a block of losses with reduction "none"."""
        options = {"margin": self.margin, "reduction": self.reduction}
        return distance.margin_ranking_loss(input1, input2, target, **options)


class CosineSimilarity(Module):
    """Cosine of the angle between vectors, which lie along `dim`."""

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Return the cosines, without the axis `dim`."""
        return distance.cosine_similarity(x1, x2, dim=self.dim, eps=self.eps)
