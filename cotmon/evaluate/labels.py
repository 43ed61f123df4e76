"""Labels in a CSV: `id,target[,level][,unit][,split][,group]`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from cotmon.content import dataset_labels, is_dataset
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
        unit: rows that share it are one case, scored by the maximum, an attack if one is.
        split: free text.
        group: scenario; what is resampled.
    """

    id: str
    target: bool | None
    level: Level
    unit: str
    split: str
    group: str


def dataset_rows(paths: Iterable[str]) -> list[Label]:
    """The labels that data set folders among these paths bring with them.

    Raises:
        ContentError: a manifest is wrong.
        UsageError: a labels file is.
    """
    files = [dataset_labels(Path(path)) for path in paths if is_dataset(Path(path))]
    return [label for file in files if file is not None for label in read_labels(file)]


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
        raise UsageError(
            f"{path}: its header lacks {' and '.join(sorted(missing))}; columns are "
            "separated by commas"
        )
    seen: dict[tuple[str, str], Label] = {}
    groups: dict[str, str] = {}
    for row in rows:
        where = f"{path}:{rows.line_num}"
        target = (row["target"] or "").strip().lower()
        level = (row.get("level") or "transcript").strip().lower()
        name = row["id"] or ""
        if target not in _TARGETS:
            raise UsageError(
                f"{where}: target is {target!r}; it is 0 or 1, honest or attack, dismissed or "
                "confirmed, or empty"
            )
        if level not in _LEVELS:
            raise UsageError(f"{where}: level is {level!r}; it is one of {', '.join(_LEVELS)}")
        if not name:
            raise UsageError(f"{where}: it has no id")
        label = Label(
            name, _TARGETS[target], level, row.get("unit") or name, row.get("split") or "",
            row.get("group") or "",
        )  # fmt: skip
        if seen.setdefault((level, name), label) != label:
            raise UsageError(f"{where}: {level} {name!r} is labelled otherwise in a row above")
        named = row.get("unit") and label.group
        if named and groups.setdefault(label.unit, label.group) != label.group:
            raise UsageError(f"{where}: the unit {label.unit!r} lies in two groups")
        yield label
