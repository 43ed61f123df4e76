"""The arguments of a tool call as flat fields with their places in the text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import msgspec

CACHED = 20_000
"""Longest text whose reading is remembered (characters)."""
_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*")(?P<key>\s*:)?|(?P<plain>-?\d[\d.eE+-]*|true|false|null)'
)


@dataclass(frozen=True, slots=True)
class Field:
    """One value.

    Attributes:
        key: the nearest key before it, lower case; empty where the text is no JSON.
        value: decoded.
        start, end: its content in the text.
        exact: whether offsets in `value` are offsets in the text from `start` on.
    """

    key: str
    value: str
    start: int
    end: int
    exact: bool

    def span(self, low: int, high: int) -> tuple[int, int]:
        """Where a slice of the value stands in the text; the whole field where escapes hide it."""
        if not self.exact:
            return self.start, self.end
        return self.start + low, self.start + high


def fields(text: str) -> tuple[Field, ...]:
    """All values of a JSON argument text in order; a text that is no JSON object is one field."""
    return _remembered(text) if len(text) <= CACHED else _read(text)


def _read(text: str) -> tuple[Field, ...]:
    if not text.lstrip().startswith(("{", "[")):
        return (Field("", text, 0, len(text), True),)
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
        msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return (Field("", text, 0, len(text), True),)
    return tuple(_scan(text))


def _scan(text: str) -> list[Field]:
    found: list[Field] = []
    key = ""
    for match in _TOKEN.finditer(text):
        if match["plain"] is not None:
            found.append(Field(key, match["plain"], match.start(), match.end(), True))
            continue
        raw = match["string"]
        value = msgspec.json.decode(raw, type=str) if "\\" in raw else raw[1:-1]
        if match["key"] is not None:
            key = value.lower()
        else:
            start, end = match.span("string")
            found.append(Field(key, value, start + 1, end - 1, "\\" not in raw))
    return found


_remembered = lru_cache(maxsize=256)(_read)
