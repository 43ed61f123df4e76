"""Verdicts as files: JSON lines to carry them elsewhere, CSV as labels."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from cotmon.cli._review_places import Survey
from cotmon.errors import UsageError
from cotmon.evaluate.reviews import Answer, Verdicts, together
from cotmon.store.reviews import Hash, Review


class Line(Review, frozen=True, kw_only=True):
    """One line of an export.

    Attributes:
        schema: of these lines.
        frame: of the run where it was judged, where that is known; see `Survey.frame`.
    """

    schema: Literal[1] = 1
    frame: Hash | None = None


_LINE = msgspec.json.Decoder(Line)
_FIELDS = Review.__struct_fields__


def write_lines(path: Path, reviews: Iterable[Review], run: str, frame: str) -> int:
    """Every review as one line of JSON, without texts of the log; returns how many."""
    count = 0
    with path.open("w", encoding="ascii") as file:
        for review in reviews:
            known = frame if review.run == run else None
            line = Line(**msgspec.structs.asdict(review), frame=known)
            text = json.dumps(msgspec.structs.asdict(line))  # in ASCII nothing hides or acts
            file.write(text.replace("\x7f", "\\u007f") + "\n")
            count += 1
    return count


def read_lines(path: Path, run: str, frame: str) -> Iterator[Review | str]:
    """The reviews of an export; for a line that is none, what is wrong with it, and where.

    Reviews of a run whose unmarked steps are the same become reviews of this run: what was
    drawn at random there is so here.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for number, data in enumerate(file, 1):
                if data.strip():
                    yield _read(data, f"{path}:{number}", run, frame)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from None


def _read(data: bytes, where: str, run: str, frame: str) -> Review | str:
    try:
        line = _LINE.decode(data)
        at = datetime.fromisoformat(line.at)
        if at.tzinfo is None:
            raise ValueError("`at` names no time zone")
        if at > datetime.now(UTC) + timedelta(days=1):
            raise ValueError("`at` lies in the future, where no later verdict could replace it")
        fields = {name: getattr(line, name) for name in _FIELDS}
        if any("\0" in value for value in fields.values() if isinstance(value, str)):
            raise ValueError("a text holds a NUL character")
        fields["at"] = instant(at)
    except (ValueError, OverflowError, RecursionError) as error:
        return f"{where}: no verdict: {error}; nothing of this line is imported"
    return Review(**{**fields, "run": run} if line.frame == frame else fields)


def instant(at: datetime) -> str:
    """ISO 8601 in UTC, always equally long, so that texts sort as the times do."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def write_labels(path: Path, survey: Survey, verdicts: Verdicts) -> tuple[int, int]:
    """Verdicts as labels of steps; where reviewers differ, unsure.

    Returns:
        How many were written, and how many were left out since several transcripts share the id.
    """
    often = Counter(survey.names.values())
    unclear = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("id", "target", "level", "group"))
        for item in survey.known:
            answers: list[Answer] = [
                own[item.words].answer for own in verdicts.values() if item.words in own
            ]
            if often[item.transcript] > 1:
                unclear += bool(answers)
            elif answers:
                name = f"{item.transcript}/{item.address}"
                rows.writerow((name, together(answers), "step", item.group))
    return len(survey.known) - unclear, unclear
