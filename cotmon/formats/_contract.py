"""What a format module must define."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from cotmon.formats._file import LogFile
from cotmon.plugins import Folder
from cotmon.records import Refusal, Transcript

FORMATS = Folder("cotmon.formats", "FORMAT", "format")


class Format(Protocol):
    """What a format module's `FORMAT` must be."""

    title: str
    """What people call it, with article: "a Claude Code session"."""

    def sniff(self, file: LogFile) -> int:
        """0 not mine · 1 could be · 2 typical keys · 3 unmistakable."""
        ...

    def read(self, file: LogFile) -> Iterator[Transcript | Refusal]:
        """The transcripts, and a `Refusal` for each place that could not be read.

        Raises:
            FormatError: the rest of the file cannot be read.
        """
        ...
