"""Pictures of graphs: `draw(result, "graph.svg")` for a node of either engine."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from hello_dl.data.files import replacing
from hello_dl.graph import Node
from hello_dl.show.dot import dot_source
from hello_dl.show.outline import outline
from hello_dl.show.render import PictureError, RenderError, render, renderers
from hello_dl.show.scopes import Collapse
from hello_dl.show.sketch import Sketch, sketch
from hello_dl.show.summary import plural

FORMATS = {".svg": "svg", ".png": "png", ".dot": "dot", ".txt": "text"}  # properties of Picture
DIRECTIONS = ("LR", "RL", "TB", "BT")


def draw(
    node: Any,
    path: str | Path | None = None,
    *,
    limit: int = 150,
    collapse: Collapse = (),
    direction: str = "LR",
) -> Picture:
    """Draw the graph that computed a Value or a Tensor, or several of them in a list.

    `path` ends in .svg, .png, .dot (the text that Graphviz draws) or .txt (a tree). Without it
    nothing is written: a notebook shows the picture, `print` the tree.

    Every box is a node with its name, operation, value and, after backward(retain_graph=True),
    gradient. `collapse` makes one box of a scope: True, a depth (2 keeps the outermost scopes
    open), or names such as "layer1" or "layer*". Above `limit` boxes scopes collapse by
    themselves; if that is not enough, what is furthest from the result is left out, and
    `Picture.note` says so. `direction` is "LR" (left to right), "RL", "TB" or "BT".

    Raises TypeError for anything but nodes, ValueError for an unknown suffix, scope or direction,
    and PictureError, which is one, for a path that cannot be written; what was there stays.
    """
    if hasattr(node, "as_graph"):  # a compiled program: its groups are the nodes
        node = node.as_graph()
    outputs = list(node) if isinstance(node, list | tuple) else [node]
    for output in outputs:
        if not isinstance(output, Node):
            raise TypeError(
                f"draw() takes a Value, a Tensor, or a list of them, not {output!r:.60}"
            )
    if not outputs:
        raise ValueError("draw() got an empty list: give it at least one Value or Tensor")
    if direction not in DIRECTIONS:
        raise ValueError(f"direction={direction!r} is unknown: use one of {', '.join(DIRECTIONS)}")
    if limit < 1:
        raise ValueError(f"limit={limit} leaves nothing to draw: use 1 or more")
    if path is not None:
        _format(path)  # an unknown suffix is an error before any work
    picture = Picture(sketch(outputs, limit, collapse), direction)
    if path is not None:
        picture.save(path)
    return picture


class Picture:
    """A graph on its way to a file or a notebook; `draw` makes it.

    It shows the graph as it was then: what happens to the nodes later does not change it.
    """

    def __init__(self, sketch: Sketch, direction: str = "LR") -> None:
        self.sketch, self.direction = sketch, direction
        self.written: list[Path] = []  # the files that `save` has really written
        self._notes = list(sketch.notes)
        self._renderer = ""

    @cached_property
    def dot(self) -> str:
        """The picture in DOT, the language of Graphviz."""
        return dot_source(self.sketch, self.direction)

    @cached_property
    def text(self) -> str:
        """The picture as a tree of text, for a terminal or a log."""
        return outline(self.sketch)

    @cached_property
    def svg(self) -> str | None:
        """The picture as SVG; None where there is no Graphviz, and `note` says how to get it."""
        drawn = self._render("svg")
        if drawn is None:
            return None
        # Older versions of Graphviz write a color that some viewers take for black.
        return drawn.decode().replace('stroke="transparent"', 'stroke="none"')

    @cached_property
    def png(self) -> bytes | None:
        """The picture as PNG; None where there is no Graphviz, and `note` says how to get it."""
        return self._render("png")

    @property
    def renderer(self) -> str:
        """Who drew this picture, or would: "dot", "pygraphviz", or "text" for nobody."""
        return self._renderer or [*renderers(), "text"][0]

    @property
    def note(self) -> str:
        """What the picture leaves out and why, and what became of the files; often nothing."""
        return "\n".join(self._notes)

    @property
    def path(self) -> Path | None:
        """The file that was written; the first of two, where a .dot and a .txt took its place."""
        return self.written[0] if self.written else None

    def save(self, path: str | Path) -> list[Path]:
        """Write the picture in the format of the suffix; return the files that were written.

        Where nobody can draw an SVG or PNG, a .dot and a .txt of the same name take its place.
        Folders that are missing are made. Raises ValueError for another suffix, and
        PictureError where the file cannot be written; what was there before is then untouched.
        """
        content = getattr(self, _format(path))
        path = Path(path)
        if content is not None:
            files = {path: content}
        else:
            files = {path.with_suffix(".dot"): self.dot, path.with_suffix(".txt"): self.text}
            self._add_note(
                f"in place of {path.name} there is " + " and ".join(f.name for f in files)
            )
        for file, content in files.items():
            _write(file, content)
        self.written = list(files)
        return self.written

    def _render(self, kind: str) -> bytes | None:
        try:
            drawn, self._renderer = render(self.dot, kind)
        except RenderError as error:
            self._renderer = "text"
            self._add_note(f"not drawn as {kind.upper()}: {error}")
            return None
        return drawn

    def _add_note(self, note: str) -> None:
        if note not in self._notes:
            self._notes.append(note)

    def _repr_svg_(self) -> str | None:
        """Show the picture in a notebook, not wider than the page."""
        if self.svg is None:
            return None
        start = self.svg.index("<svg") + len("<svg")
        return f'<svg style="max-width: 100%; height: auto"{self.svg[start:]}'

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        files = ", ".join(map(str, self.written)) or "print() shows it as text, .save() writes it"
        return f"<Picture of {plural(len(self.sketch.boxes), 'box')}: {files}>"


def _format(path: str | Path) -> str:
    """Return what the suffix of a path asks for; raises ValueError if that is nothing we have."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        ending = f"the suffix {suffix!r}" if suffix else "no suffix"
        raise ValueError(f"{str(path)!r} has {ending}: a picture ends in {', '.join(FORMATS)}")
    return FORMATS[suffix]


def _write(file: Path, content: str | bytes) -> None:
    if isinstance(content, str):
        content = (content.rstrip("\n") + "\n").encode()
    try:
        with replacing(file) as part:
            part.write_bytes(content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise PictureError(f"cannot write {str(file)!r} ({reason}): choose another path") from None
