"""DOT to SVG or PNG by the Graphviz there is: the program `dot`, or the one inside pygraphviz."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

# Graphviz runs inside of pygraphviz. We give it a process of its own all the same: its warnings
# stay in there, so would a crash, and fontconfig reads its settings once in the life of a process.
PYGRAPHVIZ = (
    "import sys, pygraphviz\n"
    "graph = pygraphviz.AGraph(string=sys.stdin.buffer.read().decode())\n"
    "sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog='dot', args=sys.argv[2]))"
)
OPTIONS = {"svg": "-Gdpi=72", "png": "-Gdpi=192"}  # pixels fine enough for print and big screens


class RenderError(Exception):
    """No Graphviz on this machine could draw it; says why, and how to get one."""


class PictureError(ValueError):
    """A picture cannot be written where it was asked for."""


def renderers() -> list[str]:
    """List what can draw on this machine, the preferred one first: "dot", "pygraphviz"."""
    found = {"dot": find_dot() is not None, "pygraphviz": has_pygraphviz()}
    return [name for name, there in found.items() if there]


def find_dot() -> str | None:
    """Return the path of the program `dot`, or None."""
    return shutil.which("dot")


def has_pygraphviz() -> bool:
    """Tell whether the package pygraphviz is installed, without importing it."""
    return bool(sys.executable) and find_spec("pygraphviz") is not None


def render(dot: str, kind: str) -> tuple[bytes, str]:
    """Draw DOT text as "svg" or "png"; return the file's content and who drew it.

    Raises RenderError if nobody could.
    """
    failures = []
    for name in renderers():
        if name == "dot":
            command = [str(find_dot()), f"-T{kind}", OPTIONS[kind]]
        else:
            command = [sys.executable, "-P", "-c", PYGRAPHVIZ, kind, OPTIONS[kind]]
        try:
            return _run(command, dot), name
        except (OSError, RenderError) as error:
            failures.append(f"{name} failed ({error})")
    why = "; ".join(failures) or "there is no Graphviz on this machine"
    raise RenderError(f"{why}: {install_line()}")


def _run(command: list[str], dot: str) -> bytes:
    """Run Graphviz with our fonts. Its warnings are of no use to anybody who draws a graph."""
    with tempfile.TemporaryDirectory(prefix="hello_dl-") as folder:
        environment = os.environ | _font_settings(Path(folder))
        done = subprocess.run(
            command,
            input=dot.encode(),
            capture_output=True,
            env=environment,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # Windows would open one
        )
    if done.returncode or not done.stdout:
        complaint = done.stderr.decode(errors="replace").strip().splitlines() or ["no output"]
        raise RenderError(complaint[-1][:200])
    return done.stdout


def _font_settings(folder: Path) -> dict[str, str]:
    """Give Graphviz the fonts of matplotlib beside those of the system, which may have none.

    Text would be empty boxes otherwise. Returns the environment variable that fontconfig reads.
    """
    matplotlib = find_spec("matplotlib")  # where it is, without importing it
    if matplotlib is None or matplotlib.origin is None:
        return {}
    fonts = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf"
    standard = Path(os.environ.get("FONTCONFIG_PATH", "/etc/fonts"), "fonts.conf")
    system = os.environ.get("FONTCONFIG_FILE") or str(standard)
    settings = folder / "fonts.conf"
    settings.write_text(
        '<?xml version="1.0"?>\n<!DOCTYPE fontconfig SYSTEM "fonts.dtd">\n<fontconfig>\n'
        f"  <dir>{escape(str(fonts))}</dir>\n"
        f'  <include ignore_missing="yes">{escape(system)}</include>\n'
        f"  <cachedir>{escape(str(folder))}</cachedir>\n</fontconfig>\n",
        encoding="utf-8",
    )
    return {"FONTCONFIG_FILE": str(settings)}


def install_line() -> str:
    """Say how to get Graphviz here: the line of this system's package manager, and pip's."""
    managers = {
        "apt-get": "sudo apt-get install graphviz",
        "dnf": "sudo dnf install graphviz",
        "pacman": "sudo pacman -S graphviz",
        "apk": "sudo apk add graphviz",
        "zypper": "sudo zypper install graphviz",
        "brew": "brew install graphviz",
        "winget": "winget install Graphviz.Graphviz",
    }
    pip = f"{shlex.quote(sys.executable)} -m pip install pygraphviz"  # this Python, not another
    line = next((line for name, line in managers.items() if shutil.which(name)), None)
    return f"install it with `{line}` or `{pip}`" if line else f"install it with `{pip}`"
