"""Names and times of what is stored."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime


def now() -> str:
    """ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_id() -> str:
    """Short, sortable by time."""
    at = datetime.now(UTC)
    return f"{at:%Y%m%d-%H%M%S}-{at.microsecond // 1000:03d}{secrets.token_hex(1)}"
