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

from hello_dl.ops.arrange import cat_list, stack_list
from hello_dl.tensor import Tensor


class Packed(NamedTuple):
    """The four parts of a PackedSequence."""

    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None


class PackedSequence(Packed):
    """Sequences of different lengths, without padding.

    data              (all steps, ...), step by step
    batch_sizes       how many sequences have each step (steps,); they fall
    sorted_indices    which sequence of the batch comes first, second, ...: longest first; None if
                      they came in this order
    unsorted_indices  the way back
    """

    def to(self, *targets: Any, **options: Any) -> PackedSequence:
        """Move the data as `Tensor.to` does."""
        return self._replace(data=self.data.to(*targets, **options))

    def cpu(self) -> PackedSequence:
        """Move the data to the CPU."""
        return self.to("cpu")

    def cuda(self) -> PackedSequence:
        """Move the data to the GPU."""
        return self.to("cuda")

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return self.data.is_cuda


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
    if input.ndim < 2 or 0 in input.shape[:2]:
        raise ValueError(f"a padded batch has steps and sequences, not the shape {input.shape}")
    steps, n = input.shape[:2][::-1] if batch_first else input.shape[:2]
    sizes = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    if len(sizes) != n or not all(hasattr(size, "__index__") for size in sizes):
        raise ValueError(f"lengths are {n} whole numbers here, one for each sequence")
    for size in sizes:
        if not 1 <= size <= steps:
            raise ValueError(f"length {size} is not between 1 and {steps}, the steps of the batch")
    order = sorted(range(n), key=lambda i: -sizes[i])  # of equals, the first one first
    if enforce_sorted and sizes != [sizes[i] for i in order]:
        raise ValueError(f"lengths {sizes} do not fall: use enforce_sorted=False")
    counts = [sum(size > step for size in sizes) for step in range(max(sizes))]
    step = [step for step, count in enumerate(counts) for _ in range(count)]
    sequence = [i for count in counts for i in order[:count]]
    data = input[sequence, step] if batch_first else input[step, sequence]
    packed = PackedSequence(data, _whole(counts))
    if enforce_sorted:
        return packed
    indices = _whole(order)
    return packed._replace(sorted_indices=indices, unsorted_indices=invert_permutation(indices))


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
    data, counts = sequence.data, sequence.batch_sizes.tolist()
    steps, n = len(counts), counts[0]
    if total_length is not None and total_length < steps:
        raise ValueError(f"total_length {total_length} is less than the longest sequence, {steps}")
    back = sequence.unsorted_indices
    order = list(range(n)) if back is None else back.tolist()
    padding, start, where = len(data), 0, []  # where each entry of the padded batch is found
    for count in counts:
        where.append([start + i if i < count else padding for i in order])
        start += count
    where += [[padding] * n] * ((total_length or steps) - steps)
    lengths = [sum(count > i for count in counts) for i in order]
    rows = cat_list([data, data.new_full((1, *data.shape[1:]), padding_value)])
    padded = rows[Tensor(where, device=data.device, dtype="int64")]
    padded = padded.transpose(0, 1) if batch_first else padded
    return padded, _whole(lengths)


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
    if not len(sequences):
        raise ValueError("pad_sequence needs one sequence at least, and the list is empty")
    longest, padded = max(map(len, sequences)), []
    for one in sequences:
        missing = one.new_full((longest - len(one), *one.shape[1:]), padding_value)
        padded.append(cat_list([one, missing] if padding_side == "right" else [missing, one]))
    return stack_list(padded, 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Sequence[int] | Tensor, batch_first: bool = False
) -> list[Tensor]:
    """Give back the sequences (steps, ...) that `pad_sequence` has padded at their ends."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    sizes = lengths.tolist() if isinstance(lengths, Tensor) else list(lengths)
    if len(sizes) != len(rows):
        raise ValueError(f"{len(rows)} sequences were padded, and there are {len(sizes)} lengths")
    return [one[:size] for one, size in zip(rows, sizes)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (steps, ...) of different lengths."""
    lengths = [len(one) for one in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed: PackedSequence) -> list[Tensor]:
    """Give back the sequences (steps, ...)."""
    return unpad_sequence(*pad_packed_sequence(packed, batch_first=True), batch_first=True)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return where each number stands: the way back from an order (n,)."""
    if permutation is None:
        return None
    order = permutation.tolist()
    return _whole(sorted(range(len(order)), key=order.__getitem__))


def _whole(numbers: list[int]) -> Tensor:
    return Tensor(numbers, device="cpu", dtype="int64")
