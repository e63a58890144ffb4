"""Convolution, pooling, and what else slides over pictures or gives them another size.

The references are loops over the places of a window, written as the definitions are.
"""

import itertools
import math

import numpy as np
from rule_cases import Row, case, distinct

from hello_dl.backend import resample


def pair(n):
    return (n, n) if isinstance(n, int) else tuple(n)


def around(x, padding, value=0.0):
    """Put entries around pictures: padding is one number, (down, across), or pairs of them."""
    pads = [pair(p) for p in pair(padding)]
    return np.pad(x, [(0, 0), (0, 0), *pads], constant_values=value)


def windows(x, kernel, stride, dilation=1):
    """Yield the place of every window, and its entries (n, channels, kh, kw)."""
    (kh, kw), (sy, sx), (dy, dx) = pair(kernel), pair(stride), pair(dilation)
    high, wide = (kh - 1) * dy + 1, (kw - 1) * dx + 1
    for y in range((x.shape[2] - high) // sy + 1):
        for z in range((x.shape[3] - wide) // sx + 1):
            top, left = y * sy, z * sx
            yield (y, z), x[:, :, top : top + high : dy, left : left + wide : dx]


def gathered(results):
    """Arrange results (n, channels) by their places: (n, channels, down, across)."""
    down, across = (max(place[axis] for place in results) + 1 for axis in (0, 1))
    rows = [np.stack([results[y, z] for z in range(across)], -1) for y in range(down)]
    return np.stack(rows, -2)


def conv2d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1):
    if x.ndim == 3:
        return conv2d(
            x[None], weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups
        )[0]
    if padding == "same":
        both = [d * (k - 1) for d, k in zip(pair(dilation), weight.shape[2:])]
        padding = [(n // 2, n - n // 2) for n in both]
    x, size = around(x, 0 if padding == "valid" else padding), weight.shape[1]
    parts = [x[:, g * size : (g + 1) * size] for g in range(groups)]
    kernels = np.split(weight, groups)
    results = []
    for part, kernel in zip(parts, kernels):
        seen = windows(part, weight.shape[2:], stride, dilation)
        results.append(gathered({at: np.einsum("ncij,ocij->no", w, kernel) for at, w in seen}))
    y = np.concatenate(results, 1)
    return y if bias is None else y + bias.reshape(-1, 1, 1)


def flat(reference, **fixed):
    """Make the reference for lines of the one for pictures."""

    def on_lines(x, *blocks, **options):
        row = {"kernel_size": 1, "output_size": 1, "output_padding": 0, "padding": 0}
        raised = {
            name: (row.get(name, 1), *pair(value)[:1])
            if name in ("stride", "padding", "dilation", "kernel_size", "output_padding")
            and not isinstance(value, str | None)
            else value
            for name, value in options.items()
        }
        blocks = [b if b is None or b.ndim == 1 else b[:, :, None] for b in blocks]
        return reference(x[..., None, :], *blocks, **raised)[..., 0, :]

    return on_lines


def conv_transpose2d(
    x, weight, bias=None, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    if x.ndim == 3:
        x = x[None]
    (sy, sx), (py, px), (oy, ox), (dy, dx) = map(pair, (stride, padding, output_padding, dilation))
    (n, channels, h, w), (_, per_group, kh, kw) = x.shape, weight.shape
    high, wide = (h - 1) * sy + (kh - 1) * dy + 1 + oy, (w - 1) * sx + (kw - 1) * dx + 1 + ox
    full = np.zeros((n, groups * per_group, high + py, wide + px))
    size = channels // groups
    for c, i, j, a, b in itertools.product(*map(range, (channels, h, w, kh, kw))):
        first = c // size * per_group
        stamp = x[:, c, i, j, None] * weight[c, :, a, b]
        full[:, first : first + per_group, i * sy + a * dy, j * sx + b * dx] += stamp
    y = full[:, :, py : high - py, px : wide - px]
    return y if bias is None else y + bias.reshape(-1, 1, 1)


def pooled(x, reduce, kernel_size, stride, padding, dilation, ceil_mode, value):
    """Reduce every window, padded with `value`; with ceil_mode the last ones may reach over."""
    if x.ndim == 3:
        return pooled(x[None], reduce, kernel_size, stride, padding, dilation, ceil_mode, value)[0]
    kernel, pads = pair(kernel_size), pair(padding)
    steps, spread = pair(stride if stride is not None else kernel_size), pair(dilation)
    more = []
    for n, k, s, p, d in zip(x.shape[2:], kernel, steps, pads, spread):
        room = n + 2 * p - d * (k - 1) - 1
        count = (math.ceil(room / s) if ceil_mode else room // s) + 1
        count -= ceil_mode and (count - 1) * s >= n + p
        more.append((p, max(p, (count - 1) * s + d * (k - 1) + 1 - n - p)))
    x = around(x, more, value)
    return gathered({at: reduce(w) for at, w in windows(x, kernel, steps, spread)})


def max_pool2d(x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    def largest(window):
        return window.max((2, 3))

    return pooled(x, largest, kernel_size, stride, padding, dilation, ceil_mode, -np.inf)


def avg_pool2d(
    x,
    *,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    def total(window):
        return window.sum((2, 3))

    sliding = kernel_size, stride, padding, 1, ceil_mode
    counted = np.ones(x.shape)
    if count_include_pad:  # what is padded counts, what lies beyond it does not
        pads = [(p, p) for p in pair(padding)]
        counted = np.pad(counted, [(0, 0)] * (x.ndim - 2) + pads, constant_values=1)
        sliding = kernel_size, stride, 0, 1, ceil_mode
    counts = pooled(counted, total, *sliding, 0)
    y = pooled(x, total, kernel_size, stride, padding, 1, ceil_mode, 0)
    counts = counts[tuple(slice(n) for n in y.shape)]
    return y / (divisor_override or counts)


def adaptive_avg_pool2d(x, *, output_size):
    if x.ndim == 3:
        return adaptive_avg_pool2d(x[None], output_size=output_size)[0]
    size = [m or n for m, n in zip(pair(output_size), x.shape[2:])]
    places = [
        [slice(i * n // m, math.ceil((i + 1) * n / m)) for i in range(m)]
        for n, m in zip(x.shape[2:], size)
    ]
    rows = [[x[:, :, a, b].mean((2, 3)) for b in places[1]] for a in places[0]]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def im2col(x, *, kernel_size, dilation=1, padding=0, stride=1):
    if x.ndim == 3:
        options = {"dilation": dilation, "padding": padding, "stride": stride}
        return im2col(x[None], kernel_size=kernel_size, **options)[0]
    seen = windows(around(x, padding), kernel_size, stride, dilation)
    return np.stack([w.reshape(len(x), -1) for _, w in seen], -1)


def col2im(x, *, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Mark every entry by a number of its own, and add up where its number is found."""
    if x.ndim == 2:
        x = x[None]
    (h, w), (kh, kw) = pair(output_size), pair(kernel_size)
    channels = x.shape[1] // (kh * kw)
    marks = np.arange(1, channels * h * w + 1.0).reshape(1, channels, h, w)
    found = im2col(
        marks, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride
    )[0].astype(int)
    y = np.zeros((len(x), channels * h * w + 1))
    for column in np.ndindex(found.shape):
        y[:, found[column]] += x[:, *column]
    return y[:, 1:].reshape(len(x), channels, h, w)


def interpolate(
    x, *, size, mode="nearest", align_corners=False, steps=(None, None), antialias=False
):
    """Resample by a dense matrix for each axis; PyTorch checks the matrices."""
    way = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    for axis, (new, given) in enumerate(zip(size, steps), 2):
        old = x.shape[axis]
        step = old / new if given is None else given
        step = (old - 1) / max(new - 1, 1) if align_corners else step
        places, weights = resample.taps(way, old, new, step, align_corners, antialias)
        matrix = np.zeros((new, old))
        for i, tap in np.ndindex(new, len(places)):
            matrix[i, places[tap, i]] += weights[tap, i]
        x = np.moveaxis(np.tensordot(matrix, x, (1, axis)), 0, axis)
    return x


def torch_interpolate(t, x, size, mode="nearest", align_corners=False, steps=None, antialias=False):
    corners = align_corners if mode in ("linear", "bilinear", "bicubic") else None
    options = {"mode": mode, "align_corners": corners, "antialias": antialias}
    if steps:
        return t.nn.functional.interpolate(x, scale_factor=[1 / s for s in steps], **options)
    return t.nn.functional.interpolate(x, size, **options)


CONV = [
    case((2, 3, 5, 6), (4, 3, 3, 3), (4,)),
    case((1, 1, 4, 4), (1, 1, 1, 1)),
    case((3, 2, 5, 7), (3, 2, 3, 2), (3,), stride=2, padding=1),
    case((2, 2, 6, 5), (2, 2, 2, 3), None, stride=(1, 3), padding=(2, 0)),
    case((2, 2, 5, 4), (2, 2, 3, 3), padding="same"),
    case((2, 2, 5, 4), (2, 2, 2, 4), (2,), padding="same"),
    case((1, 2, 5, 4), (2, 2, 3, 3), padding="valid"),
    case((2, 1, 8, 7), (2, 1, 3, 2), (2,), dilation=(2, 3), padding=1),
    case((1, 1, 9, 9), (1, 1, 3, 3), dilation=2, stride=3, padding=2),
    case((2, 4, 5, 5), (6, 2, 3, 3), (6,), groups=2, padding=1),
    case((2, 3, 5, 5), (3, 1, 3, 3), (3,), groups=3, stride=2, dilation=2, padding=2),
    case((3, 5, 6), (2, 3, 3, 3), (2,), groups=1),
    case((1, 2, 7, 7), (3, 2, 1, 1), (3,), stride=3),
    case((2, 1, 2, 2), (1, 1, 2, 2), stride=4, padding=3),
]
LINES = [
    case((2, 3, 7), (4, 3, 3), (4,)),
    case((1, 2, 8), (3, 2, 2), stride=3, padding=2),
    case((2, 4, 9), (2, 2, 3), (2,), dilation=2, groups=2, padding="same"),
    case((3, 7), (2, 3, 3), (2,)),
]
UP = [
    case((2, 3, 3, 4), (3, 2, 3, 3), (2,)),
    case((1, 2, 3, 3), (2, 2, 2, 3), stride=2),
    case((2, 2, 4, 3), (2, 1, 3, 3), (1,), stride=(2, 3), padding=1, output_padding=(1, 2)),
    case((2, 4, 3, 3), (4, 2, 3, 2), (4,), groups=2, stride=2),
    case((1, 1, 3, 4), (1, 1, 3, 3), dilation=2, stride=3, padding=2),
    case((1, 2, 3, 3), (2, 1, 2, 2), dilation=3, output_padding=2),
]
POOLS = [
    {"kernel_size": 2},
    {"kernel_size": (3, 2), "stride": (1, 2)},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 2, "ceil_mode": True},
    {"kernel_size": (2, 3), "stride": 3, "padding": (1, 0), "ceil_mode": True},
    {"kernel_size": (1, 4), "stride": 1},
]
TIES = np.repeat([[0.0, 1.0, 1.0, 0.0, 0.0]], 4, 0).reshape(1, 1, 4, 5)
STRANGE = np.array([[np.nan, 1, -np.inf, 2], [np.inf, 0, -np.inf, -np.inf], [3, np.nan, -1, 0]])
UNIT = np.arange(12.0).reshape(1, 1, 3, 4)

ROWS: dict[str, Row] = {
    "conv2d": Row(
        conv2d,
        "nn.functional.conv2d",
        CONV,
        [case((0, 2, 4, 4), (3, 2, 3, 3), (3,))],
    ),
    "conv1d": Row(
        flat(conv2d),
        "nn.functional.conv1d",
        LINES,
        [case((0, 2, 6), (3, 2, 3), (3,), stride=2)],
    ),
    "conv_transpose2d": Row(conv_transpose2d, "nn.functional.conv_transpose2d", UP),
    "conv_transpose1d": Row(
        flat(conv_transpose2d),
        "nn.functional.conv_transpose1d",
        [case((2, 3, 4), (3, 2, 3), (2,)), case((1, 2, 4), (2, 1, 3), stride=2, padding=1)]
        + [case((1, 2, 4), (2, 1, 3), stride=3, output_padding=1, dilation=2)],
    ),
    "max_pool2d": Row(
        max_pool2d,
        "nn.functional.max_pool2d",
        [case(distinct(2, 2, 5, 6), **p) for p in POOLS]
        + [case(distinct(2, 5, 6), kernel_size=2)]
        + [case(distinct(1, 1, 7, 8), kernel_size=2, dilation=3)]
        + [case(distinct(1, 2, 7, 6), kernel_size=3, stride=2, dilation=(2, 1), padding=1)],
        [case(TIES, **p) for p in POOLS]
        + [case(STRANGE.reshape(1, 1, 3, 4), **p) for p in POOLS[:4]]
        + [case((0, 2, 4, 4), kernel_size=2), case(UNIT, kernel_size=1)],
    ),
    "max_pool1d": Row(
        flat(max_pool2d),
        "nn.functional.max_pool1d",
        [case(distinct(2, 2, 7), kernel_size=k, stride=s) for k, s in ((2, None), (3, 1), (2, 3))]
        + [case(distinct(2, 7), kernel_size=3, padding=1, ceil_mode=True)],
    ),
    "avg_pool2d": Row(
        avg_pool2d,
        "nn.functional.avg_pool2d",
        [case((2, 2, 5, 6), **p) for p in POOLS]
        + [case((2, 2, 5, 6), **p, count_include_pad=False) for p in POOLS[2:5]]
        + [case((2, 5, 6), kernel_size=2, divisor_override=3)]
        + [case((1, 1, 4, 4), kernel_size=3, padding=1, divisor_override=-2, ceil_mode=True)],
    ),
    "avg_pool1d": Row(
        flat(avg_pool2d),
        "nn.functional.avg_pool1d",
        [case((2, 2, 7), kernel_size=2), case((2, 7), kernel_size=3, stride=2, padding=1)],
    ),
    "adaptive_avg_pool2d": Row(
        adaptive_avg_pool2d,
        "nn.functional.adaptive_avg_pool2d",
        [case((2, 3, 4, 6), output_size=s) for s in (1, 2, (2, 3), (3, 4), (None, 5), (5, 7))]
        + [case((3, 4, 6), output_size=(2, 2))],
    ),
    "adaptive_avg_pool1d": Row(
        lambda x, output_size: adaptive_avg_pool2d(
            x[..., None, :], output_size=(1, output_size)
        )[..., 0, :],
        "nn.functional.adaptive_avg_pool1d",
        [case((2, 3, 6), output_size=s) for s in (1, 3, 4)] + [case((3, 5), output_size=2)],
    ),
    "im2col": Row(
        im2col,
        "nn.functional.unfold",
        [case((2, 3, 4, 5), kernel_size=2), case((3, 4, 5), kernel_size=(2, 3), padding=(0, 1))]
        + [case((1, 2, 6, 7), kernel_size=(3, 2), stride=2, padding=1, dilation=(1, 2))],
    ),
    "col2im": Row(
        col2im,
        "nn.functional.fold",
        [
            case((2, 12, 12), output_size=(4, 5), kernel_size=2),
            case((1, 9, 6), output_size=(3, 5), kernel_size=3, padding=1, stride=2),
        ],
    ),
    "interpolate": Row(
        interpolate,
        torch_interpolate,
        [
            case((2, 2, 4, 5), size=size, mode=mode)
            for mode in ("nearest", "nearest-exact", "bilinear", "bicubic")
            for size in ((7, 3), (8, 10))
        ]
        + [
            case((1, 2, 4, 5), size=(7, 3), mode=mode, align_corners=corners, antialias=not corners)
            for mode in ("bilinear", "bicubic")
            for corners in (True, False)
        ]
        + [case((2, 2, 5), size=(n,), mode=mode) for n in (3, 9) for mode in ("linear", "nearest")]
        + [case((1, 1, 4, 5), size=(6, 7), mode="bilinear", steps=(1 / 1.7, 1 / 1.5))],
    ),
}  # fmt: skip
