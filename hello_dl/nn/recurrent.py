"""Recurrent layers: RNN, GRU and LSTM over whole sequences; for a single step: recurrent_cells.py.

    output, state = nn.GRU(input_size=65, hidden_size=128)(input)

The state is what the layer remembers. Give it back to the layer with what comes next, detached if
gradients are to end there (truncated backpropagation through time).
"""

from __future__ import annotations

import warnings
from itertools import accumulate
from typing import Any

from hello_dl.nn import init
from hello_dl.nn.module import Module
from hello_dl.nn.parameter import blank
from hello_dl.nn.recurrent_cells import check_sizes, known_nonlinearity
from hello_dl.nn.utils.rnn import PackedSequence
from hello_dl.ops.arrange import cat_list, stack_list
from hello_dl.ops.dropout import dropout
from hello_dl.ops.matmul import linear
from hello_dl.ops.recurrent import gru_steps, lstm_steps, rnn_steps
from hello_dl.ops.recurrent_plain import lstm_step, walked
from hello_dl.tensor import Tensor

State = Any  # a Tensor; of an LSTM two, the state and the cell


class RNNBase(Module):
    """Layers of recurrent cells: (steps, n, input_size) to (steps, n, hidden_size).

    num_layers     so many on top of each other; each reads the states of the one below
    batch_first    the input is (n, steps, input_size), and the output likewise
    dropout        how probably a number between two layers is left out
    bidirectional  each layer walks in both directions, and the output is 2 * hidden_size wide

    Takes one sequence (steps, input_size), a batch, or a PackedSequence of different lengths; and
    the state to begin with, (num_layers * directions, n, hidden_size), which is 0 if it is missing.
    Returns the states of the last layer after every step, and the last state of every layer.
    """

    gates = 1  # how many things the input says to a unit
    states = 1  # blocks of numbers that are remembered
    proj_size = 0  # to how many numbers an LSTM may bring its state after each step

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_sizes(input_size=input_size, hidden_size=hidden_size, num_layers=num_layers)
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout is a probability between 0 and 1, got {dropout}")
        if dropout and num_layers == 1:
            warnings.warn(
                "dropout is for what goes from layer to layer, and there is one", stacklevel=3
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, dropout
        self.bidirectional = bidirectional
        wide, options = self.gates * hidden_size, {"device": device, "dtype": dtype}
        for layer in range(num_layers):
            width = input_size if layer == 0 else self.widths[0] * self.directions
            for end in self._ends(layer):
                setattr(self, f"weight_ih_{end}", blank(wide, width, **options))
                setattr(self, f"weight_hh_{end}", blank(wide, self.widths[0], **options))
                if bias:
                    setattr(self, f"bias_ih_{end}", blank(wide, **options))
                    setattr(self, f"bias_hh_{end}", blank(wide, **options))
                if self.proj_size:
                    setattr(self, f"weight_hr_{end}", blank(*self.widths, **options))
        self.reset_parameters()

    @property
    def directions(self) -> int:
        """1, or 2 if it is bidirectional."""
        return 2 if self.bidirectional else 1

    @property
    def widths(self) -> tuple[int, ...]:
        """How wide the state is; of an LSTM also how wide the cell is."""
        return (self.proj_size or self.hidden_size, self.hidden_size)[: self.states]

    def reset_parameters(self) -> None:
        """Draw the parameters anew, uniform in ±1/√hidden_size."""
        bound = self.hidden_size**-0.5
        for parameter in self.parameters(recurse=False):
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Nothing to do: it is here for code that was written for PyTorch."""

    def forward(self, input: Tensor | PackedSequence, hx: State = None) -> tuple[Any, State]:
        """Walk along the sequences."""
        if isinstance(input, PackedSequence):
            packed, x, alone = input, input.data, False
            sizes = tuple(input.batch_sizes.tolist())
        else:
            packed, (x, sizes, alone) = None, self._laid_out(input)
        self._check(x)
        begin = self._begin(x, sizes[0], hx, alone, packed)
        ends: list[list[Tensor]] = [[] for _ in range(self.states)]
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = dropout(x, p=self.dropout, training=self.training)
            sides = []
            for direction, end in enumerate(self._ends(layer)):
                number = layer * self.directions + direction
                states = [state[number] for state in begin]
                y = self._walk(x, states, end, sizes, direction == 1)
                for every, block in zip(ends, y):
                    every.append(_last(block, sizes, direction == 1))
                sides.append(y[0])
            x = sides[0] if len(sides) == 1 else cat_list(sides, 1)
        last = [stack_list(every) for every in ends]  # (layers · directions, n, hidden_size)
        if packed is not None:
            if packed.unsorted_indices is not None:
                last = [state[:, packed.unsorted_indices] for state in last]
            return packed._replace(data=x), self._handed(last)
        y = x.reshape(len(sizes), sizes[0], x.shape[1])
        if alone:
            return y[:, 0], self._handed([state[:, 0] for state in last])
        return (y.transpose(0, 1) if self.batch_first else y), self._handed(last)

    def _walk(
        self, x: Tensor, states: list[Tensor], end: str, sizes: tuple[int, ...], reverse: bool
    ) -> list[Tensor]:
        """Walk with one layer in one direction; returns its states after each step, and cells."""
        said, weight, bias = self._said(x, end)
        if not len(x):  # no sequence at all
            return [said[:, :width] for width in self.widths]
        return self._steps(said, *states, weight, bias, batch_sizes=sizes, reverse=reverse)

    def _steps(self, *inputs: Any, **options: Any) -> list[Tensor]:
        raise TypeError("use RNN, GRU or LSTM: RNNBase is what they have in common")

    def _said(self, x: Tensor, end: str) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return what the inputs say, for all steps at once, and the parameters of the walk."""
        bias = getattr(self, f"bias_hh_{end}") if self.bias else None
        own = getattr(self, f"bias_ih_{end}") if self.bias else None
        said = linear(x, getattr(self, f"weight_ih_{end}"), own)
        return said, getattr(self, f"weight_hh_{end}"), bias

    def _laid_out(self, input: Tensor) -> tuple[Tensor, tuple[int, ...], bool]:
        """Return the rows of all steps, how many each step has, and whether it is one sequence."""
        if input.ndim not in (2, 3):
            raise ValueError(
                f"the input has the shape (steps, n, {self.input_size}), or (steps, "
                f"{self.input_size}) for one sequence, not {input.shape}"
            )
        alone = input.ndim == 2
        x = input[:, None] if alone else input.transpose(0, 1) if self.batch_first else input
        steps, n = x.shape[:2]
        if not steps:
            raise ValueError(f"a sequence has one step at least, and these are {input.shape}")
        return x.reshape(steps * n, x.shape[2]), (n,) * steps, alone

    def _check(self, x: Tensor) -> None:
        if x.shape[1] != self.input_size:
            raise ValueError(f"{x.shape[1]} features arrive, and input_size is {self.input_size}")

    def _begin(
        self, x: Tensor, n: int, hx: State, alone: bool, packed: PackedSequence | None
    ) -> list[Tensor]:
        """Return the state to begin with, and of an LSTM the cell: (layers · directions, n, h)."""
        shapes = [(self.num_layers * self.directions, n, width) for width in self.widths]
        if hx is None:
            return [x.new_zeros(shape) for shape in shapes]
        states = [hx] if self.states == 1 else list(hx)
        if len(states) != self.states or any(isinstance(s, tuple) for s in states):
            raise ValueError(f"the state of a {type(self).__name__} is {self.states} blocks")
        for state, shape in zip(states, shapes):
            wanted = shape[::2] if alone else shape
            if state.shape != wanted:
                raise ValueError(f"the state has the shape {wanted} here, not {state.shape}")
        states = [state[:, None] if alone else state for state in states]
        if packed is not None and packed.sorted_indices is not None:
            states = [state[:, packed.sorted_indices] for state in states]
        return states

    def _handed(self, states: list[Tensor]) -> State:
        return states[0] if self.states == 1 else tuple(states)

    def _ends(self, layer: int) -> list[str]:
        """Return how the names of a layer's parameters end: l0, and l0_reverse."""
        return [f"l{layer}", f"l{layer}_reverse"][: self.directions]

    def extra_repr(self) -> str:
        """Return the sizes, and what is not as usual."""
        shown = [str(self.input_size), str(self.hidden_size)]
        usual = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
            "bidirectional": False,
        }  # fmt: skip
        named = ((name, getattr(self, name)) for name in usual)
        return ", ".join(shown + [f"{n}={value}" for n, value in named if value != usual[n]])


class RNN(RNNBase):
    """state = tanh(weight_ih @ x + bias_ih + weight_hh @ state + bias_hh) (Elman 1990).

    `nonlinearity` is "tanh" or "relu"; all else as in RNNBase.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.nonlinearity = known_nonlinearity(nonlinearity)
        sizes = input_size, hidden_size, num_layers
        super().__init__(*sizes, bias, batch_first, dropout, bidirectional, device, dtype)

    def _steps(self, *inputs: Any, **options: Any) -> list[Tensor]:
        return [rnn_steps(*inputs, nonlinearity=self.nonlinearity, **options)]


class GRU(RNNBase):
    """Gated recurrent units (Cho et al. 2014): a gate z keeps the state, a gate r forgets it.

    Rows of the weights are in the order r, z, n. All else as in RNNBase.
    """

    gates = 3

    def _steps(self, *inputs: Any, **options: Any) -> list[Tensor]:
        return [gru_steps(*inputs, **options)]


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber 1997): a cell that gates add to.

    Rows of the weights are in the order i, f, g, o. The state is two blocks, (state, cell). With
    `proj_size` the state is brought to so many numbers after each step (Sak et al. 2014), with
    the weights `weight_hr_l0` and so on; such a layer walks in small operations, and slower. All
    else as in RNNBase.
    """

    gates, states = 4, 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if not 0 <= proj_size < hidden_size:
            raise ValueError(f"proj_size={proj_size} is not below hidden_size={hidden_size}")
        self.proj_size = proj_size
        sizes = input_size, hidden_size, num_layers
        super().__init__(*sizes, bias, batch_first, dropout, bidirectional, device, dtype)

    def _walk(
        self, x: Tensor, states: list[Tensor], end: str, sizes: tuple[int, ...], reverse: bool
    ) -> list[Tensor]:
        if not self.proj_size or not len(x):
            return super()._walk(x, states, end, sizes, reverse)
        said, weight, bias = self._said(x, end)
        project = getattr(self, f"weight_hr_{end}")

        def step(x: Tensor, state: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
            state, cell = lstm_step(x, state, cell, weight, bias)
            return linear(state, project), cell

        return walked(step, said, states, sizes, reverse)

    def _steps(self, *inputs: Any, **options: Any) -> list[Tensor]:
        both = lstm_steps(*inputs, **options)
        return [both[0], both[1]]


def _last(y: Tensor, sizes: tuple[int, ...], reverse: bool) -> Tensor:
    """Return the last state (n, h) of every sequence, out of those after every step (rows, h)."""
    n = sizes[0]
    if reverse:
        return y[:n]
    if sizes[-1] == n:
        return y[len(y) - n :]
    lengths = [sum(count > i for count in sizes) for i in range(n)]
    starts = list(accumulate(sizes, initial=0))
    return y[[starts[length - 1] + i for i, length in enumerate(lengths)]]
