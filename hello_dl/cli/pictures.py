"""Pictures in and out: `hello-dl read` a photo of handwriting, `hello-dl draw` a graph."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def read(
    photo: Annotated[str, typer.Argument(metavar="PHOTO", help="A page of handwriting.")],
    letters: Annotated[bool, typer.Option("--letters/--digits", help="What is on it.")] = False,
    out: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Picture to write, with a box around each character."),
    ] = None,
    model: Annotated[str, typer.Option(metavar="NAME", help="Which net reads.")] = "lenet",
) -> None:
    """Read a photo of handwriting.

    Prints its text line by line, and how sure the net is of it. Exit code 1: nothing is on it.
    """
    from hello_dl.read.command import ReadOptions
    from hello_dl.read.command import run as run_job

    if not run_job(ReadOptions(photo=photo, letters=letters, out=out, model=model)):
        raise typer.Exit(1)


def draw(
    expression: Annotated[
        str, typer.Argument(metavar="EXPRESSION", help='Such as "((a*b + c).tanh()*d).exp()".')
    ],
    numbers: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=NUMBER", help="Such as a=2 b=-3.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Picture to write: .svg, .png, .dot or .txt."),
    ] = None,
) -> None:
    """Draw the graph of an expression.

    Computes it and all gradients; without --out the graph is text.
    """
    from hello_dl.graph import ancestors
    from hello_dl.show.expression import assignments, not_finite, parse
    from hello_dl.show.graph import draw as draw_graph

    for word in numbers or []:
        if word.startswith("-"):  # no name begins so
            known = "hello-dl draw knows --out, --help"
            raise ValueError(f"no such option: {word.partition('=')[0]}; {known}")
    values = assignments(numbers or [])
    result = parse(expression, values)
    result.backward(retain_graph=True)
    picture = draw_graph(result, out)
    inputs = {node.name: node for node in ancestors(result) if node.op == "input"}

    print(f"{expression} = {result.data:.6g}\n")
    width = max(len("name"), *map(len, values))
    print(f"{'name':{width}}  {'value':>12}  {'gradient':>12}")
    for name, value in values.items():
        print(f"{name:{width}}  {value:12.6g}  {inputs[name].grad:12.6g}")
    print()
    if out is None:
        print(picture.text)
    for path in picture.written:
        print(f"picture: {path}")
    if picture.note:
        print(picture.note)
    if note := not_finite(result):
        print(note)
