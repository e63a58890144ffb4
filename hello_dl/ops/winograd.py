"""Winograd's convolution: fewer multiplications for kernels of 3 x 3, paid for with additions.

Four neighbors of the output, 2 x 2, look at 4 x 4 entries of the input, and need 4 · 9 = 36
products. Seen through a small change of coordinates (matrices of 0, 1, -1 and 1/2) 16 will do: in
there it is one product for each of the 16 coordinates. F(2x2, 3x3) of Lavin and Gray 2015.

With numpy, where an addition costs as much as its way through memory, it does not pay: to change
the coordinates takes longer than the products that are saved.
"""

from __future__ import annotations

from typing import Any

from hello_dl.ops.einsum import einsum
from hello_dl.ops.pad import padded
from hello_dl.ops.sliding import Sizes, placed
from hello_dl.ops.window import unfold

# What a tile of the input, a kernel, and a tile of the output are multiplied by on the left, and
# transposed on the right.
OF_INPUT = ((1, 0, -1, 0), (0, 1, 1, 0), (0, -1, 1, 0), (0, 1, 0, -1))
OF_KERNEL = ((1, 0, 0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0, 0, 1))
OF_OUTPUT = ((1, 1, 1, 0), (0, 1, -1, -1))


def conv2d_by_winograd(
    input: Any, weight: Any, bias: Any = None, stride: Sizes = 1, padding: Sizes | str = 0
) -> Any:
    """Do `conv2d` with a kernel of 3 x 3: (n, channels, h, w) by (out, channels, 3, 3).

    A stride above 1 leaves out what it has computed with 1.
    """
    if tuple(weight.shape[2:]) != (3, 3):
        raise ValueError(f"this is for kernels of 3 x 3, and the weight has {weight.shape}")
    windows, _ = placed(input, weight, stride, padding)
    (down, across), ((above, below), (left, right)) = windows.stride, windows.padding
    n, out = len(input), len(weight)
    height, width = input.shape[2] + above + below - 2, input.shape[3] + left + right - 2
    odd = height % 2, width % 2  # a half-filled last tile is filled with zeros
    picture = padded(input, (left, right + odd[1], above, below + odd[0]))

    to_input, to_kernel, to_output = (
        input.new_tensor(matrix) for matrix in (OF_INPUT, OF_KERNEL, OF_OUTPUT)
    )
    tiles = unfold(unfold(picture, 2, 4, 2), 3, 4, 2)  # (n, channels, rows, columns, 4, 4)
    tiles = to_input @ tiles @ to_input.T
    kernels = to_kernel @ weight @ to_kernel.T  # (out, channels, 4, 4)
    products = einsum("ncyxij,ocij->noyxij", tiles, kernels)
    tiles = to_output @ products @ to_output.T  # (n, out, rows, columns, 2, 2)

    rows, columns = tiles.shape[2:4]
    y = tiles.permute(0, 1, 2, 4, 3, 5).reshape(n, out, 2 * rows, 2 * columns)
    y = y[:, :, :height:down, :width:across]
    return y if bias is None else y + bias.reshape(-1, 1, 1)
