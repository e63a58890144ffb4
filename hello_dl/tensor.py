"""Tensor: a block of numbers that remembers how it was computed. The same API as Value's.

Where a Value keeps a slope on every edge, a Tensor keeps a pull: a function that takes the gradient
of the result and gives the gradient of one input. A whole layer is one node. The operations and
their pulls are in ops/, as methods in ops/methods.py; this file holds the class and `backward`.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

from hello_dl import creation, graph, sampling
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
from hello_dl.graph import Node, describe, recording, released, tick
from hello_dl.ops import arrange, hooks, shape
from hello_dl.ops.convert import device_name
from hello_dl.ops.inplace import InPlace
from hello_dl.ops.methods import Operations
from hello_dl.ops.rule import Block, accumulate, pulled
from hello_dl.ops.untracked import plain

Operand = Any  # a Tensor, an array, a list of numbers, or a number


class Tensor(Operations, InPlace):
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
        if not isinstance(device, str | None):
            device = device_name(device)
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

    @property
    def mT(self) -> Tensor:
        """Matrices (..., m, n) transposed: the last two axes swapped."""
        if self.ndim < 2:
            raise ValueError(f"mT transposes matrices, and the shape is {self.shape}")
        return shape.transpose(self, -2, -1)

    def dim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    def numel(self) -> int:
        """Number of entries."""
        return self._data.size

    nelement, ndimension = numel, dim

    def size(self, dim: int | None = None) -> Any:
        """Shape, or the length along one axis."""
        return self.shape if dim is None else self.shape[dim]

    @property
    def is_cuda(self) -> bool:
        """Whether the entries are in the memory of a GPU."""
        return self.device == "cuda"

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("a single number has no length")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.ndim:
            raise TypeError("a single number has no entries to go through")
        return iter(arrange.unbind(self))

    def __contains__(self, number: Operand) -> bool:
        return bool((self._data == plain(number)).any())

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise ValueError(
                f"a block of shape {self.shape} is neither true nor false: ask .any() or .all()"
            )
        return bool(self.item())

    def __index__(self) -> int:
        if is_floating(self.dtype):
            raise TypeError(f"an index is a whole number, and this is a Tensor of {self.dtype}")
        return operator.index(self._data.item())

    # Gradients.

    @property
    def is_leaf(self) -> bool:
        """Whether it was given and not computed, as far as gradients know."""
        return not self.parents and self.parents is not released

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for gradients, or not any more; returns the Tensor. Only a leaf can be told."""
        self.requires_grad = requires_grad
        return self

    def retain_grad(self) -> None:
        """Keep the gradient. There is nothing to do: here every node keeps its own."""
        if not self.requires_grad:
            raise ValueError(f"{describe(self)} gets no gradient that it could keep")

    register_hook = hooks.register_hook

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
            elif node.pulls:  # a leaf with hooks
                node.pulls.begin()
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
        pulls = self.pulls
        if isinstance(pulls, hooks.Hooked):
            self.pulls = pulls.pulls  # what hooks did is in self.grad already
        arriving = list(pulled(self)) if self.grad is not None else []
        self.pulls = pulls
        for parent in self.parents:
            known = arriving and arriving[0][0] is parent
            yield parent, None, arriving.pop(0)[1] if known else None

    def detach(self) -> Tensor:
        """The same numbers, not copied, as a new leaf that asks for no gradient."""
        return Tensor(self._data, device=self.device, name=self.name)

    def detach_(self) -> Tensor:
        """Cut the Tensor itself off from what it was computed from; returns it."""
        self.parents, self.pulls, self._requires_grad = (), (), False
        return self

    # Beside this one: new Tensors in its dtype and on its device, or its memory filled anew.

    new_tensor = creation.new_tensor
    new_zeros = creation.new_zeros
    new_ones = creation.new_ones
    new_empty = creation.new_empty
    new_full = creation.new_full
    bernoulli = sampling.bernoulli
    multinomial = sampling.multinomial
    normal_ = sampling.normal_
    uniform_ = sampling.uniform_
    bernoulli_ = sampling.bernoulli_
    exponential_ = sampling.exponential_
    random_ = sampling.random_

    # Out of the engine.

    def item(self) -> float | int | bool:
        """The plain Python number; raises ValueError if there is more than one."""
        if self.numel() != 1:
            raise ValueError(f"item() needs exactly one entry, and the shape is {self.shape}")
        return self._data.item()

    def tolist(self) -> Any:
        """The entries as nested lists of plain Python numbers."""
        return self._data.tolist()

    def numpy(self, *, force: bool = False) -> Array:
        """The entries as a numpy array, without a copy where they are in CPU memory."""
        return to_device(self._data, "cpu")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        array = self.numpy()
        return array.astype(dtype) if dtype is not None else array.copy() if copy else array

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """Give `copy` and `pickle` the numbers; the graph behind them and hooks stay here."""
        slots = {name for kind in type(self).__mro__ for name in getattr(kind, "__slots__", ())}
        state = {name: getattr(self, name) for name in slots if hasattr(self, name)}
        state["parents"] = released if self.parents is released else ()
        return None, state | {"pulls": (), "grad_store": None}

    def __format__(self, spec: str) -> str:
        """Write a single number as a plain one: f"loss {loss:.3f}", and f"loss {loss}" too."""
        return format(self.item(), spec) if spec or not self.ndim else str(self)

    def __repr__(self) -> str:
        module = module_of(self._data)
        array = self._data if self.dtype.kind != "V" else self._data.astype("float32")  # bfloat16
        numbers = module.array2string(array, separator=", ", prefix="Tensor(")
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
