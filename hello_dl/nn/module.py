"""Module: a piece of a network that owns parameters and says how it computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from reprlib import recursive_repr
from typing import Any

from hello_dl.backend import Array, DType, is_floating, to_device
from hello_dl.graph import recording
from hello_dl.nn.hooks import Hook, Hooks
from hello_dl.nn.parameter import Parameter
from hello_dl.nn.state import Loaded, load, state_of
from hello_dl.nn.tree import Tree
from hello_dl.ops.convert import targets_of
from hello_dl.ops.hooks import Handle

__all__ = ["Module", "Parameter"]


class Module(Tree):
    """Base of all layers and networks. A subclass sets attributes and defines `forward`.

    Call the module, not `forward`: the call also gives the nodes it makes their scope, and calls
    the hooks. `super().__init__()` may be left out: there is nothing to prepare.
    """

    training = True
    _hooks: Hooks | None = None

    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output. Every subclass has its own."""
        raise TypeError(f"{type(self).__name__} has no forward method: define one")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output inside a scope of the module's own."""
        before = recording.path
        if before is not None:
            label = self._label or type(self).__name__
            recording.path = f"{before}/{label}" if before else label
        try:
            if self._hooks is None:
                return self.forward(*inputs, **options)
            return self._hooks.call(self, inputs, options)
        finally:
            recording.path = before

    # Functions that look on or interfere. Each of these returns a handle with a `remove`.

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call `hook(module, args)` before `forward`; it may return other args.

        With `with_kwargs` it is `hook(module, args, kwargs)`, which may return both anew.
        """
        return self._add_hook("before", (hook, with_kwargs), prepend)

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call `hook(module, args, output)` after `forward`; it may return another output.

        With `with_kwargs` it is `hook(module, args, kwargs, output)`.
        """
        return self._add_hook("after", (hook, with_kwargs), prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> Handle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the inputs are there.

        Both are tuples of arrays, with None where there is no gradient. It may return another
        tuple for the inputs.
        """
        return self._add_hook("backward", hook, prepend)

    def _add_hook(self, kind: str, hook: Any, prepend: bool) -> Handle:
        if self._hooks is None:
            self._hooks = Hooks()
        return self._hooks.add(kind, hook, prepend, lambda: setattr(self, "_hooks", None))

    # What is done to all of it. Methods return the module.

    def apply(self, fn: Callable[[Any], Any]) -> Module:
        """Call `fn(module)` for every module inside this one, and last for this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or with `set_to_none=False` make them zeros."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.zero_grad()
            elif parameter.grad is not None:
                parameter.grad[...] = 0

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Let all parameters ask for gradients, or none: what is frozen is not trained."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def train(self, mode: bool = True) -> Module:
        """Switch to training behavior (or away from it)."""
        if not isinstance(mode, bool):
            raise ValueError(f"train(mode) takes True or False, not {mode!r:.60}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation behavior."""
        return self.train(False)

    def to(
        self,
        *targets: Any,
        device: Any = None,
        dtype: DType | None = None,
        non_blocking: bool = False,
    ) -> Module:
        """Move to a device ("cpu", "cuda") or a floating dtype, or to where another Tensor is.

        That is all parameters with their gradients, and all buffers; those of whole numbers keep
        their dtype. Make the optimizer afterwards: one that was made before refuses to go on.
        """
        device, dtype = targets_of(targets, device, dtype)
        if dtype is not None and not is_floating(dtype):
            raise ValueError(f"a module computes with floating numbers, not {dtype}: use 'float32'")

        def moved(array: Array) -> Array:
            if dtype is not None and is_floating(array.dtype):
                array = array.astype(dtype, copy=False)
            return array if device is None else to_device(array, device)

        for tensor in (*self.parameters(), *self.buffers()):
            data = moved(tensor.data)
            if data is not tensor.data:
                tensor.data, tensor.grad_store = data, None
                tensor.grad = None if tensor.grad is None else moved(tensor.grad)
        return self

    def cpu(self) -> Module:
        """Move to CPU memory."""
        return self.to("cpu")

    def cuda(self, device: Any = None) -> Module:
        """Move to the memory of the GPU."""
        return self.to("cuda" if device is None else device)

    def type(self, dst_type: DType) -> Module:
        """Change the dtype of all floating numbers."""
        return self.to(dtype=dst_type)

    def float(self) -> Module:
        """Change all floating numbers to float32."""
        return self.to(dtype="float32")

    def double(self) -> Module:
        """Change all floating numbers to float64."""
        return self.to(dtype="float64")

    def half(self) -> Module:
        """Change all floating numbers to float16."""
        return self.to(dtype="float16")

    def bfloat16(self) -> Module:
        """Change all floating numbers to bfloat16."""
        return self.to(dtype="bfloat16")

    # Into a file and out of it.

    def state_dict(self, *, prefix: str = "", keep_vars: bool = False) -> dict[str, Any]:
        """Return the arrays of all parameters and buffers by name: what a file of it holds.

        They are the model's own arrays, not copies. `keep_vars` gives the Tensors themselves.
        """
        state = state_of(self)
        return {prefix + name: t if keep_vars else t.data for name, t in state.items()}

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Loaded:
        """Copy arrays into the parameters and buffers of the same names.

        Raises ValueError, before anything is changed, that names the first key which is missing,
        unknown, or of another shape. Without `strict` keys may be missing or unknown: the result
        lists them.
        """
        return load(self, state_dict, strict)

    # What it looks like.

    @recursive_repr()
    def __repr__(self) -> str:
        lines = self.extra_repr().split("\n") if self.extra_repr() else []
        children = [f"({name}): {module!r}" for name, module in self._own(Tree)]
        if len(lines) < 2 and not children:
            return f"{type(self).__name__}({''.join(lines)})"
        inner = "\n".join([*lines, *children]).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {inner}\n)"

    def extra_repr(self) -> str:
        """Return what `print(module)` shows between the parentheses."""
        return ""
