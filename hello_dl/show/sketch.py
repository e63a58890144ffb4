"""What a picture of a graph shows: which boxes, what is written in them, and the arrows between."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from hello_dl.graph import released
from hello_dl.show.groups import Groups
from hello_dl.show.scopes import LEAVES, Collapse, is_leaf, leaf_kind
from hello_dl.show.summary import SYMBOLS, number, plain, plural, spread, values

MOST_OPERATIONS = 4  # kinds of operations that are counted in the box of a folded scope
FEW = 8  # boxes that one note may point at


@dataclass
class Box:
    """One box of a picture.

    `kind` is "input", "parameter", "constant", "operation", "scope" (a folded one) or "note".
    """

    kind: str
    name: str = ""
    symbol: str = ""  # the operation
    lines: list[str] = field(default_factory=list)  # its value, or what is inside
    gradient: str = ""
    scope: str = ""  # where it is drawn
    is_result: bool = False


@dataclass
class Arrow:
    """From an input of an operation to its result; `tail` and `head` are indices of boxes."""

    tail: int
    head: int
    slope: str = ""
    gradient: str = ""
    carries: str = ""  # how much goes along, where several nodes share the arrow


@dataclass
class Sketch:
    """A picture before it is drawn. `notes` say what it does not show, and why."""

    boxes: list[Box] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def sketch(outputs: Sequence[Any], limit: int = 150, collapse: Collapse = ()) -> Sketch:
    """Choose the boxes and arrows that show how `outputs` were computed.

    Where there would be more than `limit` boxes, scopes are folded, the deepest first; if that is
    not enough, only the boxes closest to the outputs are kept.
    """
    groups = Groups(outputs, limit, collapse)
    kept = groups.closest(limit)
    places = {group: i for i, group in enumerate(kept)}  # where the boxes are in the list
    picture = Sketch([_box(groups, group) for group in kept], notes=groups.notes)
    bundles, cut = groups.edges(kept)
    for (tail, head, _), edges in bundles.items():
        arrow = _arrow(places[tail], places[head], edges)
        if edges[0][0].shape and arrow.gradient == picture.boxes[arrow.tail].gradient:
            arrow.gradient = ""  # a block's only way: the box has said it, and labels take room
        picture.arrows.append(arrow)

    if cut:
        missing = len(groups.nodes) - sum(len(groups.members[group]) for group in kept)
        lines = [f"… {missing:,} earlier", "node left out" if missing == 1 else "nodes left out"]
        _add_note(picture, lines, [places[group] for group in cut])
        shown = f"the picture has the {plural(len(kept), 'box')} closest to the result"
        picture.notes.append(f"{plural(missing, 'earlier node')} left out: {shown}")
    gone = [g for g in kept if any(node.parents is released for node in groups.members[g])]
    if gone:
        _add_note(picture, ["released by", "backward()"], [places[group] for group in gone])
        fix = "use backward(retain_graph=True) before drawing"
        picture.notes.append(f"the graph before this was released by backward(): {fix}")
    return picture


def _add_note(picture: Sketch, lines: list[str], heads: list[int]) -> None:
    """Put in a box that speaks for what is missing, with arrows to where it would be.

    A fan of arrows from one box would hide the rest: where many are needed, each box has its own.
    """
    notes = [(lines, heads)] if len(heads) <= FEW else [(["…"], [head]) for head in heads]
    for said, targets in notes:
        picture.arrows += [Arrow(len(picture.boxes), head) for head in targets]
        picture.boxes.append(Box("note", lines=said))


def _box(groups: Groups, group: int) -> Box:
    """Write down what stands in the box of a group."""
    inside = groups.members[group]
    if groups.folded[group]:
        around, _, name = groups.folded[group].rpartition("/")
        box = _scope_box(name, inside, groups.entering(group), groups.leaving(group))
    else:
        around = groups.homes[inside[0]]
        box = _node_box(inside[0])
    box.scope = around
    box.is_result = any(node in groups.results for node in inside)
    return box


def _node_box(node: Any) -> Box:
    """Write down what stands in the box of one node."""
    return Box(
        kind=leaf_kind(node) if is_leaf(node) else "operation",
        name=plain(node.name),
        symbol=_symbol(node),
        lines=[spread(node.data)] if _is_constant(node) else values(node.data),
        gradient="" if node.grad is None else spread(node.grad),
    )


def _symbol(node: Any) -> str:
    """Write the operation as in a formula; a power with its number, as in ^2 or 2^x."""
    if node.op == "pow" and not is_leaf(node):
        base, exponent = (number(p.data) if _is_constant(p) else "" for p in node.parents)
        return f"^{exponent}" if exponent else f"{base}^x" if base else "^"
    return "" if node.op in LEAVES else SYMBOLS.get(node.op, node.op)


def _is_constant(node: Any) -> bool:
    return node.op == "constant" and not node.shape and not node.name


def _scope_box(name: str, inside: list[Any], entering: list[Any], leaving: list[Any]) -> Box:
    """Write down what is in a folded scope: operations, parameters, what goes in and out."""
    operations = Counter(_symbol(node) for node in inside if not is_leaf(node))
    counts = [f"{n:,} {symbol}" for symbol, n in operations.most_common(MOST_OPERATIONS)]
    if len(operations) > MOST_OPERATIONS:
        counts.append("…")
    box = Box("scope", plain(name), lines=[", ".join(counts)])
    numbers = sum(prod(node.shape) for node in inside if is_leaf(node) and node.op == "parameter")
    if numbers:
        box.lines.append(plural(numbers, "parameter"))
    constants = [node for node in inside if is_leaf(node) and node.op == "constant"]
    box.lines.append(f"{_amount(entering or constants)} → {_amount(leaving)}")
    if len(leaving) == 1:
        box.lines.append(values(leaving[0].data)[-1])
        box.gradient = "" if leaving[0].grad is None else spread(leaving[0].grad)
    return box


def _amount(nodes: Sequence[Any]) -> str:
    """Say what goes along an arrow: the shape of a block, or how many nodes it is."""
    if len(nodes) == 1 and nodes[0].shape:
        return str(tuple(nodes[0].shape))
    return plural(len(nodes), "block" if any(node.shape for node in nodes) else "number")


def _arrow(tail: int, head: int, edges: list[Any]) -> Arrow:
    """Write down what stands at an arrow: slope and gradient, or how many nodes share it."""
    parents = list(dict.fromkeys(parent for parent, _, _ in edges))
    arriving = [gradient for _, _, gradient in edges]
    arrow = Arrow(tail, head)
    if len(parents) > 1:
        arrow.carries = _amount(parents)
    elif all(gradient is not None for gradient in arriving):
        arrow.gradient = spread(sum(arriving[1:], start=arriving[0]))
    parent, slope, _ = edges[0]
    if len(edges) == 1 and slope is not None and parent.requires_grad:  # a constant stays as it is
        arrow.slope = number(slope)
    return arrow
