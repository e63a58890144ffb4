"""Parameters laid end to end in one block, so that an update is a few array operations.

A network has many small arrays. Updating them one by one costs a call into numpy (or a kernel on
the GPU) for each. So an optimizer moves them into one long block, and gives every parameter a view
of its piece: `parameter.data` looks as before, and lies beside its neighbors. Gradients likewise.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from hello_dl.backend import Array, as_array, device_of, module_of
from hello_dl.graph import describe, tick
from hello_dl.tensor import Tensor


class FlatBlock:
    """Parameters of one dtype on one device, in one block of data and one of gradients.

    data, grad   (numel,) the blocks
    work         (stretch,) room for what an update would otherwise make new arrays for

    A `parameter.grad` is a view too: the backward pass after the next `zero_grad` writes over it.
    Who wants to keep one copies it.
    """

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        self._lay_out(parameters)

    def __getstate__(self) -> list[Tensor]:
        """Give `copy` and `pickle` the parameters only: a copy of a view is a view no more."""
        return [p for p, *_ in self.pieces]

    def __setstate__(self, parameters: list[Tensor]) -> None:
        self._lay_out(parameters)

    def _lay_out(self, parameters: Sequence[Tensor]) -> None:
        xp = module_of(parameters[0].data)
        self.data: Array = xp.concatenate([p.data.reshape(-1) for p in parameters])
        self.grad: Array = xp.zeros_like(self.data)
        # A processor does all its passes over a short stretch in its cache; a GPU needs none.
        self.stretch = 32_768 if device_of(self.data) == "cpu" else max(self.data.size, 1)
        self.work: Array = xp.empty_like(self.data[: self.stretch])
        self.pieces: list[tuple[Tensor, slice, Array, Array]] = []
        start = 0
        for p in parameters:
            piece = slice(start, start := start + math.prod(p.shape))
            data, grad = self.data[piece].reshape(p.shape), self.grad[piece].reshape(p.shape)
            self.pieces.append((p, piece, data, grad))
        self.gather()

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

    def touched(self) -> Iterator[slice]:
        """Yield the stretches of the block that have a gradient, none longer than `stretch`."""
        if all([p.grad is not None for p, _, _, _ in self.pieces]):
            pieces = [slice(0, self.data.size)]
        else:
            pieces = [piece for p, piece, *_ in self.pieces if p.grad is not None]
        for piece in pieces:
            for start in range(piece.start, piece.stop, self.stretch):
                yield slice(start, min(start + self.stretch, piece.stop))

    def changed(self) -> None:
        """Tell the graph that the parameters which have a gradient were changed in place."""
        for p, *_ in self.pieces:
            if p.grad is not None:
                p._time = tick()


def _alike(array: Array, other: Array) -> bool:
    """Tell whether one array can take the place of another."""
    return (array.shape, array.dtype, type(array)) == (other.shape, other.dtype, type(other))


def flat_blocks(parameters: Sequence[Tensor]) -> list[FlatBlock]:
    """Lay parameters out in one block for each kind (dtype and device)."""
    kinds: dict[tuple[str, str], list[Tensor]] = {}
    for p in parameters:
        kinds.setdefault((p.dtype.name, p.device), []).append(p)
    return [FlatBlock(group) for group in kinds.values()]
