"""cotmon's own JSON lines: one transcript a line, lossless both ways."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cotmon.formats._file import LogFile
from cotmon.records import Refusal, Transcript

MARK = "cotmon_transcript"
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
                yield Refusal(file=file.name, reason=line.error.reason, line=line.number)
            else:
                yield self._one(file, line.value, line.number)

    def _one(self, file: LogFile, value: object, line: int | None) -> Transcript | Refusal:
        try:
            return msgspec.convert(value, Transcript)
        except msgspec.ValidationError as error:
            return Refusal(file=file.name, reason=f"not a transcript: {error}", line=line)


def write(transcript: Transcript) -> bytes:
    """One line, with newline; `read` gives back an equal transcript."""
    record = {MARK: 1, **msgspec.to_builtins(transcript)}
    return _encode(record) + b"\n"


FORMAT = _Format()
