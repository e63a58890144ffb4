"""Parameters laid end to end in one block, so that an update is a few array operations.

A network has many small arrays. Updating them one by one costs a call into numpy (or a kernel on
the GPU) for each. So an optimizer moves them into one long block, and gives every parameter a view
of its piece: `parameter.data` looks as before, and lies beside its neighbors. Gradients likewise,
and whatever the optimizer remembers about every entry, such as a velocity.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from hello_dl.backend import DEFAULT_FLOAT, Array, as_array, device_of, is_half
from hello_dl.backend.updates import flat_zeros
from hello_dl.graph import describe, tick
from hello_dl.tensor import Tensor

STRETCH = 256 * 1024  # bytes: a processor has this much of five arrays at once in its cache


class Run(NamedTuple):
    """A piece of a block to update at once: it is the same step for all parameters in it."""

    piece: slice
    step: int  # 1 the first time that these parameters are updated
    shape: tuple[int, ...] | None = None  # of the parameter, where each is updated by itself


class FlatBlock:
    """Parameters of one group, dtype and device, in one block of data and one of gradients.

    data, grad   (numel,) the blocks
    state        arrays (numel,) by name: what the optimizer remembers about every entry
    steps        how often each parameter has been updated, in the order of `pieces`
    exact        the dtype to compute in and of the state: float32 where data is float16, bfloat16

    A `parameter.grad` is a view too: the backward pass after the next `zero_grad` writes over it.
    Who wants to keep one copies it.
    """

    def __init__(self, parameters: Sequence[Tensor], group: int = 0) -> None:
        self.group = group  # the index of their parameter group
        self.steps = [0] * len(parameters)
        self.state: dict[str, Array] = {}
        self._lay_out(parameters)

    def __getstate__(self) -> dict[str, Any]:
        """Give `copy` and `pickle` no views: a copy of a view is a view no more."""
        kept = {name: getattr(self, name) for name in ("group", "steps", "state")}
        return {"parameters": [p for p, *_ in self.pieces], **kept}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        parameters = kept.pop("parameters")
        vars(self).update(kept, state={})
        self._lay_out(parameters)
        for name, array in kept["state"].items():
            self.remember(name)[...] = array

    def _lay_out(self, parameters: Sequence[Tensor]) -> None:
        self.data: Array = flat_zeros(sum(p.numel() for p in parameters), parameters[0].data)
        self.grad: Array = flat_zeros(self.data.size, self.data)
        self.exact = DEFAULT_FLOAT if is_half(self.data.dtype) else self.data.dtype
        # A processor does all its passes over a short stretch in its cache; a GPU needs none.
        self.on_cpu = device_of(self.data) == "cpu"
        self.stretch = STRETCH // self.exact.itemsize if self.on_cpu else max(self.data.size, 1)
        self._room: Array = flat_zeros(0, self.data).reshape(3, 0)
        self.pieces: list[tuple[Tensor, slice, Array, Array]] = []
        start = 0
        for p in parameters:
            piece = slice(start, start := start + math.prod(p.shape))
            data, grad = self.data[piece].reshape(p.shape), self.grad[piece].reshape(p.shape)
            self.pieces.append((p, piece, data, grad))
        self.gather()

    def remember(self, name: str, value: float = 0.0) -> Array:
        """Return a state array, new and full of `value` where there is none of that name."""
        if name not in self.state:
            self.state[name] = flat_zeros(self.data.size, self.data, self.exact)
            if value:
                self.state[name] += value
        return self.state[name]

    def cut(self, piece: slice, names: Sequence[str], shape: Any = None) -> list[Array]:
        """Return a piece of data, of grad, and of the state arrays of these names; views."""
        arrays = [self.data, self.grad, *(self.state[name] for name in names)]
        if piece.stop - piece.start < self.data.size:
            arrays = [array[piece] for array in arrays]
        return arrays if shape is None else [array.reshape(shape) for array in arrays]

    def room(self, like: Array) -> Array:
        """Return room for three arrays such as `like`, in which an update can compute."""
        if len(self._room[0]) < like.size:
            size = -(-like.size // 16) * 16  # so that each begins on a boundary of memory
            self._room = flat_zeros(3 * size, self.data, self.exact).reshape(3, size)
        return self._room[:, : like.size].reshape(3, *like.shape)

    def gather(self) -> None:
        """Move parameters and gradients that somebody has replaced back into the blocks."""
        for p, _, data, grad in self.pieces:
            if p._data is not data:
                if not _alike(p.data, data):
                    raise ValueError(
                        f"{describe(p)} had shape {data.shape}, {data.dtype} when the optimizer "
                        "was made and has another shape, dtype or device now: make a new optimizer"
                    )
                data[...] = p.data
                p._data = data  # the same numbers in another place: to the graph, nothing changed
            p.grad_store = grad
            if p.grad is not None and p.grad is not grad:
                new = as_array(p.grad)
                if not _alike(new, grad):
                    raise ValueError(
                        f"the gradient of {describe(p)} has shape {new.shape}, {new.dtype}: it "
                        f"must be as the parameter, {grad.shape}, {grad.dtype}, on {p.device}"
                    )
                grad[...] = new
                p.grad = grad

    def fill(self) -> None:
        """Put zeros where the block of gradients belongs to parameters that have none."""
        for p, _, _, grad in self.pieces:
            if p.grad is None:
                grad[...] = 0

    def touched(self, alone: bool = False) -> Iterator[Run]:
        """Count a step for every parameter that has a gradient, and yield the pieces to update.

        Neighbors for which it is the same step make one piece, unless each is wanted `alone`.
        """
        start = stop = step = 0
        for k, (p, piece, data, _) in enumerate(self.pieces):
            if p.grad is None:
                continue
            self.steps[k] += 1
            if alone:
                yield Run(piece, self.steps[k], data.shape)
            elif piece.start == stop and self.steps[k] == step:
                stop = piece.stop
            else:
                if stop > start:
                    yield Run(slice(start, stop), step)
                start, stop, step = piece.start, piece.stop, self.steps[k]
        if stop > start:
            yield Run(slice(start, stop), step)

    def stretches(self, run: Run) -> Iterator[slice]:
        """Cut a piece into stretches that fit into the cache; a parameter by itself stays whole."""
        piece, _, shape = run
        length = self.stretch if shape is None else max(piece.stop - piece.start, 1)
        for start in range(piece.start, piece.stop, length):
            yield slice(start, min(start + length, piece.stop))

    def changed(self) -> None:
        """Tell the graph that the parameters which have a gradient were changed in place."""
        for p, *_ in self.pieces:
            if p.grad is not None:
                p._time = tick()


def _alike(array: Array, other: Array) -> bool:
    """Tell whether one array can take the place of another."""
    return (array.shape, array.dtype, type(array)) == (other.shape, other.dtype, type(other))


def flat_blocks(parameters: Sequence[Tensor], group: int) -> list[FlatBlock]:
    """Lay the parameters of a group out in one block for each kind (dtype and device)."""
    kinds: dict[tuple[str, str], list[Tensor]] = {}
    for p in parameters:
        kinds.setdefault((p.dtype.name, p.device), []).append(p)
    return [FlatBlock(same, group) for same in kinds.values()]
