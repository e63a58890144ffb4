"""Watching a training: live in a terminal, and one line an epoch where nobody looks on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import nullcontext

from rich.text import Text

from hello_dl.show.dashboard import Dashboard, Panel, Words, measure
from hello_dl.show.output import Output
from hello_dl.train.records import Epoch, Training


def epoch_line(epoch: Epoch) -> str:
    """Say in one line how an epoch was: what was measured in training, and in validation (val)."""
    parts = [f"epoch {epoch.epoch:>{len(str(epoch.epochs))}} of {epoch.epochs}"]
    trained, tested = {"loss": epoch.loss, **epoch.metrics}, epoch.validation
    for name in dict.fromkeys([*trained, *tested]):
        numbers = [measure(name, trained[name])] if name in trained else []
        numbers += [f"val {measure(name, tested[name])}"] if name in tested else []
        parts.append(" ".join([name, *numbers]))
    if tested:
        parts.append("best" if epoch.best else "")
    else:
        parts.append(f"{epoch.samples_per_second:,.0f} samples/s")
    return "   ".join(parts).rstrip()


def live(
    training: Training,
    title: str = "training",
    *,
    output: Output | None = None,
    panel: Panel | None = None,
    words: Words | None = None,
    line: Callable[[Epoch], str] = epoch_line,
) -> Training:
    """Pass on what `fit` yields, and show it.

        for progress in live(fit(model, loader, optimizer=optimizer, epochs=5), "my net"):
            pass

    In a terminal that is a dashboard which is gone at the end, when the lines of all epochs take
    its place; a file or a pipe gets them one by one. `output` is stdout unless given.
    """
    output = output or Output(sys.stdout)
    display = Dashboard(output, title, panel, words) if output.console else None
    lines = []
    try:
        with display or nullcontext():
            for record in training:
                if isinstance(record, Epoch):
                    lines.append(line(record))
                    if display:
                        display.epoch(record)
                    else:
                        output.say(lines[-1])
                elif display:
                    display.step(record)
                yield record
    finally:
        if display:
            output.show(map(Text, lines))
        training.close()  # now, and not when somebody else lets go of it: it is saved then
