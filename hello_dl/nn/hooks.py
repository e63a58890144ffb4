"""Hooks: functions that look on, or interfere, when a module computes or gradients come back.

For looking at activations and gradients, for changing them, and for measuring, without a change to
the module. One that has none pays nothing for them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hello_dl.backend import Array
from hello_dl.graph import recording
from hello_dl.ops.hooks import Handle
from hello_dl.ops.shape import reshape
from hello_dl.tensor import Tensor

Hook = Callable[..., Any]


class Hooks:
    """The hooks of one module, in the order in which they are called."""

    def __init__(self) -> None:
        self.before: dict[int, tuple[Hook, bool]] = {}  # and whether it takes the keyword arguments
        self.after: dict[int, tuple[Hook, bool]] = {}
        self.backward: dict[int, Hook] = {}

    def add(self, kind: str, hook: Any, prepend: bool, none_left: Callable[[], None]) -> Handle:
        """Add a hook to those of a kind; `none_left()` is called when the last is removed."""
        hooks = getattr(self, kind)

        def removed() -> None:
            if not (self.before or self.after or self.backward):
                none_left()

        earlier = dict(hooks)
        handle = Handle(hooks, hook, removed)
        if prepend:
            for key in earlier:
                hooks[key] = hooks.pop(key)  # to the end
        return handle

    def call(self, module: Any, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Compute `module.forward` with the hooks around it."""
        for hook, with_options in list(self.before.values()):
            if with_options:
                inputs, options = _both(hook(module, inputs, options), inputs, options)
            elif (changed := hook(module, inputs)) is not None:
                inputs = changed if isinstance(changed, tuple) else (changed,)
        crossing = None
        if self.backward and recording.path is not None:
            crossing = _Crossing(module, self.backward)
            inputs = crossing.entered(inputs)
        output = module.forward(*inputs, **options)
        for hook, with_options in list(self.after.values()):
            arguments = (inputs, options, output) if with_options else (inputs, output)
            if (changed := hook(module, *arguments)) is not None:
                output = changed
        return crossing.left(output) if crossing else output


def _both(
    changed: Any, inputs: tuple[Any, ...], options: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Read what a hook that takes the keyword arguments, too, gives back."""
    if changed is None:
        return inputs, options
    if not (isinstance(changed, tuple) and len(changed) == 2 and isinstance(changed[1], dict)):
        raise TypeError(f"a hook with kwargs returns None or (args, kwargs), not {changed!r:.60}")
    inputs, options = changed
    return inputs if isinstance(inputs, tuple) else (inputs,), options


class _Crossing:
    """One call of a module with backward hooks: the way in, and the way out.

    Every input and output passes a gate, a node of its own that does nothing. Going back,
    gradients leave the nodes of a graph youngest first: all gates of the way out come before all
    of the way in. And when the first gate of the way in is reached, the gradients at the others
    are complete.
    """

    def __init__(self, module: Any, hooks: dict[int, Hook]) -> None:
        self.module, self.hooks = module, hooks
        self.inputs: tuple[Any, ...] = ()
        self.gates: dict[int, Tensor] = {}  # of the way in, by the place of the input
        self.exits: dict[int, Tensor] = {}  # of the way out
        self.known: set[int] = set()  # exits whose gradients the hooks have seen in this pass
        self.grad_output: list[Array | None] = []
        self.grad_input: tuple[Any, ...] | None = None  # as the hooks left them; not yet called

    def entered(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """Let the inputs pass."""
        passed = [_gate(x, self._reached_input, i) for i, x in enumerate(inputs)]
        self.gates = {i: x for i, x in enumerate(passed) if x is not inputs[i]}
        self.inputs = tuple(passed)
        return self.inputs

    def left(self, output: Any) -> Any:
        """Let the outputs pass: a Tensor, or a tuple or list of them."""
        several = isinstance(output, tuple | list)
        outputs = output if several else (output,)
        self.grad_output = [None for _ in outputs]
        passed = [_gate(y, self._reached_output, i) for i, y in enumerate(outputs)]
        self.exits = {i: y for i, y in enumerate(passed) if y is not outputs[i]}
        if not several:
            return passed[0]
        return type(output)(*passed) if hasattr(output, "_fields") else type(output)(passed)

    def _reached_output(self, i: int, g: Array) -> None:
        for gate in self.gates.values():
            gate.grad = None  # of an earlier backward pass
        self.grad_input = None
        self.grad_output[i] = g
        if self.gates or i in self.known:
            self.known.discard(i)
        else:  # no gradient goes on to the inputs: the first exit is the last gate
            for j, gate in self.exits.items():
                self.grad_output[j] = gate.grad
            self.known = {j for j in self.exits if j != i and self.grad_output[j] is not None}
            self._call()

    def _reached_input(self, i: int, g: Array) -> Any:
        if self.grad_input is None:  # the first of them
            self._call()
        return self.grad_input[i] if self.grad_input else None

    def _call(self) -> None:
        gates = [self.gates.get(i) for i in range(len(self.inputs))]
        grads: tuple[Any, ...] = tuple(None if gate is None else gate.grad for gate in gates)
        arrived, self.grad_output = tuple(self.grad_output), [None for _ in self.grad_output]
        for hook in list(self.hooks.values()):
            changed = hook(self.module, grads, arrived)
            if changed is not None:
                grads = changed if isinstance(changed, tuple) else (changed,)
                if len(grads) != len(self.inputs):
                    raise ValueError(
                        f"a backward hook returned {len(grads)} gradients for the "
                        f"{len(self.inputs)} inputs of {type(self.module).__name__}"
                    )
        self.grad_input = grads


def _gate(x: Any, reached: Callable[[int, Array], Any], i: int) -> Any:
    """Return a node behind x that hands its gradient to `reached`; x itself if it gets none."""
    if not isinstance(x, Tensor) or not x.requires_grad:
        return x
    gate = reshape(x, shape=x.shape)
    gate.register_hook(lambda g: reached(i, g))
    return gate
