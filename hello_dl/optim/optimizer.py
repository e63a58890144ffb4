"""What all optimizers share: parameter groups, and the step through flat blocks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hello_dl.backend import DEFAULT_FLOAT, is_half, module_of
from hello_dl.backend.cpu import flush_denormals
from hello_dl.backend.updates import fused
from hello_dl.optim.flat import FlatBlock, Run, flat_blocks
from hello_dl.optim.groups import Group, groups_of, whole_group
from hello_dl.optim.state import by_parameter, load_state, saved_state
from hello_dl.tensor import Tensor


class Optimizer:
    """Base of all optimizers. A subclass says what it remembers and how it updates.

    params        the parameters, or a list of groups, such as {"params": ..., "lr": 0.01}: dicts
                  that hold parameters and the settings in which they differ from the others
    defaults      the settings of every group that has none of its own
    param_groups  the groups. To change a setting in one, as in group["lr"] = 0.1, takes effect

    A subclass has an `update`. Where the settings are not all that this needs, it also defines
    `numbers`, computed once a step, and `state_names`, the arrays that it remembers. `formula` is
    its name in backend/updates.py, if it has a kernel there. `maximize` and `weight_decay` are done
    before `update`, for every optimizer that has these settings.

    Parameters in float16 or bfloat16 are updated in float32, and their state is float32. So a
    squared gradient does not overflow; the parameter itself is rounded after every step, and loses
    what is smaller than its last digit.
    """

    formula = ""
    state_names: tuple[str, ...] = ()  # all arrays that it may keep for a parameter
    saves_step = True  # whether a state_dict has the number of steps, as PyTorch's does
    from_start = False  # whether it has an entry for parameters that were never updated
    decoupled = False  # weight decay shrinks the parameter, and does not enter the gradient
    alone = False  # `update` needs one parameter, whole and in its shape

    def __init__(self, params: Iterable[Any], defaults: Mapping[str, Any]) -> None:
        groups = groups_of(params)
        self.defaults = dict(defaults)
        self.check(self.defaults)
        self.param_groups: list[Group] = []
        self.blocks: list[FlatBlock] = []
        for group in groups:
            self.add_param_group(group)

    # Groups of parameters.

    def add_param_group(self, param_group: Group) -> None:
        """Take in more parameters: {"params": ..., and the settings in which they differ}.

        Raises TypeError or ValueError for anything but floating leaves, for a parameter that is in
        another group already, and for settings that make no sense.
        """
        group = whole_group(param_group, self.defaults, self.param_groups)
        self.check(group)
        self.param_groups.append(group)
        blocks = flat_blocks(group["params"], len(self.param_groups) - 1)
        for block in blocks:
            self._remember(block, group)
        self.blocks += blocks

    @property
    def parameters(self) -> list[Tensor]:
        """All parameters, each once, group by group."""
        return [p for group in self.param_groups for p in group["params"]]

    @property
    def lr(self) -> float:
        """The learning rate of the first group. To set it sets that of all groups."""
        return self.param_groups[0]["lr"]

    @lr.setter
    def lr(self, value: float) -> None:
        for group in self.param_groups:
            group["lr"] = value

    # What a subclass defines.

    def check(self, group: Mapping[str, Any]) -> None:
        """Raise ValueError or TypeError for settings that make no sense."""

    def keeps(self, group: Mapping[str, Any]) -> tuple[str, ...]:
        """Return which of its state arrays it needs with these settings."""
        return self.state_names

    def initial(self, name: str, group: Mapping[str, Any]) -> float:
        """Return what a state array is full of at first."""
        return 0.0

    def numbers(self, group: Mapping[str, Any], step: int) -> dict[str, Any]:
        """Return what is the same for all entries, by the names that `update` has for it.

        `step` is 1 when a parameter is updated for the first time. By default: the settings.
        """
        done = ("weight_decay", "maximize")
        return {name: group[name] for name in self.defaults if name not in done}

    def update(self, *arrays: Any, **named: Any) -> None:
        """Change a stretch of the parameters in place: `update(data, grad, work, ...)`.

        `data` (n,) are the numbers, `grad` (n,) the gradient to go by, which must stay as it is,
        `work` (n,) is room to compute in. State arrays (n,) and numbers come by their names.
        """
        raise TypeError(f"{type(self).__name__} has no update method: define one")

    # The step.

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; the others stay, and their state too.

        A `closure` is called first, to compute the gradients anew; returns the loss it returns.
        """
        loss = None if closure is None else closure()
        if sum(len(block.pieces) for block in self.blocks) != len(self.parameters):
            raise ValueError("parameters were put into a group by hand: use add_param_group")
        for block in self.blocks:
            block.gather()
        for block in self.blocks:
            group = self.param_groups[block.group]
            self._remember(block, group)
            with flush_denormals():
                for run in block.touched(self.alone):
                    self._update(block, run, group)
            block.changed()
        return loss

    def _remember(self, block: FlatBlock, group: Group) -> None:
        """Make the state arrays which are needed and not there yet."""
        for name in self.keeps(group):
            if name not in block.state:
                block.remember(name, self.initial(name, group))
                if not self.saves_step:  # momentum that is turned on later begins then
                    block.steps = [0] * len(block.steps)

    def _update(self, block: FlatBlock, run: Run, group: Group) -> None:
        """Update one piece of a block: by one kernel on a GPU, else stretch by stretch."""
        kept, numbers = self.keeps(group), self.numbers(group, run.step)
        sign, pull, shrink = self._decay(group)
        if self.formula and not block.on_cpu:
            data, grad, *arrays = block.cut(run.piece, kept)
            numbers = {"sign": sign, "pull": pull, "shrink": shrink, **numbers}
            fused(self.formula, data, grad, dict(zip(kept, arrays)), numbers)
            return
        for piece in block.stretches(run):
            data, grad, *arrays = block.cut(piece, kept, run.shape)
            work, slope, exact = block.room(data)
            if data.dtype != block.exact:
                stored, exact[...], slope[...] = data, data, grad
                data, grad = exact, slope
            xp = module_of(data)
            if sign < 0:
                grad = xp.negative(grad, out=slope)
            if pull:
                grad = xp.add(grad, xp.multiply(data, pull, out=work), out=slope)
            if shrink != 1:
                data *= shrink
            self.update(data, grad, work, **dict(zip(kept, arrays)), **numbers)
            if data is exact:
                stored[...] = data

    def _decay(self, group: Group) -> tuple[float, float, float]:
        """Return how the step begins, for every optimizer alike:

        gradient = sign * gradient + pull * parameter
        parameter = shrink * parameter
        """
        sign = -1.0 if group.get("maximize") else 1.0
        decay = float(group.get("weight_decay", 0.0))
        if group.get("decoupled_weight_decay", self.decoupled):
            return sign, 0.0, 1 - float(group["lr"]) * decay
        return sign, decay, 1.0

    # Gradients.

    def grad_norm(self) -> float:
        """Length of all gradients laid end to end, √(sum of squares): how steep it is here."""
        squares = 0.0
        for block in self.blocks:
            block.gather()
            block.fill()
            g = block.grad.astype(DEFAULT_FLOAT) if is_half(block.grad.dtype) else block.grad
            squares += float(module_of(g).vdot(g, g))
        return math.sqrt(squares)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients; with `set_to_none=False` fill them with zeros instead.

        The first gradient to arrive then overwrites the block, so nothing has to be cleared. It
        overwrites a `w.grad` that you have kept, too: keep `w.grad.copy()`.
        """
        for block in self.blocks:
            if not set_to_none:
                block.grad[...] = 0
            for p, _, _, grad in block.pieces:
                if p.grad is not None:
                    p.grad = None if set_to_none else grad

    # What it remembers.

    @property
    def state(self) -> dict[Tensor, dict[str, Any]]:
        """What is remembered of every parameter: arrays of its shape, and the number of its steps.

        The arrays are the ones that the next step goes on with, not copies.
        """
        return by_parameter(self)

    def state_dict(self) -> dict[str, Any]:
        """Return what it takes to go on from here, in PyTorch's layout; see optim/state.py."""
        return saved_state(self)

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` has returned, bit for bit.

        Raises ValueError, before anything is changed, that names the first difference to this
        optimizer: its groups, their sizes, its settings, the names or the shapes of its arrays.
        """
        load_state(self, state_dict)

    def __repr__(self) -> str:
        text = f"{type(self).__name__} ("
        for i, group in enumerate(self.param_groups):
            settings = sorted(set(group) - {"params", "param_names"})
            lines = [f"    {name}: {group[name]}\n" for name in settings]
            text += "\n" + "".join([f"Parameter Group {i}\n", *lines])
        return text + ")"
