"""What a Tensor can do: the operations, under the names that PyTorch gives them as methods.

One line for each. What an operation computes, and its gradient, stands in the file it comes from.
"""

from __future__ import annotations

from typing import Any

from hello_dl.graph import Node, in_place
from hello_dl.ops import (
    activation,
    arrange,
    blend,
    compare,
    convert,
    elementwise,
    mask,
    matmul,
    measure,
    reduce,
    shape,
    turn,
    unary,
    untracked,
    window,
)
from hello_dl.ops import diagonal as diagonals
from hello_dl.ops import index as picked
from hello_dl.ops import softmax as probabilities
from hello_dl.ops import sort as search
from hello_dl.ops.rule import Block


def _swapped(operation: Any) -> Any:
    """Make the method for `other ∘ tensor` out of the one for `tensor ∘ other`."""
    return lambda self, other: operation(other, self)


class Operations(Block):
    """The methods of a Tensor that compute, rearrange or compare."""

    __slots__ = ()

    # Arithmetic, on blocks of one shape or of shapes that can be stretched to one.

    add = __add__ = elementwise.add
    sub = subtract = __sub__ = elementwise.sub
    mul = multiply = __mul__ = elementwise.mul
    div = divide = true_divide = __truediv__ = elementwise.div
    floor_divide = __floordiv__ = elementwise.floor_divide
    remainder = __mod__ = elementwise.remainder
    pow = __pow__ = elementwise.pow
    neg = negative = __neg__ = elementwise.neg
    positive = elementwise.positive
    __radd__, __rsub__ = _swapped(elementwise.add), _swapped(elementwise.sub)
    __rmul__, __rtruediv__ = _swapped(elementwise.mul), _swapped(elementwise.div)
    __rfloordiv__, __rmod__ = _swapped(elementwise.floor_divide), _swapped(elementwise.remainder)
    __rpow__ = _swapped(elementwise.pow)
    __iadd__, __isub__ = in_place(elementwise.add), in_place(elementwise.sub)
    __imul__, __itruediv__ = in_place(elementwise.mul), in_place(elementwise.div)
    __ifloordiv__, __imod__ = in_place(elementwise.floor_divide), in_place(elementwise.remainder)
    __ipow__ = in_place(elementwise.pow)
    __matmul__, __rmatmul__ = matmul.matmul, _swapped(matmul.matmul)
    _overwrite = untracked.overwrite
    square = elementwise.square
    reciprocal = elementwise.reciprocal
    minimum = elementwise.minimum
    maximum = elementwise.maximum
    clamp = clip = elementwise.clamp
    clamp_min = elementwise.clamp_min
    clamp_max = elementwise.clamp_max

    def where(self, condition: Any, other: Any) -> Any:
        """Keep the entries where the condition is true and take those of `other` elsewhere."""
        return elementwise.where(condition, self, other)

    lerp = blend.lerp
    addcmul = blend.addcmul
    addcdiv = blend.addcdiv

    # Functions of every entry.

    exp = unary.exp
    expm1 = unary.expm1
    log = unary.log
    log1p = unary.log1p
    log2 = unary.log2
    log10 = unary.log10
    sqrt = unary.sqrt
    rsqrt = unary.rsqrt
    abs = absolute = __abs__ = unary.abs
    sign = unary.sign
    sin = unary.sin
    cos = unary.cos
    tan = unary.tan
    erf = unary.erf
    floor = unary.floor
    ceil = unary.ceil
    round = unary.round
    trunc = unary.trunc
    tanh = activation.tanh
    sigmoid = activation.sigmoid
    relu = activation.relu
    leaky_relu = activation.leaky_relu
    gelu = activation.gelu

    # Products of vectors and matrices.

    mm, bmm, mv = matmul.mm, matmul.bmm, matmul.mv
    dot, outer, inner = matmul.dot, matmul.outer, matmul.inner
    addmm, baddbmm = matmul.addmm, matmul.baddbmm
    matmul = matmul.matmul

    # Reductions, over all axes or along `dim`.

    sum = reduce.sum
    mean = reduce.mean
    prod = reduce.prod
    cumsum = reduce.cumsum
    cumprod = reduce.cumprod
    var = measure.var
    std = measure.std
    norm = measure.norm
    logsumexp = reduce.logsumexp
    amax = reduce.amax
    amin = reduce.amin
    argmax = reduce.argmax
    argmin = reduce.argmin
    any = reduce.any
    all = reduce.all
    count_nonzero = reduce.count_nonzero
    softmax = probabilities.softmax
    log_softmax = probabilities.log_softmax

    # Entries looked for: the largest, the one in the middle, all in order.

    max = search.max
    min = search.min
    median = search.median
    kthvalue = search.kthvalue
    sort = search.sort
    argsort = search.argsort
    topk = search.topk
    unique = search.unique
    bincount = search.bincount

    # The same entries in another shape.

    reshape = view = shape.reshaped
    reshape_as = view_as = shape.reshape_as
    permute = shape.permuted
    flatten = shape.flatten
    ravel = shape.ravel
    unflatten = shape.unflatten
    t = shape.t
    transpose = swapaxes = swapdims = shape.transpose
    movedim = moveaxis = shape.movedim
    squeeze = shape.squeeze
    unsqueeze = shape.unsqueeze
    expand = shape.expanded
    expand_as = shape.expand_as
    broadcast_to = shape.broadcast_to

    # The same entries, arranged differently.

    split = arrange.split
    tensor_split = arrange.tensor_split
    chunk = arrange.chunk
    unbind = arrange.unbind
    narrow = arrange.narrow
    select = arrange.select
    repeat = arrange.repeated
    tile = arrange.tiled
    repeat_interleave = arrange.repeat_interleave
    unfold = window.unfold
    flip, fliplr, flipud = turn.flipped, turn.fliplr, turn.flipud
    rot90 = turn.rot90
    roll = turn.roll
    tril, triu = diagonals.tril, diagonals.triu
    diagonal, diag = diagonals.diagonal, diagonals.diag
    diag_embed, trace = diagonals.diag_embed, diagonals.trace

    # The same entries in other memory.

    clone = convert.clone
    contiguous = convert.contiguous
    is_contiguous, stride = convert.is_contiguous, convert.stride
    element_size, is_floating_point = convert.element_size, convert.is_floating_point
    to = convert.to
    type_as = convert.type_as
    cpu = convert.cpu
    cuda = convert.cuda
    half, bfloat16 = convert.in_dtype("float16"), convert.in_dtype("bfloat16")
    float, double = convert.in_dtype("float32"), convert.in_dtype("float64")
    int, long = convert.in_dtype("int32"), convert.in_dtype("int64")
    byte, bool = convert.in_dtype("uint8"), convert.in_dtype("bool")

    # Some of the entries.

    def __getitem__(self, index: Any) -> Any:
        return picked.getitem(self, index=untracked.plain(index))

    __setitem__ = untracked.setitem
    gather = picked.gathered
    scatter = picked.scattered
    scatter_add = picked.scatter_added
    index_select = picked.index_selected
    index_add = picked.index_added
    index_fill, index_copy = mask.index_fill, mask.index_copy
    take_along_dim = picked.take_along_dim
    take = picked.take
    masked_fill = mask.masked_fill
    masked_select = mask.masked_select
    nonzero = argwhere = mask.nonzero_places

    # Comparisons and masks: blocks of bools, which have no gradient.

    eq = compare.eq
    __eq__ = compare.compared(compare.eq)
    ne = not_equal = compare.ne
    __ne__ = compare.compared(compare.ne)
    lt = less = compare.lt
    __lt__ = compare.compared(compare.lt)
    le = less_equal = compare.le
    __le__ = compare.compared(compare.le)
    gt = greater = compare.gt
    __gt__ = compare.compared(compare.gt)
    ge = greater_equal = compare.ge
    __ge__ = compare.compared(compare.ge)
    isclose = compare.isclose
    allclose = compare.allclose
    equal = compare.equal
    isnan = compare.isnan
    isinf = compare.isinf
    isfinite = compare.isfinite
    logical_and = compare.logical_and
    logical_or = compare.logical_or
    logical_xor = compare.logical_xor
    logical_not = compare.logical_not
    bitwise_and = __and__ = __rand__ = compare.bitwise_and
    bitwise_or = __or__ = __ror__ = compare.bitwise_or
    bitwise_xor = __xor__ = __rxor__ = compare.bitwise_xor
    bitwise_not = __invert__ = compare.bitwise_not

    __hash__ = Node.__hash__  # two Tensors of equal numbers are still two nodes of a graph
