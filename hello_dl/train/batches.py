"""What a batch is: Tensors in a tuple, a list or a dict; how many samples; inputs and targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hello_dl.backend import current_device, is_array
from hello_dl.data.collate import map_leaves
from hello_dl.nn import Module
from hello_dl.tensor import Tensor

Batch = Any  # (inputs, targets), (input, input, targets), {"input": ..., "targets": ...}, a Tensor
Numbers = dict[str, Any]  # by name: floats, or Tensors and arrays of one number
Measure = Callable[[Module, Batch], tuple[Tensor, Numbers]]

TARGETS = ("targets", "target", "labels", "label")  # what a dict may call what is to be learned


def device_of_model(model: Module) -> str:
    """Return the device of the model's first parameter or buffer; else the current one."""
    tensors = (*model.parameters(), *model.buffers())
    return tensors[0].device if tensors else current_device()


def moved(batch: Batch, device: str) -> Batch:
    """Return the batch with its Tensors on that device, and its arrays as Tensors there."""
    if type(batch) in (tuple, list):
        if all([isinstance(part, Tensor) and part.device == device for part in batch]):
            return batch  # as usual

    def there(part: Any) -> Any:
        if isinstance(part, Tensor):
            return part if part.device == device else part.to(device)
        return Tensor(part, device=device) if is_array(part) else part

    return map_leaves(batch, there)


def count_samples(batch: Batch) -> int:
    """Return how many samples a batch has: the length of its first block along the first axis."""
    to_visit = [batch]
    for part in to_visit:
        if isinstance(part, Tensor) or is_array(part):
            return part.shape[0] if part.shape else 1
        if isinstance(part, Mapping | tuple | list):
            to_visit += part.values() if isinstance(part, Mapping) else part
    raise ValueError(f"a batch holds Tensors or arrays, and this one has none: {batch!r:.80}")


def size_in_bytes(batch: Batch) -> int:
    """Return how much memory the Tensors of a batch take."""
    total = 0

    def count(part: Any) -> None:
        nonlocal total
        total += part.data.nbytes if isinstance(part, Tensor) else 0

    map_leaves(batch, count)
    return total


def measure_with(
    loss: Callable[..., Tensor] | None,
    metrics: Mapping[str, Callable[[Tensor, Tensor], Any]],
    step_loss: Callable[[Module, Batch], Any] | None = None,
) -> Measure:
    """Make the one function that training needs: (model, batch) -> loss, further numbers.

    `step_loss(model, batch)` gives the loss, or the loss and a dict. Without one the loss is
    `loss(model(inputs), targets)`, or with `loss=None` what the model itself returns.
    """

    def guess_and_compare(model: Module, batch: Batch) -> tuple[Tensor, Numbers]:
        inputs, options, targets = _parted(batch)
        outputs = model(*inputs, **options)
        measured = one_number(loss(outputs, targets))  # type: ignore[misc]
        if not metrics:
            return measured, {}
        seen = outputs.detach() if isinstance(outputs, Tensor) else outputs
        return measured, {name: metric(seen, targets) for name, metric in metrics.items()}

    def as_given(model: Module, batch: Batch) -> tuple[Tensor, Numbers]:
        result = step_loss(model, batch) if step_loss else _called(model, batch)
        measured, numbers = result if isinstance(result, tuple) else (result, {})
        if not isinstance(measured, Tensor) or not isinstance(numbers, Mapping):
            who = "step_loss" if step_loss else "with loss=None, the model"
            raise TypeError(
                f"{who} returns the loss, or (loss, {{name: number}}), not {result!r:.60}"
            )
        return one_number(measured), dict(numbers)

    return as_given if step_loss or loss is None else guess_and_compare


def one_number(loss: Tensor) -> Tensor:
    """Return the loss as a Tensor of shape (); ValueError if it has more than one number."""
    if not isinstance(loss, Tensor):
        raise TypeError(f"a loss is a Tensor that training can go back from, not {loss!r:.60}")
    if loss.shape == ():
        return loss
    if loss.numel() != 1:
        raise ValueError(
            f"a loss is one number, and this one has the shape {loss.shape}: "
            "take its mean, or reduction='mean'"
        )
    return loss.reshape(())


def _called(model: Module, batch: Batch) -> Any:
    """Give the whole batch to the model."""
    if isinstance(batch, Mapping):
        return model(**batch)
    return model(*batch) if isinstance(batch, tuple | list) else model(batch)


def _parted(batch: Batch) -> tuple[Any, dict[str, Any], Any]:
    """Part a batch into the inputs (by place, by name) and the targets."""
    if isinstance(batch, Mapping):
        named = [name for name in TARGETS if name in batch]
        if len(named) == 1:
            inputs = {name: part for name, part in batch.items() if name != named[0]}
            if len(inputs) == 1:  # there is no doubt what it is, whatever it is called
                return inputs.values(), {}, batch[named[0]]
            return (), inputs, batch[named[0]]
        what = f"a dict with {', '.join(map(repr, batch))}; its targets are called one of " + (
            ", ".join(TARGETS)
        )
    elif isinstance(batch, tuple | list):
        if len(batch) > 1:
            return batch[:-1], {}, batch[-1]
        what = f"a {type(batch).__name__} of {len(batch)}"
    else:
        what = f"a {type(batch).__name__}"
    raise ValueError(
        f"a batch is (inputs, targets), and this is {what}: "
        "say with step_loss=f(model, batch) how it gives a loss"
    )
