"""Rules that rearrange or pick, and compute nothing."""

import numpy as np
from rule_cases import Row, case, extremes, ones

MASK = np.array([[True, False, True], [False, False, True]])
INDICES = [
    ((4,), 1),
    ((4, 3), -1),
    ((4, 3), (slice(None, None, 2), 1)),
    ((4, 3), (..., None, slice(1, None))),
    ((4, 3), [0, 0, 3, 0]),
    ((4, 3), (np.array([0, 1, 0]), np.array([2, 2, 2]))),
    ((4, 3), (slice(None), np.array([[0, 2], [2, 2]]))),
    ((4, 3), np.array([[0, -1, 0], [3, 3, 3]])),
    ((4, 3, 2), [-4, 2, 0]),
    ((4, 3), np.array([], int)),
    ((5,), [0, -5, 1]),
    ((5,), ((0, 0, 1),)),  # a tuple within a tuple picks as a list does
    ((4, 3), ((0, 0), slice(None))),
    ((4, 3), (slice(None), (2, 2))),
    ((4, 3), (np.int64(1), np.array(2))),
    ((4, 3), ([True, False, True, False],)),
    ((2, 3), MASK),
    ((2, 3), (1, np.array([True, False, True]))),
    ((2, 3), (slice(1, 1),)),
    ((), ()),
]


def places(index, dim):
    """Yield every place of an index along one axis, and the place that it means."""
    for place in np.ndindex(index.shape):
        yield place, (*place[:dim], index[place], *place[dim % index.ndim + 1 :])


def gather(x, index, dim):
    y = np.empty(index.shape)
    for place, source in places(index, dim % x.ndim):
        y[place] = x[source]
    return y


def scatter(x, index, src, dim, add=False):
    y = x.copy()
    for place, target in places(index, dim % x.ndim):
        number = src if np.ndim(src) == 0 else src[place]
        y[target] = number + (y[target] if add else 0)
    return y


def index_add(x, index, source, dim, alpha=1):
    y = np.moveaxis(x.copy(), dim, 0)
    for i, row in zip(index.reshape(-1), np.moveaxis(source, dim, 0)):
        y[i] += alpha * row
    return np.moveaxis(y, 0, dim)


def pad(x, pad, value=0):
    pairs = [(0, 0)] * (x.ndim - len(pad) // 2) + list(zip(pad[::2], pad[1::2]))[::-1]
    outward = [(max(a, 0), max(b, 0)) for a, b in pairs]
    y = np.pad(x, outward, constant_values=value) if pairs else x
    return y[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(y.shape, pairs))]


def diag_embed(x, offset=0, dim1=-2, dim2=-1):
    n = x.shape[-1] + abs(offset)
    y = np.zeros((*x.shape[:-1], n, n))
    for i in range(x.shape[-1]):
        y[..., i + max(-offset, 0), i + max(offset, 0)] = x[..., i]
    return np.moveaxis(y, (-2, -1), (dim1, dim2))


TWO = np.array([[0, 1, 0], [1, 0, 1]])
MATRICES = [(3, 3), (2, 4), (4, 2), (2, 3, 4), (0, 3)]

ROWS: dict[str, Row] = {
    "reshape": Row(
        lambda x, shape: x.reshape(shape),
        "reshape",
        [case((3, 4), shape=s) for s in [(12,), (2, 6), (2, -1), (2, 1, 2, 3)]]
        + [case((), shape=(1, 1)), case((0, 3), shape=(3, 0))],
    ),
    "permute": Row(
        lambda x, dims: x.transpose(dims),
        "permute",
        [case((2, 3, 4), dims=d) for d in [(1, 2, 0), (2, 1, 0), (0, 1, 2), (-1, 0, 1)]]
        + [case((), dims=())],
    ),
    "expand": Row(
        lambda x, size: x + np.zeros([1 if n == -1 else n for n in size]),
        lambda t, x, size: x.expand(size),
        [case((3, 1), size=s) for s in [(3, 4), (-1, 2), (2, 3, 1), (2, -1, 4), (3, 0)]]
        + [case((), size=s) for s in [(), (2, 2)]],
    ),
    "repeat": Row(
        lambda x, repeats: np.tile(x, repeats),
        lambda t, x, repeats: x.repeat(repeats),
        [case((2, 3), repeats=r) for r in [(1, 1), (2, 3), (2, 1, 2), (0, 1)]]
        + [case((), repeats=(3,)), case((0, 2), repeats=(2, 2))],
    ),
    "cat": Row(
        lambda *blocks, dim=0: np.concatenate(blocks, dim),
        lambda t, *blocks, dim=0: t.cat(blocks, dim),
        [
            case((2, 3), (1, 3)),
            case((2, 3), (2, 1), (2, 0), dim=-1),
            case((3,)),
            case((2, 1, 2), (2, 2, 2), dim=1),
        ],
    ),
    "stack": Row(
        lambda *blocks, dim=0: np.stack(blocks, dim),
        lambda t, *blocks, dim=0: t.stack(blocks, dim),
        [case((2, 3), (2, 3), dim=d) for d in (0, 1, 2, -1)]
        + [case((), (), ()), case((2,)), case((0, 2), (0, 2), dim=1)],
    ),
    "pieces": Row(np.copy, "clone", ones()),
    "flip": Row(
        lambda x, dims: np.flip(x, dims),
        "flip",
        [case((2, 3, 4), dims=d) for d in [(0,), (0, -1), (1, 0, 2), ()]],
    ),
    "roll": Row(
        lambda x, shifts, dims=None: np.roll(x, shifts, dims),
        "roll",
        [case((2, 3), shifts=1), case((2, 3), shifts=-4, dims=1), case((0, 3), shifts=1, dims=0)]
        + [case((2, 3, 4), shifts=(1, -2), dims=(0, 2)), case((3,), shifts=(1, 1), dims=(0, 0))],
    ),
    "unfold": Row(
        lambda x, dimension, size, step=1: np.lib.stride_tricks.sliding_window_view(
            x, size, dimension
        )[(slice(None),) * (dimension % x.ndim) + (slice(None, None, step),)],
        lambda t, x, dimension, size, step=1: x.unfold(dimension, size, step),
        [case((5,), dimension=0, size=n, step=s) for n in (1, 2, 5) for s in (1, 2, 3)]
        + [case((2, 5), dimension=-1, size=3), case((4, 2), dimension=0, size=2, step=2)],
    ),
    "pad": Row(
        pad,
        "nn.functional.pad",
        [case((2, 3, 4), pad=p) for p in [(1, 2), (0, 1, 2, 0), (1, -1), (-1, -2, 0, 1), ()]]
        + [case((2,), pad=(1, 1), value=-2.5), case((0, 2), pad=(1, 1, 1, 0)), case((), pad=())],
    ),
    "tril": Row(
        lambda x, diagonal: np.tril(x, diagonal),
        "tril",
        [case(s, diagonal=d) for s in MATRICES for d in (-1, 0, 2)],
    ),
    "triu": Row(
        lambda x, diagonal: np.triu(x, diagonal),
        "triu",
        [case(s, diagonal=d) for s in MATRICES for d in (-1, 0, 2)],
    ),
    "diagonal": Row(
        lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2),
        "diagonal",
        [case(s, offset=d) for s in MATRICES for d in (-1, 0, 1, 9)]
        + [case((2, 3, 4), dim1=-1, dim2=0), case((2, 3, 4), offset=1, dim1=1, dim2=2)],
    ),
    "diag_embed": Row(
        diag_embed,
        "diag_embed",
        [case((3,), offset=d) for d in (-1, 0, 2)]
        + [case((2, 3), dim1=0, dim2=2), case((2, 3), offset=1, dim1=1, dim2=0), case((0,))],
    ),
    "getitem": Row(
        lambda x, index: x[index],
        lambda t, x, index: x[index],
        [case(shape, index=index) for shape, index in INDICES],
    ),
    "gather": Row(
        gather,
        lambda t, x, index, dim: t.gather(x, dim, index),
        [
            case((2, 3), TWO, dim=0),
            case((2, 3), TWO, dim=-1),
            case((2, 3), TWO[:1, :2], dim=1),
            case((2, 2, 3), TWO.reshape(2, 1, 3), dim=1),
            case((4,), [3, 3, 0], dim=0),
            case((2, 3), np.zeros((0, 3), int), dim=0),
        ],
    ),
    "scatter": Row(
        scatter,
        lambda t, x, index, src, dim: t.scatter(x, dim, index, src),
        [
            case((3, 3), [[0, 1, 2], [2, 0, 1]], (2, 3), dim=0),
            case((2, 3), [[2, 0], [1, 2]], (2, 2), dim=-1),
            case((2, 3), [[2, 0]], (1, 2), dim=1),
        ],
    ),
    "scatter_add": Row(
        lambda x, index, src, dim: scatter(x, index, src, dim, add=True),
        lambda t, x, index, src, dim: t.scatter_add(x, dim, index, src),
        [
            case((2, 3), TWO, (2, 3), dim=0),
            case((2, 3), TWO, (2, 3), dim=-1),
            case((4,), [1, 1, 3], (3,), dim=0),
            case((2, 3), np.zeros((0, 3), int), (0, 3), dim=0),
        ],
    ),
    "index_select": Row(
        lambda x, index, dim: x.take(index.reshape(-1), dim),
        lambda t, x, index, dim: t.index_select(x, dim, index),
        [case((2, 3, 4), [0, 1, 1, 0], dim=d) for d in (0, 1, -1)]
        + [case((3, 2), np.array([], int), dim=0), case((3,), [2], dim=0)],
    ),
    "index_add": Row(
        index_add,
        lambda t, x, index, source, dim, alpha=1: t.index_add(x, dim, index, source, alpha=alpha),
        [
            case((3, 2), [0, 2, 2], (3, 2), dim=0),
            case((2, 3), [1, 1], (2, 2), dim=-1, alpha=0.5),
            case((3,), np.array([], int), (0,), dim=0),
        ],
    ),
    "masked_fill": Row(
        lambda x, mask, value: np.where(mask, value, x),
        "masked_fill",
        [
            case((2, 3), MASK, 2.0),
            case((2, 3), MASK[0], ()),
            case((3,), MASK, -1),
            case((), np.array(True), 3.0),
        ],
        [case((2, 3), MASK, float("-inf"))],
    ),
    "nonzero": Row(
        lambda x: np.argwhere(x),
        "nonzero",
        [],
        [case(np.array([[0.0, 1, 2], [3, 0, 0]])), case(MASK), case(np.zeros(3)), case((0, 2))]
        + [case(np.array(2.0)), case(np.array(0))],
    ),
    "clone": Row(np.copy, "clone", ones(), [extremes]),
    "astype": Row(
        lambda x, dtype: x.astype(dtype),
        lambda t, x, dtype: x.to(getattr(t, dtype)),
        [case((3, 4), dtype="float64"), case((), dtype="float64")],
        [case((3, 4), dtype="float32"), case((3, 4), dtype="int64"), case(MASK, dtype="uint8")],
        keeps_dtype=False,
    ),
    "to_device": Row(
        lambda x, device: x, lambda t, x, device: x.clone(), [case((3, 4), device="cpu")]
    ),
}
