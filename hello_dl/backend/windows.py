"""Windows: where a kernel stands while it slides over pictures. Pairs are for height and width."""

from __future__ import annotations

from typing import NamedTuple

Pair = tuple[int, int]


class Windows(NamedTuple):
    """The places of a kernel: convolution, pooling and unfolding slide alike.

    stride     steps from one place to the next
    padding    entries around the picture: (above, below), (left, right)
    dilation   steps from one entry under the kernel to the next
    """

    kernel: Pair
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)

    def places(self, size: Pair) -> Pair:
        """Return how many places there are down and across a picture; 0 where none fits."""
        reach = [step * (n - 1) + 1 for step, n in zip(self.dilation, self.kernel)]
        room = [n + sum(pad) - r for n, pad, r in zip(size, self.padding, reach)]
        down, across = (max(r // step + 1, 0) for r, step in zip(room, self.stride))
        return down, across

    def met(self, tap: int, axis: int, length: int, places: int) -> tuple[slice, slice]:
        """Say what one entry of the kernel, number `tap` along an axis, meets of a picture.

        Returns the entries of the picture, which is `length` long, and the places of the kernel at
        which it meets them; at the other places it stands outside.
        """
        step, start = self.stride[axis], tap * self.dilation[axis] - self.padding[axis][0]
        first = max(-(start // step), 0)
        end = min((length - 1 - start) // step + 1, places)
        if first >= end:
            return slice(0, 0), slice(0, 0)
        return slice(first * step + start, (end - 1) * step + start + 1, step), slice(first, end)
