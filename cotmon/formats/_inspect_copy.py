"""A copy of an Inspect log to which scores were added; everything else stays as it was."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from cotmon.errors import FormatError
from cotmon.formats._inspect_archive import Archive
from cotmon.formats._inspect_scores import (
    SampleScores,
    with_all,
    with_rows,
    with_scores,
    with_totals,
)
from cotmon.formats._zip_copy import ZipCopy

_SUMMARIES = "summaries.json"
_JOURNAL = re.compile(r"_journal/summaries/\d+\.json\Z")

Totals = Sequence[Mapping[str, Any]]


def copy_with_scores(
    source: Path, target: Path, sha256: str, samples: Sequence[SampleScores], totals: Totals
) -> None:
    """Writes a copy of an Inspect log, `.eval` or JSON, with scores added; whole or not at all.

    Args:
        source: the log; it is only read.
        target: the copy; a file that is there is replaced.
        sha256: hex, of the bytes that were scored.
        samples: of this log.
        totals: entries for `results.scores`.

    Raises:
        FormatError: the log has changed, or cannot take scores; the reason says why.
        OSError: it cannot be read, or the copy not written.
    """
    beside = target.with_name(f".cotmon-{os.getpid()}")
    with source.open("rb") as log:
        if hashlib.file_digest(log, "sha256").hexdigest() != sha256:
            raise FormatError("has changed since the run read it; replay it again")
        try:
            with beside.open("wb") as copy:
                _copy(log, copy, samples, totals)
            beside.replace(target)
        finally:
            beside.unlink(missing_ok=True)


def _copy(log: BinaryIO, copy: BinaryIO, samples: Sequence[SampleScores], totals: Totals) -> None:
    log.seek(0)
    packed = log.read(2) == b"PK"
    log.seek(0)
    if packed:
        with Archive(log) as archive:
            _copy_archive(archive, ZipCopy(log, copy), samples, totals)
    else:
        text = _text(log.read())
        copy.write(with_all(text, samples, totals).encode())


def _copy_archive(
    archive: Archive, copy: ZipCopy, samples: Sequence[SampleScores], totals: Totals
) -> None:
    changes = _changes(archive, samples, totals)
    for info in copy.entries:
        change = changes.pop(info.filename, None) if copy.in_force(info) else None
        if change is None:
            copy.keep(info)
            continue
        try:
            data = change(_text(archive.read(info.filename))).encode()
        except FormatError as error:
            raise FormatError(f"{info.filename!r}: {error.reason}") from None
        copy.put(info, data)
    copy.close()


def _changes(
    archive: Archive, samples: Sequence[SampleScores], totals: Totals
) -> dict[str, Callable[[str], str]]:
    """What becomes of the text of a member, by its name."""
    change: dict[str, Callable[[str], str]] = {
        str(sample.source.keys.get("member")): partial(with_scores, scores=sample.scores)
        for sample in samples
    }
    rows = partial(with_rows, rows={sample.row: sample.scores for sample in samples})
    names = archive.members
    journal = [] if _SUMMARIES in names else [n for n in names if _JOURNAL.match(n)]
    change |= dict.fromkeys([_SUMMARIES, *journal], rows)
    change["header.json"] = partial(with_totals, totals=totals)
    for name in change.keys() - {_SUMMARIES, "header.json"} - names.keys():
        raise FormatError(f"has no member {name!r}")
    return change


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("is not UTF-8, which Inspect writes") from None
