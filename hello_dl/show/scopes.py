"""Which scopes of a graph are drawn as one box each, and where the nodes belong that have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Any

from hello_dl.graph import released

LEAVES = ("input", "parameter", "constant")  # the op of nodes that were given, not computed
Collapse = bool | int | str | Sequence[str]


def is_leaf(node: Any) -> bool:
    """Tell whether a node was given and not computed (as far as the graph knows)."""
    return not node.parents and node.parents is not released


def leaf_kind(node: Any) -> str:
    """Return what a leaf is to the graph; a result made without gradients is an input like x."""
    return node.op if node.op in LEAVES else "input"


def parts(scope: str) -> list[str]:
    """Split the path of a scope: "net/layer1" is layer1 inside net, and "" is outside of all."""
    return scope.split("/") if scope else []


def ancestry(scope: str) -> list[str]:
    """List a scope and those around it, the outermost first: ["net", "net/layer1"]."""
    names = parts(scope)
    return ["/".join(names[: i + 1]) for i in range(len(names)) if any(names[: i + 1])]


def homes(nodes: Iterable[Any]) -> dict[Any, str]:
    """Say for every node in which scope it is drawn.

    An operation is drawn where it was made, and so is an input. Parameters and constants are often
    older than that: they are drawn with what uses them, in the innermost scope that holds it all.
    """
    found: dict[Any, str] = {}
    for node in nodes:
        for parent in node.parents:
            if is_leaf(parent) and leaf_kind(parent) != "input":
                used = found.get(parent)
                found[parent] = node.scope if used is None else _shared(used, node.scope)
    return {node: found.get(node, node.scope) for node in nodes}


def _shared(a: str, b: str) -> str:
    """Return the innermost scope that both of these are in."""
    if a == b:
        return a
    pairs = takewhile(lambda pair: pair[0] == pair[1], zip(parts(a), parts(b)))
    return "/".join(name for name, _ in pairs)


def asked(collapse: Collapse, scopes: set[str]) -> set[str]:
    """Return the scopes that the user wants as one box each.

    `collapse` is True for all, a depth (1 is the same as True, 2 opens the outermost scopes), or
    names: a path such as "net/layer1" or the last part of one, with * for any characters.
    Raises ValueError for a depth below 0 and for a name that no scope has.
    """
    if isinstance(collapse, int):
        if collapse < 0:
            raise ValueError(f"collapse={collapse} is no depth: use 1 for the outermost scopes")
        return at_depth(int(collapse), scopes) if collapse else set()
    names = [collapse] if isinstance(collapse, str) else list(collapse)
    return set().union(*(_named(name, scopes) for name in names))


def at_depth(depth: int, scopes: set[str]) -> set[str]:
    """Return the scopes that lie so many levels deep."""
    return {scope for scope in scopes if len(parts(scope)) == depth}


def _named(name: str, scopes: set[str]) -> set[str]:
    found = {s for s in scopes if fnmatchcase(s, name) or fnmatchcase(parts(s)[-1], name)}
    if not found:
        known = f"there are {sorted(scopes)}"[:300] if scopes else "the graph has no scopes"
        raise ValueError(f"collapse={name!r} is the name of no scope: {known}")
    return found


def folder(scope: str, folded: set[str]) -> str:
    """Return the outermost of the folded scopes that this one is in, or "" if it is in none."""
    return next((around for around in ancestry(scope) if around in folded), "")


def to_fit(limit: int, sizes: Counter[str], folded: set[str]) -> set[str]:
    """Fold more scopes, the deepest first, until there are no more than `limit` boxes.

    `sizes` counts the nodes drawn in each scope. If nothing helps, all scopes are folded.
    """
    scopes = {around for scope in sizes for around in ancestry(scope)}
    deepest = max((len(parts(scope)) for scope in scopes), default=0)
    for depth in range(deepest, 0, -1):
        if boxes(sizes, folded) <= limit:
            break
        folded = folded | at_depth(depth, scopes)
    return folded


def boxes(sizes: Counter[str], folded: set[str]) -> int:
    """Count the boxes of a picture: one for every node outside, one for every folded scope."""
    owners = {scope: folder(scope, folded) for scope in sizes}
    outside = sum(n for scope, n in sizes.items() if not owners[scope])
    return outside + len(set(owners.values()) - {""})
