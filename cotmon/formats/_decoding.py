"""Bytes to JSON values, tolerant of what real logs hold, and saying what was changed."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

import msgspec

from cotmon.errors import FormatError
from cotmon.records import Gap

_LONE = re.compile("[\ud800-\udfff]")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_decode = msgspec.json.Decoder().decode


def to_utf8(data: bytes) -> bytes:
    """The same text as UTF-8 without a byte order mark.

    Raises:
        FormatError: a mark promises UTF-16 or -32 and the bytes break it.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            try:
                return data.decode(encoding).encode("utf-8")
            except UnicodeDecodeError as error:
                raise FormatError(
                    f"starts with a {encoding} mark but byte {error.start} is not {encoding}; "
                    "save it as UTF-8"
                ) from None
    return data


def decode(data: bytes, *, line: int | None = None) -> tuple[Any, tuple[Gap, ...]]:
    """One JSON value, and a note on anything in it that had to be replaced.

    Raises:
        FormatError: it is not JSON; the message says where and what.
    """
    try:
        return _decode(data), ()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _decode_slowly(data, line)


def _decode_slowly(data: bytes, line: int | None) -> tuple[Any, tuple[Gap, ...]]:
    """The standard library takes NaN, Infinity, raw control characters and lone surrogates."""
    strange: list[str] = []

    def constant(name: str) -> None:
        strange.append(name)

    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"byte {error.start} is not UTF-8; save the file as UTF-8", line=line
        ) from None
    try:
        value = json.loads(text, strict=False, parse_constant=constant)
    except RecursionError:
        raise FormatError("nested too deep to read (over 900 levels)", line=line) from None
    except json.JSONDecodeError as error:
        where = line if line is not None else error.lineno
        raise FormatError(f"not JSON: {error.msg} at column {error.colno}", line=where) from None
    except ValueError as error:
        raise FormatError(f"not JSON that can be read: {error}", line=line) from None
    value, lone = _without_lone_surrogates(value)
    notes: list[Gap] = []
    if strange:
        reason = f"{', '.join(sorted(set(strange)))} is not JSON; read as null"
        notes.append(Gap(kind="replaced", reason=reason, line=line, count=len(strange)))
    if lone:
        reason = "half a surrogate pair is not Unicode; shown as U+FFFD"
        notes.append(Gap(kind="replaced", reason=reason, line=line, count=lone))
    return value, tuple(notes)


def _without_lone_surrogates(value: Any) -> tuple[Any, int]:
    if isinstance(value, str):
        return _LONE.subn("\ufffd", value)
    if isinstance(value, list):
        pairs = [_without_lone_surrogates(v) for v in value]
        return [p[0] for p in pairs], sum(p[1] for p in pairs)
    if isinstance(value, dict):
        keys = [_without_lone_surrogates(k) for k in value]
        items = [_without_lone_surrogates(v) for v in value.values()]
        count = sum(p[1] for p in keys) + sum(p[1] for p in items)
        return {k[0]: v[0] for k, v in zip(keys, items, strict=True)}, count
    return value, 0


def canonical(value: Any) -> str:
    """Canonical JSON of a value: sorted keys, no spaces, real characters."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
