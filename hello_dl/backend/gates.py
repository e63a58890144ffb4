"""The gates of recurrent layers: what happens in one step beside the product with a matrix.

All blocks have a row for each sequence of the batch. On a CPU a step is a handful of passes over
rows that stay in the cache; on a GPU it is one kernel, as to start one takes longer than to run it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy

from hello_dl.backend import Array, _cupy, module_of


def sigmoid_(x: Array) -> None:
    """Overwrite x by 1 / (1 + exp(-x)), which is (1 + tanh(x / 2)) / 2: nothing can overflow."""
    x *= 0.5
    numpy.tanh(x, out=x)
    x *= 0.5
    x += 0.5


def gru_step(
    x: Array, memory: Array, before: Array, gates: Array, new: Array, after: Array
) -> None:
    """Go from the state `before` (b, h) to the state `after` (b, h).

    x       (b, 3h) what the input says to the gates r, z and n
    memory  (b, 3h) what the state says to them
    gates   (b, 3h) here r, z and n are written to
    new     (b, h) and here what the state says to n, before r lets it through
    """
    size = before.shape[1]
    (r, z, n), (to_r, to_z, to_n) = thirds(gates), thirds(memory)
    if module_of(x) is not numpy:
        _gru()(*thirds(x), to_r, to_z, to_n, before, r, z, n, new, after)
        return
    open_ = gates[:, : 2 * size]
    numpy.add(x[:, : 2 * size], memory[:, : 2 * size], out=open_)
    sigmoid_(open_)
    new[...] = to_n
    numpy.multiply(r, new, out=n)
    n += x[:, 2 * size :]
    numpy.tanh(n, out=n)
    numpy.subtract(before, n, out=after)
    after *= z
    after += n


def gru_slopes(gates: Array, before: Array, said: Array, slopes: Array) -> None:
    """Write to `slopes` (rows, 3h) how much of what is said to the gates matters, for all steps.

    What is said to r changes n, and what is said to z and to n changes the state.
    """
    (r, z, n), (of_r, of_z, of_n) = thirds(gates), thirds(slopes)
    of_r[...] = said * r * (1 - r)
    of_z[...] = (before - n) * z * (1 - z)
    of_n[...] = (1 - z) * (1 - n * n)


def gru_step_back(g: Array, gates: Array, slopes: Array, through: Array) -> None:
    """Take the gradient g (b, h) of the state `after` back to the gates; it overwrites g.

    slopes   (b, 3h) holds how much r changes n, z the state, and n the state; becomes the gradient
             of what the input says to the gates
    through  (b, 3h) becomes the gradient of what the state says to them
    g        becomes the part of the gradient that goes to the state `before` past the gates
    """
    (r, z, _), (of_r, of_z, of_n) = thirds(gates), thirds(slopes)
    if module_of(g) is not numpy:
        _gru_back()(r, z, g, of_r, of_z, of_n, *thirds(through))
        return
    size = g.shape[1]
    of_n *= g
    of_z *= g
    of_r *= of_n
    through[:, : 2 * size] = slopes[:, : 2 * size]
    numpy.multiply(of_n, r, out=through[:, 2 * size :])
    g *= z


def lstm_step(gates: Array, before: Array, cell: Array, shown: Array, after: Array) -> None:
    """Go from the cell `before` (b, h) to `cell` (b, h) and the state `after` (b, h).

    gates  (b, 4h) what input and state say to the gates i, f, g and o; becomes these
    shown  (b, h) here tanh(cell) is written to
    """
    i, f, g, o = quarters(gates)
    if module_of(gates) is not numpy:
        _lstm()(before, i, f, g, o, cell, shown, after)
        return
    size = before.shape[1]
    sigmoid_(gates[:, : 2 * size])
    numpy.tanh(g, out=g)
    sigmoid_(o)
    numpy.multiply(f, before, out=cell)
    numpy.multiply(i, g, out=after)
    cell += after
    numpy.tanh(cell, out=shown)
    numpy.multiply(o, shown, out=after)


def lstm_slopes(gates: Array, before: Array, shown: Array, slopes: Array) -> Array:
    """Write to `slopes` (rows, 4h) how much of what is said to the gates matters, for all steps.

    What is said to i, f and g changes the cell, and what is said to o the state. Returns how much
    the cell changes the state (rows, h).
    """
    i, f, new, o = quarters(gates)
    of_i, of_f, of_new, of_o = quarters(slopes)
    of_i[...] = new * i * (1 - i)
    of_f[...] = before * f * (1 - f)
    of_new[...] = i * (1 - new * new)
    of_o[...] = shown * o * (1 - o)
    return o * (1 - shown * shown)


def lstm_step_back(g: Array, of_cell: Array, opened: Array, gates: Array, slopes: Array) -> None:
    """Take the gradients of the state, g (b, h), and of the cell back to the gates.

    of_cell  (b, h) gradient of the cell; becomes that of the cell before
    opened   (b, h) how much the cell changes the state
    slopes   (b, 4h) how much i, f and g change the cell, and o the state; becomes the gradient of
             what was said to them
    """
    f = quarters(gates)[1]
    if module_of(g) is not numpy:
        _lstm_back()(g, opened, f, of_cell, *quarters(slopes))
        return
    size = g.shape[1]
    of_cell += g * opened
    slopes.reshape(len(g), 4, size)[:, :3] *= of_cell[:, None]
    slopes[:, 3 * size :] *= g
    of_cell *= f


def thirds(x: Array) -> tuple[Array, ...]:
    """See (b, 3h) as three blocks (b, h)."""
    size = x.shape[1] // 3
    return x[:, :size], x[:, size : 2 * size], x[:, 2 * size :]


def quarters(x: Array) -> tuple[Array, ...]:
    """See (b, 4h) as four blocks (b, h)."""
    size = x.shape[1] // 4
    return x[:, :size], x[:, size : 2 * size], x[:, 2 * size : 3 * size], x[:, 3 * size :]


@cache
def _gru() -> Any:
    return _cupy().ElementwiseKernel(
        "T xr, T xz, T xn, T mr, T mz, T mn, T before",
        "T r, T z, T n, T said, T after",
        """
        T half = 0.5, open_r = half + half * tanh(half * (xr + mr));
        T open_z = half + half * tanh(half * (xz + mz)), fresh = tanh(xn + open_r * mn);
        after = fresh + open_z * (before - fresh);
        r = open_r;
        z = open_z;
        n = fresh;
        said = mn;
        """,
        "gru_step",
    )


@cache
def _gru_back() -> Any:
    return _cupy().ElementwiseKernel(
        "T r, T z",
        "T g, T of_r, T of_z, T of_n, T to_r, T to_z, T to_n",
        """
        of_n *= g;
        of_z *= g;
        of_r *= of_n;
        to_r = of_r;
        to_z = of_z;
        to_n = of_n * r;
        g *= z;
        """,
        "gru_step_back",
    )


@cache
def _lstm() -> Any:
    return _cupy().ElementwiseKernel(
        "T before",
        "T in_, T forget, T fresh, T show, T cell, T shown, T after",
        """
        T half = 0.5;
        in_ = half + half * tanh(half * in_);
        forget = half + half * tanh(half * forget);
        fresh = tanh(fresh);
        show = half + half * tanh(half * show);
        cell = forget * before + in_ * fresh;
        shown = tanh(cell);
        after = show * shown;
        """,
        "lstm_step",
    )


@cache
def _lstm_back() -> Any:
    return _cupy().ElementwiseKernel(
        "T g, T opened, T forget",
        "T of_cell, T of_in, T of_forget, T of_fresh, T of_show",
        """
        of_cell += g * opened;
        of_in *= of_cell;
        of_forget *= of_cell;
        of_fresh *= of_cell;
        of_show *= g;
        of_cell *= forget;
        """,
        "lstm_step_back",
    )
