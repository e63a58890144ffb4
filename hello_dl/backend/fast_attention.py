"""Compiled kernels: attention. One goes through all that is to be done for one head after another.

Queries (n, heads, l, e), keys (n, heads, s, e) and values (n, heads, s, v) lie as they come, in
rows; the shares of a head are a matrix (l, s). Head i is head i % heads of sequence i // heads.
"""

from __future__ import annotations

import math

import numpy

from hello_dl.backend.fast_blas import multiply_add
from hello_dl.backend.fast_curves import exp
from hello_dl.backend.fast_jit import kernel

LANES = 16  # entries that the processor works on together, or a few times as many
ROWS = 32  # of a matrix of shares that are worked on at once: they stay in the cache


def try_out(x):
    """Call a kernel, to see whether it compiles, with x (1, 1, 1)."""
    attend(x[None], x[None], x[None], 1.0, True, x, x[None], 0, 1)


@kernel(sums=True, nan=False)
def _largest(x):
    top = x[0]
    for i in range(1, len(x)):
        top = x[i] if x[i] > top else top
    return top


@kernel(sums=True)
def _exp_and_sum(x, scale, top):
    """Overwrite x by exp(x · scale - top), and return its sum."""
    total = x.dtype.type(0)
    for i in range(len(x)):
        x[i] = exp(x[i] * scale - top)
        total += x[i]
    return total


@kernel
def _multiply(x, factor):
    for i in range(len(x)):
        x[i] *= factor


@kernel
def _fill(x, number):
    for i in range(len(x)):
        x[i] = number


@kernel
def _soften(s, columns, scale, ahead):
    """Make shares of the scores s (rows, columns or more) in place; row i sees i + ahead of them.

    Row by row is done what is to be done next, so that the processor need not wait for the end of
    one row; and in steps of LANES entries, as a rest takes its time.
    """
    rows, of = len(s), s.dtype.type
    zero, scale, never = of(0), of(scale), of(-math.inf)
    if not columns:
        return
    totals = numpy.empty(rows, s.dtype)
    for i in range(rows):
        row = s[i, : _whole_lanes(i + ahead, columns)]
        _fill(row[i + ahead :], never)
        totals[i] = _largest(row) * scale
    for i in range(rows):
        top, wide = totals[i], _whole_lanes(i + ahead, columns)
        totals[i] = _exp_and_sum(s[i, :wide], scale, zero if top == never else top)
        _fill(s[i, wide:columns], zero)
    for i in range(rows):
        share = of(1) / (totals[i] if totals[i] != zero else of(1))
        _multiply(s[i, : _whole_lanes(i + ahead, columns)], share)


@kernel
def soften(s, scale, ahead, first, end):
    """Make shares of the scores s (b, l, s) of some matrices, in place; the scale is positive."""
    for b in range(first, end):
        _soften(s[b], s.shape[2], scale, ahead)


@kernel
def _whole_lanes(seen, columns):
    """Return how many of the columns to work on so that these fill whole lanes: 16 for 1 to 16.

    What lies beyond those seen is minus infinity as a score, and 0 as a share.
    """
    return min((seen + LANES - 1) // LANES * LANES, columns)


@kernel(sums=True)
def _product(x, y):
    total = x.dtype.type(0)
    for i in range(len(x)):
        total += x[i] * y[i]
    return total


@kernel
def _share_out(g, shares, along, scale):
    for i in range(len(g)):
        g[i] = (g[i] - along) * shares[i] * scale


@kernel
def _soften_back(g, p, columns, scale, ahead):
    rows, scale = len(g), g.dtype.type(scale)
    alongs = numpy.empty(rows, g.dtype)
    for i in range(rows):
        wide = _whole_lanes(i + ahead, columns)
        alongs[i] = _product(g[i, :wide], p[i, :wide])
    for i in range(rows):
        _share_out(g[i, :columns], p[i, :columns], alongs[i], scale)


@kernel
def soften_back(g, p, scale, ahead, first, end):
    """Turn g, the gradient of the shares p (b, l, s), into that of the scores, in place.

    Where a row does not see, its shares are 0, and so is the gradient.
    """
    for b in range(first, end):
        _soften_back(g[b], p[b], g.shape[2], scale, ahead)


@kernel
def _make_shares(q, k, scale, causal, first, p):
    """Write the shares of the queries q (rows, e), which are those from `first` on, to p."""
    seen = min(first + len(q), len(k)) if causal else len(k)
    multiply_add(q, k[:seen].T, 0, p[:, :seen])
    _soften(p, seen, scale, first + 1 if causal else seen)
    return seen


@kernel
def attend(q, k, v, scale, causal, kept, y, first, end):
    """Write to y what some heads see, and their shares to kept (n · heads, l, s), if it has room.

    causal  token i sees tokens 0 to i only
    """
    heads, length = q.shape[1:3]
    block = numpy.empty((ROWS, k.shape[2]), q.dtype)
    for i in range(first, end):
        here = i // heads, i % heads
        for row in range(0, length, ROWS):
            rows = slice(row, min(row + ROWS, length))
            p = kept[i, rows] if len(kept) else block[: rows.stop - row]
            seen = _make_shares(q[here][rows], k[here], scale, causal, row, p)
            multiply_add(p[:, :seen], v[here][:seen], 0, y[here][rows])


@kernel
def attend_back(g, q, k, v, scale, causal, kept, dq, dk, dv, first, end):
    """Write the gradients of some heads to dq, dk and dv, where dk and dv are 0 at first."""
    heads, length = q.shape[1:3]
    block, slopes = numpy.empty((2, ROWS, k.shape[2]), q.dtype)
    for i in range(first, end):
        here = i // heads, i % heads
        for row in range(0, length, ROWS):
            rows = slice(row, min(row + ROWS, length))
            queries, arriving, keys = q[here][rows], g[here][rows], k[here]
            slope = slopes[: rows.stop - row]
            if len(kept):
                p, seen = kept[i, rows], min(rows.stop, len(keys)) if causal else len(keys)
            else:
                p = block[: rows.stop - row]
                seen = _make_shares(queries, keys, scale, causal, row, p)
            multiply_add(arriving, v[here][:seen].T, 0, slope[:, :seen])
            multiply_add(p[:, :seen].T, arriving, 1, dv[here][:seen])
            _soften_back(slope, p, seen, scale, row + 1 if causal else seen)
            multiply_add(slope[:, :seen], keys[:seen], 0, dq[here][rows])
            multiply_add(slope[:, :seen].T, queries, 1, dk[here][:seen])
