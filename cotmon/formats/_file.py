"""One log file, opened once: its kind, a sample to sniff, its document or its lines."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from stat import S_ISREG
from tempfile import NamedTemporaryFile
from typing import IO, Any, BinaryIO, Literal

from cotmon.errors import FormatError
from cotmon.formats._decoding import decode, encoding_of, to_utf8
from cotmon.records import Gap

MAX_DOCUMENT = 256 << 20
"""Largest JSON document, or line of JSON lines, that is decoded in memory (bytes)."""
_HEAD = 1 << 16
_SAMPLE_LINES = 20
_SAMPLE_BYTES = 32 << 20
_BLANK = b" \t\r\n\v\f\0\xff\xfe\xef\xbb\xbf"

Kind = Literal["zip", "json", "jsonl", "text", "empty", "binary"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of JSON lines: its number, its value, what was replaced, or what is wrong."""

    number: int
    value: Any
    notes: tuple[Gap, ...] = ()
    error: FormatError | None = None
    last: bool = False
    """Whether the file ends with this line without a newline: it may still be being written."""
    size: int = 0


class LogFile:
    """A file as formats see it.

    Attributes:
        name: path as given (`-` for standard input).
        path: where the bytes are, None for standard input.
        options: what the user asked of readers (`map` of the generic reader).
    """

    def __init__(self, path: Path | None, options: dict[str, str] | None = None) -> None:
        self.path = path
        self.name = "-" if path is None else str(path)
        self.options = options or {}
        self._stdin: IO[bytes] | None = None

    @property
    def stem(self) -> str:
        """File name without folders and endings, for ids where the source has none."""
        if self.path is None:
            return "stdin"
        return self.path.name.split(".")[0] or self.path.name

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._place.stat().st_size

    def open(self) -> BinaryIO:
        """The raw bytes from the start, seekable.

        Raises:
            FormatError: what lies there is no file; a pipe would be waited for without end.
        """
        file = open(self._place, "rb", opener=_open_at_once)  # noqa: SIM115
        if not S_ISREG(os.fstat(file.fileno()).st_mode):
            file.close()
            raise FormatError("is not a file; pipe it in and read `-`")
        return file

    @property
    def _place(self) -> Path:
        """Where the bytes lie; standard input is read once, into a file that goes with this."""
        if self.path is not None:
            return self.path
        if self._stdin is None:
            self._stdin = NamedTemporaryFile(prefix="cotmon-")  # noqa: SIM115
            shutil.copyfileobj(sys.stdin.buffer, self._stdin)
            self._stdin.flush()
        return Path(self._stdin.name)

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB."""
        with self.open() as file:
            return file.read(_HEAD)

    @cached_property
    def kind(self) -> Kind:
        """What the bytes are, by content."""
        head = self.head
        if not head.strip():
            return "empty" if self._is_blank() else "text"
        if head.startswith(b"PK\x03\x04") or head.startswith(b"PK\x05\x06"):
            return "zip"
        if b"\x00" in head and encoding_of(head) is None and not _starts_as_json(head):
            return "binary"
        text = to_utf8(head, final=self.size <= len(head))
        if not text.strip():
            return "empty" if self._is_blank() else "text"
        start = text.lstrip()[:1]
        if start not in (b"{", b"["):
            return "jsonl" if self._first_line_is_json(text) else "text"
        return "jsonl" if self._is_lines(text) else "json"

    def _is_blank(self) -> bool:
        with self.open() as file:
            return not any(chunk.strip(_BLANK) for chunk in iter(lambda: file.read(1 << 20), b""))

    def _first_line_is_json(self, text: bytes) -> bool:
        """Lines that are JSON but no objects (numbers, strings) occur in real event logs."""
        lines = [line for line in text.split(b"\n")[:_SAMPLE_LINES] if line.strip()]
        return len(lines) > 1 and any(_is_json_object(line) for line in lines)

    def _is_lines(self, text: bytes) -> bool:
        """Several lines, the first of them JSON by itself (or too long to see its end)."""
        first, newline, rest = text.lstrip().partition(b"\n")
        if not newline:
            with self.open() as file:
                line = file.readline(MAX_DOCUMENT)
                more = len(line) > len(text) and line.endswith(b"\n") and bool(file.read(1))
                return more and line.rstrip().endswith((b"}", b"]"))
        if _is_json_object(first) or (first.strip().startswith(b"[") and _is_json(first)):
            return bool(rest.strip())
        following = [line for line in rest.split(b"\n")[:_SAMPLE_LINES] if line.strip()]
        return sum(_is_json_object(line) for line in following[:-1]) >= 2

    @cached_property
    def _document(self) -> tuple[Any, tuple[Gap, ...]]:
        if self.size > MAX_DOCUMENT:
            raise FormatError(
                f"one JSON document of {self.size >> 20} MB; over {MAX_DOCUMENT >> 20} MB it must "
                "be JSON lines, one transcript a line"
            )
        with self.open() as file:
            return decode(to_utf8(file.read()))

    @property
    def document(self) -> Any:
        """The whole file as one JSON value, decoded once.

        Raises:
            FormatError: it is not JSON, too large or too deep.
        """
        return self._document[0]

    @property
    def notes(self) -> tuple[Gap, ...]:
        """What had to be replaced in the document to read it."""
        return self._document[1]

    def lines(self) -> Iterator[Line]:
        """JSON lines, blank ones left out; a broken line is an item with `error`."""
        with self.open() as file:
            if encoding_of(self.head) is None:
                yield from _lines_of(file)
            elif self.size > MAX_DOCUMENT:
                raise FormatError(f"over {MAX_DOCUMENT >> 20} MB must be UTF-8; save it as UTF-8")
            else:
                yield from _lines_of(io.BytesIO(to_utf8(file.read())))

    @cached_property
    def sample(self) -> list[Any]:
        """Up to 20 values to sniff: the document, or the first lines that are JSON."""
        if self.kind == "json":
            return [self.document]
        if self.kind != "jsonl":
            return []
        values: list[Any] = []
        size = 0
        for line in self.lines():
            size += line.size
            if line.error is None:
                values.append(line.value)
            enough = len(values) >= _SAMPLE_LINES or size > _SAMPLE_BYTES
            if enough or line.number > 10 * _SAMPLE_LINES:
                break
        return values

    @property
    def first(self) -> Any:
        """The first sample that is an object, or the first of all, or None."""
        objects = (value for value in self.sample if isinstance(value, dict))
        return next(objects, self.sample[0] if self.sample else None)


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _lines_of(file: BinaryIO) -> Iterator[Line]:
    number = 0
    while data := file.readline(MAX_DOCUMENT):
        number += 1
        if len(data) >= MAX_DOCUMENT and not data.endswith(b"\n"):
            reason = f"a line over {MAX_DOCUMENT >> 20} MB; it was passed over"
            _skip_line(file)
            yield Line(number, None, error=FormatError(reason, line=number))
            continue
        if number == 1:
            data = to_utf8(data)
        if not data.strip():
            continue
        last = not data.endswith(b"\n")
        try:
            value, notes = decode(data, line=number)
        except FormatError as error:
            yield Line(number, None, error=error, last=last, size=len(data))
        else:
            yield Line(number, value, notes, last=last, size=len(data))


def _skip_line(file: BinaryIO) -> None:
    while chunk := file.readline(1 << 20):
        if chunk.endswith(b"\n"):
            return


def _starts_as_json(head: bytes) -> bool:
    """Whether zero bytes come later: a machine that lost power leaves them in a log."""
    start = head.lstrip()[:64]
    return start.startswith((b"{", b"[")) and b"\x00" not in start


def _is_json(data: bytes) -> bool:
    try:
        decode(data)
    except FormatError:
        return False
    return True


def _is_json_object(data: bytes) -> bool:
    return data.strip().startswith(b"{") and _is_json(data)
