"""Rules that make fewer numbers out of many."""

import numpy as np
from helpers import INF, NAN
from rule_cases import Row, case, distinct, positive

# Rules that make fewer numbers out of many. `dim` is numpy's axis.

ALONG = [
    ((3, 4), {}),
    ((3, 4), {"dim": 0}),
    ((3, 4), {"dim": -1, "keepdim": True}),
    ((2, 3, 4), {"dim": (0, 2)}),
    ((2, 3, 4), {"dim": [-1, 0], "keepdim": True}),
    ((2, 3), {"keepdim": True}),
    ((), {}),
    ((), {"dim": 0}),
    ((), {"dim": -1, "keepdim": True}),
    ((1, 3), {"dim": 0}),
    ((2, 3), {"dim": np.int64(1)}),
]


def reduction(name, draw, edges=()):
    def numpy(x, dim=None, keepdim=False):
        dim = tuple(dim) if isinstance(dim, list) else dim if x.ndim else None
        return getattr(np, name)(x, dim, keepdims=keepdim)

    def torch(library, x, dim=None, keepdim=False):
        every = tuple(range(x.ndim))
        return getattr(library, name)(x, dim=every if dim is None else dim, keepdim=keepdim)

    return Row(numpy, torch, [case(draw(*shape), **options) for shape, options in ALONG], edges)


ROWS: dict[str, Row] = {
    "sum": reduction("sum", positive, [case([1e308, 1e308]), case([INF, -INF]), case((0, 3))]),
    "mean": reduction("mean", positive, [case([1.0, INF]), case([NAN, 0.0])]),
    "amax": reduction(
        "amax",
        distinct,
        [
            case([2.0, 2.0, 1.0, 2.0]),
            case([[1.0, 1.0], [0.0, 3.0]], dim=1),
            case([[1.0, 1.0], [1.0, 1.0]], dim=0, keepdim=True),
            case([-INF, INF, 0.0]),
            case([1.0, NAN]),
        ],
    ),
    "amin": reduction(
        "amin",
        distinct,
        [
            case([2.0, 1.0, 1.0, 2.0]),
            case([[1.0, 1.0], [0.0, 3.0]], dim=1),
            case([[1.0, 1.0], [1.0, 1.0]], dim=0, keepdim=True),
            case([-INF, INF, 0.0]),
            case([1.0, NAN]),
        ],
    ),
    "argmax": Row(
        lambda x, dim=None, keepdim=False: np.argmax(x, dim, keepdims=keepdim),
        "argmax",
        [],
        [case(distinct(3, 4)), case(distinct(3, 4), dim=1), case(distinct(2, 3, 4), dim=-2)]
        + [case(distinct(2, 3), dim=0, keepdim=True), case([1.0, 3.0, 3.0]), case([1.0, NAN, 2.0])],
    ),
}
