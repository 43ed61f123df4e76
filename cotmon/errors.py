"""Every error cotmon raises on purpose, as one tree.

    CotmonError
    ├── UsageError          the command or call was wrong
    ├── ContentError        a monitor, set or other content folder is wrong
    ├── FormatError         a log could not be read
    │   └── UnreadFormatError   its format is known by name, but not read yet
    ├── UnknownNameError    nothing of that name; carries near names
    ├── PluginError         a module found by discovery is broken
    ├── ModelError          weights or an endpoint are missing or unusable
    └── StoreError          the database refused

All of them end a command with exit code 2 (promise 10).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CotmonError(Exception):
    """Base of all errors that carry a message for a person."""


class UsageError(CotmonError):
    """The command or call cannot be carried out as it was written."""


class ContentError(CotmonError):
    """A content folder (monitor, set, data set) breaks its own rules."""


class FormatError(CotmonError):
    """A log, or one place in it, could not be read.

    Attributes:
        reason: what is wrong and what to do, one sentence.
        line: 1-based line in the file, where one is known.
    """

    def __init__(self, reason: str, *, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


class UnreadFormatError(FormatError):
    """The format is recognised by name, and no reader exists for it yet."""


class UnknownNameError(CotmonError):
    """Nothing is called that; the message names what is near."""

    def __init__(self, name: str, what: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
        super().__init__(f"no {what} is called {name!r}{hint}")


class PluginError(CotmonError):
    """A discovered module could not be imported or lacks what it must define."""


class ModelError(CotmonError):
    """A model is missing or cannot be used; the message says how to get it."""


class StoreError(CotmonError):
    """The database could not be opened, read or written."""
