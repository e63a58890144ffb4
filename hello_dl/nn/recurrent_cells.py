"""Recurrent cells: one step of an RNN, a GRU or an LSTM, in small operations."""

from __future__ import annotations

from typing import Any

from hello_dl.nn import init
from hello_dl.nn.module import Module
from hello_dl.nn.parameter import blank
from hello_dl.ops.matmul import linear
from hello_dl.ops.recurrent_plain import gru_step, lstm_step, rnn_step
from hello_dl.tensor import Tensor


class RNNCellBase(Module):
    """A cell: it takes x (n, input_size) and a state (n, hidden_size) to the next state.

    Without n they are single vectors. A state that is missing is 0.
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        check_sizes(input_size=input_size, hidden_size=hidden_size)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        wide, options = self.gates * hidden_size, {"device": device, "dtype": dtype}
        self.weight_ih = blank(wide, input_size, **options)
        self.weight_hh = blank(wide, hidden_size, **options)
        self.bias_ih = blank(wide, **options) if bias else None
        self.bias_hh = blank(wide, **options) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the parameters anew, uniform in ±1/√hidden_size."""
        bound = self.hidden_size**-0.5
        for parameter in self.parameters(recurse=False):
            init.uniform_(parameter, -bound, bound)

    def _ready(self, input: Tensor, *states: Tensor | None) -> tuple[Tensor, list[Tensor]]:
        """Return what the input says (n, gates · h), and the states (n, h)."""
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ValueError(f"the input is (n, {self.input_size}) here, not {input.shape}")
        shape, blocks = (*input.shape[:-1], self.hidden_size), []
        for state in states:
            state = input.new_zeros(shape) if state is None else state
            if state.shape != shape:
                raise ValueError(f"the state has the shape {shape} here, not {state.shape}")
            blocks.append(state if input.ndim == 2 else state[None])
        x = input if input.ndim == 2 else input[None]
        return linear(x, self.weight_ih, self.bias_ih), blocks

    def extra_repr(self) -> str:
        """Return the sizes."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(RNNCellBase):
    """One step of an RNN: the next state. `nonlinearity` is "tanh" or "relu"."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        self.nonlinearity = known_nonlinearity(nonlinearity)
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def extra_repr(self) -> str:
        """Return the sizes, and what is not as usual."""
        usual = self.nonlinearity == "tanh"
        return super().extra_repr() + ("" if usual else f", nonlinearity={self.nonlinearity}")

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Do the step."""
        x, (state,) = self._ready(input, hx)
        y = rnn_step(x, state, self.weight_hh, self.bias_hh, self.nonlinearity)
        return y if input.ndim == 2 else y[0]


class GRUCell(RNNCellBase):
    """One step of a GRU: the next state."""

    gates = 3

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Do the step."""
        x, (state,) = self._ready(input, hx)
        y = gru_step(x, state, self.weight_hh, self.bias_hh)
        return y if input.ndim == 2 else y[0]


class LSTMCell(RNNCellBase):
    """One step of an LSTM: the next state, and the next cell."""

    gates = 4

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Do the step."""
        x, (state, cell) = self._ready(input, *(hx or (None, None)))
        state, cell = lstm_step(x, state, cell, self.weight_hh, self.bias_hh)
        return (state, cell) if input.ndim == 2 else (state[0], cell[0])


def check_sizes(**sizes: int) -> None:
    """Raise an error for a size that is not a whole number, 1 or more."""
    for name, size in sizes.items():
        if not hasattr(size, "__index__"):
            raise TypeError(f"{name} is a whole number, not {size!r}")
        if size < 1:
            raise ValueError(f"{name} must be 1 or more, not {size}")


def known_nonlinearity(nonlinearity: str) -> str:
    """Return it if it is one that an RNN has, else raise ValueError."""
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity is 'tanh' or 'relu', not {nonlinearity!r}")
    return nonlinearity
