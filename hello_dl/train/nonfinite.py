"""When the loss or a gradient is nan or inf: which operation made it?

Training looks at two numbers only, the loss and the length of the gradient. Once one of them is not
finite, the step is done again as it was, and this time every operation on the way is looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from hello_dl.backend import Array, module_of, random
from hello_dl.backend.dtypes import is_floating
from hello_dl.graph import LEAF_OPS, ancestors
from hello_dl.nn import Module
from hello_dl.optim import Optimizer
from hello_dl.tensor import Tensor
from hello_dl.train.batches import Measure
from hello_dl.train.feed import Portion

STEEP = {  # where an operation has no finite value or slope
    **dict.fromkeys(("log", "log10", "log2", "sqrt", "rsqrt", "pow"), "at 0 and below"),
    "log1p": "at -1 and below",
    **dict.fromkeys(("div", "reciprocal", "norm", "std"), "at 0"),
}


class NonFiniteError(ValueError):
    """Training has stopped at a step whose loss or gradient is nan or inf; weights are as before.

    `op` is the operation that made it first ("" if it was none), `where` its module path,
    `backward` whether it did so on the way back. The message is `what` happened, and a `fix`.
    """

    def __init__(self, what: str, step: int, finding: Finding | None, fix: str = "") -> None:
        super().__init__(f"{what}; {fix}" if fix else what)
        self.what, self.fix, self.step = what, fix, step
        self.op = finding.node.op if finding else ""
        self.where = finding.node.scope if finding else ""
        self.backward = bool(finding and finding.backward)


class Finding(NamedTuple):
    """The first operation that made nan or inf of finite numbers, or a leaf that held some."""

    node: Tensor
    backward: bool

    def __str__(self) -> str:
        node = self.node
        what, name = _odd(node.data), f" '{node.name}'" if node.name else ""
        if node.op in LEAF_OPS:
            leaf = "parameter" if node.op == "parameter" else node.op
            return f"the {leaf}{name} of shape {node.shape} held {what} before any operation"
        inputs = ", ".join(str(parent.shape) for parent in node.parents)
        call = f"{node.op}{name} in {node.scope or 'the loss'}: {inputs} to {node.shape}"
        if self.backward:
            return f"the first to make nan or inf of a finite gradient, on the way back, is {call}"
        return f"the first to make nan or inf of finite numbers is {call}, with {what}"


class Moment:
    """What a forward pass changes although no update was made: random state and buffers."""

    def __init__(self, model: Module) -> None:
        self.places = [(module, name) for module in model.modules() for name in module._buffers]

    def note(self) -> None:
        """Keep how it is now."""
        self.random = random.get_state()
        self.buffers = [_copy(getattr(module, name)) for module, name in self.places]

    def restore(self) -> None:
        """Put it back, so that the same pass can be done again."""
        random.set_state(self.random)
        for (module, name), data in zip(self.places, self.buffers):
            if data is not None:
                getattr(module, name).data = data.copy()


def forward_culprit(loss: Tensor) -> Finding | None:
    """Return the first node behind a loss that is not finite, and from which that came.

    Only such nodes count from which it can have come through others like them: the -inf of a mask,
    of which softmax makes a 0, is no fault.
    """
    if _finite(loss.data):
        return None
    tainted, to_visit = {loss}, [loss]
    while to_visit:
        for parent in to_visit.pop().parents:
            if parent not in tainted and not _finite(parent.data):
                tainted.add(parent)
                to_visit.append(parent)
    for node in ancestors(loss):
        if node in tainted and not any(parent in tainted for parent in node.parents):
            return Finding(node, backward=False)
    return None


def backward_culprit(loss: Tensor) -> Finding | None:
    """Return the first operation, from the loss down, whose pull spoils a finite gradient.

    To be asked after `loss.backward(retain_graph=True)`.
    """
    for node in reversed(ancestors(loss)):
        if node.parents and node.grad is not None and _finite(node.grad):
            if not all(_finite(gradient) for gradient in _pulled(node)):
                return Finding(node, backward=True)
    return None


def _copy(buffer: Tensor | None) -> Array | None:
    return None if buffer is None else buffer.data.copy()


def _pulled(node: Tensor) -> Iterator[Array]:
    return (gradient for _, _, gradient in node.edges() if gradient is not None)


def _finite(array: Array) -> bool:
    return not is_floating(array.dtype) or bool(module_of(array).isfinite(array).all())


def _odd(array: Array) -> str:
    """Say how many entries are nan or inf: `nan`, `3 nan`, `1 nan and 2 inf`."""
    xp = module_of(array)
    counts = {"nan": int(xp.isnan(array).sum()), "inf": int(xp.isinf(array).sum())}
    if array.size == 1:
        return next((name for name, count in counts.items() if count), "")
    return " and ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def explain(
    model: Module,
    optimizer: Optimizer,
    measure: Measure,
    portions: list[Portion],  # the batches of the step
    moment: Moment,  # before it
    step: int,
    lr: float,
) -> NonFiniteError:
    """Do the passes of a step once more, and say which operation spoiled it.

    The weights are those before the step; random state and buffers are then, too.
    """
    with np.errstate(all="ignore"):
        moment.restore()
        optimizer.zero_grad()
        what, finding = _passes(model, measure, portions)
        if not what:
            what = f"the gradient has length {optimizer.grad_norm()}"
        moment.restore()
        optimizer.zero_grad()
    where = f": {finding}" if finding else ""
    return NonFiniteError(f"{what} at step {step}{where}", step, finding, _fix(finding, step, lr))


def _passes(model: Module, measure: Measure, portions: list[Portion]) -> tuple[str, Finding | None]:
    """Go forward and backward and look; return what is wrong, and where that began."""
    for batch, _, share in portions:
        loss = measure(model, batch)[0]
        if not math.isfinite(loss.item()):
            return f"the loss is {loss.item()}", forward_culprit(loss)
        loss.backward(share, retain_graph=True)
        finding = backward_culprit(loss)
        if finding:
            return "a gradient is nan or inf", finding
    return "", None


def _fix(finding: Finding | None, step: int, lr: float) -> str:
    smaller = f"try a smaller learning rate than {lr:g}, or clip=1.0"
    op = finding.node.op if finding else ""
    if op == "parameter" and step == 1:
        return "it was so before training began: see where the weights come from"
    if op == "parameter":
        return f"the updates before were too large: {smaller}"
    if op in LEAF_OPS:
        return "nothing can be learned from that: take it out of the data"
    if op in STEEP:
        why = f"{op} has no finite value or slope {STEEP[op]}: keep its input away from there"
        return f"{why}, or {smaller}" if step > 1 else why
    return smaller if step > 1 else "no update was made yet: look at the model and its input"
