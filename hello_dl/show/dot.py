"""A sketch written in DOT, the language of Graphviz: shapes, colors and words of the picture."""

from __future__ import annotations

from collections import defaultdict
from html import escape
from itertools import zip_longest

import graphviz

from hello_dl.show.scopes import ancestry, parts
from hello_dl.show.sketch import Arrow, Box, Sketch
from hello_dl.show.summary import plain

# DejaVu Sans comes with matplotlib; browsers that lack it take the next, which is about as wide.
FONT = "DejaVu Sans,Verdana,Helvetica,sans-serif"
INK, QUIET, GRADIENT = "#1A1A1A", "#5F5F5F", "#9A1F6A"

# Fill and border: blue, orange and gray stay apart for the color-blind, and their lightness and
# borders do in print. A computed number has round corners, a given one sharp ones.
STYLES = {
    "input": {"fillcolor": "#E3EFF9", "color": "#0067A5", "style": "filled"},
    "parameter": {"fillcolor": "#F6C573", "color": "#B86E00", "style": "filled"},
    "constant": {"fillcolor": "#EFEFEF", "color": "#8C8C8C", "style": "filled,dashed"},
    "operation": {"fillcolor": "#FFFFFF", "color": "#4D4D4D", "style": "filled,rounded"},
    "scope": {"fillcolor": "#E2F2EA", "color": "#00704F", "style": "filled", "peripheries": "2"},
    "note": {"fillcolor": "#FFFFFF", "color": "#8C8C8C", "style": "dashed,rounded"},
}
WORDS = {
    "input": "input",
    "parameter": "parameter",
    "constant": "constant",
    "operation": "computed",
    "scope": "several nodes in one box",
}


def dot_source(sketch: Sketch, direction: str = "LR") -> str:
    """Write the DOT text of a sketch. `direction` is where the result lies: LR is to the right."""
    picture = graphviz.Digraph(
        "hello_dl",
        graph_attr={
            "rankdir": direction,
            "newrank": "true",  # columns run through all frames
            "bgcolor": "white",
            "fontname": FONT,
            "fontsize": "10",
            "labelloc": "b",
            "labeljust": "l",
            "label": _legend(sketch),
            "nodesep": "0.22",
            "ranksep": "0.35",
            "pad": "0.2",
        },
        node_attr={"shape": "box", "fontname": FONT, "fontsize": "12", "fontcolor": INK,
                   "margin": "0.12,0.06", "height": "0.3", "width": "0.3"},
        edge_attr={"fontname": FONT, "fontsize": "9", "color": "#6B6B6B", "arrowsize": "0.7",
                   "penwidth": "0.9"},
    )  # fmt: skip
    _add_boxes(picture, sketch.boxes, "r" if direction in ("TB", "BT") else "l")
    for arrow in sketch.arrows:
        _add_arrow(picture, arrow, sketch.boxes)
    return picture.source


def _add_boxes(picture: graphviz.Digraph, boxes: list[Box], corner: str) -> None:
    """Add the boxes, those of a scope inside a frame with its name, frames inside of frames.

    The names stand in a corner at the top: "l", left, or "r", where arrows come in from above.
    """
    inside: dict[str, list[int]] = defaultdict(list)
    for i, box in enumerate(boxes):
        inside[box.scope].append(i)
    scopes = sorted({around for scope in inside for around in ancestry(scope)})
    frames = {scope: _frame(f"cluster_{i}", scope, corner) for i, scope in enumerate(scopes)}
    frames[""] = picture
    for scope in sorted(frames, key=lambda scope: -len(parts(scope))):  # the innermost first
        for i in inside[scope]:
            _add_box(frames[scope], i, boxes[i])
        if scope:
            frames[scope.rpartition("/")[0]].subgraph(frames[scope])


def _frame(number: str, scope: str, corner: str) -> graphviz.Digraph:
    look = {"style": "rounded", "color": "#9A9A9A", "bgcolor": "#F8F8F8", "margin": "10"}
    name = _text(plain(parts(scope)[-1]), size=10, color=QUIET)
    look |= {"label": f"<{name}>", "labelloc": "t", "labeljust": corner, "tooltip": _tip(scope)}
    return graphviz.Digraph(number, graph_attr=look)


def _add_box(frame: graphviz.Digraph, i: int, box: Box) -> None:
    head = [f"<B>{_text(box.name)}</B>"] if box.name else []
    if box.symbol:
        head.append(_text(box.symbol, size=15 if len(box.symbol) == 1 else 12))
    lines = ["  ".join(head)] if head else []
    if not head and box.kind in ("input", "parameter"):
        lines.append(_text(box.kind, size=10, color=QUIET))
    size, color = (10, QUIET) if box.kind in ("scope", "note") else (11, INK)
    lines += [_text(line, size, color) for line in box.lines]
    if box.gradient:
        lines.append(_gradient(box.gradient, 10))
    look = dict(STYLES[box.kind])
    if box.is_result:
        look["penwidth"] = "2.4"
    frame.node(f"n{i}", label=_stack(lines), tooltip=_tip(_said(box)), **look)


def _add_arrow(picture: graphviz.Digraph, arrow: Arrow, boxes: list[Box]) -> None:
    lines = []
    if arrow.slope:
        lines.append(_text("×" + arrow.slope, color=INK))
    if arrow.gradient:
        lines.append(_gradient(arrow.gradient))
    if arrow.carries:
        lines.append(_text(arrow.carries, color=QUIET))
    look = {"label": f"<{'<BR/>'.join(lines)}>"} if lines else {}
    if boxes[arrow.tail].kind in ("operation", "scope"):
        look["weight"] = "4"  # keep the way to the result straight rather than the side roads
    if boxes[arrow.tail].kind == "note":
        look |= {"style": "dashed", "color": "#8C8C8C"}
    picture.edge(f"n{arrow.tail}", f"n{arrow.head}", tooltip=" ", **look)


def _said(box: Box) -> str:
    """Say in plain words what a box is, for those who point at it."""
    what = " ".join(filter(None, (box.kind, box.name, box.symbol)))
    return what + (f", in {box.scope}" if box.scope else "")


def _legend(sketch: Sketch) -> str:
    """Explain the colors and the signs that this picture has, and say what it leaves out."""
    kinds = {box.kind for box in sketch.boxes}
    colors = [(_swatch(kind), word) for kind, word in WORDS.items() if kind in kinds]
    signs = []
    if any(arrow.slope for arrow in sketch.arrows):
        signs.append(("×2", "slope: how much of a change passes along the arrow"))
    if any(box.gradient for box in sketch.boxes):
        signs.append((_gradient(""), "gradient: how much the result follows a change here"))
    if any("±" in line for box in sketch.boxes for line in box.lines):
        signs.append(("±", "mean ± standard deviation of the numbers in a block"))
    signs += [("…", _text(note)) for note in sketch.notes]
    rows = ""
    for (swatch, word), (sign, meaning) in zip_longest(colors, signs, fillvalue=("", "")):
        cells = [swatch or "<TD></TD>", *(_cell(x) for x in (word, "   ", sign, "  " + meaning))]
        rows += f"<TR>{''.join(cells)}</TR>"
    return f'<<TABLE BORDER="0" CELLSPACING="2" CELLPADDING="1">{rows}</TABLE>>'


def _swatch(kind: str) -> str:
    look = STYLES[kind]
    border = f'BORDER="1" COLOR="{look["color"]}" BGCOLOR="{look["fillcolor"]}"'
    return f'<TD {border} WIDTH="18"></TD>'


def _cell(text: str) -> str:
    return f'<TD ALIGN="LEFT">{text}</TD>'


def _stack(lines: list[str]) -> str:
    """Make a label of several lines, with a little air between them."""
    rows = "".join(f"<TR><TD>{line}</TD></TR>" for line in lines)
    return f'<<TABLE BORDER="0" CELLSPACING="0" CELLPADDING="1">{rows}</TABLE>>'


def _text(text: str, size: int | None = None, color: str = "") -> str:
    """Write text so that Graphviz takes every character as it is, in a size and a color."""
    text = text or " "  # it does not take nothing
    look = f' POINT-SIZE="{size}"' if size else ""
    look += f' COLOR="{color}"' if color else ""
    text = escape(text).replace("\\", "\\\\")  # "\N" would be the name of the node
    return f"<FONT{look}>{text}</FONT>" if look else text


def _gradient(text: str, size: int | None = None) -> str:
    return _text(f"∇ {text}", size, GRADIENT)


def _tip(text: str) -> str:
    """Write text as an attribute in quotes: Graphviz reads backslashes and & in there its way."""
    return graphviz.escape(escape(plain(text)))
