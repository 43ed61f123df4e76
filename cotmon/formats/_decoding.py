"""Bytes to JSON values, tolerant of what real logs hold, and saying what was changed."""

from __future__ import annotations

import codecs
import json
import re
from collections import Counter
from itertools import chain
from math import isinf
from typing import Any

import msgspec

from cotmon.errors import FormatError
from cotmon.records import Gap

MAX_DEPTH = 200
"""Deepest nesting that is read (levels): whoever walks a value later must not run out of stack."""
MAX_VALUES = 12_000_000
"""Most values of one document or line: `[],[],…` takes thirty times its size in memory."""
_LONG_NUMBER = 4300

_LONE = re.compile("[\ud800-\udfff]")
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_decode = msgspec.json.Decoder().decode


def encoding_of(head: bytes) -> str | None:
    """`utf-16` or `utf-32` where the bytes start with its mark, else None."""
    return next((encoding for bom, encoding in _BOMS if head.startswith(bom)), None)


def to_utf8(data: bytes, *, final: bool = True) -> bytes:
    """The same text as UTF-8 without a byte order mark.

    Args:
        data: bytes from the start of a file.
        final: whether they are all; a character cut at their end is else left out.

    Raises:
        FormatError: a mark promises UTF-16 or -32 and the bytes break it.
    """
    encoding = encoding_of(data)
    if encoding is None:
        return data.removeprefix(codecs.BOM_UTF8)
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(data, final)
        return text.encode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"starts with a {encoding} mark but byte {error.start} is not {encoding}; "
            "save it as UTF-8"
        ) from None


def decode(data: bytes, *, line: int | None = None) -> tuple[Any, tuple[Gap, ...]]:
    """One JSON value, and a note on anything in it that had to be replaced.

    Raises:
        FormatError: it is not JSON; the message says where and what.
    """
    check_size(data, line=line)
    try:
        value, notes = _decode(data), ()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        value, notes = _decode_slowly(data, line)
    if data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        check_depth(value, line=line)
    return value, notes


def check_size(data: bytes, *, line: int | None = None) -> None:
    """Refuses JSON of too many values before anything is built of it.

    Raises:
        FormatError: there are more than `MAX_VALUES`.
    """
    if len(data) > MAX_VALUES and sum(map(data.count, (b"[", b"{", b","))) > MAX_VALUES:
        raise FormatError(f"holds more than {MAX_VALUES:,} values; split it", line=line)


def check_depth(value: Any, *, line: int | None = None) -> None:
    """Refuses a value that is nested too deep.

    Raises:
        FormatError: there are more than `MAX_DEPTH` levels.
    """
    level: list[Any] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        values = chain.from_iterable(v.values() if isinstance(v, dict) else v for v in level)
        level = [v for v in values if isinstance(v, dict | list)]
        if not level:
            return
    raise _too_deep(line)


def _too_deep(line: int | None) -> FormatError:
    return FormatError(f"nested too deep to read (over {MAX_DEPTH} levels)", line=line)


class _Strange:
    """Numbers that JSON or a database cannot hold, and what is read instead."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def constant(self, name: str) -> None:
        self.found.append(f"{name} is not JSON; read as null")

    def float(self, digits: str) -> float | None:
        value = float(digits)
        if isinf(value):
            self.found.append(f"{digits[:20]} is beyond every float; read as null")
            return None
        return value

    def integer(self, digits: str) -> int | str:
        if len(digits) > _LONG_NUMBER:
            self.found.append(f"an integer of {len(digits):,} digits; read as text")
            return digits
        return int(digits)


def _decode_slowly(data: bytes, line: int | None) -> tuple[Any, tuple[Gap, ...]]:
    """The standard library takes NaN, Infinity, raw control characters and lone surrogates."""
    strange = _Strange()
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(
            f"byte {error.start} is not UTF-8; save the file as UTF-8", line=line
        ) from None
    try:
        value = json.loads(
            text, strict=False, parse_constant=strange.constant, parse_float=strange.float,
            parse_int=strange.integer,
        )  # fmt: skip
    except RecursionError:
        raise _too_deep(line) from None
    except json.JSONDecodeError as error:
        where = line if line is not None else error.lineno
        raise FormatError(f"not JSON: {error.msg}, column {error.colno}", line=where) from None
    except ValueError as error:
        raise FormatError(f"not JSON that can be read: {error}", line=line) from None
    check_depth(value, line=line)
    value, lone = _without_lone_surrogates(value)
    notes: list[Gap] = []
    for reason, count in sorted(Counter(strange.found).items()):
        notes.append(Gap(kind="replaced", reason=reason, line=line, count=count))
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
        items = [_without_lone_surrogates(v) for v in value.values()]
        count = sum(p[1] for p in items) + sum(len(_LONE.findall(k)) for k in value)
        return {_key(k): v[0] for k, v in zip(value, items, strict=True)}, count
    return value, 0


def _key(key: str) -> str:
    """Keys keep the half's number, so that two of them do not become one."""
    return key.encode("utf-8", "backslashreplace").decode("utf-8")


def canonical(value: Any) -> str:
    """Canonical JSON of a value: sorted keys, no spaces, real characters."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
