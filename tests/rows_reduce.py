"""Rules that make fewer numbers out of many, and those that look for entries."""

import numpy as np
from helpers import INF, NAN
from rule_cases import Row, case, distinct, normal, off_zero, positive

# `dim` is numpy's axis.

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
ONE_AXIS = [one for one in ALONG if not isinstance(one[1].get("dim"), tuple | list)]
MANY = [one for one in ALONG if one[0] not in ((), (1, 3))]
TIES = [
    case([2.0, 2.0, 1.0, 2.0]),
    case([[1.0, 1.0], [0.0, 3.0]], dim=1),
    case([[1.0, 1.0], [1.0, 1.0]], dim=0, keepdim=True),
    case([-INF, INF, 0.0]),
    case([1.0, NAN]),
]
ZEROS = np.array([[2.0, 0.0, 3.0, 0.0], [0.0, 2.0, -3.0, 4.0], [1.5, 2.0, -1.0, 4.0]])


def axes(x, dim):
    """`dim` as numpy wants it: None for all axes, and for that of a single number."""
    if not x.ndim:
        return None
    return (tuple(dim) or None) if isinstance(dim, tuple | list) else dim


def reduction(name, draw, edges=(), along=ALONG, torch=None, function=None, more=()):
    function = function or getattr(np, name)

    def numpy(x, dim=None, keepdim=False, **options):
        return function(x, axis=axes(x, dim), keepdims=keepdim, **options)

    def reference(library, x, dim=None, keepdim=False, **options):
        every = tuple(range(x.ndim))
        return getattr(library, name)(
            x, dim=every if dim is None else dim, keepdim=keepdim, **options
        )

    cases = [case(draw(*shape), **options) for shape, options in along] + [*more]
    return Row(numpy, torch or reference, cases, edges)


def of_mask(name):
    """A rule that gives bools."""
    masks = [case(np.asarray(normal(*shape) > 0), **options) for shape, options in ALONG]
    return Row(
        lambda x, dim=None, keepdim=False: getattr(np, name)(x, axes(x, dim), keepdims=keepdim),
        lambda t, x, dim=None, keepdim=False: getattr(t, name)(
            x, dim=tuple(range(x.ndim)) if dim is None else dim, keepdim=keepdim
        ),
        [],
        [*masks, case([0.0, NAN]), case((0, 3), dim=0), case(np.array([0, 2]))],
    )


def place_of(name):
    return Row(
        lambda x, dim=None, keepdim=False: getattr(np, name)(x, dim, keepdims=keepdim),
        name,
        [],
        [case(distinct(3, 4)), case(distinct(3, 4), dim=1), case(distinct(2, 3, 4), dim=-2)]
        + [case(distinct(2, 3), dim=0, keepdim=True), case([1.0, 3.0, 3.0, 1.0])]
        + [case([1.0, NAN, 2.0]), case(np.array([2, 0, 0])), case(distinct())],
    )


def one_axis(name):
    """PyTorch's prod takes one axis, or none at all."""

    def torch(library, x, dim=None, keepdim=False):
        if dim is None:
            return getattr(library, name)(x).reshape([1] * x.ndim if keepdim else [])
        return getattr(library, name)(x, int(dim), keepdim=keepdim)

    return torch


def spread(function):
    """numpy's var and std, with the correction as PyTorch has it."""

    def numpy(x, axis, keepdims, unbiased=True, correction=None):
        return function(
            x, axis, keepdims=keepdims, ddof=int(unbiased) if correction is None else correction
        )

    return numpy


def p_norm(x, p="fro", dim=None, keepdim=False):
    size, dim, p = np.abs(x), axes(x, dim), 2 if p == "fro" else p
    if abs(p) == INF:
        return (size.max if p > 0 else size.min)(dim, keepdims=keepdim)
    if p == 0:
        return np.asarray((size != 0).sum(dim, keepdims=keepdim), float)
    return (size**p).sum(dim, keepdims=keepdim) ** (1 / p)


CORRECTED = [
    case((3, 4), dim=1, correction=0),
    case((3, 4), dim=0, correction=2),
    case((3, 4), unbiased=False),
    case((2, 3, 4), dim=[0, 2], correction=0.5, keepdim=True),
]
SPREAD_EDGES = [case([3.0, 3.0, 3.0]), case([2.0]), case([[1.0, 1.0], [1.0, 5.0]], dim=1)]
SPREAD_EDGES += [case([1.0, INF]), case([1.0, NAN, 2.0]), case([2.0], correction=0)]

REDUCTIONS: dict[str, Row] = {
    "sum": reduction("sum", positive, [case([1e308, 1e308]), case([INF, -INF]), case((0, 3))]),
    "mean": reduction("mean", positive, [case([1.0, INF]), case([NAN, 0.0]), case((0, 3), dim=1)]),
    "prod": reduction(
        "prod",
        off_zero,
        [case(ZEROS), case(ZEROS, dim=0), case(ZEROS, dim=1, keepdim=True), case((0, 3), dim=0)]
        + [case([1.0, NAN, 2.0]), case(np.array([[2, 3], [0, 5]]), dim=1)],
        ONE_AXIS,
        one_axis("prod"),
    ),
    "cumsum": Row(
        lambda x, dim: np.cumsum(x, dim).reshape(x.shape),
        "cumsum",
        [case((3, 4), dim=0), case((2, 3, 4), dim=-2), case((5,), dim=0), case((), dim=0)],
        [case([1.0, INF, -INF, 2.0], dim=0), case(np.array([[1, 2], [3, 4]]), dim=1)]
        + [case((0, 3), dim=0)],
    ),
    "cumprod": Row(
        lambda x, dim: np.cumprod(x, dim).reshape(x.shape),
        "cumprod",
        [case(off_zero(3, 4), dim=0), case(off_zero(2, 3, 4), dim=-2), case(off_zero(), dim=0)],
        [case(ZEROS, dim=0), case(ZEROS, dim=1), case(np.array([2, 0, 3]), dim=0)],
    ),
    "var": reduction("var", normal, SPREAD_EDGES, MANY, function=spread(np.var), more=CORRECTED),
    "std": reduction("std", normal, SPREAD_EDGES, MANY, function=spread(np.std), more=CORRECTED),
    "norm": Row(
        p_norm,
        lambda t, x, p="fro", dim=None, keepdim=False: t.norm(
            x, p, int(dim) if isinstance(dim, np.integer) else dim, keepdim
        ),
        [
            *(case(off_zero(*shape), **options) for shape, options in ALONG),
            *(case(off_zero(3, 4), p=p) for p in (1, 2, 3, 4.0, 1.5, 0.5, -1, -2)),
            *(case(off_zero(3, 4), p=p, dim=1) for p in (1, 2, 3, 2.5)),
            *(case(distinct(3, 4) + 1, p=p, dim=0, keepdim=True) for p in (INF, -INF)),
            case(off_zero(2, 3, 4), p=3, dim=(0, 2)),
        ],
        [
            *(case([0.0, 0.0], p=p) for p in (0.5, 1, 1.5, 2, 3, INF, -INF)),
            *(case([3.0, 0.0, -4.0, 4.0], p=p) for p in (0.5, 1, 1.5, 2, 3, INF, -INF)),
            case([1.0, INF]),
            case([1.0, NAN]),
        ],
    ),
    "logsumexp": Row(
        lambda x, dim=None, keepdim=False: (
            np.logaddexp.reduce(
                x,
                axis=tuple(range(x.ndim)) if axes(x, dim) is None else axes(x, dim),
                keepdims=keepdim,
            )
            if x.ndim
            else x
        ),
        lambda t, x, dim=None, keepdim=False: t.logsumexp(
            x, tuple(range(x.ndim)) if dim is None else dim, keepdim
        ),
        [case(normal(*shape), **options) for shape, options in ALONG],
        [
            case([1e4, 1e4 - 1, -1e4]),
            case([-INF, 1.0]),
            case([[-INF, -INF], [0.0, -INF]], dim=1),
            case([INF, 1.0]),
            case([NAN, 1.0]),
            case((3, 0), dim=1),
        ],
    ),
    "amax": reduction("amax", distinct, TIES),
    "amin": reduction("amin", distinct, TIES),
    "argmax": place_of("argmax"),
    "argmin": place_of("argmin"),
    "any": of_mask("any"),
    "all": of_mask("all"),
    "count_nonzero": Row(
        lambda x, dim=None: np.count_nonzero(x, axes(x, dim)),
        "count_nonzero",
        [],
        [case([[0.0, 2.0], [NAN, -0.0]]), case([[0.0, 2.0], [1.0, 3.0]], dim=1)]
        + [case(normal(2, 3, 4) > 0, dim=(0, 2)), case(np.array([0, 3, 0])), case((0, 3), dim=0)],
    ),
}


def placed(x, dim=-1, descending=False, stable=False):
    if not x.ndim:
        return np.array(0)
    if descending:
        return x.shape[dim] - 1 - np.flip(placed(np.flip(x, dim), dim), dim)
    return np.argsort(x, dim, kind="stable")


LOOKING: dict[str, Row] = {
    "middle": Row(
        lambda x: np.sort(x.reshape(-1))[(x.size - 1) // 2] if not np.isnan(x).any() else np.nan,
        "median",
        [case(distinct(3, 4)), case(distinct(5)), case(distinct()), case(distinct(1, 1))],
        [case([2.0, 1.0, 2.0, 2.0]), case([3.0, NAN, 1.0, NAN]), case(np.array([4, 1, 3, 2]))]
        + [case([INF, -INF, 0.0])],
    ),
    "argsort": Row(
        placed,
        lambda t, x, dim=-1, descending=False, stable=False: t.argsort(
            x, dim=dim, descending=descending, stable=True
        ),
        [],
        [
            case(distinct(3, 4)),
            case([2.0, 1.0, 2.0, NAN, 1.0, -INF, INF, NAN]),
            case([2.0, 1.0, 2.0, NAN, 1.0, -INF, INF, NAN], descending=True),
            case(np.array([[1, 0, 1], [0, 0, 1]]), dim=0, descending=True, stable=True),
            case((0, 3), dim=0),
            case(()),
        ],
    ),
    "bincount": Row(
        lambda x, weights=None, minlength=0: np.bincount(x, weights, minlength),
        "bincount",
        [],
        [case(np.array([2, 0, 2])), case(np.array([2, 0, 2]), minlength=5)]
        + [case(np.array([2, 0, 2], "uint8"), np.array([15, 20, 2])), case(np.array([], int))],
    ),
    "searchsorted": Row(
        lambda a, v, right=False, side=None: np.stack(
            [
                np.searchsorted(row, values, "right" if right or side == "right" else "left")
                for row, values in zip(np.atleast_2d(a), v if a.ndim > 1 else [v])
            ]
        ).reshape(v.shape),
        "searchsorted",
        [],
        [
            case([1.0, 2.0, 2.0, 5.0], [[0.0, 2.0], [5.0, 6.0]]),
            case([1.0, 2.0, 2.0, 5.0], [0.0, 2.0, 5.0], right=True),
            case(np.array([1, 3]), np.array([2, 3, 1]), side="right"),
            case([[1.0, 2.0, 2.0], [0.0, 4.0, 9.0]], [[2.0, 0.0], [4.0, 10.0]]),
            case([[1.0, 2.0, 2.0], [0.0, 4.0, 9.0]], [[2.0, 0.0], [4.0, 10.0]], right=True),
        ],
    ),
}

ROWS = REDUCTIONS | LOOKING
