"""Formats that are recognised and refused by name, until someone writes their reader."""

from __future__ import annotations

from dataclasses import dataclass

from cotmon.formats._file import LogFile


@dataclass(frozen=True, slots=True)
class Unread:
    """A recognised format without a reader.

    Attributes:
        title: with article: "an ATIF trajectory".
        strength: how sure, on the scale of `Format.sniff`.
    """

    title: str
    strength: int


def name_of_unread(file: LogFile) -> Unread | None:
    """The unread format this file is of, or None."""
    return None
