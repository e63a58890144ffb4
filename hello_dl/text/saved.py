"""A trained language model as one file: its weights, its sizes and its tokenizer."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

from hello_dl.models.text import TextModel
from hello_dl.text.recipes import Recipe
from hello_dl.text.tokenizer import Tokenizer
from hello_dl.train import checkpoint

MODEL = "model.safetensors"


class Writer(NamedTuple):
    """A model that can write, and what belongs to it."""

    name: str  # such as "gpt"
    model: TextModel
    tokenizer: Tokenizer
    about: dict[str, str]  # the text it has read, its loss

    def beginning(self) -> list[int]:
        """Return what it goes on from without a prompt: a line break, where it knows one."""
        try:
            return self.tokenizer.encode("\n")
        except ValueError:
            return [0]


def save_writer(path: Path, writer: Writer, recipe: Recipe) -> None:
    """Write all of it, whole or not at all; OSError where that fails."""
    about = {
        "model": writer.name,
        "recipe": json.dumps(asdict(recipe)),
        "tokenizer": json.dumps(writer.tokenizer.state()),
    }
    checkpoint.save(path, writer.model, writer.about | about)


def load_writer(path: Path) -> Writer:
    """Read it; ValueError of one line where there is none, or the file is damaged."""
    _, about = checkpoint.read(path)
    try:
        recipe = Recipe(**json.loads(about["recipe"]))
        tokenizer = Tokenizer.from_state(json.loads(about["tokenizer"]))
        model = recipe.make_model(about["model"], tokenizer.vocab_size)
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"'{path}' holds no model that writes") from None
    checkpoint.load(path, model)
    return Writer(about["model"], model, tokenizer, about)
