"""Compiled kernels: max pooling, batch norm, relu, Adam; in one walk over memory where possible.

Pictures lie as conv.py has them, (height, channels, width, n) in one piece, with the batch
innermost: so the inner loops run along numbers that lie side by side, and the compiler does 8 or
16 of them at once. Each kernel works on a range, from `first` to `end` - 1: one thread's part.
"""

from __future__ import annotations

import numpy

from hello_dl.backend.fast_jit import kernel


def try_out(x):
    """Call a kernel, to see whether it compiles, with x (1, 1, 1)."""
    rectify(x[0, 0], x[0, 0], 0, 1)


@kernel
def rectify(x, y, first, end):
    """Write the positive part of x (entries,) to y; a nan stays."""
    x, y, zero = x[first:end], y[first:end], x.dtype.type(0)
    for i in range(len(y)):
        number = x[i]
        y[i] = zero if number <= 0 else number


@kernel
def pass_on(g, gate, out, first, end):
    """Write g to `out` where the gate is not 0, and 0 elsewhere; all (entries,)."""
    g, gate, out, zero = g[first:end], gate[first:end], out[first:end], g.dtype.type(0)
    for i in range(len(out)):
        number = g[i]
        out[i] = number if gate[i] != 0 else zero


@kernel
def largest(x, kernel_size, stride, before, dilation, y, winners, first, end):
    """Write the largest entry of each window of some channels to y, and which one it is.

    The entries of a window are numbered row by row. The first of those that tie wins, and of
    several nan the last.
    """
    height, _, width, n = x.shape
    for p in range(y.shape[0]):
        for c in range(first, end):
            for q in range(y.shape[2]):
                best, winner = y[p, c, q], winners[p, c, q]
                seen = False
                for i in range(kernel_size[0]):
                    row = p * stride[0] - before[0] + i * dilation[0]
                    for j in range(kernel_size[1]):
                        column = q * stride[1] - before[1] + j * dilation[1]
                        if row < 0 or row >= height or column < 0 or column >= width:
                            continue
                        tap, entries = numpy.uint8(i * kernel_size[1] + j), x[row, c, column]
                        if seen:
                            for k in range(n):
                                better = (entries[k] > best[k]) | (entries[k] != entries[k])
                                best[k] = entries[k] if better else best[k]
                                winner[k] = tap if better else winner[k]
                        else:
                            for k in range(n):
                                best[k] = entries[k]
                                winner[k] = tap
                            seen = True


@kernel
def hand_to_winners(g, winners, kernel_size, stride, before, dilation, add, dx, first, end):
    """Hand the gradient of each window down to its winner, in some channels of dx.

    With `add` dx holds zeros at first, and windows may overlap; else it is written once.
    """
    height, _, width, n = dx.shape
    zero = g.dtype.type(0)
    for p in range(g.shape[0]):
        for c in range(first, end):
            for q in range(g.shape[2]):
                arriving, winner = g[p, c, q], winners[p, c, q]
                for i in range(kernel_size[0]):
                    row = p * stride[0] - before[0] + i * dilation[0]
                    for j in range(kernel_size[1]):
                        column = q * stride[1] - before[1] + j * dilation[1]
                        if row < 0 or row >= height or column < 0 or column >= width:
                            continue
                        tap, slopes = numpy.uint8(i * kernel_size[1] + j), dx[row, c, column]
                        if add:
                            for k in range(n):
                                slopes[k] += arriving[k] if winner[k] == tap else zero
                        else:
                            for k in range(n):
                                slopes[k] = arriving[k] if winner[k] == tap else zero


# Batch norm: x is (outer, channels, inner), as batch_norm.py has it.


@kernel(sums=True)
def _sum(x, shift):
    total = x.dtype.type(0)
    for i in range(len(x)):
        total += x[i] - shift
    return total


@kernel(sums=True)
def _sum_of_squares(x, shift):
    total = x.dtype.type(0)
    for i in range(len(x)):
        total += (x[i] - shift) * (x[i] - shift)
    return total


@kernel(sums=True)
def _sums_of_products(g, x, shift):
    total, along = x.dtype.type(0), x.dtype.type(0)
    for i in range(len(x)):
        total += g[i]
        along += g[i] * (x[i] - shift)
    return total, along


@kernel
def _stretch(x, shift, factor, bias, y):
    for i in range(len(x)):
        y[i] = (x[i] - shift) * factor + bias


@kernel
def normalize(x, weight, bias, eps, mean, var, y, first, end):
    """Write the mean and the variance of some channels, and what `normalized` makes of them."""
    outer, _, inner = x.shape
    for c in range(first, end):
        total, squares = 0.0, 0.0  # of the rows: in float64
        for o in range(outer):
            total += _sum(x[o, c], x.dtype.type(0))
        mean[c] = total / (outer * inner)
        for o in range(outer):
            squares += _sum_of_squares(x[o, c], mean[c])
        var[c] = squares / (outer * inner)
        factor = x.dtype.type(weight[c] / numpy.sqrt(var[c] + eps))
        for o in range(outer):
            _stretch(x[o, c], mean[c], factor, bias[c], y[o, c])


@kernel
def stretch(x, mean, factor, bias, y, first, end):
    """Write (x - mean) · factor + bias of some channels to y."""
    for c in range(first, end):
        for o in range(x.shape[0]):
            _stretch(x[o, c], mean[c], factor[c], bias[c], y[o, c])


@kernel
def batch_slopes(g, x, mean, scale, factor, of_batch, dx, along, total, first, end):
    """Write the gradients of some channels, as `batch_norm.slopes` returns them.

    `factor` is scale · weight.
    """
    outer, _, inner = x.shape
    for c in range(first, end):
        a, b = 0.0, 0.0
        for o in range(outer):
            some, others = _sums_of_products(g[o, c], x[o, c], mean[c])
            b += some
            a += others
        along[c], total[c] = a * scale[c], b
        m, f = mean[c], factor[c]
        tilt, shift = m * 0, m * 0
        if of_batch:
            tilt = scale[c] * along[c] / x.dtype.type(outer * inner)
            shift = total[c] / x.dtype.type(outer * inner)
        for o in range(outer):
            arriving, numbers, out = g[o, c], x[o, c], dx[o, c]
            for i in range(inner):
                out[i] = (arriving[i] - (numbers[i] - m) * tilt - shift) * f


# Layer norm: x is (m, size), and every line an affair of its own.


@kernel
def normalize_lines(x, weight, bias, eps, mean, scale, y, first, end):
    """Write what `layer_norm.normalized` makes of some lines, their means and scales (m,)."""
    of, size = x.dtype.type, x.shape[1]
    for i in range(first, end):
        mean[i] = of(_sum(x[i], of(0)) / size)
        scale[i] = of(1 / numpy.sqrt(_sum_of_squares(x[i], mean[i]) / size + eps))
        line, out, m, s = x[i], y[i], mean[i], scale[i]
        for j in range(size):
            out[j] = (line[j] - m) * s * weight[j] + bias[j]


@kernel(sums=True)
def _sums_of_weighted(g, x, weight, shift):
    total, along = x.dtype.type(0), x.dtype.type(0)
    for i in range(len(x)):
        slope = g[i] * weight[i]
        total += slope
        along += slope * (x[i] - shift)
    return total, along


@kernel
def _slope_of_line(g, x, weight, shift, middle, tilt, scale, out):
    for i in range(len(x)):
        out[i] = (g[i] * weight[i] - middle - (x[i] - shift) * tilt) * scale


@kernel
def _add_weighted(g, x, shift, scale, out):
    for i in range(len(x)):
        out[i] += g[i] * ((x[i] - shift) * scale)


@kernel
def line_slopes(g, x, mean, scale, weight, dx, sums, first, end):
    """Write the gradient of the lines of some groups, and add up those of weight and bias.

    sums  (groups, 2, size) has a place for each group of lines that lie side by side
    """
    of, (m, size), groups = x.dtype.type, x.shape, len(sums)
    for group in range(first, end):
        for i in range(m * group // groups, m * (group + 1) // groups):
            total, along = _sums_of_weighted(g[i], x[i], weight, mean[i])
            middle, tilt = of(total / size), of(along * scale[i] * scale[i] / size)
            _slope_of_line(g[i], x[i], weight, mean[i], middle, tilt, scale[i], dx[i])
            _add_weighted(g[i], x[i], mean[i], scale[i], sums[group, 0])
            _add(g[i], sums[group, 1])


@kernel
def add_shifted(parts, n, stride, left, dilation, rows, first, end):
    """Add (height, channels, taps, across · n) to where the taps have read in rows of pictures.

    rows (height, channels, width · n), of which those from `first` to end - 1 are changed.
    """
    across, width = parts.shape[3] // n, rows.shape[2] // n
    for row in range(first, end):
        for c in range(parts.shape[1]):
            for tap in range(parts.shape[2]):
                start = tap * dilation - left
                numbers, line = parts[row, c, tap], rows[row, c]
                if stride == 1:  # places side by side are so in the picture
                    begin, stop = max(-start, 0) * n, min(width - start, across) * n
                    _add(numbers[begin : max(stop, begin)], line[max(begin + start * n, 0) :])
                    continue
                for place in range(across):
                    at = place * stride + start
                    if 0 <= at < width:
                        _add(numbers[place * n : (place + 1) * n], line[at * n :])


@kernel
def _add(numbers, line):
    for i in range(len(numbers)):
        line[i] += numbers[i]


@kernel
def adam(data, grad, mean, square, beta1, beta2, share1, share2, step_size, eps):
    """Do a step of Adam, all (entries,); see optim/adam.py."""
    of = data.dtype.type
    beta1, beta2, share1, share2 = of(beta1), of(beta2), of(share1), of(share2)
    step_size, eps = of(step_size), of(eps)
    for i in range(len(data)):
        mean[i] = beta1 * mean[i] + share1 * grad[i]
        square[i] = beta2 * square[i] + share2 * (grad[i] * grad[i])
        data[i] -= step_size * (mean[i] / (numpy.sqrt(square[i]) + eps))
