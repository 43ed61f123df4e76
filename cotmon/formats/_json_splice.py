"""Places in the text of a JSON document, so that one value can change and the rest stays.

Decoding and encoding again would lose what is no JSON and still stands in real logs (NaN, halves
of surrogate pairs, numbers beyond every float); what is not replaced here keeps its bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from cotmon.errors import FormatError

_SPACE = re.compile(r"[ \t\n\r]*")
_decode = json.JSONDecoder(strict=False, parse_int=str, parse_float=str).raw_decode
"""Only ends matter, so numbers stay text: an integer of many digits is refused as a number."""


class Place(NamedTuple):
    """A half-open slice of the text that holds one value."""

    start: int
    end: int


class Edit(NamedTuple):
    """A slice and the text that takes its place."""

    start: int
    end: int
    new: str


class Object(NamedTuple):
    """An object: where it stands, and where the values of its fields stand."""

    place: Place
    fields: dict[str, Place]

    def edit(self, name: str, new: str) -> Edit:
        """Sets a field; a new one comes last."""
        if name in self.fields:
            return Edit(*self.fields[name], new)
        comma = "," if self.fields else ""
        end = self.place.end - 1
        return Edit(end, end, f"{comma}{json.dumps(name)}:{new}")


def object_at(text: str, start: int = 0) -> Object:
    """The object that starts there; of fields with one name the last, as decoders have it.

    Raises:
        FormatError: there is no object there, or it is broken.
    """
    fields: dict[str, Place] = {}
    start = _skip(text, start)
    at = _opened(text, start, "{", "object")
    while text[at : at + 1] != "}":
        name, at = _value(text, at)
        at = _skip(text, at)
        if not isinstance(name, str) or text[at : at + 1] != ":":
            raise FormatError(f"is not JSON: no field at character {at}")
        at = _skip(text, at + 1)
        _, end = _value(text, at)
        fields[name] = Place(at, end)
        at = _next(text, end, "}")
    return Object(Place(start, at + 1), fields)


def items_at(text: str, start: int = 0) -> list[Place]:
    """The items of the list that starts there.

    Raises:
        FormatError: there is no list there, or it is broken.
    """
    found: list[Place] = []
    at = _opened(text, _skip(text, start), "[", "list")
    while text[at : at + 1] != "]":
        _, end = _value(text, at)
        found.append(Place(at, end))
        at = _next(text, end, "]")
    return found


def edited(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; they must not overlap."""
    parts: list[str] = []
    at = 0
    for edit in sorted(edits):
        parts += [text[at : edit.start], edit.new]
        at = edit.end
    return "".join([*parts, text[at:]])


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match is not None else at


def _opened(text: str, at: int, mark: str, what: str) -> int:
    if text[at : at + 1] != mark:
        raise FormatError(f"holds no {what} where Inspect writes one")
    return _skip(text, at + 1)


def _value(text: str, at: int) -> tuple[Any, int]:
    try:
        return _decode(text, at)
    except RecursionError:
        raise FormatError("is nested too deep to read") from None
    except ValueError as error:
        raise FormatError(f"is not JSON: {error}") from None


def _next(text: str, at: int, closing: str) -> int:
    """Past a comma to the next item, or at the closing mark."""
    at = _skip(text, at)
    mark = text[at : at + 1]
    if mark == closing:
        return at
    after = _skip(text, at + 1)
    if mark != "," or text[after : after + 1] == closing:
        raise FormatError(f"is not JSON: no comma at character {at}")
    return after
