"""What the main job leaves in its folder: the model, its metrics, and two pictures."""

from __future__ import annotations

from pathlib import Path

from hello_dl.data.files import make_writable, replacing
from hello_dl.functional import cross_entropy
from hello_dl.nn import Module
from hello_dl.tensor import Tensor
from hello_dl.train import checkpoint
from hello_dl.train.batches import device_of_model, moved
from hello_dl.train.diary import Diary, as_input, write_metrics
from hello_dl.train.saving import LAST

MODEL, GRAPH, CURVES, METRICS = "model.safetensors", "graph.svg", "curves.png", "metrics.jsonl"
UNFINISHED = "unfinished"  # a folder with the checkpoint, as long as the run has not ended


def writable_folder(folder: str | Path) -> Path:
    """Make the folder; a ValueError, before any work is done, if nothing can be written there."""
    return make_writable(folder, f"--out {str(folder)!r}", (MODEL, GRAPH, CURVES, METRICS))


def unfinished_run(out: Path) -> Path:
    """Return the checkpoint of the run to go on with; ValueError if there is none."""
    path = out / UNFINISHED / LAST
    if not path.exists():
        raise ValueError(
            f"there is no unfinished run in '{out}' to go on with: leave --resume out to begin "
            "one, or name its folder with --out"
        )
    return path


def save(out: Path, model: Module, diary: Diary, about: dict[str, str]) -> list[Path]:
    """Write the model and the metrics; what is there is replaced whole or not at all."""
    last = diary.epochs[-1]
    told = {"data": diary.data, "alphabet": diary.alphabet, "steps": str(last.step)}
    told["test_accuracy"] = f"{last.test_accuracy:.4f}"
    try:
        checkpoint.save(out / MODEL, model, about | told)
        write_metrics(out / METRICS, diary.epochs)
    except OSError as error:
        why = error.strerror or str(error)
        raise ValueError(f"'{out}' cannot be written to: {why}; make room there") from None
    return [out / MODEL, out / METRICS]


def draw_pictures(out: Path, model: Module, diary: Diary, title: str) -> tuple[list[Path], str]:
    """Draw the curves of training and the graph of the loss; return the files, and what is amiss.

    No picture is worth losing the rest, so that one that cannot be drawn is only reported.
    """
    from hello_dl.show import draw
    from hello_dl.show.plots import draw_curves

    drawn, notes = [], []
    try:
        with replacing(out / CURVES) as part:
            train = [epoch.train_accuracy for epoch in diary.epochs]
            test = [epoch.test_accuracy for epoch in diary.epochs]
            draw_curves(part, title, diary.losses, train, test)
        drawn.append(out / CURVES)
    except (OSError, ValueError) as error:
        notes.append(f"{CURVES} is missing: {getattr(error, 'strerror', None) or error}")
    try:
        graph = draw(loss_of_three(model, diary), out / GRAPH, direction="TB")
        drawn += graph.written
        notes += [graph.note] if graph.note else []
    except ValueError as error:
        notes.append(f"{GRAPH} is missing: {error}")
    return drawn, "\n".join(notes)


def loss_of_three(model: Module, diary: Diary) -> Tensor:
    """The loss of three test digits, with the whole graph behind it and all gradients."""
    three = [as_input(diary.images[:3]), Tensor(diary.labels[:3])]
    images, labels = moved(three, device_of_model(model))
    images.name, labels.name = "images", "labels"
    images.requires_grad = True  # so that the picture goes back to the pixels
    loss = cross_entropy(model(images), labels)
    loss.name = "loss"
    model.zero_grad()
    loss.backward(retain_graph=True)
    return loss
