"""Scores of other monitors from a CSV: `id,monitor,score[,level]`."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cotmon.errors import UsageError


@dataclass
class Recorded:
    """Scores by level and id.

    Attributes:
        monitors: their names, in order of appearance.
        by: level (`transcript`, `message`, `step`) → id → monitor → score, NaN: it failed.
        used: ids that named something.
    """

    monitors: list[str] = field(default_factory=list)
    by: dict[str, dict[str, dict[str, float]]] = field(
        default_factory=lambda: {"transcript": {}, "message": {}, "step": {}}
    )
    used: set[str] = field(default_factory=set)

    def of(self, level: str, *names: str) -> dict[str, float]:
        """What was recorded under the first of these ids that is known."""
        for name in names:
            if (found := self.by[level].get(name)) is not None:
                self.used.add(name)
                return found
        return {}

    def unused(self) -> list[str]:
        """Ids that named nothing that was read."""
        return [name for level in self.by.values() for name in level if name not in self.used]


def read_recorded(paths: list[Path]) -> Recorded:
    """The scores of all these files together.

    Raises:
        UsageError: a file cannot be read, or a row is wrong; the message names file and line.
    """
    found = Recorded()
    seen: dict[str, None] = {}
    for path in paths:
        for level, name, monitor, score in _rows(path):
            seen[monitor] = None
            scores = found.by[level].setdefault(name, {})
            if monitor in scores:
                raise UsageError(f"{path}: {monitor} scored {name!r} more than once")
            scores[monitor] = score
    found.monitors = list(seen)
    return found


def _rows(path: Path) -> Iterator[tuple[str, str, str, float]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            missing = {"id", "monitor", "score"} - set(rows.fieldnames or ())
            if missing:
                raise UsageError(
                    f"{path}: its header lacks {' and '.join(sorted(missing))}; columns are "
                    "separated by commas"
                )
            for row in rows:
                yield _row(f"{path}:{rows.line_num}", row)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{path}: no CSV that can be read: {error}") from None


def _row(where: str, row: dict[str, str]) -> tuple[str, str, str, float]:
    level = (row.get("level") or "transcript").strip().lower()
    if level not in ("transcript", "message", "step"):
        raise UsageError(f"{where}: level is {level!r}; it is transcript, message or step")
    if row["score"] is None:
        raise UsageError(f"{where}: the row is cut short")
    if not row["id"] or not row["monitor"]:
        raise UsageError(f"{where}: id and monitor must say something")
    text = row["score"].strip()
    try:
        score = float(text) if text else math.nan
    except ValueError:
        raise UsageError(
            f"{where}: {text!r} is no number; leave it empty where it failed"
        ) from None
    if math.isinf(score):
        raise UsageError(f"{where}: a score is finite, or empty where the monitor failed")
    return level, row["id"], row["monitor"], score
