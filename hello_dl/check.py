"""Check gradients against nudging: move the inputs a little and see whether the result follows.

The gradient says how much the result should change when the inputs move a little way in some
direction. So move them, there and back, and compare. Whoever writes an operation can do this.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from hello_dl.backend import Array, as_array, device_of, is_floating
from hello_dl.graph import no_grad
from hello_dl.tensor import Tensor
from hello_dl.value import Value


def gradients(
    function: Callable[..., Any],
    *inputs: Any,
    directions: int = 3,
    tolerance: float = 1e-6,
    nudge: float = 1e-5,
    seed: int = 0,
) -> float:
    """Compare the gradients of `function(*inputs)` with central differences; return the error.

    Works in float64, on copies, for Tensors and for Values. The result gets a random upstream
    gradient, and each floating input in turn moves in random directions of length 1, `nudge` far.
    The error is the largest relative one; above `tolerance` an AssertionError says which input
    it is, and what the gradient and the nudge said. Whole numbers are left as they are.
    """
    rng = random.Random(seed)
    copies = [_copy(x) for x in inputs]
    result = function(*copies)
    upstream = _random_like(result, rng)
    result.backward(upstream)

    def score(which: int, direction: Any, distance: float) -> float:
        moved = list(copies)
        x = copies[which]
        moved[which] = type(x)(x.data + distance * direction)
        with no_grad():
            return float((function(*moved).data * upstream).sum())

    worst = 0.0
    for which, x in enumerate(copies):
        for _ in range(directions if x.requires_grad else 0):
            direction = _random_like(x, rng)
            direction = direction / math.sqrt(float((direction * direction).sum()) or 1.0)
            ahead, behind = score(which, direction, nudge), score(which, direction, -nudge)
            nudged = (ahead - behind) / (2 * nudge)
            claimed = 0.0 if x.grad is None else float((x.grad * direction).sum())
            error = abs(claimed - nudged) / max(1.0, abs(claimed), abs(nudged))
            if not error <= tolerance:  # also when it is nan
                raise AssertionError(
                    f"input {which} of {getattr(function, '__name__', 'the function')}: the "
                    f"gradient says {claimed:.9g} along a random direction, nudging says "
                    f"{nudged:.9g} (relative error {error:.1e}, allowed {tolerance:.0e})"
                )
            worst = max(worst, error)
    return worst


def _copy(x: Any) -> Any:
    """Make a fresh float64 leaf of an input; whole numbers stay what they are."""
    if isinstance(x, Value):
        return Value(x.data)
    if isinstance(x, float):
        return Value(x)
    array = x.data if isinstance(x, Tensor) else as_array(x)
    if not is_floating(array.dtype):
        return Tensor(array, device=device_of(array))
    return Tensor(array.astype("float64"), requires_grad=True, device=device_of(array))


def _random_like(node: Any, rng: random.Random) -> Array:
    """Draw normal numbers in the shape of a node, on its device."""
    numbers = [rng.gauss(0, 1) for _ in range(math.prod(node.shape))]
    device = node.device if isinstance(node, Tensor) else "cpu"
    return as_array(numbers, "float64", device).reshape(node.shape)
