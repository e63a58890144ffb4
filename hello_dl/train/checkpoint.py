"""Saving a model and loading it again, in safetensors' format: named arrays and a few words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as pack

from hello_dl.backend import Array, to_device
from hello_dl.backend.dtypes import bfloat16, is_floating
from hello_dl.data.files import replacing
from hello_dl.nn import Module

MODEL = "model."  # in front of the names of a model's arrays, in a file that holds more than those


def save(path: str | Path, model: Module, about: dict[str, str] | None = None) -> None:
    """Write all parameters of the model, and `about` it what a later reader wants to know."""
    write(path, model.state_dict(), about or {})


def load(path: str | Path, model: Module) -> dict[str, str]:
    """Fill the model from a file and return what it says about itself.

    A checkpoint of `fit` is understood too: of `last.safetensors` it takes the model alone.
    ValueError, in one line: the file is missing, damaged, full of nan, or of another net (the first
    parameter that differs is named). The model is then as it was.
    """
    path = Path(path)
    arrays, about = read(path)
    if "state" in about:
        arrays = {
            name.removeprefix(MODEL): array
            for name, array in arrays.items()
            if name.startswith(MODEL)
        }
    for name, array in arrays.items():
        if is_floating(array.dtype) and not np.isfinite(array).all():
            raise ValueError(f"'{path}' is damaged: {name} has numbers that are nan or inf")
    try:
        model.load_state_dict(arrays)
    except ValueError as error:
        raise ValueError(f"'{path}' holds another net: {error}") from None
    return about


def write(path: str | Path, arrays: Mapping[str, Array], about: dict[str, str]) -> None:
    """Write arrays of any device; the file that was there is replaced whole or not at all."""
    in_memory = {
        name: np.asarray(to_device(array, "cpu"), order="C") for name, array in arrays.items()
    }
    with replacing(Path(path)) as part:
        part.write_bytes(pack(in_memory, metadata=about))


def read(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Return the arrays of a file and what it says about itself; ValueError of one line."""
    path = Path(path)
    try:
        path.open("rb").close()  # what the system says is clearer than what safe_open makes of it
        with safe_open(path, "numpy") as file:
            names = list(file.keys())
            if any(file.get_slice(name).get_dtype() == "BF16" for name in names):
                bfloat16()  # numpy has to get to know it
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError:
        raise ValueError(f"there is no file '{path}'") from None
    except OSError as error:
        raise ValueError(f"'{path}' cannot be read: {error.strerror or error}") from None
    except SafetensorError as error:
        raise ValueError(f"'{path}' is damaged or no model file: {error}") from None
    except TypeError as error:  # a dtype that we do not have
        raise ValueError(f"'{path}' holds another net: {error}") from None
