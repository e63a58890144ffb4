"""Products of vectors and matrices, and the layers made of one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from hello_dl.backend import Array, is_array, is_half
from hello_dl.backend.gemm import matmul as product
from hello_dl.ops.axes import axes_of, broadcast_shapes
from hello_dl.ops.einsum import einsum
from hello_dl.ops.rule import rule, sum_to
from hello_dl.ops.shape import unsqueeze


@rule(broadcasts=True, halves=True)
def matmul(a: Array, b: Array):
    """Matrix product over the last two axes: (..., m, n) @ (..., n, k) is (..., m, k).

    A vector on the left counts as one row and on the right as one column; that axis is then
    missing in the result.
    """
    blocks = is_array(a) and is_array(b)
    if blocks and a.ndim == b.ndim == 2 and a.shape[1] == b.shape[0]:  # two matrices, as mostly
        return product(a, b), (lambda g: product(g, b.T), lambda g: product(a.T, g))
    if not (blocks and a.ndim and b.ndim):
        raise ValueError("a single number has no rows or columns: use * to scale")
    inner = b.shape[0] if b.ndim == 1 else b.shape[-2]
    if a.shape[-1] != inner:
        raise ValueError(
            f"the last axis of the left ({a.shape[-1]}) and the rows of the right ({inner}) differ"
        )
    if any(m != n and 1 not in (m, n) for m, n in zip(a.shape[-3::-1], b.shape[-3::-1])):
        raise ValueError(
            f"the axes before the last two, {a.shape[:-2]} and {b.shape[:-2]}, do not broadcast"
        )
    left = a[None, :] if a.ndim == 1 else a  # (..., m, n)
    right = b[:, None] if b.ndim == 1 else b  # (..., n, k)

    def full(g: Array) -> Array:  # (..., m, k), with the axes that vectors left out
        g = g[..., None] if b.ndim == 1 else g
        return g[..., None, :] if a.ndim == 1 else g

    def pull_left(g):
        if left.ndim == 2 < right.ndim:  # one matrix for many: add up as the product does
            columns = right.swapaxes(-1, -2)  # (..., k, n)
            grad = product(_rows(full(g).swapaxes(-1, -2)).T, _rows(columns))
        else:
            grad = _times(full(g), right.swapaxes(-1, -2))
        return grad[..., 0, :] if a.ndim == 1 else grad

    def pull_right(g):
        if right.ndim == 2 < left.ndim:
            grad = product(_rows(left).T, _rows(full(g)))
        else:
            grad = product(left.swapaxes(-1, -2), full(g))
        return grad[..., 0] if b.ndim == 1 else grad

    y = _times(left, right)
    if b.ndim == 1:
        y = y[..., 0]
    if a.ndim == 1:
        y = y[..., 0] if b.ndim == 1 else y[..., 0, :]
    return y, (pull_left, pull_right)


@rule(floats=True, halves=True)
def linear(x: Array, weight: Array, bias: Array | None = None):
    """Fully connected layer, x @ weight.T + bias: (..., in) to (..., out) by (out, in)."""
    if weight.ndim != 2 or not x.ndim:
        raise ValueError("x has the shape (..., in), weight (out, in); by a vector: x @ weight")
    if x.shape[-1] != weight.shape[1]:
        raise ValueError(f"{x.shape[-1]} features arrive, and the weight takes {weight.shape[1]}")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError("weight has the shape (out, in), bias (out,)")
    y = product(_rows(x), weight.T)  # (rows, out)
    if x.ndim != 2:
        y = y.reshape(*x.shape[:-1], len(weight))
    if bias is not None:
        y += bias

    def pull_x(g):
        return product(_rows(g), weight).reshape(x.shape)

    def pull_weight(g, out=None):
        return product(_rows(g).T, _rows(x), out)

    def pull_bias(g, out=None):
        if not is_half(g.dtype):
            return _rows(g).sum(0, out=out)
        total = sum_to(g, weight.shape[:1]).astype(g.dtype)  # added up in float32
        if out is None:
            return total
        out[...] = total
        return out

    pulls = (pull_x, pull_weight, pull_bias)
    return y, pulls if bias is not None else pulls[:2]


def linear_composed(input: Any, weight: Any, bias: Any = None) -> Any:
    """Spell `linear` in small operations."""
    y = input @ weight.T
    return y if bias is None else y + bias


def _times(a: Array, b: Array) -> Array:
    """Multiply; one matrix for many is one product of all rows, where numpy would take turns."""
    if b.ndim == 2 < a.ndim:
        return product(_rows(a), b).reshape(*a.shape[:-1], b.shape[-1])
    return product(a, b)


def _rows(x: Array) -> Array:
    """See all axes but the last as one: (..., n) as (rows, n)."""
    return x if x.ndim == 2 else x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


# What follows is spelled with the operations above.


def mm(input: Any, mat2: Any) -> Any:
    """Product of two matrices."""
    return matmul(_checked("mm", input, 2), _checked("mm", mat2, 2))


def bmm(input: Any, mat2: Any) -> Any:
    """Products of matrices in pairs: (b, m, n) by (b, n, k) is (b, m, k)."""
    if _checked("bmm", input, 3).shape[0] != _checked("bmm", mat2, 3).shape[0]:
        raise ValueError(f"bmm: {input.shape} and {mat2.shape} are not equally many matrices")
    return matmul(input, mat2)


def mv(input: Any, vec: Any) -> Any:
    """Product of a matrix and a vector."""
    return matmul(_checked("mv", input, 2), _checked("mv", vec, 1))


def dot(input: Any, tensor: Any) -> Any:
    """Sum of the products of the entries of two vectors."""
    return matmul(_checked("dot", input, 1), _checked("dot", tensor, 1))


def outer(input: Any, vec2: Any) -> Any:
    """Multiply every entry of one vector with every entry of another: (m,) by (n,) is (m, n)."""
    return unsqueeze(_checked("outer", input, 1), 1) * _checked("outer", vec2, 1)


def inner(input: Any, other: Any) -> Any:
    """Sum of products along the last axes of both: (..., n) by (n,) is (...)."""
    if not (input.shape and other.shape):
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise ValueError(f"inner: the last axes of {input.shape} and {other.shape} differ")
    return tensordot(input, other, ([-1], [-1]))


def tensordot(a: Any, b: Any, dims: int | Sequence[Any] = 2) -> Any:
    """Sum of products along several axes: the last of a and the first of b, or those named."""
    if isinstance(dims, int):
        dims = list(range(len(a.shape) - dims, len(a.shape))), list(range(dims))
    left, right = axes_of(dims[0], len(a.shape)), axes_of(dims[1], len(b.shape))
    letters, others = list("abcdefghijklm"[: len(a.shape)]), list("nopqrstuvwxyz"[: len(b.shape)])
    for i, j in zip(left, right, strict=True):
        others[j] = letters[i]
    out = [c for c in letters if c not in others] + [c for c in others if c not in letters]
    equation = f"{''.join(letters)},{''.join(others)}->{''.join(out)}"
    return einsum(equation, a, b)


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """Add a matrix product to a matrix: beta * input + alpha * (mat1 @ mat2)."""
    return _added(input, mm(mat1, mat2), beta, alpha)


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    """Add products of matrices in pairs: beta * input + alpha * (batch1 @ batch2)."""
    return _added(input, bmm(batch1, batch2), beta, alpha)


def _added(start: Any, product: Any, beta: float, alpha: float) -> Any:
    """With beta=0 the start is not looked at: it may be nan."""
    if broadcast_shapes(start.shape, product.shape) != product.shape:
        raise ValueError(f"{start.shape} cannot be stretched to the product, {product.shape}")
    product = product if alpha == 1 else product * alpha
    return product if beta == 0 else product + (start if beta == 1 else start * beta)


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Any:
    """Two inputs by one weight: x1 @ weight[k] @ x2 + bias[k], with weight (out, in1, in2)."""
    y = einsum("...i,oij,...j->...o", input1, weight, input2)
    return y if bias is None else y + bias


def _checked(op: str, x: Any, ndim: int) -> Any:
    if len(x.shape) != ndim:
        kind = {1: "a vector", 2: "a matrix", 3: "a block of three axes"}[ndim]
        raise ValueError(f"{op} takes {kind} here, and the shape is {x.shape}: matmul takes all")
    return x
