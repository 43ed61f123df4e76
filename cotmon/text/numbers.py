"""Numbers as people write them, exactly."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

NUMBER = (
    r"(?:(?:\d{1,3}(?:(?:,|\{,\})\d{3})+(?!\d|,\d)|\d+)(?:\.\d+)?|(?<![\w.])\.\d+)"
    r"(?:[eE][+-]?\d{1,3}(?![\w.]))?"
)
"""Pattern of a number: digits, thousands separators, decimals, an exponent."""
LONGEST = 60
"""Longest number that is read (characters)."""
_SEPARATORS = re.compile(r"[,{}]")


@dataclass(frozen=True, slots=True)
class Written:
    """A number and how exactly it was written.

    Attributes:
        value: as written.
        decimals: digits after the point.
        slack: how far the number meant may lie from `value`; 0 for whole numbers and for
            decimals that look exact (few digits, or ending in 0 or 5).
    """

    value: Fraction
    decimals: int
    slack: Fraction


def read_number(text: str) -> Written | None:
    """The number a text matching `NUMBER` stands for; None where it is too long."""
    if len(text) > LONGEST:
        return None
    plain = _SEPARATORS.sub("", text)
    mantissa, _, exponent = plain.lower().partition("e")
    places = len(mantissa.partition(".")[2])
    scale = Fraction(10) ** int(exponent or 0)
    rounded = places >= 2 and mantissa[-1] not in "05"
    slack = scale / (2 * 10**places) if rounded else Fraction(0)
    decimals = max(0, places - int(exponent or 0))
    return Written(Fraction(mantissa) * scale, decimals, slack)
