"""What a picture says about a number or a block of numbers, in a few characters."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, is_array, module_of

# How an operation is written in a formula; the others are called by their name.
SYMBOLS = {
    "add": "+", "sub": "−", "mul": "×", "div": "÷", "pow": "^", "matmul": "@", "neg": "−x",
    "sqrt": "√", "abs": "|x|", "sum": "Σ", "amax": "max", "getitem": "[ ]",
}  # fmt: skip

LONGEST = 40  # characters of a name


def number(x: float, digits: int = 4) -> str:
    """Write a number with so many significant digits: 0.7071, −3, 12346, 1.2e−7."""
    if 10**digits <= abs(x) < 1e6:
        text = f"{x:.0f}"
    else:
        text = f"{x + 0.0:.{digits}g}"  # + 0.0 makes 0 of −0
    mantissa, e, exponent = text.partition("e")
    return (f"{mantissa}e{int(exponent)}" if e else mantissa).replace("-", "−")


def values(data: Any) -> list[str]:
    """Say what is in a node: one line for a number, shape and numbers for a block."""
    if not is_array(data):
        return [number(data)]
    dtype = "" if data.dtype == "float32" else f" {data.dtype}"
    if not data.shape:
        return [spread(data) + dtype]
    return [f"{tuple(data.shape)}{dtype}", spread(data)]


def spread(data: Any) -> str:
    """Say around which number the entries of a block lie, and how far from it: mean ± std.

    Whole numbers have a range instead, and bools a share.
    """
    if not is_array(data):
        return number(data)
    if not data.size:
        return "empty"
    if data.size == 1:
        return str(data.item()) if data.dtype == bool else number(data.item())
    if data.dtype == bool:
        return f"{number(100 * data.mean().item(), 3)} % True"
    if data.dtype.kind != "f":
        return f"{number(data.min().item())} … {number(data.max().item())}"
    return _mean_and_std(data)


def _mean_and_std(data: Array) -> str:
    finite = module_of(data).isfinite(data)
    odd = data.size - int(finite.sum())
    if odd:
        data = data[finite]
    said = f"{odd} nan or inf" if odd else ""
    if not data.size:
        return said
    mean, std = float(data.mean(dtype="float64")), float(data.std(dtype="float64"))
    if abs(mean) < std / 1000:
        mean = 0.0  # what rounding left over says nothing
    return f"{number(mean, 3)} ± {number(std, 3)}" + (f", {said}" if said else "")


def plural(n: int, word: str) -> str:
    """Count things: "1 node", "1,234 nodes", "2 boxes"."""
    ending = "" if n == 1 else "es" if word.endswith("x") else "s"
    return f"{n:,} {word}{ending}"


def plain(name: str) -> str:
    """Make a name fit into a picture: one line of printable characters, not too long."""
    name = " ".join(name.split())
    name = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"
