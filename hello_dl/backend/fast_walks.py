"""Compiled kernels: recurrent layers, each from the first step to the last without Python between.

Sequences do not depend on each other. So a kernel walks with some of them, `first` to `end` - 1,
as one thread's part. The rows of a step lie side by side, and `walk` (steps, 2) has for every step,
in the order of the walk, its first row and how many sequences have it (ops/recurrent.py).

In a step there is a product of matrices, then the gates (fast_gates.py), row by row while they are
in the cache. What the state says is written where its gates will be: `opened` (rows, gates · h).
"""

from __future__ import annotations

import numpy

from hello_dl.backend import fast_gates as gates
from hello_dl.backend.fast_blas import multiply_add
from hello_dl.backend.fast_jit import kernel

FEW, BLOCK = 32, (128, 240)  # rows of a product, and the block: together 983,040 multiplications


def try_out(x):
    """Call a kernel, to see whether it compiles, with x (1, 1, 1)."""
    walk = numpy.zeros((1, 2), numpy.int64)
    rnn(walk, x[0], x[0], x[0, 0], x[0], x[0], x[0], False, 0, 1)


@kernel
def _part(step, first, end):
    """Return the rows of a step that belong to the sequences `first` to `end` - 1; maybe none."""
    start, b = step
    return start + min(first, b), start + min(end, b)


@kernel
def _say(state, weight, befores, said):
    """Keep the state (b, h) as it is before the step, and write what it says to the gates."""
    befores[:] = state
    _multiply(befores, weight, 0, said)


@kernel
def _multiply(a, weight, beta, c):
    """Overwrite c by a @ weight + beta · c, in blocks of the weight where there are few rows.

    BLAS lays a matrix out anew before it multiplies, which takes longer than the product itself if
    that has few rows; but not for a million multiplications or less.
    """
    (down, across), (height, width) = BLOCK, weight.shape
    if len(a) > FEW:
        down, across = height, width
    for row in range(0, height, down):
        for column in range(0, width, across):
            rows, columns = slice(row, row + down), slice(column, column + across)
            multiply_add(a[:, rows], weight[rows, columns], 1 if row else beta, c[:, columns])


@kernel
def rnn(walk, weight, x, bias, state, befores, y, relu, first, end):
    """Walk with `rnn_steps`; the weight is (h, h), turned, and the state is overwritten."""
    for t in range(len(walk)):
        row, stop = _part(walk[t], first, end)
        last = first + stop - row
        if row < stop:
            _say(state[first:last], weight, befores[row:stop], y[row:stop])
            for i in range(row, stop):
                if relu:
                    gates.rectify(y[i], x[i], bias)
                else:
                    gates.bend(y[i], x[i], bias)
            state[first:last] = y[row:stop]


@kernel
def rnn_back(walk, weight, g, y, carry, slopes, relu, first, end):
    """Walk back; `carry` (b, h) begins with 0 and becomes the gradient of the first state."""
    for t in range(len(walk) - 1, -1, -1):
        row, stop = _part(walk[t], first, end)
        last = first + stop - row
        if row < stop:
            for i in range(row, stop):
                gates.rnn_slope(g[i], carry[first + i - row], y[i], relu, slopes[i])
            _multiply(slopes[row:stop], weight, 0, carry[first:last])


@kernel
def gru(walk, weight, x, bias, state, befores, opened, said, y, first, end):
    """Walk with `gru_steps`; the weight is (h, 3h), turned, and the state is overwritten."""
    h = state.shape[1]
    for t in range(len(walk)):
        row, stop = _part(walk[t], first, end)
        last = first + stop - row
        if row < stop:
            _say(state[first:last], weight, befores[row:stop], opened[row:stop])
            for i in range(row, stop):
                r, z, n = opened[i, :h], opened[i, h : 2 * h], opened[i, 2 * h :]
                gates.open_up(opened[i, : 2 * h], x[i, : 2 * h], bias[: 2 * h])
                gates.gru_new(n, said[i], r, x[i, 2 * h :], bias[2 * h :])
                gates.gru_state(z, n, befores[i], y[i])
            state[first:last] = y[row:stop]


@kernel
def gru_back(walk, weight, g, befores, opened, said, carry, slopes, through, first, end):
    """Walk back; `through` (rows, 3h) becomes the gradient of what the state says to the gates."""
    h = carry.shape[1]
    for t in range(len(walk) - 1, -1, -1):
        row, stop = _part(walk[t], first, end)
        last = first + stop - row
        if row < stop:
            for i in range(row, stop):
                arriving = carry[first + i - row]
                r, z, n = opened[i, :h], opened[i, h : 2 * h], opened[i, 2 * h :]
                of_z, of_n = slopes[i, h : 2 * h], slopes[i, 2 * h :]
                gates.gru_to_n(g[i], arriving, z, n, of_n)
                gates.gru_to_z(arriving, z, n, befores[i], of_z)
                gates.gru_to_r(of_n, said[i], r, slopes[i, :h], through[i, 2 * h :])
                through[i, : 2 * h] = slopes[i, : 2 * h]
            _multiply(through[row:stop], weight, 1, carry[first:last])


@kernel
def lstm(walk, weight, x, bias, state, cell, befores, cells, opened, shown, y, first, end):
    """Walk with `lstm_steps`; the weight is (h, 4h), turned; state and cell are overwritten."""
    h = state.shape[1]
    for t in range(len(walk)):
        row, stop = _part(walk[t], first, end)
        last = first + stop - row
        if row < stop:
            _say(state[first:last], weight, befores[row:stop], opened[row:stop])
            cells[row:stop] = cell[first:last]
            for i in range(row, stop):
                said, new, o = opened[i], opened[i, 2 * h : 3 * h], opened[i, 3 * h :]
                gates.open_up(said[: 2 * h], x[i, : 2 * h], bias[: 2 * h])
                gates.bend(new, x[i, 2 * h : 3 * h], bias[2 * h : 3 * h])
                gates.open_up(o, x[i, 3 * h :], bias[3 * h :])
                gates.lstm_cell(said[:h], said[h : 2 * h], new, cells[i], y[1, i])
                gates.lstm_state(o, y[1, i], shown[i], y[0, i])
            state[first:last], cell[first:last] = y[0, row:stop], y[1, row:stop]


@kernel
def lstm_back(walk, weight, g, cells, opened, shown, carry, of_cell, slopes, first, end):
    """Walk back; `carry` and `of_cell` (b, h) become the gradients of the first state and cell."""
    h = carry.shape[1]
    for t in range(len(walk) - 1, -1, -1):
        row, stop = _part(walk[t], first, end)
        last = first + stop - row
        if row < stop:
            for k in range(row, stop):
                line = first + k - row
                arriving, of_c = carry[line], of_cell[line]
                i, f = opened[k, :h], opened[k, h : 2 * h]
                new, o = opened[k, 2 * h : 3 * h], opened[k, 3 * h :]
                gates.lstm_to_o(g[0, k], arriving, o, shown[k], slopes[k, 3 * h :])
                gates.lstm_to_cell(g[0, k], g[1, k], arriving, o, shown[k], of_c)
                gates.lstm_to_new(of_c, i, new, slopes[k, :h], slopes[k, 2 * h : 3 * h])
                gates.lstm_to_f(of_c, f, cells[k], slopes[k, h : 2 * h])
            _multiply(slopes[row:stop], weight, 0, carry[first:last])
