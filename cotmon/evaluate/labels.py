"""Labels in a CSV: `id,target[,level][,unit][,split][,group]`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from cotmon.errors import UsageError

Level = Literal["transcript", "message", "step"]
_TARGETS = {
    "1": True, "0": False, "1.0": True, "0.0": False, "true": True, "false": False,
    "attack": True, "honest": False, "yes": True, "no": False,
    "confirmed": True, "dismissed": False, "": None, "unsure": None,
}  # fmt: skip
_LEVELS: tuple[Level, ...] = ("transcript", "message", "step")


class Label(NamedTuple):
    """One row.

    Attributes:
        id: of a transcript, of a source message (all steps of that turn), or `TRANSCRIPT/M3.2`.
        target: True for attack, False for honest, None where nobody knows.
        level: what the id names.
        unit: rows that share it are one case, scored by the maximum.
        split: free text.
        group: scenario; what is resampled.
    """

    id: str
    target: bool | None
    level: Level
    unit: str
    split: str
    group: str


def read_labels(path: Path) -> list[Label]:
    """The rows of a labels file.

    Raises:
        UsageError: it cannot be read, or a row is wrong; the message names file and line.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(_rows(path, csv.DictReader(file)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: no CSV that can be read: {error}") from None


def _rows(path: Path, rows: csv.DictReader[str]) -> Iterator[Label]:
    missing = {"id", "target"} - set(rows.fieldnames or ())
    if missing:
        raise UsageError(f"{path}: its header lacks {' and '.join(sorted(missing))}")
    known: dict[tuple[str, str], bool | None] = {}
    for row in rows:
        where = f"{path}:{rows.line_num}"
        target = (row["target"] or "").strip().lower()
        level = (row.get("level") or "transcript").strip().lower()
        name = row["id"] or ""
        if target not in _TARGETS:
            raise UsageError(f"{where}: target is {target!r}; it is 0 or 1, honest or attack")
        if level not in _LEVELS:
            raise UsageError(f"{where}: level is {level!r}; it is one of {', '.join(_LEVELS)}")
        if not name:
            raise UsageError(f"{where}: it has no id")
        if known.setdefault((level, name), _TARGETS[target]) is not _TARGETS[target]:
            raise UsageError(f"{where}: {level} {name!r} is labelled both ways")
        yield Label(
            name, _TARGETS[target], level, row.get("unit") or name, row.get("split") or "",
            row.get("group") or "",
        )  # fmt: skip
