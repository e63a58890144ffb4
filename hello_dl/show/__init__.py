"""Pictures: graphs of either engine, digits in characters, curves, and a live dashboard.

Nothing is imported before it is used: `from hello_dl.show import draw` costs what `draw` needs, and
`import hello_dl.show` nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hello_dl.show.graph import Picture, draw

__all__ = ["Picture", "draw"]

_HOME = {"Picture": "hello_dl.show.graph", "draw": "hello_dl.show.graph"}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'hello_dl.show' has no attribute {name!r}")
