"""Stored runs back to results, for reports, exports and second looks."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from cotmon.calibration import UNCALIBRATED, Calibration
from cotmon.cli._console import Progress
from cotmon.engine import Judged, Judging, result_of
from cotmon.records import Result, RunInfo
from cotmon.store import Reading, RunRow, Store, open_store
from cotmon.watching.settling import settle


def opened(db: str | None) -> Store:
    """The store, with what was watched in it ready to be looked at as runs."""
    store = open_store(db)
    settle(store)
    return store


def run_info(store: Store, row: RunRow) -> RunInfo:
    """What a report says of the run."""
    with store.reading() as connection:
        inputs = store.runs.inputs(connection, row.id)
    return RunInfo(
        id=row.id, command=row.command, started=row.started, versions=row.versions,
        database=store.url, inputs=inputs,
    )  # fmt: skip


def results(store: Store, row: RunRow) -> Iterator[Result]:
    """The results of a run, in the order of reading, one at a time."""
    with store.reading() as connection:
        readings = list(store.runs.readings(connection, row.id))
    judging = judging_of(store, row)
    with Progress("reading the run") as progress:
        for reading in readings:
            found = result(store, row, reading, judging)
            progress.add(len(found.steps))
            yield found


def judging_of(store: Store, row: RunRow) -> Judging:
    """How the run judged: its thresholds, and what it knew of honest agents."""
    with store.reading() as connection:
        body = store.runs.calibration(connection, row.id)
    known = UNCALIBRATED if body is None else msgspec.convert(body, Calibration)
    return Judging(row.transcript_threshold, known)


def result(store: Store, row: RunRow, reading: Reading, judging: Judging) -> Result:
    """One stored transcript with all its scores."""
    with store.reading() as connection:
        cards = store.runs.cards(connection, row.id)
        messages = store.transcripts.messages(connection, reading.content)
        steps = store.transcripts.steps(connection, reading.content, messages)
        outcomes = store.transcripts.outcomes(
            connection, reading.content, [card.hash for card in cards]
        )
    transcript = msgspec.structs.replace(reading.transcript, messages=messages)
    judged = Judged(transcript, steps, {}, outcomes)
    return result_of(judged, cards, row.id, judging, reading.content)
