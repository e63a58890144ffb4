"""What an optimizer remembers, as a dict to save and to go on from. The layout is PyTorch's:

    {"state": {0: {"step": array(12.), "exp_avg": array(...), ...}, 1: ...},
     "param_groups": [{"lr": 0.001, ..., "params": [0, 1]}, ...]}

Parameters are numbered through all groups. `state` has an entry for each that has been updated:
arrays of the parameter's shape, and where the optimizer counts, `step`, a float32 array (). They
are copies: a later step does not change them. Under `param_groups` are Python's numbers, strings,
lists and the like. So a file takes the arrays, and JSON takes the rest; that JSON makes a list of
the pair `betas` and a string of the number 0 does no harm. PyTorch's optimizers of the same name
have the same keys, beside some (`foreach`, `fused`, ...) that are kept and mean nothing here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hello_dl.backend import DEFAULT_FLOAT, Array, as_array, is_array
from hello_dl.graph import describe
from hello_dl.tensor import Tensor

if TYPE_CHECKING:
    from hello_dl.optim.flat import FlatBlock
    from hello_dl.optim.optimizer import Optimizer

Entry = dict[str, Any]  # what is remembered of one parameter


def _places(optimizer: Optimizer) -> Iterator[tuple[Tensor, FlatBlock, int]]:
    """Yield every parameter with its block, and its number there, in the order of the groups."""
    places = {p: (block, k) for block in optimizer.blocks for k, (p, *_) in enumerate(block.pieces)}
    for p in optimizer.parameters:
        yield p, *places[p]


def by_parameter(optimizer: Optimizer) -> dict[Tensor, Entry]:
    """Return what is remembered of every parameter, {} where it is nothing; views, no copies."""
    entries: dict[Tensor, Entry] = defaultdict(dict)
    for p, block, k in _places(optimizer):
        step = block.steps[k]
        entry: Entry = {"step": step} if optimizer.saves_step else {}
        for name, array in block.state.items():
            entry[name] = array[block.pieces[k][1]].reshape(p.shape)
        if entry and (step or optimizer.from_start):
            entries[p] = entry
    return entries


def saved_state(optimizer: Optimizer) -> dict[str, Any]:
    """Return a snapshot of state and settings, in the layout above."""
    number = {p: i for i, p in enumerate(optimizer.parameters)}
    groups = []
    for group in optimizer.param_groups:
        settings = {name: _plain(value) for name, value in group.items() if name != "params"}
        groups.append({**settings, "params": [number[p] for p in group["params"]]})
    entries = {
        number[p]: {name: _copied(value) for name, value in entry.items()}
        for p, entry in by_parameter(optimizer).items()
    }
    return {"state": entries, "param_groups": groups}


def _copied(value: Any) -> Array:
    return value.copy() if is_array(value) else as_array(float(value), DEFAULT_FLOAT, "cpu")


def _plain(value: Any) -> Any:
    """Make a Python number of one of numpy's, or of a single number on a GPU."""
    return value.item() if hasattr(value, "item") else value


def load_state(optimizer: Optimizer, state_dict: Mapping[str, Any]) -> None:
    """Bring the optimizer to where `saved_state` was taken; an error changes nothing."""
    groups, entries = _parts(state_dict)
    _same_sizes([len(g["params"]) for g in optimizer.param_groups], groups)
    settings = [_settings(optimizer, i, group) for i, group in enumerate(groups)]
    keys = [str(key) for group in groups for key in group["params"]]
    for key in entries.keys() - set(keys):
        raise ValueError(f"optimizer state: state[{key}] belongs to no parameter of its groups")
    places = list(_places(optimizer))
    found = [
        _entry(optimizer, f"state[{key}]", p, block, settings[block.group], entries.get(key))
        for key, (p, block, _) in zip(keys, places)
    ]
    for group, new in zip(optimizer.param_groups, settings):
        group.update(new)
    for block in optimizer.blocks:
        block.state.clear()
        optimizer._remember(block, optimizer.param_groups[block.group])
    for (p, block, k), (step, arrays) in zip(places, found):
        block.steps[k] = step
        for name, array in arrays.items():
            block.remember(name)[block.pieces[k][1]].reshape(p.shape)[...] = array


def _parts(state_dict: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return the groups, and the entries by their number as a string: JSON has no other keys."""
    parts = state_dict if isinstance(state_dict, Mapping) else {}
    groups, entries = parts.get("param_groups"), parts.get("state")
    if not isinstance(groups, list | tuple) or not isinstance(entries, Mapping):
        raise ValueError(
            "an optimizer's state_dict is {'state': {...}, 'param_groups': [...]}, "
            f"not {state_dict!r:.60}"
        )
    for i, group in enumerate(groups):
        if not isinstance(group, Mapping) or not isinstance(group.get("params"), list | tuple):
            raise ValueError(f"optimizer state: param_groups[{i}] has no list 'params'")
    return list(groups), {str(key): entry for key, entry in entries.items()}


def _same_sizes(own: list[int], groups: list[Any]) -> None:
    """Raise ValueError unless there are as many groups, of as many parameters each."""
    if len(groups) != len(own):
        raise ValueError(
            f"optimizer state of another model: it has {len(groups)} parameter groups, "
            f"and the optimizer has {len(own)}"
        )
    for i, (group, count) in enumerate(zip(groups, own)):
        if len(group["params"]) != count:
            raise ValueError(
                f"optimizer state of another model: param_groups[{i}] has "
                f"{len(group['params'])} parameters, and the optimizer's has {count}"
            )


def _settings(optimizer: Optimizer, i: int, group: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a saved group, checked to be those of such an optimizer."""
    kind, own = type(optimizer).__name__, optimizer.param_groups[i]
    new = {name: _plain(x) for name, x in group.items() if name not in ("params", "param_names")}
    for name, default in optimizer.defaults.items():
        if name not in new and not isinstance(default, bool):  # PyTorch's older files lack some
            raise ValueError(
                f"state of another optimizer: param_groups[{i}] has no '{name}', which {kind} "
                f"needs; it has {', '.join(sorted(new))}"
            )
        if isinstance(default, tuple) and isinstance(new[name], list):
            new[name] = tuple(new[name])
    flag = "decoupled_weight_decay"  # what tells AdamW from Adam, and both from Lion
    if flag in new and new[flag] != own.get(flag):
        other = "AdamW" if new[flag] else "Adam"
        raise ValueError(f"state of another optimizer: it is of {other}, and this is {kind}")
    try:
        optimizer.check({**own, **new})
    except (TypeError, ValueError) as error:
        raise ValueError(f"optimizer state: param_groups[{i}]: {error}") from None
    return new


def _entry(
    optimizer: Optimizer, where: str, p: Tensor, block: FlatBlock, group: Entry, entry: Any
) -> tuple[int, Entry]:
    """Return the number of steps and the arrays of a saved entry, checked to be those of p."""
    kind = type(optimizer).__name__
    if not isinstance(entry or {}, Mapping):
        raise ValueError(f"optimizer state: {where} holds arrays by name, not {entry!r:.60}")
    arrays = {name: x for name, x in (entry or {}).items() if x is not None}
    if not arrays:
        return 0, {}
    counted = ("step",) if optimizer.saves_step else ()
    for name in arrays:
        if name not in (*counted, *optimizer.state_names):
            known = ", ".join((*counted, *optimizer.state_names)) or "nothing"
            raise ValueError(
                f"state of another optimizer: {where} has '{name}', and {kind} keeps {known}"
            )
    for name in (*counted, *optimizer.keeps({**optimizer.param_groups[block.group], **group})):
        if name not in arrays:
            raise ValueError(
                f"state of another optimizer: {where} has no '{name}', which {kind} keeps; "
                f"it has {', '.join(arrays)}"
            )
    step = _count(arrays.pop("step"), where) if optimizer.saves_step else 1
    return step, {name: _array(x, where, name, p, block) for name, x in arrays.items()}


def _count(step: Any, where: str) -> int:
    """Return the number of steps, which files hold as a floating number."""
    try:
        count = float(_plain(step))
        if count >= 0 and count == int(count):
            return int(count)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ValueError(f"optimizer state: {where}['step'] counts steps, and is {step!r:.60}")


def _array(x: Any, where: str, name: str, p: Tensor, block: FlatBlock) -> Array:
    """Return a saved array as the block holds it; raises ValueError if it is of another shape."""
    try:
        array = as_array(x.data if isinstance(x, Tensor) else x, block.exact, p.device)
    except (TypeError, ValueError):
        raise ValueError(f"optimizer state: {where}['{name}'] is no array: {x!r:.60}") from None
    if array.shape != p.shape:
        raise ValueError(
            f"optimizer state of another model: {where}['{name}'] has shape {array.shape}, "
            f"and {describe(p)} has {p.shape}"
        )
    return array
