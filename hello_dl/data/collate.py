"""From samples to a batch: the same parts of all samples, stacked into one Tensor each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hello_dl.backend import device_of, is_array, is_floating, module_of
from hello_dl.tensor import Tensor

Batch = Any  # Tensors, or tuples, lists and dicts of them


def default_collate(batch: Sequence[Any]) -> Batch:
    """Make one batch of a list of samples: a Tensor with a new first axis, PyTorch's rules.

    Tensors and arrays are stacked and keep their dtype, Python's whole numbers become int64 and
    its floats float32; texts stay a list. Tuples, lists, dicts and namedtuples are gone into.
    ValueError if samples differ in shape or length, TypeError for what no Tensor can hold.
    """
    if not len(batch):
        raise ValueError("a batch of no samples: the batch sampler gave an empty list")
    first = batch[0]
    if isinstance(first, Tensor) or is_array(first):
        return _stacked(batch)
    if isinstance(first, np.generic | bool | int | float):
        return Tensor(_numbers(batch), device="cpu")
    if isinstance(first, str | bytes):
        return list(batch)
    if isinstance(first, Mapping):
        return _like(first, {k: default_collate([s[k] for s in batch]) for k in first})
    if isinstance(first, Sequence):
        lengths = sorted({len(sample) for sample in batch})
        if len(lengths) > 1:
            raise ValueError(
                f"the samples of a batch have {lengths[0]} to {lengths[-1]} parts: give them "
                "equally many, or the DataLoader a collate_fn=f(samples)"
            )
        parts = [default_collate(part) for part in zip(*batch)]
        return type(first)(*parts) if hasattr(first, "_fields") else parts
    raise TypeError(
        f"a sample holds a {type(first).__module__}.{type(first).__qualname__}, which cannot be "
        "stacked: give Tensors, arrays, numbers, texts, tuples or dicts (pictures of Pillow: with "
        "transform=ToTensor()), or the DataLoader a collate_fn=f(samples)"
    )


def default_convert(data: Any) -> Any:
    """Make Tensors of numpy's and cupy's parts of a sample that is not batched, or is already."""

    def converted(part: Any) -> Any:
        if is_array(part):
            return Tensor(part, device=device_of(part))
        return Tensor(part, device="cpu") if isinstance(part, np.number | np.bool_) else part

    return map_leaves(data, converted)


def map_leaves(batch: Batch, change: Callable[[Any], Any]) -> Batch:
    """Return the batch with every Tensor, array and other single thing in it changed."""
    if isinstance(batch, Mapping):
        return _like(batch, {name: map_leaves(part, change) for name, part in batch.items()})
    if isinstance(batch, tuple | list):
        parts = [map_leaves(part, change) for part in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else type(batch)(parts)
    return change(batch)


def samples_of(batch: Batch, count: int) -> list[Any]:
    """Take a batch apart again: the list of its samples, which `default_collate` would batch."""
    if isinstance(batch, Mapping):
        parts = {name: samples_of(part, count) for name, part in batch.items()}
        return [_like(batch, {name: parts[name][i] for name in parts}) for i in range(count)]
    if isinstance(batch, tuple):
        columns = [samples_of(part, count) for part in batch]
        rows = zip(*columns)
        return [type(batch)(*row) if hasattr(batch, "_fields") else row for row in rows]
    return [batch[i] for i in range(count)]


def _stacked(samples: Sequence[Any]) -> Tensor:
    """Stack Tensors or arrays of one shape; on the device where they are."""
    arrays = [x.data if isinstance(x, Tensor) else x for x in samples]
    shape = arrays[0].shape
    for i, array in enumerate(arrays):
        if array.shape != shape:
            raise ValueError(
                f"the samples of a batch differ in shape, {shape} at 0 and {array.shape} at {i}: "
                "bring them to one size in the transform, or give the DataLoader a collate_fn"
            )
    dtype = arrays[0].dtype
    if dtype.kind not in "biuf" and not is_floating(dtype):
        raise TypeError(f"a sample holds an array of {dtype}, and a Tensor holds numbers only")
    return Tensor(module_of(arrays[0]).stack(arrays), device=device_of(arrays[0]))


def _numbers(samples: Sequence[Any]) -> np.ndarray:
    """One array of single numbers; a float of Python's becomes float32, as in Tensor."""
    numbers = np.array(samples)
    if numbers.dtype == np.float64 and not isinstance(samples[0], np.generic):
        return numbers.astype(np.float32)
    return numbers


def _like(mapping: Mapping, parts: dict) -> Mapping:
    """Make a mapping of the same kind, or where its kind cannot be made so, a dict."""
    try:
        return type(mapping)(parts)  # type: ignore[call-arg]
    except TypeError:
        return parts
