"""Products of vectors and matrices."""

import numpy as np
from rule_cases import Row, case

# Products of matrices.

PRODUCTS = [
    ((3, 4), (4, 2)),
    ((4,), (4,)),
    ((4,), (4, 2)),
    ((3, 4), (4,)),
    ((5, 3, 4), (5, 4, 2)),
    ((5, 3, 4), (4, 2)),
    ((3, 4), (5, 4, 2)),
    ((2, 1, 3, 4), (5, 4, 2)),
    ((4,), (5, 4, 2)),
    ((5, 3, 4), (4,)),
    ((0, 4), (4, 2)),
    ((3, 0), (0, 2)),
]

ROWS: dict[str, Row] = {
    "matmul": Row(np.matmul, "matmul", [case(a, b) for a, b in PRODUCTS]),
    "linear": Row(
        lambda x, weight, bias=None: np.dot(x, weight.T) + (0 if bias is None else bias),
        "nn.functional.linear",
        [
            case((5, 4), (3, 4), (3,)),
            case((5, 4), (3, 4)),
            case((5, 4), (3, 4), None),
            case((4,), (3, 4), (3,)),
            case((2, 3, 4), (1, 4), (1,)),
            case((0, 4), (3, 4), (3,)),
        ],
    ),
}
