"""Schedules that are one curve, told by one line each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

from hello_dl.optim.groups import check_settings
from hello_dl.optim.lr_scheduler.base import LRScheduler, checked_state, for_each_group
from hello_dl.optim.optimizer import Optimizer

_FUNCTIONS = FunctionType | MethodType | BuiltinFunctionType


class LambdaLR(LRScheduler):
    """The base rate times a function of the step, or one function for each group.

    It sets the rate, whatever it was before. A file cannot hold a function: give the same again.
    """

    chains = False
    unsaved = ("optimizer", "lr_lambdas")

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Callable[[int], float] | list[Callable[[int], float]],
        last_epoch: int = -1,
    ) -> None:
        self.lr_lambdas = for_each_group("lr_lambda", lr_lambda, optimizer)
        for function in self.lr_lambdas:
            if not callable(function):
                raise TypeError(f"lr_lambda must be a function of the step, not {function!r:.60}")
        super().__init__(optimizer, last_epoch)

    def lr_at(self, i: int, t: int) -> float:
        """Return the base rate times the function of group i."""
        return self.base_lrs[i] * self.lr_lambdas[i](t)

    def state_dict(self) -> dict[str, Any]:
        """Return a snapshot: of a function nothing, of an object to call what it has."""
        kept = [None if isinstance(f, _FUNCTIONS) else deepcopy(vars(f)) for f in self.lr_lambdas]
        return {**super().state_dict(), "lr_lambdas": kept}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` has returned."""
        new = checked_state(self, state_dict)
        for function, attributes in zip(self.lr_lambdas, new.pop("lr_lambdas")):
            if attributes:
                vars(function).update(attributes)
        vars(self).update(new)


class StepLR(LRScheduler):
    """Stairs: times `gamma` after every `step_size` steps."""

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        check_settings(step_size=step_size, gamma=gamma)
        if not step_size:
            raise ValueError("step_size must be above 0, got 0")
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def share(self, t: int) -> float:
        """Return gamma, as often as a stair has ended."""
        return self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """Stairs of any length: times `gamma` at every one of the `milestones`, which are steps."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        check_settings(gamma=gamma)
        self.milestones, self.gamma = in_order(milestones), gamma
        super().__init__(optimizer, last_epoch)

    def share(self, t: int) -> float:
        """Return gamma, as often as a milestone has been reached."""
        return self.gamma ** bisect_right(self.milestones, t)


class ConstantLR(LRScheduler):
    """A share of the base rate for `total_iters` steps, then all of it."""

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        check_settings(total_iters=total_iters)
        check_share("factor", factor)
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def share(self, t: int) -> float:
        """Return the share, and 1 at the end."""
        return self.factor if t < self.total_iters else 1.0


class LinearLR(LRScheduler):
    """A straight line from one share of the base rate to another: a warm-up, by default."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        check_settings(total_iters=total_iters)
        check_share("start_factor", start_factor)
        check_share("end_factor", end_factor)
        if not start_factor:
            raise ValueError("start_factor must be above 0, got 0: begin with a small share")
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def share(self, t: int) -> float:
        """Return the point of the line at step t, and the end from there on."""
        if t >= self.total_iters:
            return self.end_factor
        return self.start_factor + (self.end_factor - self.start_factor) * t / self.total_iters


class ExponentialLR(LRScheduler):
    """Times `gamma` at every step."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        check_settings(gamma=gamma)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def share(self, t: int) -> float:
        """Return gamma, t times."""
        return self.gamma**t


class PolynomialLR(LRScheduler):
    """What is left of `total_iters` steps, to a `power`: down to 0, in a straight line for 1."""

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        check_settings(total_iters=total_iters, power=power)
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def share(self, t: int) -> float:
        """Return the share of steps that is left, to the power."""
        return (1 - t / self.total_iters) ** self.power if t < self.total_iters else 0.0


def in_order(milestones: Iterable[int]) -> list[int]:
    """Return the milestones in a list; raises an error unless they are steps, in order."""
    if not isinstance(milestones, Iterable):
        raise TypeError(f"milestones must be a list of steps, got {milestones!r:.60}")
    steps = list(milestones)
    check_settings(**{f"milestones[{i}]": step for i, step in enumerate(steps)})
    for before, after in zip(steps, steps[1:]):
        if after < before:
            raise ValueError(f"milestones must go upwards, and {after} comes after {before}")
    return steps


def check_share(name: str, value: Any) -> None:
    """Raise an error unless this is a number from 0 to 1."""
    check_settings(**{name: value})
    if value > 1:
        raise ValueError(f"{name} is a share, from 0 to 1, got {value}")
