"""A copy of a zip in which some members are new; all others keep their packed bytes.

Python's `zipfile` cannot copy a member without unpacking it, and refuses Zstandard before 3.14.
Layout: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import copy
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from cotmon.errors import FormatError

_ZSTANDARD = 93
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s4B4H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END_64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_EXTRA_64 = struct.Struct("<2HQ")
MAX_32, MAX_16 = 0xFFFFFFFF, 0xFFFF
"""What marks a number that stands elsewhere, in eight bytes."""
_UTF8, _DESCRIPTOR, _ENCRYPTED = 0x800, 0x8, 0x1
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of new members: the same input gives the same bytes."""
_CHUNK = 1 << 20


class ZipCopy:
    """Writes members one after another, then their directory.

    Attributes:
        entries: of the source, in order; one name can occur several times.

    Raises:
        FormatError: members overlap, one is encrypted or over 4 GB.
    """

    def __init__(self, source: BinaryIO, target: BinaryIO) -> None:
        self._source, self._target = source, target
        directory = zipfile.ZipFile(source)
        self.entries, self._comment = directory.infolist(), directory.comment
        self._written: list[zipfile.ZipInfo] = []
        self._last = {info.filename: info for info in self.entries}
        # Members that share their bytes would make the copy as large as all of them together.
        size = source.seek(0, os.SEEK_END)
        if sum(info.compress_size for info in self.entries) > size:
            raise FormatError("a zip whose members overlap, which Inspect does not write")

    def in_force(self, info: zipfile.ZipInfo) -> bool:
        """Whether no later member of the same name replaces it."""
        return self._last[info.filename] is info

    def keep(self, info: zipfile.ZipInfo) -> None:
        """Copies a member as it is packed."""
        self._open(copy.copy(info))
        for part in self._packed(info):
            self._target.write(part)

    def put(self, info: zipfile.ZipInfo, data: bytes) -> None:
        """Writes other bytes under the name and with the packing of a member."""
        new = copy.copy(info)
        new.date_time, new.extra = _EPOCH, b""
        new.CRC, new.file_size = zlib.crc32(data), len(data)
        if info.compress_type == _ZSTANDARD:
            packed = zstandard.ZstdCompressor().compress(data)
        else:
            new.compress_type = zipfile.ZIP_DEFLATED
            packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
            packed = packer.compress(data) + packer.flush()
        new.compress_size = len(packed)
        self._open(new)
        self._target.write(packed)

    def close(self) -> None:
        """Writes the directory; nothing may follow."""
        start = self._target.tell()
        for info in self._written:
            self._target.write(_central(info))
        size, count = self._target.tell() - start, len(self._written)
        if count >= MAX_16 or max(start, size) >= MAX_32:
            end_64 = (44, 45, 45, 0, 0, count, count, size, start)
            self._target.write(_END_64.pack(b"PK\6\6", *end_64))
            self._target.write(_LOCATOR.pack(b"PK\6\7", 0, start + size, 1))
        count, size, start = min(count, MAX_16), min(size, MAX_32), min(start, MAX_32)
        end = (0, 0, count, count, size, start, len(self._comment))
        self._target.write(_END.pack(b"PK\5\6", *end) + self._comment)

    def _open(self, info: zipfile.ZipInfo) -> None:
        if info.flag_bits & _ENCRYPTED:
            raise FormatError(f"member {info.filename!r} is encrypted")
        if max(info.compress_size, info.file_size) >= MAX_32:
            raise FormatError(f"member {info.filename!r} is over 4 GB")
        # Sizes are known now, so none follow the bytes.
        info.flag_bits &= ~_DESCRIPTOR
        info.header_offset = self._target.tell()
        self._written.append(info)
        self._target.write(_local(info))

    def _packed(self, info: zipfile.ZipInfo) -> Iterator[bytes]:
        self._source.seek(info.header_offset)
        head = self._source.read(_LOCAL.size)
        if len(head) < _LOCAL.size or head[:4] != b"PK\3\4":
            raise FormatError(f"member {info.filename!r} is not where the directory says")
        *_, name, extra = _LOCAL.unpack(head)
        self._source.seek(name + extra, os.SEEK_CUR)
        left = info.compress_size
        while left:
            part = self._source.read(min(left, _CHUNK))
            if not part:
                raise FormatError(f"member {info.filename!r} is cut short")
            left -= len(part)
            yield part


def _name(info: zipfile.ZipInfo) -> bytes:
    return info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437")


def _stamp(info: zipfile.ZipInfo) -> tuple[int, int]:
    year, month, day, hour, minute, second = info.date_time
    return hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day


def _local(info: zipfile.ZipInfo) -> bytes:
    name = _name(info)
    return _LOCAL.pack(
        b"PK\3\4", info.extract_version, info.flag_bits, info.compress_type, *_stamp(info),
        info.CRC, info.compress_size, info.file_size, len(name), 0,
    ) + name  # fmt: skip


def _central(info: zipfile.ZipInfo) -> bytes:
    name, extra = _name(info), _without_64(info.extra)
    version = info.extract_version
    if info.header_offset >= MAX_32:
        extra += _EXTRA_64.pack(1, 8, info.header_offset)
        version = max(version, 45)
    return _CENTRAL.pack(
        b"PK\1\2", info.create_version, info.create_system, version, 0, info.flag_bits,
        info.compress_type, *_stamp(info), info.CRC, info.compress_size, info.file_size,
        len(name), len(extra), len(info.comment), 0, info.internal_attr, info.external_attr,
        min(info.header_offset, MAX_32),
    ) + name + extra + info.comment  # fmt: skip


def _without_64(extra: bytes) -> bytes:
    """The extra fields but those of eight-byte numbers, which change with the places."""
    kept, at = b"", 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if kind != 1:
            kept += extra[at : at + 4 + size]
        at += 4 + size
    return kept
