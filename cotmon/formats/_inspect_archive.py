"""An Inspect `.eval` as a zip from a stranger: members read through bounded streams.

Member names are only ever keys, never paths; sizes in headers are not believed.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections import Counter
from types import TracebackType
from typing import BinaryIO

import zstandard

from cotmon.errors import FormatError

MAX_MEMBER = 512 << 20
"""Most bytes that one member may unpack to."""
MAX_RATIO = 2000
"""Most bytes unpacked per packed byte, beyond the first `FREE` bytes."""
FREE = 32 << 20
_ZSTANDARD = 93
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_CHUNK = 1 << 20
_FAULTS = (
    zipfile.BadZipFile, zlib.error, zstandard.ZstdError, EOFError, NotImplementedError,
    RuntimeError, struct.error, UnicodeDecodeError, ValueError, OverflowError,
)  # fmt: skip
"""What zipfile, zlib and zstandard raise on damaged or hostile members."""


class Archive:
    """A zip file whose members are read with a bound.

    Attributes:
        members: by name; of several with one name the last, which replaced the others.
        repeated: names that occur more than once.

    Raises:
        FormatError: the directory at the end of the zip is missing or broken.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        try:
            self._zip = zipfile.ZipFile(file)
        except _FAULTS as error:
            file.close()
            raise FormatError(
                f"a zip that cannot be opened, cut short or damaged ({error}): its directory "
                "stands at the end of the file; copy the whole file again"
            ) from None
        self.members = {info.filename: info for info in self._zip.infolist()}
        counts = Counter(info.filename for info in self._zip.infolist())
        self.repeated = {name for name, count in counts.items() if count > 1}

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._zip.close()
        self._file.close()

    def read(self, name: str) -> bytes:
        """The bytes of a member.

        Raises:
            FormatError: no such member, encrypted, damaged, or it unpacks to too much.
        """
        info = self.members.get(name)
        if info is None:
            raise FormatError(f"member {name!r} is missing")
        if info.flag_bits & 0x1:
            raise FormatError(f"member {name!r} is encrypted; unpack it with its password first")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, _ZSTANDARD):
            raise FormatError(
                f"member {name!r} is packed by zip method {info.compress_type}, which Inspect does "
                "not write"
            )
        try:
            return self._unpack(info)
        except MemoryError:
            raise FormatError(f"member {name!r} does not fit in memory") from None
        except _FAULTS as error:
            raise FormatError(f"member {name!r} is damaged: {error}") from None

    def _unpack(self, info: zipfile.ZipInfo) -> bytes:
        if info.compress_type == _ZSTANDARD:
            return self._unpack_zstandard(info)
        with self._zip.open(info) as stream:
            return _bounded(stream, info)

    def _unpack_zstandard(self, info: zipfile.ZipInfo) -> bytes:
        """By hand: Python refuses this method before 3.14, and patches of it unpack unbounded."""
        self._file.seek(info.header_offset)
        mark, name_length, extra_length = _LOCAL_HEADER.unpack(
            self._file.read(_LOCAL_HEADER.size)
        )  # fmt: skip
        if mark != b"PK\x03\x04":
            raise zipfile.BadZipFile("no local header where the directory says")
        self._file.seek(name_length + extra_length, 1)
        packed = self._file.read(info.compress_size)
        if len(packed) < info.compress_size:
            raise EOFError("the file ends within it")
        with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as stream:
            data = _bounded(stream, info)
        if zlib.crc32(data) != info.CRC:
            raise zipfile.BadZipFile("its checksum is wrong")
        return data


def _bounded(stream: object, info: zipfile.ZipInfo) -> bytes:
    limit = min(MAX_MEMBER, max(FREE, MAX_RATIO * info.compress_size))
    parts: list[bytes] = []
    total = 0
    while part := stream.read(_CHUNK):  # pyright: ignore[reportAttributeAccessIssue]
        total += len(part)
        if total > limit:
            raise FormatError(
                f"member {info.filename!r} unpacks to more than {limit >> 20} MB from "
                f"{info.compress_size} bytes; refused as a zip bomb"
            )
        parts.append(part)
    return b"".join(parts)
