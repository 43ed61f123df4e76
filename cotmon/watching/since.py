"""How far back to look: `7d`, `12h`, `2w`, or a day such as `2026-03-01`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from cotmon.errors import UsageError

_AGO = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def since(text: str, at: datetime | None = None) -> str:
    """The ISO time that was meant, in UTC, comparable with stored times as text.

    Args:
        text: so many hours, days or weeks ago, or an ISO day or time (UTC where it names no zone).
        at: from when to count back; None is now.

    Raises:
        UsageError: it is neither.
    """
    try:
        return _meant(text.strip(), at or datetime.now(UTC)).isoformat(timespec="seconds")
    except (ValueError, OverflowError):  # no time at all, or one before the first year
        raise UsageError(
            f"--since takes 7d, 12h, 2w or a day as 2026-03-01, not {text!r}"
        ) from None


def _meant(text: str, at: datetime) -> datetime:
    if (match := _AGO.fullmatch(text)) is not None:
        return at - int(match[1]) * _UNITS[match[2]]
    then = datetime.fromisoformat(text)
    return then.replace(tzinfo=UTC) if then.tzinfo is None else then.astimezone(UTC)
