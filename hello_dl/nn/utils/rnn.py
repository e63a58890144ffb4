"""Sequences of different lengths in one batch: padded to one length, or packed without padding.

    packed = pack_padded_sequence(padded, lengths, batch_first=True, enforce_sorted=False)
    output, state = gru(packed)
    output, lengths = pad_packed_sequence(output, batch_first=True)

A packed batch holds the first step of all sequences, then the second of those that have one, and so
on, the longest sequence first: what is computed at once lies together, and nothing is computed for
padding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy

from hello_dl.ops.arrange import cat_list, stack_list
from hello_dl.ops.untracked import plain
from hello_dl.tensor import Tensor


class PackedSequence(NamedTuple):
    """Sequences of different lengths, without padding.

    data              (all steps, ...), step by step
    batch_sizes       how many sequences have each step; they fall
    sorted_indices    which sequence of the batch comes first, second, ...: longest first; None if
                      they came in this order
    unsorted_indices  the way back
    """

    data: Tensor
    batch_sizes: tuple[int, ...]
    sorted_indices: Any = None
    unsorted_indices: Any = None

    def to(self, *targets: Any, **options: Any) -> PackedSequence:
        """Move the data as `Tensor.to` does."""
        return self._replace(data=self.data.to(*targets, **options))


def pack_padded_sequence(
    input: Tensor,
    lengths: Sequence[int] | Tensor,
    batch_first: bool = False,
    enforce_sorted: bool = True,
) -> PackedSequence:
    """Pack a padded batch (steps, n, ...), with `batch_first` (n, steps, ...).

    `lengths` (n,) say where padding begins. Sequences are expected longest first, unless
    `enforce_sorted` is False: then they are put in that order, and results back into the old one.
    """
    steps, n = input.shape[:2][::-1] if batch_first else input.shape[:2]
    sizes = numpy.asarray(plain(lengths) if isinstance(lengths, Tensor) else lengths)
    if sizes.shape != (n,) or sizes.dtype.kind not in "iu":
        raise ValueError(f"lengths are {n} whole numbers here, one for each sequence")
    if n and not (sizes.min() >= 1 and sizes.max() <= steps):
        wrong = sizes.min() if sizes.min() < 1 else sizes.max()
        raise ValueError(f"length {wrong} is not between 1 and {steps}, the steps of the batch")
    order = None
    if not enforce_sorted:
        order = numpy.argsort(-sizes, kind="stable")
        sizes = sizes[order]
    elif (sizes[1:] > sizes[:-1]).any():
        raise ValueError(f"lengths {sizes.tolist()} do not fall: use enforce_sorted=False")
    alive = sizes > numpy.arange(sizes.max(initial=0))[:, None]  # (steps, n)
    step, sequence = alive.nonzero()
    if order is not None:
        sequence = order[sequence]
    data = input[sequence, step] if batch_first else input[step, sequence]
    back = None if order is None else numpy.argsort(order)
    return PackedSequence(data, tuple(map(int, alive.sum(1))), order, back)


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Unpack to a padded batch (steps, n, ...) and the lengths (n,).

    With `batch_first` it is (n, steps, ...). `total_length` pads to more steps than the longest
    sequence has.
    """
    data, sizes = sequence.data, numpy.asarray(sequence.batch_sizes)
    steps, n = len(sizes), int(sizes[0])
    if total_length is not None and total_length < steps:
        raise ValueError(f"total_length {total_length} is less than the longest sequence, {steps}")
    rows = data.new_full((1, *data.shape[1:]), padding_value)
    starts, every = numpy.cumsum(sizes) - sizes, numpy.arange(n)
    alive = every < sizes[:, None]  # (steps, n)
    where = numpy.where(alive, starts[:, None] + every, len(data))  # the last row is padding
    if total_length is not None:
        more = numpy.full((total_length - steps, n), len(data))
        where = numpy.concatenate([where, more])
    lengths = alive.sum(0)
    if sequence.unsorted_indices is not None:
        where, lengths = where[:, sequence.unsorted_indices], lengths[sequence.unsorted_indices]
    padded = cat_list([data, rows])[where.T if batch_first else where]
    return padded, Tensor(lengths, device="cpu")


def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences (steps, ...) of different lengths, padded to the longest: (steps, n, ...).

    With `batch_first` it is (n, steps, ...).
    """
    if padding_side not in ("right", "left"):
        raise ValueError(f"padding_side is 'right' or 'left', not {padding_side!r}")
    longest = max(map(len, sequences), default=0)
    padded = []
    for one in sequences:
        missing = one.new_full((longest - len(one), *one.shape[1:]), padding_value)
        padded.append(cat_list([one, missing] if padding_side == "right" else [missing, one]))
    return stack_list(padded, 0 if batch_first else 1)


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (steps, ...) of different lengths."""
    lengths = [len(one) for one in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed: PackedSequence) -> list[Tensor]:
    """Give back the sequences (steps, ...)."""
    padded, lengths = pad_packed_sequence(packed, batch_first=True)
    return [one[:length] for one, length in zip(padded, lengths.tolist())]
