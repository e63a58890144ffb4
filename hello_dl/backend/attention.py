"""What attention is made of, in the quickest way there is: the softmax of scores, or all of it.

Scores (b, l, s) are matrices of l rows, each of which gives shares to s columns that sum to 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy

from hello_dl.backend import Array, fast, lines_cuda, module_of, rows
from hello_dl.backend.gemm import A_MILLISECOND
from hello_dl.backend.threads import cut, share, together

FEW = 2**20  # shares that are kept for the way back


def attended(
    query: Array, key: Array, value: Array, scale: float, is_causal: bool
) -> tuple[Array, Callable[[Array], tuple[Array, ...]]] | None:
    """Attend, one head after another in one kernel; also return the way back. None without kernels.

    query (..., l, e), key (..., s, e), value (..., s, v)
    """
    compiled = fast.kernels(query, key, value, module="fast_attention")
    if compiled is None or not (key.size and value.size) or scale <= 0:
        return None
    batch, (length, size) = query.shape[:-2], (query.shape[-2], key.shape[-2])
    q, k, v = map(_heads, (query, key, value))
    count = q.shape[0] * q.shape[1]
    milliseconds = count * length * size * (q.shape[3] + v.shape[3] + 16) / A_MILLISECOND
    kept = numpy.empty((count if count * length * size <= FEW else 0, length, size), q.dtype)
    y = _rows_of_tokens(numpy.empty, (*q.shape[:3], v.shape[3]), q.dtype)
    blocks = q, k, v, scale, is_causal, kept
    threads = share(milliseconds)
    together(lambda part: compiled.attend(*blocks, y, *part), _ranges(count, threads), threads)

    def back(g: Array) -> tuple[Array, ...]:
        pairs = (numpy.empty, q), (numpy.zeros, k), (numpy.zeros, v)
        gradients = [_rows_of_tokens(make, x.shape, x.dtype) for make, x in pairs]
        g = _heads(g.astype(q.dtype, copy=False))
        threads = share(2.5 * milliseconds)

        def work(part: tuple[int, int]) -> None:
            compiled.attend_back(g, *blocks, *gradients, *part)

        together(work, _ranges(count, threads), threads)
        return tuple(x.reshape(*batch, *x.shape[2:]) for x in gradients)

    return y.reshape(*batch, *y.shape[2:]), back


def _ranges(count: int, threads: int) -> list[tuple[int, int]]:
    return [(part.start, part.stop) for part in cut(count, threads)]


def _heads(x: Array) -> Array:
    """See (..., tokens, features) as (n, heads, tokens, features), with features side by side."""
    if x.ndim != 4:
        x = x.reshape(-1, x.shape[-3] if x.ndim > 3 else 1, *x.shape[-2:])
    apart, beside = x.strides[2:]
    return x if beside == x.itemsize and apart >= x.shape[3] * beside else x.copy()


def _rows_of_tokens(make: Any, shape: tuple[int, ...], dtype: Any) -> Array:
    """Make a block (n, heads, tokens, features) where all heads of a token lie side by side."""
    n, heads, tokens, features = shape
    return make((n, tokens, heads, features), dtype).transpose(0, 2, 1, 3)


def soften(s: Array, scale: float, mask: Array | None, ahead: int) -> None:
    """Overwrite scores by softmax(scores · scale + mask); a row that sees nothing has zeros.

    mask   (b or 1, l or 1, s), or None
    ahead  row i sees the columns below i + ahead
    """
    if mask is not None or scale <= 0:
        s *= scale
        scale = 1.0
    if mask is not None:
        s += mask
    if lines_cuda.has_kernels(s):
        lines_cuda.soften(s, scale, ahead)
    elif compiled := fast.kernels(s, module="fast_attention"):
        compiled.soften(s, scale, ahead, 0, len(s))
    else:
        _soften(s, scale, ahead)


def _soften(s: Array, scale: float, ahead: int) -> None:
    xp = module_of(s)
    s *= scale
    if ahead < s.shape[2]:
        later = _later(xp, s.shape[1], s.shape[2], ahead)
        xp.copyto(s, -math.inf, where=later)  # even where it was nan
    top = rows.largest(s, 2)
    top[top == -math.inf] = 0
    s -= top
    xp.exp(s, out=s)
    total = rows.total(s, 2)
    total[total == 0] = 1
    s /= total


def soften_back(g: Array, p: Array, scale: float, ahead: int) -> None:
    """Overwrite g, the gradient of the shares p, by that of the scores."""
    if lines_cuda.has_kernels(g) and g.dtype == p.dtype:
        lines_cuda.soften_back(g, p, scale)
    elif compiled := fast.kernels(g, p, module="fast_attention"):
        compiled.soften_back(g, p, scale, ahead, 0, len(g))
    else:
        g -= rows.dot(g, p, 2)
        g *= p
        g *= scale


def _later(xp: Any, rows: int, columns: int, ahead: int) -> Array:
    """Tell which columns come after what a row sees: (rows, columns)."""
    return xp.arange(columns) >= xp.arange(rows)[:, None] + ahead


def future(like: Array, rows: int, columns: int, ahead: int) -> Array:
    """Return what keeps rows from seeing what comes after them: minus infinity there, else 0."""
    xp = module_of(like)
    later = _later(xp, rows, columns, ahead)
    return xp.where(later, xp.asarray(-math.inf, like.dtype), xp.asarray(0, like.dtype))
