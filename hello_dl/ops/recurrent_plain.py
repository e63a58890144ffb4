"""Recurrent layers step by step, in small operations: the cells, and the twins of recurrent.py.

Each step takes what the inputs say, x (b, gates · h), and the state (b, h).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hello_dl.ops.arrange import cat_list, stack_list
from hello_dl.ops.recurrent import steps


def rnn_step(x: Any, state: Any, weight: Any, bias: Any = None, nonlinearity: str = "tanh") -> Any:
    """Do one step of the simplest cell; returns the next state (b, h)."""
    said = x + _said(state, weight, bias)
    return said.tanh() if nonlinearity == "tanh" else said.relu()


def gru_step(x: Any, state: Any, weight: Any, bias: Any = None) -> Any:
    """Do one step of a gated recurrent unit; returns the next state (b, h)."""
    (x_r, x_z, x_n), (m_r, m_z, m_n) = x.chunk(3, 1), _said(state, weight, bias).chunk(3, 1)
    r, z = (x_r + m_r).sigmoid(), (x_z + m_z).sigmoid()
    n = (x_n + r * m_n).tanh()
    return (1 - z) * n + z * state


def lstm_step(x: Any, state: Any, cell: Any, weight: Any, bias: Any = None) -> tuple[Any, Any]:
    """Do one step of long short-term memory; returns the next state and cell, both (b, h)."""
    i, f, g, o = (x + _said(state, weight, bias)).chunk(4, 1)
    cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
    return o.sigmoid() * cell.tanh(), cell


def _said(state: Any, weight: Any, bias: Any) -> Any:
    said = state @ weight.T
    return said if bias is None else said + bias


def walked(
    step: Any, x: Any, states: Sequence[Any], batch_sizes: Sequence[int], reverse: bool
) -> list[Any]:
    """Walk with a `step(x, *states)` that returns the next states, (b, h) each.

    Returns all states of each kind (rows, h), in the order of `batch_sizes`.
    """
    states, shown = list(states), {}
    for rows, b in steps(batch_sizes, reverse):
        shown[rows.start] = moved = step(x[rows], *(state[:b] for state in states))
        states = [cat_list([new, old[b:]]) for new, old in zip(moved, states)]
    return [cat_list([shown[start][i] for start in sorted(shown)]) for i in range(len(states))]


def rnn_steps_composed(
    x: Any,
    state: Any,
    weight: Any,
    bias: Any = None,
    *,
    batch_sizes: Sequence[int],
    reverse: bool = False,
    nonlinearity: str = "tanh",
) -> Any:
    """Spell `rnn_steps` in small operations."""

    def step(x: Any, state: Any) -> tuple[Any]:
        return (rnn_step(x, state, weight, bias, nonlinearity),)

    return walked(step, x, [state], batch_sizes, reverse)[0]


def gru_steps_composed(
    x: Any,
    state: Any,
    weight: Any,
    bias: Any = None,
    *,
    batch_sizes: Sequence[int],
    reverse: bool = False,
) -> Any:
    """Spell `gru_steps` in small operations."""

    def step(x: Any, state: Any) -> tuple[Any]:
        return (gru_step(x, state, weight, bias),)

    return walked(step, x, [state], batch_sizes, reverse)[0]


def lstm_steps_composed(
    x: Any,
    state: Any,
    cell: Any,
    weight: Any,
    bias: Any = None,
    *,
    batch_sizes: Sequence[int],
    reverse: bool = False,
) -> Any:
    """Spell `lstm_steps` in small operations."""

    def step(x: Any, state: Any, cell: Any) -> tuple[Any, Any]:
        return lstm_step(x, state, cell, weight, bias)

    return stack_list(walked(step, x, [state, cell], batch_sizes, reverse))
