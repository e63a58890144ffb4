"""The net that a reader needs: found in the cache, else trained once on this machine, in minutes.

Its file is named after all that decides it: what it learned from, and our source. A change of
either makes a new one.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import inspect
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from hello_dl.backend.random import manual_seed
from hello_dl.data import digit_shapes, letter_shapes, strokes
from hello_dl.data.dataset import TensorDataset
from hello_dl.data.loader import DataLoader
from hello_dl.data.mnist import Halves
from hello_dl.data.sources import cache_dir
from hello_dl.models import MODELS, make_model
from hello_dl.nn import Module
from hello_dl.optim import AdamW
from hello_dl.optim.lr_scheduler import OneCycleLR
from hello_dl.read import examples, glyphs
from hello_dl.read.calibrate import find_temperature
from hello_dl.read.examples import ALPHABETS, augmentation, make_examples
from hello_dl.read.reader import Reader
from hello_dl.train import checkpoint
from hello_dl.train.fit import fit
from hello_dl.train.records import Epoch, Step

EPOCHS = {"digits": 9, "letters": 16}
BATCH_SIZE, RATE, DECAY = 128, 3e-3, 0.01

OnRecord = Callable[[Step | Epoch], None]


def train_reader(
    what: str,
    model: Module,
    mnist: Halves | None = None,
    *,
    epochs: int | None = None,
    share: float = 1.0,
    seed: int = 0,
    on_record: OnRecord | None = None,
) -> Reader:
    """Train a net to read "digits" or "letters", and calibrate it.

    The net needs a class for each character and one more. `share` makes do with fewer examples;
    `on_record` is called with what `fit` yields.
    """
    manual_seed(seed)
    known = make_examples(what, mnist, seed, share)
    data = TensorDataset(known.images, known.labels, transform=augmentation())
    loader = DataLoader(data, BATCH_SIZE, shuffle=True, num_workers=1)
    optimizer = AdamW(model.parameters(), RATE, weight_decay=DECAY)
    epochs = epochs or EPOCHS[what]
    schedule = OneCycleLR(optimizer, RATE, total_steps=epochs * len(loader))
    # One thread for the products, which are small; the other core is there to bend the pictures.
    threads = None if "OPENBLAS_NUM_THREADS" in os.environ else 1
    with threadpool_limits(threads, "blas"):
        for record in fit(model, loader, optimizer=optimizer, epochs=epochs, schedule=schedule):
            if on_record:
                on_record(record)
    reader = Reader(model, ALPHABETS[what])
    fields = np.multiply(known.held_images, 1 / 255, dtype=np.float32)
    temperature = find_temperature(reader.logits(fields), known.held_labels)
    return replace(reader, temperature=temperature)


# ---------------------------------------------------------------------------------- the cache


def reader_file(what: str, model: str, data: str) -> Path:
    """Where the reader lies that learned from `data`, "mnist" or "strokes"."""
    modules = (sys.modules[__name__], examples, glyphs, strokes, digit_shapes, letter_shapes)
    net = sys.modules[MODELS[model].__module__]
    code = (ast.parse(inspect.getsource(module)) for module in (*modules, net))  # no comments
    key = hashlib.sha256("".join(map(ast.dump, code)).encode()).hexdigest()[:12]
    return cache_dir() / "readers" / f"{what}-{model}-{data}-{key}.safetensors"


def load_reader(what: str, model: str, data: str) -> Reader | None:
    """The reader in the cache; None if it is missing or damaged."""
    net = make_model(model, len(ALPHABETS[what]) + 1)
    with contextlib.suppress(ValueError, KeyError):
        about = checkpoint.load(reader_file(what, model, data), net)
        return Reader(net, ALPHABETS[what], float(about["temperature"]))
    return None


def save_reader(reader: Reader, what: str, model: str, data: str) -> None:
    """Keep a reader in the cache, whole or not at all; OSError where nothing can be written."""
    about = {"reads": what, "model": model, "data": data, "temperature": str(reader.temperature)}
    checkpoint.save(reader_file(what, model, data), reader.model, about)
