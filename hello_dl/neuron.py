"""Neuron, Layer and MLP made of single Values: a whole network with nothing hidden in arrays."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from hello_dl.graph import scope
from hello_dl.value import Number, Value


class Neuron:
    """A weighted sum of its inputs plus a bias, bent by an activation.

    `activation` is the name of a Value method such as "relu" or "tanh", or None for a straight
    line. Weights start random, scaled so that sums of many inputs do not grow with their number
    (He et al. 2015); the bias starts at 0. `rng` makes the weights reproducible.
    """

    def __init__(
        self, in_features: int, activation: str | None = "relu", rng: random.Random | None = None
    ) -> None:
        if in_features < 1:
            raise ValueError(f"a neuron needs at least one input, not {in_features}")
        if activation is not None and not callable(getattr(Value, str(activation), None)):
            raise ValueError(
                f"activation {activation!r} is unknown: use a method of Value such as 'relu' or "
                "'tanh', or None"
            )
        gauss = (rng or random).gauss
        spread = (2 / in_features) ** 0.5
        self.weights = [
            Value(gauss(0, spread), name=f"w{i}", op="parameter") for i in range(in_features)
        ]
        self.bias = Value(0.0, name="b", op="parameter")
        self.activation = activation

    def __call__(self, inputs: Sequence[Value | Number]) -> Value:
        """Return activation(w · inputs + b)."""
        if len(inputs) != len(self.weights):
            raise ValueError(f"a neuron of {len(self.weights)} weights got {len(inputs)} inputs")
        total = self.bias
        for weight, x in zip(self.weights, inputs):
            total = total + weight * x
        return getattr(total, self.activation)() if self.activation else total

    def parameters(self) -> list[Value]:
        """List the weights and the bias."""
        return [*self.weights, self.bias]


class Layer:
    """Neurons side by side that all see the same inputs."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        activation: str | None = "relu",
        rng: random.Random | None = None,
    ) -> None:
        self.neurons = [Neuron(in_features, activation, rng) for _ in range(out_features)]

    def __call__(self, inputs: Sequence[Value | Number]) -> list[Value]:
        """Return the output of every neuron."""
        return [neuron(inputs) for neuron in self.neurons]

    def parameters(self) -> list[Value]:
        """List the parameters of all neurons."""
        return [p for neuron in self.neurons for p in neuron.parameters()]


class MLP:
    """Multi-layer perceptron: every layer feeds the next, and the last one stays straight.

    `MLP(2, [16, 16, 1])` takes 2 numbers, has two hidden layers of 16 neurons and gives one.
    """

    def __init__(
        self,
        in_features: int,
        layer_sizes: Sequence[int],
        activation: str = "relu",
        seed: int | None = None,
    ) -> None:
        if not isinstance(layer_sizes, Sequence):
            raise TypeError(f"layer_sizes is a list such as [16, 1], not {layer_sizes!r}")
        rng = random.Random(seed)
        sizes = [in_features, *layer_sizes]
        last = len(layer_sizes) - 1
        self.layers = [
            Layer(sizes[i], sizes[i + 1], activation if i < last else None, rng)
            for i in range(len(layer_sizes))
        ]

    def __call__(self, inputs: Sequence[Value | Number]) -> Value | list[Value]:
        """Return the outputs of the last layer; the Value itself if there is only one."""
        outputs: Any = inputs
        for i, layer in enumerate(self.layers):
            with scope(f"layer{i + 1}"):
                outputs = layer(outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    def parameters(self) -> list[Value]:
        """List every weight and bias of the net."""
        return [p for layer in self.layers for p in layer.parameters()]

    def zero_grad(self) -> None:
        """Forget all gradients, before the next backward pass."""
        for p in self.parameters():
            p.zero_grad()
