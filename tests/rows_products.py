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
    ((2, 3, 0), (0, 2)),
    ((3, 4), (0, 4, 2)),
]

EQUATIONS = [
    ("i->", [(3,)]),
    ("ii->i", [(3, 3)]),
    ("iij->j", [(2, 2, 3)]),
    ("ij->ji", [(2, 3)]),
    ("iii->", [(2, 2, 2)]),
    ("ij,jk->ik", [(2, 3), (3, 4)]),
    ("ij,jk->ki", [(2, 3), (3, 4)]),
    ("bij,bkj->bik", [(2, 3, 4), (2, 5, 4)]),
    ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 5, 4)]),
    ("bim,mj->bij", [(2, 3, 4), (4, 5)]),
    ("i,j->ij", [(2,), (3,)]),
    ("ij,ij->", [(2, 3), (2, 3)]),
    ("ij,ij->ij", [(2, 3), (2, 3)]),
    ("ij,kl->ik", [(2, 3), (4, 5)]),
    ("ij,kl->", [(2, 3), (4, 5)]),
    ("ii,ij->j", [(3, 3), (3, 4)]),
    ("iij,jkk->ik", [(2, 2, 3), (3, 4, 4)]),
    ("ij,jk->ik", [(2, 1), (3, 4)]),
    ("ij,ij->ij", [(2, 1), (1, 3)]),
    (",ij->ij", [(), (2, 3)]),
    ("ij,jk->ik", [(0, 3), (3, 4)]),
    ("ij,jk->ik", [(2, 0), (0, 4)]),
]

ROWS: dict[str, Row] = {
    "matmul": Row(np.matmul, "matmul", [case(a, b) for a, b in PRODUCTS]),
    "contract": Row(
        lambda *blocks, equation: np.einsum(equation, *blocks),
        lambda t, *blocks, equation: t.einsum(equation, *blocks),
        [case(*shapes, equation=equation) for equation, shapes in EQUATIONS],
    ),
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
