"""Ctrl-C between two steps, and not in the middle of one."""

from __future__ import annotations

import signal
from typing import Any


class CtrlC:
    """Within a `with` block, Ctrl-C is only noted: look at `pressed` when it suits you.

    Whoever presses it again does not want to wait, and interrupts as usual. Does nothing in a
    thread, or where somebody has decided already what Ctrl-C does.
    """

    def __init__(self) -> None:
        self.pressed = False

    def __enter__(self) -> CtrlC:
        self._before = signal.getsignal(signal.SIGINT)
        self._ours = False
        if self._before is signal.default_int_handler:
            try:
                signal.signal(signal.SIGINT, self._note)
                self._ours = True
            except ValueError:  # in a thread
                pass
        return self

    def _note(self, *_: Any) -> None:
        self.pressed = True
        signal.signal(signal.SIGINT, self._before)

    def __exit__(self, *_: object) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, self._before)
