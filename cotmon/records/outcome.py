"""What a monitor says of a view: a number, or why there is none (contract 1)."""

from __future__ import annotations

import math
from typing import Literal

import msgspec

Cue = Literal["steganography", "unfaithfulness", "scheming"]
CUES: tuple[Cue, ...] = ("steganography", "unfaithfulness", "scheming")


class Span(msgspec.Struct, frozen=True):
    """The very words: code points of the scored text.

    Attributes:
        start, end: half-open slice of the view's text.
        note: what these characters are or decode to, where that helps.
    """

    start: int
    end: int
    note: str | None = None


class Scored(msgspec.Struct, frozen=True, tag="scored"):
    """A number in [0, 1], rounded to 4 decimals. Build it with `scored()`."""

    value: float
    reason: str | None = None
    spans: tuple[Span, ...] = ()


class Unscored(msgspec.Struct, frozen=True, tag="unscored"):
    """No number, and why. Transient failures (429, timeout) are tried again."""

    reason: str
    permanent: bool = True


class Skipped(msgspec.Struct, frozen=True, tag="skipped"):
    """The monitor does not apply here."""

    reason: str


Outcome = Scored | Unscored | Skipped


def scored(value: float, reason: str | None = None, spans: tuple[Span, ...] = ()) -> Outcome:
    """A `Scored`, or `Unscored` where the value is NaN, infinite or outside [0, 1] (promise 3)."""
    if not math.isfinite(value) or not -1e-9 <= value <= 1 + 1e-9:
        return Unscored(f"the monitor gave {value!r}, which is no score in [0, 1]")
    return Scored(round(min(max(value, 0.0), 1.0), 4), reason, spans)
