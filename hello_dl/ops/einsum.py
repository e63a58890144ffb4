"""einsum: sums of products, spelled with a letter for every axis.

"bij,bjk->bik" reads: for all b, i and k, multiply along j and add up. A letter that is missing on
the right is summed over. Two blocks meet in one matrix product: letters that both have and that
stay are its batch, letters that are summed its inner axis, the others its rows and columns.
Several blocks are taken in from left to right.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from hello_dl.backend import DEFAULT_FLOAT, Array, is_half, module_of
from hello_dl.backend.gemm import matmul as product
from hello_dl.ops.rule import Block, rule


@rule(broadcasts=True, halves=True)
def contract(a: Array, b: Array | None = None, *, equation: str):
    """One or two blocks, such as "ij,jk->ik", where both sides are given and have letters only."""
    terms, out = equation.split("->")
    if b is None:
        return _picked(a, terms, out), (lambda g: _spread(g, out, terms, a.shape),)
    left, right = terms.split(",")
    x, left = _without_short(a, left, dict(zip(right, b.shape)))
    y, right = _without_short(b, right, dict(zip(left, x.shape)))

    def pull_a(g):
        kept = "".join([c for c in dict.fromkeys(left) if c in out or c in right])
        return _spread(_pair(g, out, y, right, kept), kept, left, x.shape).reshape(a.shape)

    def pull_b(g):
        kept = "".join([c for c in dict.fromkeys(right) if c in out or c in left])
        return _spread(_pair(g, out, x, left, kept), kept, right, y.shape).reshape(b.shape)

    return _pair(x, left, y, right, out), (pull_a, pull_b)


def _without_short(x: Array, term: str, others: dict[str, int]) -> tuple[Array, str]:
    """Take away axes of length 1 which the other block has longer: they are as good as absent."""
    kept = [i for i, c in enumerate(term) if x.shape[i] != 1 or others.get(c, 1) == 1]
    if len(kept) == len(term):
        return x, term
    return x.reshape([x.shape[i] for i in kept]), "".join([term[i] for i in kept])


def _pair(x: Array, left: str, y: Array, right: str, out: str) -> Array:
    """Multiply two blocks and add up, by one matrix product."""
    x, left = _used(x, left, right + out)
    y, right = _used(y, right, left + out)
    batch = "".join([c for c in left if c in right and c in out])
    summed = "".join([c for c in left if c in right and c not in out])
    rows = "".join([c for c in left if c not in right])
    columns = "".join([c for c in right if c not in left])
    x = _transposed(x, left, batch + rows + summed)
    y = _transposed(y, right, batch + summed + columns)
    at, to = len(batch), len(batch + rows)
    sizes = x.shape[:to] + y.shape[len(batch + summed) :]
    if summed:
        inner = math.prod(x.shape[to:])
        x = x.reshape(*x.shape[:at], math.prod(x.shape[at:to]), inner)
        y = y.reshape(*y.shape[:at], inner, math.prod(sizes[to:]))
        z = product(x, y).reshape(sizes)
    else:  # a matrix product of single numbers is slower than a plain one
        x = x.reshape(x.shape + (1,) * len(columns))
        z = x * y.reshape(y.shape[:at] + (1,) * len(rows) + y.shape[at:])
    return _transposed(z, batch + rows + columns, out)


def _picked(x: Array, term: str, out: str) -> Array:
    """Take diagonals for letters that come twice, sum over those that go, and order the rest."""
    x, term = _used(x, term, out)
    return _transposed(x, term, out)


def _used(x: Array, term: str, needed: str) -> tuple[Array, str]:
    """Take diagonals for letters that come twice; sum over those that nobody else needs."""
    while len(set(term)) < len(term):
        c = next(c for c in term if term.count(c) > 1)
        i = term.index(c)
        j = term.index(c, i + 1)
        x, term = x.diagonal(0, i, j), term[:i] + term[i + 1 : j] + term[j + 1 :] + c
    gone = tuple([i for i, c in enumerate(term) if c not in needed])
    if gone:
        total = x.sum(gone, dtype=DEFAULT_FLOAT if is_half(x.dtype) else None)
        x = total.astype(x.dtype) if is_half(x.dtype) else total
        term = "".join([c for c in term if c in needed])
    return x, term


def _transposed(x: Array, term: str, out: str) -> Array:
    return x if term == out else x.transpose([term.index(c) for c in out])


def _spread(g: Array, term: str, out: str, shape: tuple[int, ...]) -> Array:
    """Go back from `_used`: repeat along letters that are new, and write into diagonals."""
    xp = module_of(g)
    letters = "".join(dict.fromkeys(out))
    g = _transposed(g, term, "".join([c for c in letters if c in term]))
    lengths = dict(zip(out, shape))
    g = g.reshape([lengths[c] if c in term else 1 for c in letters])
    g = xp.broadcast_to(g, [lengths[c] for c in letters])
    for place, c in enumerate(out):
        if c in out[:place]:  # once more: another axis, and zeros off the diagonal
            first, n = letters.index(c), lengths[c]
            ones = [n if i == first else 1 for i in range(len(letters))]
            on_diagonal = xp.eye(n, dtype=bool).reshape(*ones, n)
            g, letters = xp.where(on_diagonal, g[..., None], 0), letters + c
    return _ordered(g, letters, out)


def _ordered(g: Array, letters: str, out: str) -> Array:
    """Order axes whose letters may come several times."""
    left, order = list(letters), []
    for c in out:
        order.append(left.index(c))
        left[order[-1]] = ""
    return g.transpose(order)


# What follows is spelled with the operation above.


def einsum(equation: str, *operands: Any) -> Any:
    """Multiply blocks and add up, as the letters of their axes say: "ij,jk->ik" is a @ b.

    Without "->" the result has the letters that come once, in alphabetical order. "..." stands for
    axes that are stretched to each other, and a letter that comes twice in a block for a diagonal.
    """
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    blocks = [x if isinstance(x, Block) else Block.result_class(x) for x in operands]
    terms, out = _terms(equation, tuple([len(x.shape) for x in blocks]))
    _check_lengths(equation, terms, [x.shape for x in blocks])
    if len(blocks) == 1:
        return contract(blocks[0], equation=f"{terms[0]}->{out}")
    result, term = blocks[0], terms[0]
    for i in range(1, len(blocks)):
        later = out + "".join(terms[i + 1 :])
        kept = "".join([c for c in dict.fromkeys(term + terms[i]) if c in later])
        kept = out if i == len(blocks) - 1 else kept
        result, term = contract(result, blocks[i], equation=f"{term},{terms[i]}->{kept}"), kept
    return result


@cache
def _terms(equation: str, ndims: tuple[int, ...]) -> tuple[list[str], str]:
    """Read an equation for blocks of so many axes; the axes of "..." get letters of their own."""
    inputs, arrow, out = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum {equation!r}: {len(terms)} terms, and {len(ndims)} operands")
    most = 0
    for i, (term, ndim) in enumerate(zip(terms, ndims)):
        letters = term.replace("...", "", 1)
        free = ndim - len(letters)
        if (letters and not (letters.isascii() and letters.isalpha())) or (
            free < 0 or (free and letters == term)
        ):
            raise ValueError(f"einsum {equation!r}: {term!r} does not fit a block of {ndim} axes")
        terms[i] = term.replace("...", _free(free))
        most = max(most, free)
    if not arrow:
        joined = "".join(terms).translate(dict.fromkeys(map(ord, _free(most))))
        out = _free(most) + "".join(sorted(c for c in joined if joined.count(c) == 1))
    out = out.replace("...", _free(most))
    if len(set(out)) < len(out) or not set(out) <= set("".join(terms)):
        raise ValueError(f"einsum {equation!r}: the result takes letters of the terms, each once")
    return terms, out


def _free(count: int) -> str:
    """Return letters for the axes of "...", the last of which is the same in all blocks."""
    return "".join([chr(0x3B1 + i) for i in reversed(range(count))])  # Greek ones


def _check_lengths(equation: str, terms: list[str], shapes: list[tuple[int, ...]]) -> None:
    lengths: dict[str, int] = {}
    for term, shape in zip(terms, shapes):
        own: dict[str, int] = {}
        for c, n in zip(term, shape):
            known = lengths.get(c, 1)
            if own.setdefault(c, n) != n or 1 not in (n, known) and n != known:
                listed = ", ".join(map(str, shapes))
                raise ValueError(f"einsum {equation!r} of {listed}: {c!r} has two lengths")
            lengths[c] = max(n, known) if n else n
