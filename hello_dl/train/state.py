"""A whole state in one file: dicts and lists of plain numbers, words and arrays.

The arrays of the tree go into a safetensors file under their paths in it, such as
`model.0.weight` and `optimizer.state.0.momentum_buffer`, and the rest beside them as JSON.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hello_dl.backend import Array, is_array, to_device
from hello_dl.train import checkpoint

Tree = Any  # a dict, list or tuple of Trees; or an array, a number, a word, None

ARRAY, PAIRS, TUPLE = "$array", "$pairs", "$tuple"  # what JSON has no word for


def write(path: Path, state: Tree) -> None:
    """Save a state; raises OSError where nothing can be written, and the old file then stays."""
    arrays, text = pack(state)
    checkpoint.write(path, arrays, {"state": text, "crc32": _checksum(arrays, text)})


def read(path: Path) -> Tree:
    """Return the state in a file, its arrays in CPU memory; ValueError of one line otherwise."""
    arrays, about = checkpoint.read(path)
    if "state" not in about:
        raise ValueError(f"'{path}' holds a model alone: it is no checkpoint of training")
    if about.get("crc32") != _checksum(arrays, about["state"]):
        raise ValueError(f"'{path}' is damaged: its checksum is wrong")
    return unpack(arrays, about["state"])


def pack(state: Tree) -> tuple[dict[str, np.ndarray], str]:
    """Part a tree into its arrays, copied to CPU memory, and the rest as JSON."""
    arrays: dict[str, np.ndarray] = {}

    def plain(tree: Tree, path: str) -> Any:
        if is_array(tree):
            arrays[path] = np.array(to_device(tree, "cpu"), order="C")
            return {ARRAY: path}
        if isinstance(tree, Mapping):
            above = f"{path}." if path else ""
            parts = {key: plain(part, f"{above}{key}") for key, part in tree.items()}
            return (
                parts if all(isinstance(key, str) for key in parts) else {PAIRS: [*parts.items()]}
            )
        if isinstance(tree, list | tuple):
            items = [plain(part, f"{path}.{i}") for i, part in enumerate(tree)]
            return {TUPLE: items} if isinstance(tree, tuple) else items
        return tree.item() if isinstance(tree, np.generic) else tree

    return arrays, json.dumps(plain(state, ""))


def unpack(arrays: Mapping[str, Array], text: str) -> Tree:
    """Put together what `pack` has parted."""

    def tree(part: Any) -> Tree:
        if isinstance(part, list):
            return [tree(one) for one in part]
        if not isinstance(part, dict):
            return part
        if ARRAY in part:
            return arrays[part[ARRAY]]
        if PAIRS in part:
            return {key: tree(one) for key, one in part[PAIRS]}
        if TUPLE in part:
            return tuple(tree(one) for one in part[TUPLE])
        return {key: tree(one) for key, one in part.items()}

    return tree(json.loads(text))


def _checksum(arrays: Mapping[str, np.ndarray], text: str) -> str:
    """Sum up names and bytes, so that a file which was damaged anywhere is known by it."""
    crc = zlib.crc32(text.encode())
    for name in sorted(arrays):
        crc = zlib.crc32(arrays[name].tobytes(), crc)
    return f"{crc:08x}"
