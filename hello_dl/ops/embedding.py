"""Whole numbers, such as letters or classes, as something that one can compute with."""

from __future__ import annotations

from hello_dl.backend import Array, is_half, kernels, module_of
from hello_dl.ops.index import zeros_to_add_to
from hello_dl.ops.rule import rule


@rule(halves=True)
def embedding(input: Array, weight: Array, *, padding_idx: int | None = None):
    """Look up rows of a table: whole numbers (...) in [0, n) and a weight (n, d) give (..., d).

    The row `padding_idx` gets no gradient. It is one_hot(input) @ weight, without the zeros.
    """
    if weight.ndim != 2:
        raise ValueError("weight is a table of the shape (n, d)")
    kernels.check_indices(input, len(weight), "row", "rows")

    def pull_weight(g, out=None):
        gradient = zeros_to_add_to(weight) if out is None or is_half(weight.dtype) else out
        if gradient is out:
            out[...] = 0
        kernels.add_at(gradient, input, g)
        if padding_idx is not None:
            gradient[padding_idx] = 0
        if out is None or gradient is out:
            return gradient
        out[...] = gradient
        return out

    return module_of(weight).take(weight, input, 0), (None, pull_weight)


@rule
def one_hot(labels: Array, *, num_classes: int = -1):
    """Rows of zeros with one 1, at the place that the label says: (...) to (..., num_classes).

    Whole numbers without a gradient. With -1 there are as many classes as the labels tell.
    """
    classes = max(int(labels.max()), 0) + 1 if num_classes == -1 else num_classes
    kernels.check_indices(labels, classes)
    places = module_of(labels).arange(classes)  # (classes,)
    return (labels[..., None] == places).astype("int64"), None
