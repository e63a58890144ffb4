"""What this machine has: `hello-dl data` lists and fetches data sets, `hello-dl doctor` checks."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from hello_dl.show.output import hanging
from hello_dl.show.trouble import complain


def data_command(
    names: Annotated[
        list[str] | None, typer.Argument(help="Data sets to fetch, or `all`.", metavar="NAME")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="DIR", help="Folder that holds the data files."),
    ] = None,
) -> None:
    """List the data sets, or fetch some.

    As in: hello-dl data mnist
    """
    from hello_dl.data.catalog import datasets
    from hello_dl.doctor import megabytes

    known = datasets()
    if not names:
        places = {name: dataset.where(data) for name, dataset in known.items()}
        for name, dataset in known.items():
            size = megabytes(dataset.size) if dataset.size else ""
            where = places[name] or f"not here: hello-dl data {name} downloads it"
            hanging(f"{name:13} {size:>7}  {dataset.what}", 23)
            hanging(" " * 23 + where, 23)
        return
    for name in names:
        if name not in known and name != "all":
            choices = ", ".join(known)
            raise ValueError(f"there is no data set '{name}'; the data sets are {choices}, or all")
    failed = False
    for name in known if "all" in names else dict.fromkeys(names):
        failed = not _fetch(name, data) or failed
    if failed:
        raise typer.Exit(2)


def _fetch(name: str, data: str | None) -> bool:
    """Bring one data set and say where it is; tell whether it is there now."""
    from hello_dl.data.catalog import datasets
    from hello_dl.show.output import Output

    dataset = datasets()[name]
    try:
        with Output(sys.stdout).downloads() as progress:
            paths = dataset.fetch(data, progress=progress)
    except ValueError as error:
        complain(str(error))
        return False
    where = f"checked, in {paths[0].parent}" if paths else f"{dataset.where()}, needs no file"
    print(f"{name}: {where}")
    return True


def doctor() -> None:
    """Check this machine, and say what to do."""
    from hello_dl.doctor import examine

    for finding in examine():
        mark = "-" if finding.to_do else "✓"
        hanging(f"{mark} {finding.what:19} {finding.found}", 22)
        if finding.to_do:
            hanging(" " * 22 + f"→ {finding.to_do}", 24)
        sys.stdout.flush()  # the next one may take a while
