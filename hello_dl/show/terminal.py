"""What a terminal can show: live output or a pipe, Unicode or less.

Text is written once, with all the signs that read best. Where the output cannot encode one of
them, `make_safe` has it replaced by ASCII that means the same, so that printing never fails.
"""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata
from typing import Any, TextIO

# One character stands for one character where columns have to line up: bars, boxes, pictures.
_ASCII = {
    "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": "=", "▎": "-", "▏": "-", "▐": "#",
    "▀": '"', "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "%",
    "▓": "%", "▒": "+", "░": ".", "■": "#", "□": "o", "●": "o", "○": ".",
    "─": "-", "━": "-", "═": "=", "│": "|", "┃": "|", "║": "|", "╸": "-", "╺": "-",
    "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+",
    "╭": "+", "╮": "+", "╰": "+", "╯": "+", "•": "*", "·": "-", "∙": "*", "×": "x", "÷": "/",
    "−": "-", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "′": "'", "±": "+-",
    "→": "->", "←": "<-", "↔": "<->", "↑": "^", "↓": "v", "⇒": "=>", "≤": "<=", "≥": ">=",
    "≠": "!=", "≈": "~", "≡": "==", "√": "sqrt", "∞": "inf", "∂": "d", "∇": "grad", "∘": "o",
    "Σ": "sum", "∑": "sum", "Δ": "d", "α": "alpha", "β": "beta", "γ": "gamma", "ε": "eps",
    "θ": "theta", "λ": "lambda", "μ": "mu", "η": "eta", "π": "pi", "ρ": "rho", "σ": "sigma",
    "✓": "+", "✔": "+", "✗": "x", "✘": "x", "★": "*", "°": " degrees", "…": "...",
}  # fmt: skip


def is_live(stream: Any = None) -> bool:
    """Tell whether `stream` (default: stdout) is a terminal that can redraw what it has shown."""
    stream = sys.stdout if stream is None else stream
    try:
        return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"
    except (AttributeError, ValueError):  # no stream at all, or a closed one
        return False


def can_encode(stream: Any, text: str) -> bool:
    """Tell whether `stream` can write all of `text` as it is, in its encoding."""
    try:
        text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def plain_text(text: str, encoding: str = "ascii") -> str:
    """Replace what `encoding` cannot write by ASCII that means the same, and else by "?"."""
    return text.encode(encoding, errors="hello_dl.plain").decode(encoding)


def make_safe(stream: TextIO | Any) -> None:
    """Have `stream` write the signs it cannot encode as `plain_text` does, and never fail."""
    if hasattr(stream, "reconfigure"):
        stream.reconfigure(errors="hello_dl.plain")


def _replace(error: UnicodeError) -> tuple[str, int]:
    """Answer a codec that cannot encode error.object[start:end]: take this, go on there."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(map(_replacement, signs)), error.end


def _replacement(sign: str) -> str:
    """Return ASCII for one sign: from the table, else without its accent, else "?"."""
    if sign in _ASCII:
        return _ASCII[sign]
    apart = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode("ascii")
    return apart or ("" if unicodedata.combining(sign) else "?")


codecs.register_error("hello_dl.plain", _replace)


def shown(sign: str) -> str:
    """Return a sign as a terminal can show it: "?" for one that would steer it."""
    return "?" if unicodedata.category(sign) == "Cc" and sign not in "\n\t" else sign
