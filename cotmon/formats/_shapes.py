"""Values of a decoded log as the shape a reader expects, or empty: logs hold anything anywhere."""

from __future__ import annotations

from typing import Any


def object_of(value: Any) -> dict[str, Any]:
    """The object, or an empty one where the value is none."""
    return value if isinstance(value, dict) else {}


def objects_in(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; nothing where the value is no list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def string_of(value: Any) -> str | None:
    """The string, or None where the value is none or empty."""
    return value if isinstance(value, str) and value else None
