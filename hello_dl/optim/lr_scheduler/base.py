"""What a schedule is, and what all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from hello_dl.optim.optimizer import Optimizer


class LRScheduler:
    """Base of all schedules: the learning rate as a function of the step t = 0, 1, 2, ...

    Far from the goal large steps are fastest; near it they jump over it. At the very start, with
    weights that are still random, large steps can do harm. So the rate is changed on the way: it
    may rise at first (a warm-up) and falls later, in a straight line, a wave, stairs, or whenever
    nothing improves any more.

    A schedule counts its own steps. It is made after the optimizer and sets the rate of step 0 at
    once; every `step()` then goes to the next. Whether a step of it is a batch or an epoch is up to
    the loop that calls it, after the optimizer's:

        schedule = CosineAnnealingLR(optimizer, T_max=100)
        for epoch in range(100):
            for batch in loader:
                ...
                optimizer.step()
            schedule.step()

    A subclass says which share of the base rate is right at step t, in `share`. The base rate of a
    parameter group is what its "lr" was before the first schedule came, kept as "initial_lr".

    Several schedules may follow each other's `step`: then their shares multiply. For this, a rate
    that is not what this schedule alone would have made it is moved in proportion, not set anew.

    last_epoch   t, the number of steps so far. Give it to go on from there without a state_dict;
                 the groups then need their "initial_lr"
    base_lrs     the base rate of every group
    """

    eta_min: float = 0.0  # the rate where the share is 0
    chains = True  # moves a rate in proportion; otherwise sets it, whatever it was
    unsaved: tuple[str, ...] = ("optimizer",)

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ValueError(
                    f"last_epoch={last_epoch} goes on with a schedule, and param_groups[{i}] has "
                    "no 'initial_lr': load the optimizer's state first, or leave last_epoch out"
                )
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._last_lr = list(self.base_lrs)
        self.step(None if last_epoch == -1 else last_epoch + 1)

    def share(self, t: int) -> float:
        """Return the share of the base rate that is right at step t."""
        raise TypeError(f"{type(self).__name__} has no share method: define one")

    def lr_at(self, i: int, t: int) -> float:
        """Return the rate of group i at step t, where nobody else changes it."""
        return self.eta_min + (self.base_lrs[i] - self.eta_min) * self.share(t)

    def get_lr(self) -> list[float]:
        """Return the rate of every group for step `last_epoch`."""
        t, rates = self.last_epoch, []
        for i, group in enumerate(self.optimizer.param_groups):
            before = self.base_lrs[i] if t <= 0 or not self.chains else self.lr_at(i, t - 1)
            alone = group["lr"] == before or not self.chains
            rates.append(self.lr_at(i, t) if alone else self._on_top(i, group["lr"]))
        return rates

    def _on_top(self, i: int, lr: float) -> float:
        """Return a rate that others have changed too, changed by what this step is worth."""
        t, floor = self.last_epoch, self.eta_min
        now, before = self.share(t), self.share(t - 1) if t > 0 else 1.0
        if before:
            return floor + (lr - floor) * (now / before)
        return lr + (self.base_lrs[i] - floor) * now  # from 0 nothing grows in proportion

    def step(self, epoch: int | None = None) -> None:
        """Go to the next step, or to step `epoch`, and set the rates of all groups."""
        groups = the_same_groups(self.optimizer, len(self.base_lrs))
        if epoch is None:
            self.last_epoch += 1
            rates = self.get_lr()
        else:
            self.last_epoch = epoch
            rates = [self.lr_at(i, epoch) for i in range(len(groups))]
        for group, rate in zip(groups, rates):
            group["lr"] = rate
        self._last_lr = list(rates)

    def restart(self) -> None:
        """Begin anew at step 0, from the base rates."""
        self.rewind()
        self.step()

    def rewind(self) -> None:
        """Go back to before step 0, with the base rates."""
        for group, rate in zip(self.optimizer.param_groups, self.base_lrs):
            group["lr"] = rate
        self.last_epoch, self._last_lr = -1, list(self.base_lrs)

    def get_last_lr(self) -> list[float]:
        """Return the rate of every group as this schedule has set it last."""
        return list(self._last_lr)

    def state_dict(self) -> dict[str, Any]:
        """Return a snapshot of settings and progress: Python's numbers, strings and lists.

        The rates themselves are in the optimizer's state: save and load that as well.
        """
        return {name: deepcopy(x) for name, x in vars(self).items() if name not in self.unsaved}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` has returned.

        Raises ValueError, before anything is changed, that names the first key in which it is the
        state of another schedule.
        """
        vars(self).update(checked_state(self, state_dict))


def checked_optimizer(optimizer: Any) -> Optimizer:
    """Return the optimizer; raises TypeError if it is none."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"a schedule is for an optimizer, not {optimizer!r:.60}")
    return optimizer


def the_same_groups(optimizer: Optimizer, count: int) -> list[dict[str, Any]]:
    """Return the groups; raises ValueError where there are more than when the schedule was made."""
    groups = optimizer.param_groups
    if len(groups) != count:
        raise ValueError(
            f"the schedule was made for {count} parameter groups, and the optimizer has "
            f"{len(groups)} now: make a new schedule"
        )
    return groups


def for_each_group(name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """Return a setting as a list with a value for every group: given as such, or one for all."""
    count = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * count
    if len(value) != count:
        raise ValueError(f"{name} has {len(value)} values, for {count} parameter groups")
    return list(value)


def checked_state(schedule: LRScheduler, state: Any) -> dict[str, Any]:
    """Return a copy of what is to be loaded; raises ValueError where it is of another schedule.

    Names of PyTorch's own business, which begin with an underscore, are left out.
    """
    kind, own = type(schedule).__name__, schedule.state_dict()
    if not isinstance(state, Mapping):
        raise ValueError(f"the state_dict of a {kind} is a dict, not {state!r:.60}")
    for name in [*own, *state]:
        if name not in state or (name not in own and not name.startswith("_")):
            where = "is missing" if name in own else f"is nothing that a {kind} has"
            raise ValueError(f"state of another schedule: '{name}' {where}")
    for name, mine in own.items():
        if not _can_replace(mine, state[name], name in _PER_GROUP):
            raise ValueError(
                f"state of another schedule: '{name}' is {state[name]!r:.60}, and this {kind} "
                f"has {mine!r:.60}"
            )
    return {name: deepcopy(state[name]) for name in own}


_PER_GROUP = ("base_lrs", "_last_lr", "min_lrs", "lr_lambdas", "_schedulers")


def _can_replace(mine: Any, other: Any, same_length: bool) -> bool:
    """Tell whether two values are of one kind, as JSON tells kinds apart."""
    if mine is None or other is None:
        return True
    kinds = ((bool, bool), (int | float, float), (list | tuple, list), (str, str))
    one, two = (next((k for t, k in kinds if isinstance(x, t)), type(x)) for x in (mine, other))
    return one is two and (not same_length or len(mine) == len(other))
