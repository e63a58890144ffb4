"""Rows of a table: reading them and adding gradients, without a copy where they lie regularly."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, as_array, device_of, module_of, to_device
from hello_dl.program.schedule import Schedule

Tables = tuple[Array, Array]  # fixed numbers (rows, 1), and varying ones (rows, batch)


class Rows:
    """Some rows of one table, arranged in a shape of one or two axes.

    Row numbers that grow evenly along each axis, as those of a layer's weights do, are a view into
    the table: nothing is copied. Others are gathered.

    table    0 of fixed numbers, 1 of varying ones
    learns   some of these numbers depend on a parameter
    first    nothing else has added gradients to these rows before: what comes may overwrite them;
             one answer for backward without the gradients of the inputs, one for with them
    """

    def __init__(self, entries: Any, schedule: Schedule) -> None:
        entries = as_array(entries, "int64", "cpu")  # (n,) or (n, k)
        self.numbers: Array = schedule.row[entries]
        self.table = int(schedule.table[entries.reshape(-1)[0]])
        self.learns = bool(schedule.learns[entries].any())
        self.steps = self._even_steps()
        self.distinct = len(module_of(entries).unique(self.numbers)) == self.numbers.size
        self.first = [False, False]

    def _even_steps(self) -> tuple[int, ...] | None:
        """Return by how much the numbers grow along each axis, or None where that differs."""
        xp = module_of(self.numbers)
        grid = self.numbers.reshape(len(self.numbers), -1)
        down = int(grid[1, 0] - grid[0, 0]) if grid.shape[0] > 1 else 0
        across = int(grid[0, 1] - grid[0, 0]) if grid.shape[1] > 1 else 0
        i, j = xp.arange(grid.shape[0])[:, None], xp.arange(grid.shape[1])
        even = bool((grid == grid[0, 0] + down * i + across * j).all())
        return (down, across)[: self.numbers.ndim] if even else None

    def bind(self, tables: Tables, grads: Tables) -> None:
        """Find these rows in the tables, which are new ones for every size of a batch."""
        self.values, self.grads = tables[self.table], grads[self.table]
        self.numbers = to_device(self.numbers, device_of(self.values))
        even = self.steps is not None
        self.block = self._view(self.values) if even else None
        self.grad_block = self._view(self.grads) if even and self.distinct else None

    def _view(self, table: Array) -> Array:
        """See these rows without a copy: (*shape, columns), writable."""
        first = int(self.numbers.reshape(-1)[0])
        if self.numbers.size == 1:
            return table[first].reshape(*self.numbers.shape, -1)
        row, column = table.strides
        strides = (*(step * row for step in self.steps or ()), column)
        shape = (*self.numbers.shape, table.shape[1])
        return module_of(table).lib.stride_tricks.as_strided(table[first:], shape, strides)

    def read(self) -> Array:
        """Return the numbers: (*shape, batch), or (*shape, 1) of fixed ones."""
        return self.values[self.numbers] if self.block is None else self.block

    def wants(self, inputs_too: bool) -> bool:
        """Tell whether a gradient is needed here."""
        return self.learns or (inputs_too and self.table == 1)

    def room(self, inputs_too: bool) -> Array | None:
        """Return the block that a gradient may be written into, if it need not be added."""
        return self.grad_block if self.first[inputs_too] else None

    def add(self, gradient: Array, inputs_too: bool) -> None:
        """Add a gradient, or write it if it is the first.

        A fixed number gets the sum over the batch, a row that is named twice gets both parts.
        """
        if gradient.shape[-1] != self.grads.shape[1]:
            gradient = gradient.sum(-1, keepdims=True)
        if self.grad_block is not None and self.first[inputs_too]:
            self.grad_block[...] = gradient
        elif self.grad_block is not None:
            self.grad_block += gradient
        elif self.distinct:
            self.grads[self.numbers] += gradient
        else:
            module_of(gradient).add.at(self.grads, self.numbers, gradient)
