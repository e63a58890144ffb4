"""Hooks on a node: functions that see its gradient when it is complete, and may change it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from hello_dl.backend import Array, as_array, device_of
from hello_dl.graph import describe
from hello_dl.ops.rule import Block

Hook = Callable[[Any], Any]

_next_key = count().__next__


class Handle:
    """What a registration returns: `remove` takes the hook away again, as a `with` block does."""

    def __init__(self, hooks: dict[int, Hook], hook: Hook, last: Callable[[], None]) -> None:
        self._hooks, self._key, self._last = hooks, _next_key(), last
        hooks[self._key] = hook

    def remove(self) -> None:
        """Take the hook away; a second time does nothing."""
        if self._hooks.pop(self._key, None) is not None and not self._hooks:
            self._last()

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Hooked:
    """Stands for the pulls of a node: hands the gradient to the hooks, then on to the pulls.

    A node without hooks has its own pulls and pays nothing. On a leaf, which has none, the gradient
    of this pass goes through the hooks before it is added to what the leaf has from earlier ones.
    """

    def __init__(self, node: Block) -> None:
        self.node, self.pulls = node, node.pulls
        self.hooks: dict[int, Hook] = {}
        self.before: Array | None = None

    def begin(self) -> None:
        """Put the gradient of a leaf aside, so that this pass is seen by itself."""
        leaf, grad = self.node, self.node.grad
        shared = grad is not None and grad is leaf.grad_store  # this pass will write over it
        self.before, leaf.grad = grad.copy() if shared else grad, None

    def __call__(self, g: Array) -> Any:
        """Stand in for the pulls; return the gradients of the parents."""
        node = self.node
        for hook in list(self.hooks.values()) if g is not None else ():
            changed = hook(g)
            if changed is not None:
                g = self._checked(changed, g)
        if not node.parents:
            self._end(g)
            return None
        node.grad = g
        if callable(self.pulls):
            return self.pulls(g)
        pairs = zip(node.parents, self.pulls)
        gradients = [pull(g) if parent._requires_grad else None for parent, pull in pairs]
        return gradients if len(gradients) > 1 else gradients[0]

    def _end(self, g: Array | None) -> None:
        """Add what came out of the hooks to the gradient of a leaf."""
        leaf, total = self.node, self.before if g is None else g
        if g is not None and self.before is not None:
            total = self.before + g
        if total is not None and leaf.grad_store is not None:
            leaf.grad_store[...] = total
            total = leaf.grad_store
        leaf.grad, self.before = total, None

    def _checked(self, changed: Any, g: Array) -> Array:
        data = changed._data if isinstance(changed, Block) else changed
        array = as_array(data, g.dtype, device_of(g))
        if array.shape != g.shape:
            raise ValueError(
                f"a hook of {describe(self.node)} returned a gradient of shape {array.shape} "
                f"instead of {g.shape}: return one of that shape, or None to leave it as it is"
            )
        return array


def register_hook(x: Any, hook: Hook) -> Handle:
    """Call `hook(gradient)` when the gradient of x is complete, on every backward pass.

    The gradient is a plain array, as `x.grad` is. If the hook returns something, that takes its
    place, in `x.grad` and for everything behind x. `remove()` on the handle that is returned takes
    the hook away again.
    """
    if not x.requires_grad:
        raise ValueError(f"{describe(x)} gets no gradient: only one with requires_grad has hooks")
    if not isinstance(x.pulls, Hooked):
        x.pulls = Hooked(x)
    hooked = x.pulls

    def unwrap() -> None:
        if x.pulls is hooked:
            x.pulls = hooked.pulls

    return Handle(hooked.hooks, hook, unwrap)
