"""Consoles: results on stdout, progress and notes on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console

SHOW_AFTER = 2.0
"""Seconds without an end after which progress is shown."""


def stdout() -> Console:
    """The console for results; keeps to NO_COLOR, pipes and narrow terminals."""
    return Console(highlight=False, emoji=False)  # `:smile:` in a log is five letters


def stderr() -> Console:
    """The console for progress and notes."""
    return Console(stderr=True, highlight=False, emoji=False)


class Progress:
    """Counts steps on stderr once a command takes longer than two seconds."""

    def __init__(self, what: str) -> None:
        self._what, self._steps = what, 0
        self._started = self._shown = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Progress:
        return self

    def add(self, steps: int) -> None:
        """Takes note of more steps; now and then says so."""
        self._steps += steps
        now = time.monotonic()
        pause = 0.5 if self._terminal else 10.0
        if now - self._started > SHOW_AFTER and now - self._shown > pause:
            self._shown = now
            rate = self._steps / (now - self._started)
            line = f"{self._what}: {self._steps:,} steps, {rate:,.0f} a second"
            sys.stderr.write(f"\r\x1b[2K{line}" if self._terminal else f"{line}\n")
            sys.stderr.flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._terminal and self._shown > self._started:
            sys.stderr.write("\r\x1b[2K")
