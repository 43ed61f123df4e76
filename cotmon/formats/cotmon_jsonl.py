"""cotmon's own JSON lines: one transcript a line, lossless both ways."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from cotmon.formats._file import LogFile
from cotmon.formats._records import broken_line
from cotmon.records import LETTER, UNREADABLE, Message, Refusal, Transcript, access_of

MARK = "cotmon_transcript"
VERSION = 1
_MOST = 1 << 31
_NAME = re.compile(r"[\w.-]{0,100}", re.ASCII)
_encode = msgspec.json.Encoder().encode


class _Format:
    title = "a cotmon transcript file"

    def sniff(self, file: LogFile) -> int:
        return 3 if isinstance(file.first, dict) and MARK in file.first else 0

    def read(self, file: LogFile) -> Iterator[Transcript | Refusal]:
        if file.kind == "json":
            yield self._one(file, file.document, None)
            return
        for line in file.lines():
            if line.error is not None:
                yield broken_line(file, line)
            else:
                yield self._one(file, line.value, line.number)

    def _one(self, file: LogFile, value: object, line: int | None) -> Transcript | Refusal:
        try:
            transcript = msgspec.convert(value, Transcript)
        except msgspec.ValidationError as error:
            return _refusal(file, f"not a transcript: {error}", line)
        source, ids = transcript.source, Counter(m.id for m in transcript.messages)
        counts = (source.position, *(gap.count for gap in transcript.coverage))
        if not all(0 <= n < _MOST for n in counts) or not _NAME.fullmatch(source.format):
            return _refusal(file, "not a transcript: a count or name beyond all reason", line)
        if len(ids) < len(transcript.messages):
            twice = ids.most_common(1)[0][0]
            return _refusal(file, f"not a transcript: two messages have the id {twice!r}", line)
        if (problem := _unkept(value) or _broken(transcript)) is not None:
            return _refusal(file, f"not a transcript: {problem}", line)
        return msgspec.structs.replace(transcript, access=access_of(transcript.messages))


def _unkept(value: object) -> str | None:
    """What of the record has no place in a transcript: nothing is dropped without a word."""
    record: dict[str, Any] = value if isinstance(value, dict) else {}
    if record.get(MARK) != VERSION:
        return f"{MARK} is {record.get(MARK)!r}; this cotmon reads {VERSION}"
    unknown = record.keys() - {MARK, *Transcript.__struct_fields__}
    for message in record.get("messages", ()):
        unknown |= message.keys() - set(Message.__struct_fields__)
    return f"unknown field {min(unknown)!r}" if unknown else None


def _broken(transcript: Transcript) -> str | None:
    """Which message breaks the rules of ids, or holds as text what nobody can read."""
    for message in transcript.messages:
        turn, _, place = message.id.rpartition(".")
        if turn != message.turn or not re.fullmatch(LETTER[message.channel] + "[1-9][0-9]*", place):
            return f"message id {message.id!r} does not fit its turn and channel"
        if message.provenance in UNREADABLE and message.text:
            return f"message {message.id!r} is {message.provenance} and yet holds text"
    return None


def _refusal(file: LogFile, reason: str, line: int | None) -> Refusal:
    return Refusal(file=file.name, reason=reason[:300], line=line, format="cotmon_jsonl")


def write(transcript: Transcript) -> bytes:
    """One line, with newline; `read` gives back an equal transcript."""
    record = {MARK: VERSION, **msgspec.to_builtins(transcript)}
    return _encode(record) + b"\n"


FORMAT = _Format()
