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
    if (match := _AGO.fullmatch(text.strip())) is not None:
        then = (at or datetime.now(UTC)) - int(match[1]) * _UNITS[match[2]]
        return then.isoformat(timespec="seconds")
    try:
        then = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UsageError(
            f"--since takes 7d, 12h, 2w or a day as 2026-03-01, not {text!r}"
        ) from None
    there = then.replace(tzinfo=UTC) if then.tzinfo is None else then.astimezone(UTC)
    return there.isoformat(timespec="seconds")
