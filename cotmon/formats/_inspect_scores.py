"""Where Inspect keeps scores in the JSON of a log, and how to add some.

By Inspect's source (github.com/UKGovernmentBEIS/inspect_ai): a sample holds `scores` by name; a
summary, of which lists of samples are made, holds the same, shortened; `results.scores` of the
header holds the metrics that stand above the list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cotmon.errors import FormatError
from cotmon.formats._json_splice import Edit, Object, Place, edited, items_at, object_at
from cotmon.records import Source

SCORE_PREFIX = "cotmon/"
"""Scores with such names are ours: those of an earlier run are replaced."""
SHORT = 1000
"""Most characters that a summary keeps of a text or of a value's JSON (Inspect: 1,024)."""
_TOO_LONG = "Key removed from summary (> 1k)"

Score = Mapping[str, Any]


class SampleScores(NamedTuple):
    """The scores of one sample, by name, each as Inspect keeps it."""

    source: Source
    scores: Mapping[str, Score]

    @property
    def row(self) -> tuple[str, str]:
        """What its summary is found by."""
        return str(self.source.keys.get("sample")), str(self.source.keys.get("epoch"))


def with_scores(text: str, scores: Mapping[str, Score]) -> str:
    """The JSON of a sample, with scores added.

    Raises:
        FormatError: it cannot take scores by name.
    """
    return edited(text, [_scores_edit(text, object_at(text), scores)])


def with_totals(text: str, totals: Sequence[Mapping[str, Any]]) -> str:
    """The JSON of a header, with entries added to its results."""
    return edited(text, _header_edits(text, object_at(text), totals))


def with_rows(text: str, rows: Mapping[tuple[str, str], Mapping[str, Score]]) -> str:
    """The JSON of summaries, with scores added to those that are named."""
    edits: list[Edit] = []
    for place in items_at(text):
        row = object_at(text, place.start)
        scores = rows.get((_plain(text, row, "id"), _plain(text, row, "epoch")))
        if scores is not None:
            edits.append(_scores_edit(text, row, {k: _short(v) for k, v in scores.items()}))
    return edited(text, edits)


def with_all(
    text: str, samples: Iterable[SampleScores], totals: Sequence[Mapping[str, Any]]
) -> str:
    """A whole log of one JSON document, with scores added."""
    log = object_at(text)
    edits = _header_edits(text, log, totals)
    places = items_at(text, log.fields["samples"].start) if "samples" in log.fields else []
    for sample in samples:
        if sample.source.position >= len(places):
            raise FormatError(f"has no sample {sample.source.position + 1}")
        found = object_at(text, places[sample.source.position].start)
        edits.append(_scores_edit(text, found, sample.scores))
    return edited(text, edits)


def _scores_edit(text: str, sample: Object, scores: Mapping[str, Score]) -> Edit:
    if "score" in sample.fields:
        raise FormatError(
            "keeps one score a sample, as Inspect did before 2024; convert it with "
            "`inspect log convert`, then replay that"
        )
    kept: list[str] = []
    if (place := _set(text, sample, "scores")) is not None:
        old = object_at(text, place.start).fields
        kept = [
            f"{json.dumps(name)}:{text[at.start : at.end]}"
            for name, at in old.items() if not name.startswith(SCORE_PREFIX)
        ]  # fmt: skip
    new = [f"{json.dumps(name)}:{json.dumps(score)}" for name, score in scores.items()]
    return sample.edit("scores", "{" + ",".join(kept + new) + "}")


def _header_edits(text: str, header: Object, totals: Sequence[Mapping[str, Any]]) -> list[Edit]:
    """None where there are no results: the run that was logged did not come to an end."""
    if (place := _set(text, header, "results")) is None:
        return []
    results = object_at(text, place.start)
    kept: list[str] = []
    if (place := _set(text, results, "scores")) is not None:
        items = [(at, object_at(text, at.start)) for at in items_at(text, place.start)]
        kept = [
            text[at.start : at.end]
            for at, entry in items if not _plain(text, entry, "name").startswith(SCORE_PREFIX)
        ]  # fmt: skip
    new = [json.dumps(entry) for entry in totals]
    return [results.edit("scores", "[" + ",".join(kept + new) + "]")]


def _set(text: str, found: Object, name: str) -> Place | None:
    """Where a field's value stands, unless it is null."""
    place = found.fields.get(name)
    return None if place is None or text[place.start : place.end] == "null" else place


def _plain(text: str, found: Object, name: str) -> str:
    """A string's value, the digits of a number; empty where there is none."""
    place = _set(text, found, name)
    if place is None:
        return ""
    value = text[place.start : place.end]
    return str(json.loads(value, strict=False)) if value.startswith('"') else value


def _short(score: Score) -> Score:
    """A score as summaries keep it."""
    return {
        key: {k: _short_value(v) for k, v in value.items()}
        if isinstance(value, dict)
        else _short_value(value)
        for key, value in score.items()
    }


def _short_value(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= SHORT else value[:SHORT] + "..."
    return value if len(json.dumps(value)) <= SHORT else _TOO_LONG
