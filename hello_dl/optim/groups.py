"""Parameter groups: what an optimizer is given, checked and brought into one form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from numbers import Real
from typing import Any

from hello_dl.backend import is_floating
from hello_dl.graph import describe, released
from hello_dl.tensor import Tensor

Group = dict[str, Any]


def groups_of(params: Any) -> list[Group]:
    """Return what an optimizer was given as a list of groups, each {"params": ..., settings}."""
    model = _is_model(params)
    if model or isinstance(params, Tensor | Mapping | str) or not isinstance(params, Iterable):
        fix = "model.parameters()" if model else "[w]"
        raise TypeError(f"an optimizer takes the parameters, such as {fix}, not {params!r:.60}")
    given = _in_order(params)
    if not given:
        raise ValueError("an optimizer needs parameters, and got none")
    if not any(isinstance(part, dict) for part in given):
        return [{"params": given}]
    for part in given:
        if not isinstance(part, dict):
            raise TypeError(
                f"parameter groups are dicts such as {{'params': [w], 'lr': 0.1}}, not {part!r:.60}"
            )
    return given


def whole_group(given: Group, defaults: Mapping[str, Any], others: Sequence[Group]) -> Group:
    """Return a group with its parameters in a list, each once, and with every setting.

    Named parameters, pairs (name, parameter), leave their names under "param_names", as in PyTorch.
    Raises TypeError or ValueError in one line for what an optimizer cannot take.
    """
    if not isinstance(given, dict) or "params" not in given:
        raise ValueError(
            f"a parameter group is a dict such as {{'params': [w], 'lr': 0.1}}, not {given!r:.60}"
        )
    for name in given.keys() - defaults.keys() - {"params"}:
        near = get_close_matches(str(name), defaults, 1, cutoff=0.85)
        if near:  # any other key is somebody's own, such as "name"
            raise ValueError(f"parameter group: unknown setting {name!r}: is it '{near[0]}'?")
    params = [given["params"]] if isinstance(given["params"], Tensor) else given["params"]
    if _is_model(params) or not isinstance(params, Iterable):
        raise TypeError(f"'params' of a group are parameters, such as [w], not {params!r:.60}")
    pairs = [part if isinstance(part, tuple) else (None, part) for part in _in_order(params)]
    if not pairs:
        raise ValueError("a parameter group needs parameters, and its 'params' are empty")
    names = {p: name for name, p in pairs if _checked(p)}  # each parameter once
    taken = {p for group in others for p in group["params"]}
    for p in names:
        if p in taken:
            raise ValueError(f"{describe(p)} is in two parameter groups: it can be in one only")
    group = {**defaults, **given, "params": list(names)}
    if any(name is not None for name in names.values()):
        group["param_names"] = list(names.values())
    _check_names(group, others)
    return group


def _is_model(params: Any) -> bool:
    """Tell whether this has parameters in it, and is not a list of them, as nn.ParameterList is."""
    if not hasattr(params, "parameters"):
        return False
    return not hasattr(params, "__iter__") or any(not isinstance(p, Tensor) for p in params)


def _in_order(params: Iterable[Any]) -> list[Any]:
    if isinstance(params, set | frozenset):
        raise TypeError("parameters need an order, which a set has not: give a list")
    return list(params)


def _checked(p: Any) -> bool:
    """Tell that an optimizer can change p; raises an error where it cannot."""
    if not isinstance(p, Tensor):
        raise TypeError(f"an optimizer changes Tensors, not {p!r:.60}")
    if p.parents or p.parents is released or not is_floating(p.dtype):
        raise ValueError(
            f"an optimizer changes leaves of floating numbers, not {describe(p)}, {p.dtype}"
        )
    return True


def _check_names(group: Group, others: Sequence[Group]) -> None:
    """Raise ValueError unless all parameters have names, or none."""
    named = "param_names" in group
    if (named and None in group["param_names"]) or any(
        named != ("param_names" in g) for g in others
    ):
        raise ValueError("either all parameters of an optimizer have names, or none has")


def check_settings(**settings: float) -> None:
    """Raise an error that names the first setting which is no number of at least 0."""
    for name, value in settings.items():
        if not isinstance(value, Real):
            raise TypeError(f"{name} must be a number, got {value!r:.60}")
        if not value >= 0:
            raise ValueError(f"{name} must be 0 or more, got {value}")


def check_betas(betas: Any) -> None:
    """Raise an error unless these are two shares, of at least 0 and below 1."""
    pair = isinstance(betas, tuple | list) and len(betas) == 2
    if not pair or not all(isinstance(beta, Real) for beta in betas):
        raise TypeError(f"betas must be two numbers such as (0.9, 0.999), got {betas!r:.60}")
    for beta in betas:
        if not 0 <= beta < 1:
            raise ValueError(f"betas must be at least 0 and below 1, got {tuple(betas)}")
