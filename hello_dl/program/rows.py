"""Reading rows of a table and adding gradients to them, without a copy where they are regular."""

from __future__ import annotations

from typing import Any

from hello_dl.backend import Array, as_array, device_of, module_of, to_device


class Rows:
    """Some rows of a table (rows, columns), arranged in a shape of one or two axes.

    Row numbers that grow evenly along each axis, as those of a layer's weights do, are a view into
    the table: nothing is copied. Others are gathered.
    """

    def __init__(self, numbers: list[Any]) -> None:
        self.numbers: Array = as_array(numbers, "int64", "cpu")  # (n,) or (n, k)
        self.first = int(self.numbers.reshape(-1)[0])
        self.steps = self._even_steps()
        self.distinct = len(set(self.numbers.reshape(-1).tolist())) == self.numbers.size

    def _even_steps(self) -> tuple[int, ...] | None:
        """Return by how much the numbers grow along each axis, or None where that differs."""
        steps: list[int] = []
        expected: Any = self.first
        for axis, length in enumerate(self.numbers.shape):
            second = [0] * self.numbers.ndim
            second[axis] = min(1, length - 1)
            steps.append(int(self.numbers[tuple(second)]) - self.first)
            along = [1] * self.numbers.ndim
            along[axis] = length
            growth = as_array([steps[-1] * i for i in range(length)], "int64", "cpu")
            expected = expected + growth.reshape(along)
        return tuple(steps) if bool((expected == self.numbers).all()) else None

    def view(self, table: Array) -> Array:
        """See these rows of a table in contiguous memory: (*shape, columns), writable."""
        row, column = table.strides
        strides = (*(step * row for step in self.steps or ()), column)
        shape = (*self.numbers.shape, table.shape[1])
        return module_of(table).lib.stride_tricks.as_strided(table[self.first :], shape, strides)

    def read(self, table: Array) -> Array:
        """Return these rows: (*shape, columns)."""
        return self.view(table) if self.steps is not None else table[self._index(table)]

    def add(self, table: Array, gradient: Array) -> None:
        """Add a gradient of the same shape; to a row that is named twice, both parts."""
        if not self.distinct:
            module_of(table).add.at(table, self._index(table), gradient)
        elif self.steps is None:
            table[self._index(table)] += gradient
        else:
            rows = self.view(table)
            rows += gradient

    def _index(self, table: Array) -> Array:
        self.numbers = to_device(self.numbers, device_of(table))
        return self.numbers
