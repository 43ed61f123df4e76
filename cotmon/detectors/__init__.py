"""Detectors: what the rules of a `rules` monitor look for. One file a detector.

A module here defines `DETECTOR`, a frozen `msgspec.Struct` class whose fields are the
parameters a rule may set and which has `find(view)`. It is found by its file's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from cotmon.plugins import Folder
from cotmon.records import View

DETECTORS = Folder("cotmon.detectors", "DETECTOR", "detector")


class Finding(msgspec.Struct, frozen=True):
    """One place in the view's text that a detector objects to.

    Attributes:
        start, end: code points of `view.text`.
        value: how strongly, in [0, 1].
        reason: one sentence that names what was found; quotes are escaped by whoever shows it.
        note: what the place is or decodes to, where that helps.
    """

    start: int
    end: int
    value: float
    reason: str
    note: str | None = None


class Detector(Protocol):
    """What `DETECTOR` must be once built with a rule's parameters."""

    def find(self, view: View) -> Sequence[Finding]:
        """All findings in the view, in any order; linear in its text."""
        ...
