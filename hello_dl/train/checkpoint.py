"""Saving a model and loading it again, in safetensors' format: named arrays and a few words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as pack

from hello_dl.backend import to_device
from hello_dl.data.files import replacing
from hello_dl.nn import Module


def save(path: Path, model: Module, about: dict[str, str]) -> None:
    """Write all parameters of the model, and `about` it what a later reader wants to know."""
    state = model.state_dict().items()
    arrays = {name: np.ascontiguousarray(to_device(array, "cpu")) for name, array in state}
    with replacing(path) as part:
        part.write_bytes(pack(arrays, metadata=about))


def load(path: Path, model: Module) -> dict[str, str]:
    """Fill the model from a file and return what it says about itself.

    ValueError, in one line: the file is missing, damaged, full of nan, or of another net (the first
    parameter that differs is named). The model is then as it was.
    """
    try:
        path.open("rb").close()  # what the system says is clearer than what safe_open makes of it
        with safe_open(path, "numpy") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}
            about = file.metadata() or {}
    except FileNotFoundError:
        raise ValueError(f"there is no file '{path}'") from None
    except OSError as error:
        raise ValueError(f"'{path}' cannot be read: {error.strerror or error}") from None
    except SafetensorError as error:
        raise ValueError(f"'{path}' is damaged or no model file: {error}") from None
    except TypeError as error:  # a dtype that we do not have
        raise ValueError(f"'{path}' holds another net: {error}") from None
    for name, array in state.items():
        if not np.isfinite(array).all():
            raise ValueError(f"'{path}' is damaged: {name} has numbers that are nan or inf")
    try:
        model.load_state_dict(state)
    except ValueError as error:
        raise ValueError(f"'{path}' holds another net: {error}") from None
    return about
