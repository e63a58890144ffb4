"""Rules that rearrange or pick, and compute nothing."""

import numpy as np
from rule_cases import Row, case, extremes, ones

# Rules that rearrange or pick, and compute nothing.

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
    "getitem": Row(
        lambda x, index: x[index],
        lambda t, x, index: x[index],
        [case(shape, index=index) for shape, index in INDICES],
    ),
    "clone": Row(np.copy, "clone", ones(), [extremes]),
    "astype": Row(
        lambda x, dtype: x.astype(dtype),
        lambda t, x, dtype: x.to(getattr(t, dtype)),
        [case((3, 4), dtype="float64"), case((), dtype="float64")],
        [case((3, 4), dtype="float32")],
        keeps_dtype=False,
    ),
    "to_device": Row(
        lambda x, device: x, lambda t, x, device: x.clone(), [case((3, 4), device="cpu")]
    ),
}
