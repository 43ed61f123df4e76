"""Rates as people write them: `1%` or `0.01`, never a bare number over 1."""

from __future__ import annotations

from cotmon.errors import UsageError


def parse_rate(text: str, option: str) -> float:
    """A share in (0, 1).

    Raises:
        UsageError: it is no rate.
    """
    number, percent = text.strip().removesuffix("%"), text.strip().endswith("%")
    try:
        value = float(number) / (100 if percent else 1)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise UsageError(f"{option} takes a rate such as 1% or 0.01, not {text!r}")
    return value
