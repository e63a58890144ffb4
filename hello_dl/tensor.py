"""Tensor: a block of numbers that remembers how it was computed. The same API as Value's.

Where a Value keeps a slope on every edge, a Tensor keeps a pull: a function that takes the gradient
of the result and gives the gradient of one input. A whole layer is one node. The operations and
their pulls are in ops/, as methods in ops/methods.py; this file holds the class and `backward`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hello_dl import graph
from hello_dl.backend import (
    Array,
    DType,
    as_array,
    current_device,
    device_of,
    dtype_of,
    is_floating,
    module_of,
    to_device,
)
from hello_dl.graph import Node, recording, tick
from hello_dl.ops import shape
from hello_dl.ops.methods import Operations
from hello_dl.ops.rule import Block, accumulate, pulled
from hello_dl.ops.untracked import plain

Operand = Any  # a Tensor, an array, a list of numbers, or a number


class Tensor(Operations):
    """A block of numbers that can take part in gradients.

    >>> x = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad.tolist()
    [[2.0, 4.0], [6.0, 8.0]]

    `data` and `grad` are plain arrays, numpy's or cupy's. Lists of Python floats become float32;
    an array is taken as it is, without a copy. `requires_grad` needs a floating dtype.
    """

    __slots__ = ()
    __array_ufunc__ = None  # let `array + tensor` come to `Tensor.__radd__`

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        *,
        dtype: DType | None = None,
        device: str | None = None,
        name: str = "",
        op: str = "input",
    ) -> None:
        if isinstance(data, Node):
            data = data.data
        elif device is None and current_device() != "cpu":
            device = current_device()  # new blocks are made there, of arrays in CPU memory too
        array = as_array(data, None if dtype is None else dtype_of(dtype), device)
        self._data = _floating(array) if requires_grad else array
        self.grad = None
        self.grad_store = None
        self.parents = ()
        self.pulls = ()
        self.op = op
        self.name = name
        self._requires_grad = requires_grad
        self.scope = recording.path or ""
        self._time = tick()

    def _checked(self, value: Operand, requires_grad: bool) -> Array:
        array = as_array(plain(value))
        return _floating(array) if requires_grad else array

    # What it looks like.

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    @property
    def dtype(self) -> Any:
        """Type of the entries, such as float32."""
        return self._data.dtype

    @property
    def device(self) -> str:
        """Where the entries live: "cpu" or "cuda"."""
        return device_of(self._data)

    @property
    def T(self) -> Tensor:
        """The block with its axes in reverse order; a matrix transposed."""
        return shape.permute(self, dims=tuple(reversed(range(self.ndim))))

    def numel(self) -> int:
        """Number of entries."""
        return self._data.size

    def size(self, dim: int | None = None) -> Any:
        """Shape, or the length along one axis."""
        return self.shape if dim is None else self.shape[dim]

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("a single number has no length")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        return bool(self.item())

    # Gradients.

    def backward(self, gradient: Operand | None = None, retain_graph: bool = False) -> None:
        """Bring d(self) / d(node), pulled from `gradient`, to every node behind self.

        `gradient` has the shape of self; a single number needs none and takes 1. Leaves add what
        arrives to their `grad`; interior nodes start afresh. Releases the graph unless
        `retain_graph`. Raises ValueError for another shape, and as `graph.order` says.
        """
        nodes = graph.order(self)  # parents first
        for node in nodes:
            if node.parents:
                node.grad = None
        accumulate(self, self._upstream(gradient))
        while nodes:  # children first: by its turn, a node's grad is complete
            node = nodes.pop()  # ... and what nobody else holds is freed as soon as it is done
            for parent, arriving in pulled(node):
                accumulate(parent, arriving)
            if node.parents and not retain_graph:
                node.parents, node.pulls = graph.released, ()

    def _upstream(self, gradient: Operand | None) -> Array:
        if gradient is None:
            if self.numel() != 1:
                raise ValueError(
                    f"backward() from a block of shape {self.shape} needs a gradient of that "
                    "shape: give one, or reduce to one number with .sum() or .mean() first"
                )
            return module_of(self._data).ones_like(self._data)
        upstream = as_array(plain(gradient), self.dtype, self.device)
        if upstream.shape != self.shape:
            raise ValueError(
                f"the gradient given to backward() has the shape {upstream.shape}, "
                f"and the Tensor has {self.shape}: they must agree"
            )
        return upstream

    def edges(self) -> Iterator[tuple[Tensor, None, Array | None]]:
        """Yield (parent, None, gradient flowing to it) for pictures; None where there is none."""
        arriving = iter(pulled(self)) if self.grad is not None else iter(())
        for parent in self.parents:
            known = parent.requires_grad and self.grad is not None
            yield parent, None, next(arriving)[1] if known else None

    def detach(self) -> Tensor:
        """The same numbers, not copied, as a new leaf that asks for no gradient."""
        return Tensor(self._data, device=self.device, name=self.name)

    # Out of the engine, and to another device or dtype.

    def item(self) -> float | int | bool:
        """The plain Python number; raises ValueError if there is more than one."""
        if self.numel() != 1:
            raise ValueError(f"item() needs exactly one entry, and the shape is {self.shape}")
        return self._data.item()

    def tolist(self) -> Any:
        """The entries as nested lists of plain Python numbers."""
        return self._data.tolist()

    def numpy(self) -> Array:
        """The entries as a numpy array, without a copy where they are in CPU memory."""
        return to_device(self._data, "cpu")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        return array.astype(dtype) if dtype is not None else array.copy() if copy else array

    def to(self, target: Any) -> Tensor:
        """The Tensor on another device ("cpu", "cuda") or in another dtype, with its gradient."""
        if target in ("cpu", "cuda"):
            return shape.to_device(self, device=target)
        try:
            dtype = dtype_of(target)
        except ValueError as error:
            raise ValueError(f"{error}; or a device, cpu or cuda") from None
        if not is_floating(dtype):  # whole numbers move in jumps: there is no gradient through them
            return Tensor(self._data.astype(dtype), device=self.device, name=self.name)
        return shape.astype(self, dtype=dtype)

    def cpu(self) -> Tensor:
        """The Tensor in CPU memory."""
        return self.to("cpu")

    def __repr__(self) -> str:
        module = module_of(self._data)
        numbers = module.array2string(self._data, separator=", ", prefix="Tensor(")
        dtype = "" if self.dtype in ("float32", "int64", "bool") else f", dtype={self.dtype}"
        device = "" if self.device == "cpu" else f", device={self.device!r}"
        grad = ", requires_grad=True" if self.requires_grad else ""
        name = f", name={self.name!r}" if self.name else ""
        return f"{type(self).__name__}({numbers}{dtype}{device}{grad}{name})"


Block.result_class = Tensor


def _floating(array: Array) -> Array:
    """Return the array; raises ValueError if it holds whole numbers, which have no gradients."""
    if not is_floating(array.dtype):
        raise ValueError(
            f"only floating numbers have gradients, and this Tensor is {array.dtype}: "
            "give it dtype='float32' or requires_grad=False"
        )
    return array
