"""Norms, dropout, embedding."""

import numpy as np
from rule_cases import Row, case

# Norms. The references take the arguments of the rules; the running statistics of batch norm, and
# the choices of dropout, have tests of their own.


def unit(x, axes, eps):
    x = x - x.mean(axes, keepdims=True)
    return x / np.sqrt((x**2).mean(axes, keepdims=True) + eps)


def affine(y, weight, bias, wide=None):
    """Stretch and shift, by blocks that are brought to the shape `wide` before."""
    for block, change in ((weight, np.multiply), (bias, np.add)):
        if block is not None:
            y = change(y, block if wide is None else block.reshape(wide))
    return y


def layer_norm(x, weight=None, bias=None, *, normalized_shape, eps=1e-5):
    return affine(unit(x, tuple(range(-len(normalized_shape), 0)), eps), weight, bias)


def rms_norm(x, weight=None, *, normalized_shape, eps=None):
    axes = tuple(range(-len(normalized_shape), 0))
    eps = np.finfo(x.dtype).eps if eps is None else eps
    return affine(x / np.sqrt((x**2).mean(axes, keepdims=True) + eps), weight, None)


def group_norm(x, weight=None, bias=None, *, num_groups, eps=1e-5):
    y = unit(x.reshape(len(x), num_groups, -1), 2, eps).reshape(x.shape)
    return affine(y, weight, bias, (-1,) + (1,) * (x.ndim - 2))


def batch_norm(x, weight=None, bias=None, *, training=False, eps=1e-5):
    return affine(unit(x, (0, *range(2, x.ndim)), eps), weight, bias, (-1,) + (1,) * (x.ndim - 2))


def last(*shape):
    return {"normalized_shape": shape}


ROWS: dict[str, Row] = {
    "layer_norm": Row(
        layer_norm,
        lambda t, x, weight=None, bias=None, normalized_shape=(), eps=1e-5: t.layer_norm(
            x, normalized_shape, weight, bias, eps
        ),
        [
            case((3, 5), **last(5)), case((3, 5), (5,), (5,), **last(5)), case((5,), **last(5)),
            case((2, 3, 4), (4,), (4,), **last(4)), case((2, 3, 4), (3, 4), (3, 4), **last(3, 4)),
            case((2, 3, 4), (3, 4), **last(3, 4), eps=0.1), case((3, 5), None, (5,), **last(5)),
        ],
        [case((0, 4), (4,), (4,), **last(4)), case([[1.0, 1.0], [0.0, 0.0]], **last(2))],
    ),
    "rms_norm": Row(
        rms_norm,
        lambda t, x, weight=None, normalized_shape=(), eps=None: t.rms_norm(
            x, normalized_shape, weight, eps
        ),
        [
            case((3, 5), **last(5)), case((3, 5), (5,), **last(5)), case((5,), **last(5)),
            case((2, 3, 4), (4,), **last(4), eps=0.01), case((2, 3, 4), (3, 4), **last(3, 4)),
        ],
        [case((0, 4), (4,), **last(4))],
    ),
    "group_norm": Row(
        group_norm,
        lambda t, x, weight=None, bias=None, num_groups=1, eps=1e-5: t.group_norm(
            x, num_groups, weight, bias, eps
        ),
        [
            case((2, 4), num_groups=2), case((2, 4, 3), (4,), (4,), num_groups=2),
            case((2, 4, 3, 2), (4,), num_groups=4, eps=0.1), case((1, 2, 5), num_groups=1),
        ],
    ),
    "batch_norm": Row(
        batch_norm,
        lambda t, x, weight=None, bias=None, training=False, eps=1e-5: t.batch_norm(
            x, weight, bias, None, None, training, 0.1, eps, False
        ),
        [
            case((4, 3), training=True), case((4, 3), (3,), (3,), training=True),
            case((4, 3, 2), (3,), (3,), training=True), case((2, 3, 2, 2), (3,), training=True),
            case((5, 2), (2,), (2,), training=True, eps=0.1),
        ],
    ),
    "embedding": Row(
        lambda rows, table, padding_idx=None: table[rows],
        lambda t, rows, table, padding_idx=None: t.nn.functional.embedding(
            rows.long(), table, padding_idx
        ),
        [
            case([2, 0, 2], (4, 3)), case([[1, 0], [3, 3]], (4, 3)), case(np.array(1), (2, 5)),
            case(np.array([1, 1], "uint8"), (3, 1)),
        ],
        [case(np.zeros((2, 0), "int64"), (3, 2))]
        + [case([0, 1, 1, 2], (3, 2), padding_idx=i) for i in (1, -1)],  # no numeric gradient there
    ),
    "one_hot": Row(
        lambda labels, num_classes=-1: np.eye(max(labels.max() + 1, num_classes))[labels],
        "nn.functional.one_hot",
        [],  # no number to nudge
        [case([2, 0, 2]), case([[1, 0], [3, 1]]), case([1, 0], num_classes=4)]
        + [case(np.array(2, "uint8")), case([0], num_classes=1)],
    ),
} | {
    name: Row(
        lambda x, p=0.5, training=True: x * (1 - p if training else 1),
        lambda t, x, p=0.5, training=True, drop=name: getattr(t, drop)(x, p, training),
        [case((2, 3), p=0.0), case((2, 3, 2), training=False), case((1, 2), p=1.0)],
    )
    for name in ("dropout", "feature_dropout")
}  # fmt: skip
