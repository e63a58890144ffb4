"""What a Tensor can do: the operations, under the names that PyTorch gives them as methods.

One line for each. What an operation computes, and its gradient, stands in the file it comes from.
"""

from __future__ import annotations

import operator
from typing import Any

from hello_dl.graph import Node, in_place
from hello_dl.ops import elementwise, loss, matmul, reduce, shape, untracked
from hello_dl.ops.rule import Block


def _swapped(operation: Any) -> Any:
    """Make the method for `other ∘ tensor` out of the one for `tensor ∘ other`."""
    return lambda self, other: operation(other, self)


class Operations(Block):
    """The methods of a Tensor that compute, rearrange or compare."""

    __slots__ = ()

    # Arithmetic, on blocks of one shape or of shapes that can be stretched to one.

    __add__, __radd__ = elementwise.add, _swapped(elementwise.add)
    __sub__, __rsub__ = elementwise.sub, _swapped(elementwise.sub)
    __mul__, __rmul__ = elementwise.mul, _swapped(elementwise.mul)
    __truediv__, __rtruediv__ = elementwise.div, _swapped(elementwise.div)
    __pow__, __rpow__ = elementwise.pow, _swapped(elementwise.pow)
    __matmul__, __rmatmul__ = matmul.matmul, _swapped(matmul.matmul)
    __neg__ = elementwise.neg
    __iadd__, __isub__ = in_place(elementwise.add), in_place(elementwise.sub)
    __imul__, __itruediv__ = in_place(elementwise.mul), in_place(elementwise.div)
    _overwrite = untracked.overwrite

    # Functions of every entry.

    exp = elementwise.exp
    log = elementwise.log
    sqrt = elementwise.sqrt
    abs = __abs__ = elementwise.abs
    sin = elementwise.sin
    cos = elementwise.cos
    tanh = elementwise.tanh
    sigmoid = elementwise.sigmoid
    relu = elementwise.relu
    gelu = elementwise.gelu
    leaky_relu = elementwise.leaky_relu

    # Products of vectors and matrices.

    matmul = matmul.matmul

    # Reductions, over all axes or along `dim`.

    sum = reduce.sum
    mean = reduce.mean
    max = reduce.amax
    min = reduce.amin
    amax = reduce.amax
    amin = reduce.amin
    argmax = reduce.argmax
    softmax = loss.softmax
    log_softmax = loss.log_softmax

    # The same entries, arranged differently.

    reshape = view = shape.reshaped
    permute = shape.permuted
    flatten = shape.flatten
    split = shape.split
    clone = shape.clone
    transpose = shape.transpose
    squeeze = shape.squeeze
    unsqueeze = shape.unsqueeze

    # Some of the entries.

    def __getitem__(self, index: Any) -> Any:
        return shape.getitem(self, index=untracked.plain(index))

    __setitem__ = untracked.setitem

    # Comparisons give a block of bools, which has no gradient.

    __eq__ = untracked.comparison(operator.eq)
    __ne__ = untracked.comparison(operator.ne)
    __lt__ = untracked.comparison(operator.lt)
    __le__ = untracked.comparison(operator.le)
    __gt__ = untracked.comparison(operator.gt)
    __ge__ = untracked.comparison(operator.ge)

    __hash__ = Node.__hash__  # two Tensors of equal numbers are still two nodes of a graph
