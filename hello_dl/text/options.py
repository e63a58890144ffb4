"""What can be chosen for `hello-dl train-text`, and how a run that goes on takes it over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hello_dl.backend import check_device
from hello_dl.text.recipes import CONFIGS, Recipe, check_name

FOLDER = "out/text"
TOKENIZERS = ("characters", "bytes", "bpe")
KEPT = ("config", "model", "data", "tokenizer", "steps", "seed", "quick")  # belongs to a run


@dataclass(frozen=True)
class TextOptions:
    """What can be chosen; ValueError where a choice makes no sense."""

    config: str = "shakespeare-cpu"
    model: str = "gpt"
    data: str | Path | None = None  # a text file, a folder that holds the texts; None: look for it
    tokenizer: str = "characters"
    steps: int | None = None  # None: as the recipe has it
    device: str = "cpu"
    out: str | Path | None = None
    seed: int = 0
    quick: bool = False
    plain: bool = False
    resume: bool = False
    download: bool = True

    def __post_init__(self) -> None:
        if self.config not in CONFIGS:
            known = ", ".join(CONFIGS)
            raise ValueError(f"there is no config '{self.config}'; --config takes {known}")
        check_name(self.model)
        if self.tokenizer not in TOKENIZERS:
            known = ", ".join(TOKENIZERS)
            raise ValueError(f"there is no tokenizer '{self.tokenizer}'; --tokenizer takes {known}")
        if self.steps is not None and self.steps < 1:
            raise ValueError(f"--steps must be 1 or more, not {self.steps}")
        if self.seed < 0:
            raise ValueError(f"--seed must be 0 or more, not {self.seed}")
        if self.out is not None and not str(self.out).strip():
            raise ValueError(f"--out is empty: name a folder, such as {FOLDER}/gpt")
        object.__setattr__(self, "device", check_device(self.device))  # warns once, here

    @property
    def folder(self) -> Path:
        """Where the files go, and where `hello-dl write` looks for them."""
        return Path(FOLDER) / self.model if self.out is None else Path(self.out)

    @cached_property
    def recipe(self) -> Recipe:
        """How it is trained."""
        known = CONFIGS[self.config]
        known = known.quick if self.quick else known
        steps = self.steps or known.steps
        warmup, every = min(known.warmup, -(-steps // 10)), min(known.every, steps)
        return replace(known, steps=steps, warmup=warmup, every=every)

    # As a part of a checkpoint.

    def state_dict(self) -> dict[str, Any]:
        """Return what belongs to the run."""
        chosen = asdict(self)
        return {name: chosen[name] for name in KEPT} | {"data": self.data and str(self.data)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to do: a run that goes on has been started `as_in` its checkpoint."""

    def as_in(self, run: Mapping[str, Any]) -> TextOptions:
        """Take over what belongs to a run; ValueError for a flag that asks for something else."""
        default = {field.name: field.default for field in fields(self)}
        for name in KEPT:
            here, there = getattr(self, name), run[name]
            if here != default[name] and str(here) != str(there):
                raise ValueError(
                    f"--{name} is {there} in the run to go on with, not {here}: leave --{name} "
                    "out, or --resume"
                )
        return replace(self, **run)
