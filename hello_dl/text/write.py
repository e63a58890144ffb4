"""The command `hello-dl write`: a trained model writes, and the text appears as it is made."""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from hello_dl.backend import check_device, device
from hello_dl.backend.threads import undivided_products
from hello_dl.show.terminal import is_live, make_safe, shown
from hello_dl.text.generate import check_settings, generate
from hello_dl.text.options import FOLDER
from hello_dl.text.recipes import check_name
from hello_dl.text.saved import MODEL, Writer, load_writer


@dataclass(frozen=True)
class WriteOptions:
    """What can be chosen; ValueError where a choice makes no sense."""

    model: str = "gpt"
    prompt: str = ""
    tokens: int = 500
    temperature: float = 0.8
    top_k: int | None = None
    top_p: float | None = None
    seed: int | None = None  # None: another text every time
    out: str | Path | None = None  # the folder in which the model lies
    device: str = "cpu"

    def __post_init__(self) -> None:
        check_name(self.model)
        if any(map(is_half, self.prompt)):
            raise ValueError(f"--prompt is not UTF-8 text: {self.prompt!r}")
        check_settings(self.temperature, self.top_k, self.top_p, flags=True)
        if self.tokens < 1:
            raise ValueError(f"--tokens must be 1 or more, not {self.tokens}")
        if self.seed is not None and self.seed < 0:
            raise ValueError(f"--seed must be 0 or more, not {self.seed}")
        if self.out is not None and not str(self.out).strip():
            raise ValueError(f"--out is empty: name a folder, such as {FOLDER}/{self.model}")
        object.__setattr__(self, "device", check_device(self.device))

    @property
    def path(self) -> Path:
        """The file with the model."""
        return (Path(FOLDER) / self.model if self.out is None else Path(self.out)) / MODEL


def run(options: WriteOptions, stdout: TextIO | None = None) -> None:
    """Write the prompt and what follows it, token by token; the text ends with a line break.

    A model of bytes may write any sign: those that would steer a terminal are "?" on one.
    """
    stream = stdout or sys.stdout
    make_safe(stream)
    writer = find_writer(options)
    prompt = writer.tokenizer.encode(options.prompt) if options.prompt else writer.beginning()
    live = is_live(stream)
    if options.prompt:
        stream.write(options.prompt)
    with device(options.device), undivided_products():
        writer.model.to(options.device)
        tokens = generate(
            writer.model,
            prompt,
            options.tokens,
            temperature=options.temperature,
            top_k=options.top_k,
            top_p=options.top_p,
            seed=options.seed,
        )
        for piece in writer.tokenizer.stream(tokens):
            stream.write("".join(map(shown, piece)) if live else piece)
            stream.flush()
    stream.write("\n")


def is_half(sign: str) -> bool:
    """Tell whether it is half a character: so Python keeps bytes that are no UTF-8."""
    return unicodedata.category(sign) == "Cs"


def find_writer(options: WriteOptions) -> Writer:
    """Load the model; ValueError says how to get one where there is none."""
    where = "" if options.out is None else f" --out {options.out}"
    train = f"hello-dl train-text --model {options.model}{where}"
    if not options.path.exists():
        raise ValueError(f"no {options.model} has learned to write here yet: run {train} first")
    writer = load_writer(options.path)
    if writer.name != options.model:
        raise ValueError(
            f"'{options.path}' holds a {writer.name}, not a {options.model}: use --model "
            f"{writer.name}"
        )
    return writer
