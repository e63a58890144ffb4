"""What PyTorch writes with an underscore behind: `x.add_(y)` changes x itself.

Every method here is made by one helper out of the operation without the underscore. There is no
gradient through a change, so what has one to lose is refused, as `x[0] = 5` is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from hello_dl.graph import describe, no_grad, recording
from hello_dl.ops import activation, blend, diagonal, elementwise, mask, unary, untracked
from hello_dl.ops import index as picked
from hello_dl.ops.rule import Block


def in_place(operation: Callable[..., Any]) -> Callable[..., Any]:
    """Make the method that computes an operation and keeps its result in x; it returns x."""

    @wraps(operation)
    def method(x: Any, *inputs: Any, **options: Any) -> Any:
        check_writable(x)
        with no_grad():
            result = operation(x, *inputs, **options)
        untracked.overwrite(x, result)
        return x

    method.__doc__ = f"Do what `{operation.__name__}` does, in place: the Tensor itself changes."
    return method


def check_writable(x: Any) -> None:
    """Raise ValueError for a Tensor whose gradient a change in place would make wrong."""
    if recording.path is not None and x.requires_grad:
        raise ValueError(
            f"{describe(x)} asks for gradients, and they do not go through a change in place: "
            "do it under no_grad(), or compute a new Tensor"
        )


class InPlace(Block):
    """The methods of a Tensor that change it."""

    __slots__ = ()

    def copy_(self, src: Any, non_blocking: bool = False) -> Any:
        """Take over the numbers of another block, stretched to this shape, in this dtype."""
        check_writable(self)
        untracked.setitem(self, ..., src)
        return self

    def fill_(self, value: Any) -> Any:
        """Make all entries one number."""
        return self.copy_(value)

    def zero_(self) -> Any:
        """Make all entries 0."""
        return self.copy_(0)

    def fill_diagonal_(self, fill_value: float) -> Any:
        """Make the entries [0, 0], [1, 1] and so on of a matrix one number."""
        check_writable(self)
        places = list(range(min(self.shape)))
        untracked.setitem(self, (places,) * len(self.shape), fill_value)
        return self

    add_ = in_place(elementwise.add)
    sub_ = subtract_ = in_place(elementwise.sub)
    mul_ = multiply_ = in_place(elementwise.mul)
    div_ = divide_ = true_divide_ = in_place(elementwise.div)
    pow_ = in_place(elementwise.pow)
    neg_ = in_place(elementwise.neg)
    exp_ = in_place(unary.exp)
    log_ = in_place(unary.log)
    sqrt_ = in_place(unary.sqrt)
    abs_ = in_place(unary.abs)
    sin_ = in_place(unary.sin)
    cos_ = in_place(unary.cos)
    tanh_ = in_place(activation.tanh)
    sigmoid_ = in_place(activation.sigmoid)
    relu_ = in_place(activation.relu)
    clamp_ = clip_ = in_place(elementwise.clamp)
    clamp_min_ = in_place(elementwise.clamp_min)
    clamp_max_ = in_place(elementwise.clamp_max)
    floor_divide_ = in_place(elementwise.floor_divide)
    remainder_ = in_place(elementwise.remainder)
    reciprocal_ = in_place(elementwise.reciprocal)
    square_ = in_place(elementwise.square)
    rsqrt_ = in_place(unary.rsqrt)
    floor_ = in_place(unary.floor)
    ceil_ = in_place(unary.ceil)
    round_ = in_place(unary.round)
    trunc_ = in_place(unary.trunc)
    sign_ = in_place(unary.sign)
    log1p_ = in_place(unary.log1p)
    expm1_ = in_place(unary.expm1)
    lerp_ = in_place(blend.lerp)
    addcmul_ = in_place(blend.addcmul)
    addcdiv_ = in_place(blend.addcdiv)
    masked_fill_ = in_place(mask.masked_fill)
    scatter_ = in_place(picked.scattered)
    scatter_add_ = in_place(picked.scatter_added)
    index_add_ = in_place(picked.index_added)
    index_fill_ = in_place(mask.index_fill)
    index_copy_ = in_place(mask.index_copy)
    tril_ = in_place(diagonal.tril)
    triu_ = in_place(diagonal.triu)
