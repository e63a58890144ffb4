"""The diary of the job: every loss, a line for every epoch, and what the last test said."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hello_dl.data.digits import Characters
from hello_dl.data.files import replacing
from hello_dl.data.transforms import ToTensor
from hello_dl.nn import Module
from hello_dl.tensor import Tensor
from hello_dl.train.evaluate import predict
from hello_dl.train.metrics import accuracy
from hello_dl.train.records import Epoch, Means, Step


@dataclass(frozen=True)
class Line:
    """A line of the job's metrics.jsonl: one epoch, or the part of it that was done."""

    epoch: int  # 1, 2, ...
    step: int  # steps since training began
    loss: float  # mean over the pictures of this epoch, each before its step
    train_accuracy: float  # 0..1, likewise
    test_accuracy: float  # 0..1, at the end of this epoch
    seconds: float  # since training began
    lr: float  # of the last step
    images_per_second: float  # while training in this epoch
    training_seconds: float  # in this epoch, the test left out


class Diary:
    """What happens in training, and the test that is made after every epoch.

    It is a part of the checkpoint: a run that goes on has the curve of its loss from the start.
    """

    def __init__(self, model: Module, pictures: Characters) -> None:
        self.model, self.data, self.alphabet = model, pictures.name, pictures.alphabet
        self.images, self.labels = pictures.test_images, pictures.test_labels
        self.waiting: list[Step] = []  # steps whose numbers nobody has read yet
        self._losses: list[float] = []  # of the steps before these
        self.epochs: list[Line] = []
        self.means = Means()  # of the epoch that is under way
        classes = len(self.alphabet)
        self.probabilities = np.empty((0, classes), np.float32)  # (n, classes) in the last test

    def test(self, model: Module) -> dict[str, float]:
        """Read all test pictures: the validation of `fit`."""
        self.probabilities = read_pictures(model, self.images)
        return {"accuracy": accuracy(self.probabilities, self.labels)}

    def note(self, record: Step | Epoch) -> None:
        """Note what `fit` tells."""
        if isinstance(record, Epoch):
            self._read()
            self.means = Means()
            self.epochs.append(
                Line(
                    epoch=record.epoch,
                    step=record.step,
                    loss=record.loss,
                    train_accuracy=record.metrics["accuracy"],
                    test_accuracy=record.validation["accuracy"],
                    seconds=record.seconds,
                    lr=record.lr,
                    images_per_second=record.samples_per_second,
                    training_seconds=record.samples / record.samples_per_second,
                )
            )
            return
        self.last = record
        self.waiting.append(record)

    def _read(self) -> None:
        """Read the numbers of the last steps. On a GPU that is to wait: once an epoch will do."""
        for step in self.waiting:
            self.means.add({"loss": step.loss, **step.metrics}, step.samples)
            self._losses.append(step.loss)
        self.waiting = []

    @property
    def losses(self) -> list[float]:
        """The loss of every step."""
        self._read()
        return self._losses

    def end_early(self) -> None:
        """Test, and add a line for the part of an epoch that was done, if there is one."""
        self._read()
        if not self.means.samples:
            return
        last, means = self.last, self.means.means()
        since = last.seconds - (self.epochs[-1].seconds if self.epochs else 0.0)
        self.epochs.append(
            Line(
                epoch=last.epoch,
                step=last.step,
                loss=means["loss"],
                train_accuracy=means["accuracy"],
                test_accuracy=self.test(self.model)["accuracy"],
                seconds=last.seconds,
                lr=last.lr,
                images_per_second=self.means.samples / max(since, 1e-9),
                training_seconds=since,
            )
        )
        self.means = Means()

    def read(self, images: np.ndarray) -> np.ndarray:
        """What the model as it is now makes of pictures: probabilities (n, classes)."""
        return read_pictures(self.model, images)

    def misread(self) -> list[int]:
        """Which test pictures the last test got wrong."""
        return np.flatnonzero(self.probabilities.argmax(1) != self.labels).tolist()

    def state_dict(self) -> dict[str, Any]:
        """Return all of it for a checkpoint."""
        self._read()
        return {
            "data": self.data,
            "losses": np.array(self.losses),
            "epochs": [asdict(line) for line in self.epochs],
            "means": asdict(self.means),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from there; what the last test said is asked again."""
        if state["data"] != self.data:
            raise ValueError(f"it learned from {state['data']}, and here is {self.data}")
        self._losses, self.means = state["losses"].tolist(), Means(**state["means"])
        self.epochs = [Line(**line) for line in state["epochs"]]
        if self.epochs:
            self.test(self.model)


def as_input(images: np.ndarray) -> Tensor:
    """Pictures (n, 28, 28), ink 0..255 (uint8), as a net takes them: (n, 1, 28, 28), ink 0..1."""
    return ToTensor().batch(images)


def read_pictures(model: Module, images: np.ndarray, at_once: int = 250) -> np.ndarray:
    """Probabilities (n, classes) that the model gives to pictures (n, 28, 28) uint8."""
    batches = (as_input(images[i : i + at_once]) for i in range(0, len(images), at_once))
    return Tensor(predict(model, batches), device="cpu").softmax(1).numpy()


def write_metrics(path: Path, epochs: Iterable[Line]) -> None:
    """Write one JSON object a line, whole or not at all."""
    with replacing(path) as part:
        lines = [json.dumps(asdict(line)) + "\n" for line in epochs]
        part.write_text("".join(lines), encoding="utf-8")
