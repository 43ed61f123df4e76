"""Runs: what was asked, with which monitors, what was read and what was refused."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Connection, and_, delete, func, select, text

from cotmon.errors import StoreError, UnknownNameError, UsageError
from cotmon.records import CUES, Gap, MonitorCard, Refusal, Row, Source, Transcript, Worst
from cotmon.store._rows import add_rows, json_text
from cotmon.store.tables import (
    calibrations,
    inputs,
    readings,
    refusals,
    run_monitors,
    runs,
    transcripts,
)

_ADD_READING = readings.insert()
_ADD_MONITOR = text(
    "INSERT INTO monitors (hash, name, card) VALUES (:hash, :name, :card) ON CONFLICT DO NOTHING"
)
_ADD_CALIBRATION = text(
    "INSERT INTO calibrations (hash, body) VALUES (:hash, :body) ON CONFLICT DO NOTHING"
)
_ROW = (
    *(readings.c[name] for name in ("transcript", "id", "file", "format", "access", "verdict")),
    *(readings.c[name] for name in ("suspicion", *CUES, "marked", "unscored", "retry")),
    *(readings.c[name] for name in ("gaps", "broken")),
    readings.c.worst, transcripts.c.turns, transcripts.c.steps,
)  # fmt: skip
"""What a table row shows; metadata and coverage, which can be large, stay where they are."""


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """One run as lists show it.

    Attributes:
        finished: ISO time, None while it can be resumed.
        transcripts: how many it has read so far.
    """

    id: str
    key: str
    command: str
    started: str
    finished: str | None
    transcript_threshold: float
    versions: dict[str, str]
    transcripts: int


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One transcript as a run read it, without its messages."""

    ordinal: int
    content: str
    transcript: Transcript


class NewReading(NamedTuple):
    """One judged transcript on its way into the store; `content` names its messages."""

    ordinal: int
    content: str
    transcript: Transcript
    row: Row


class Runs:
    """The tables of runs and their readings."""

    def start(
        self,
        connection: Connection,
        run: Mapping[str, Any],
        cards: Sequence[MonitorCard],
        calibration: tuple[str, Any] | None = None,
    ) -> None:
        """Adds a run, its monitors, and what it knows of honest agents (hash and body)."""
        hashed = calibration[0] if calibration is not None else None
        if calibration is not None:
            row = {"hash": hashed, "body": json_text(calibration[1])}
            add_rows(connection, _ADD_CALIBRATION, [row])
        connection.execute(runs.insert(), {**run, "owner": own_name(), "calibration": hashed})
        for k, card in enumerate(cards):
            record = msgspec.to_builtins(card)
            row = {"hash": card.hash, "name": card.name, "card": json_text(record)}
            add_rows(connection, _ADD_MONITOR, [row])
            row = {"run": run["id"], "ordinal": k, "monitor": card.hash, "card": record}
            connection.execute(run_monitors.insert(), row)

    def cut(self, connection: Connection, key: str) -> list[str]:
        """Runs of the same command whose process ended before they were done, newest first."""
        query = select(runs.c.id, runs.c.owner).where(runs.c.key == key, runs.c.finished.is_(None))
        rows = connection.execute(query.order_by(runs.c.id.desc())).all()
        return [row.id for row in rows if not is_alive(row.owner)]

    def others_unfinished(self, connection: Connection, run: str) -> bool:
        """Whether a run besides this one still needs scores that are bound nowhere yet."""
        query = select(runs.c.id).where(runs.c.finished.is_(None), runs.c.id != run)
        return connection.scalar(query.limit(1)) is not None

    def finish(self, connection: Connection, run: str, at: str) -> None:
        """Marks a run as done."""
        connection.execute(runs.update().where(runs.c.id == run).values(finished=at))

    def add_inputs(self, connection: Connection, run: str, read: Mapping[str, str]) -> None:
        """Notes files that were read: file → SHA-256 of its bytes."""
        rows = [{"run": run, "file": file, "sha256": sha256} for file, sha256 in read.items()]
        if rows:
            connection.execute(inputs.insert(), rows)

    def add_refusal(self, connection: Connection, run: str, ordinal: int, what: Refusal) -> None:
        """Notes a file, or a place in it, that was refused."""
        row = {"run": run, "ordinal": ordinal, **msgspec.to_builtins(what)}
        connection.execute(refusals.insert(), row)

    def add_readings(self, connection: Connection, run: str, new: Sequence[NewReading]) -> None:
        """Notes judged transcripts; their messages are stored apart."""
        add_rows(connection, _ADD_READING, [_values(run, reading) for reading in new])

    def place_of(self, connection: Connection, run: str, name: str) -> tuple[int, str | None]:
        """Where a transcript of this id stands in the run, and its content; else the next place."""
        query = select(readings.c.ordinal, readings.c.transcript)
        found = connection.execute(
            query.where(readings.c.run == run, readings.c.id == name)
        ).first()
        if found is not None:
            return found.ordinal, found.transcript
        last = connection.scalar(select(func.max(readings.c.ordinal)).where(readings.c.run == run))
        return (0 if last is None else last + 1), None

    def replace_reading(self, connection: Connection, run: str, new: NewReading) -> None:
        """Puts a judged transcript in its place, whatever stood there."""
        here = (readings.c.run == run, readings.c.ordinal == new.ordinal)
        connection.execute(delete(readings).where(*here))
        self.add_readings(connection, run, [new])

    def read_before(
        self, connection: Connection, contents: Sequence[str], set_hash: str
    ) -> dict[str, Row]:
        """Rows of transcripts that the same monitors judged completely before, by content."""
        whole = readings.c.retry.is_(False)
        newest = (
            select(readings.c.transcript, func.max(readings.c.run).label("run"))
            .join(runs, runs.c.id == readings.c.run)
            .where(readings.c.transcript.in_(contents), runs.c.set_hash == set_hash, whole)
            .group_by(readings.c.transcript)
            .subquery()
        )
        same = and_(
            newest.c.transcript == readings.c.transcript, newest.c.run == readings.c.run, whole
        )
        query = (
            select(*_ROW)
            .join(newest, same)
            .join(transcripts, transcripts.c.hash == readings.c.transcript)
        )
        return {row.transcript: _table_row(row) for row in connection.execute(query)}

    def rows(self, connection: Connection) -> list[RunRow]:
        """All runs, newest first."""
        count = select(func.count()).where(readings.c.run == runs.c.id).scalar_subquery()
        query = select(runs, count.label("transcripts")).order_by(runs.c.id.desc())
        return [_run_row(row) for row in connection.execute(query)]

    def find(self, connection: Connection, name: str) -> RunRow:
        """One run by id, by the start of its id, or `latest`.

        Raises:
            UnknownNameError: there is none, or several start like that.
        """
        known = self.rows(connection)
        if name == "latest" and known:
            return known[0]
        matches = [row for row in known if row.id.startswith(name)]
        if not known:
            raise StoreError("no run yet; start with: cotmon replay LOG")
        if len(matches) > 1:
            raise UsageError(f"{len(matches)} runs start with {name!r}; give more of the id")
        if not matches:
            raise UnknownNameError(name, "run", [row.id for row in known])
        return matches[0]

    def calibration(self, connection: Connection, run: str) -> Any:
        """What the run knew of honest agents, as it was handed to `start`; None for nothing."""
        query = select(calibrations.c.body).join(runs, runs.c.calibration == calibrations.c.hash)
        return connection.scalar(query.where(runs.c.id == run))

    def cards(self, connection: Connection, run: str) -> list[MonitorCard]:
        """The monitors of a run, with the thresholds it used."""
        query = select(run_monitors.c.card).where(run_monitors.c.run == run)
        found = connection.scalars(query.order_by(run_monitors.c.ordinal))
        return [msgspec.convert(card, MonitorCard) for card in found]

    def inputs(self, connection: Connection, run: str) -> dict[str, str]:
        """File → SHA-256."""
        query = select(inputs.c.file, inputs.c.sha256).where(inputs.c.run == run)
        return {file: sha256 for file, sha256 in connection.execute(query)}

    def refusals(self, connection: Connection, run: str) -> list[Refusal]:
        """What the run could not read, in order."""
        query = select(refusals).where(refusals.c.run == run).order_by(refusals.c.ordinal)
        return [
            Refusal(file=row.file, reason=row.reason, line=row.line, format=row.format)
            for row in connection.execute(query)
        ]

    def readings(self, connection: Connection, run: str) -> Iterator[Reading]:
        """What the run read, in order, without messages."""
        query = select(readings).where(readings.c.run == run).order_by(readings.c.ordinal)
        for row in connection.execute(query).all():
            yield _reading(row)

    def places(self, connection: Connection, name: str, run: str | None, file: str) -> list[Any]:
        """Readings of transcripts with this id, else of those whose id starts so, newest first.

        Args:
            connection: of the store.
            name: id, or its start.
            run: only this run.
            file: only files whose name holds this.
        """
        wanted = (readings.c.run, readings.c.ordinal, readings.c.id, readings.c.file)
        query = select(*wanted, readings.c.position).order_by(readings.c.run.desc())
        if run is not None:
            query = query.where(readings.c.run == run)
        exact = query.where(readings.c.id == name)
        begun = query.where(func.substr(readings.c.id, 1, len(name)) == name)
        rows = connection.execute(exact).all() or connection.execute(begun).all()
        return [row for row in rows if file in row.file]

    def ids(self, connection: Connection) -> list[str]:
        """Ids of all transcripts that were ever read."""
        return list(connection.scalars(select(readings.c.id).distinct()))

    def reading(self, connection: Connection, run: str, ordinal: int) -> Reading:
        """One transcript as a run read it, without messages."""
        query = select(readings).where(readings.c.run == run, readings.c.ordinal == ordinal)
        return _reading(connection.execute(query).one())

    def delete(self, connection: Connection, run: str) -> None:
        """Drops a run; what only it had read is dropped by `Transcripts.sweep`."""
        for table in (readings, refusals, inputs, run_monitors):
            connection.execute(delete(table).where(table.c.run == run))
        connection.execute(delete(runs).where(runs.c.id == run))
        used = select(runs.c.calibration).where(runs.c.calibration.is_not(None))
        connection.execute(delete(calibrations).where(calibrations.c.hash.not_in(used)))


def own_name() -> str:
    """This process, as it stands in `runs.owner`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_alive(owner: str) -> bool:
    """Whether the process still runs; on another host nobody here can know, so it does."""
    host, _, process = owner.rpartition(":")
    if host != socket.gethostname() or os.name != "posix":
        return True
    if int(process) == os.getpid():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _values(run: str, reading: NewReading) -> dict[str, Any]:
    ordinal, content, what, row = reading
    return {
        "run": run, "ordinal": ordinal, "transcript": content, "id": what.id,
        "file": what.source.file, "format": what.source.format,
        "position": what.source.position, "keys": json_text(what.source.keys), "agent": what.agent,
        "access": what.access, "labels": json_text(what.labels),
        "metadata": json_text(what.metadata),
        "coverage": json_text(msgspec.to_builtins(what.coverage)), "verdict": row.verdict,
        "suspicion": row.suspicion, **row.cues, "marked": row.marked,
        "unscored": row.unscored, "retry": row.retry, "gaps": row.gaps, "broken": row.broken,
        "worst": json_text(msgspec.to_builtins(row.worst)),
    }  # fmt: skip


def _run_row(row: Any) -> RunRow:
    return RunRow(
        id=row.id, key=row.key, command=row.command, started=row.started, finished=row.finished,
        transcript_threshold=row.transcript_threshold, versions=row.versions,
        transcripts=row.transcripts,
    )  # fmt: skip


def _reading(row: Any) -> Reading:
    source = Source(file=row.file, format=row.format, position=row.position, keys=row.keys)
    transcript = Transcript(
        id=row.id, source=source, agent=row.agent, labels=row.labels,
        metadata=row._mapping["metadata"], coverage=msgspec.convert(row.coverage, tuple[Gap, ...]),
        access=row.access,
    )  # fmt: skip
    return Reading(ordinal=row.ordinal, content=row.transcript, transcript=transcript)


def _table_row(row: Any) -> Row:
    values = row._mapping
    return Row(
        id=row.id, file=row.file, format=row.format, access=row.access, turns=row.turns,
        steps=row.steps, verdict=row.verdict, suspicion=row.suspicion,
        cues={cue: values[cue] for cue in CUES}, marked=row.marked, unscored=row.unscored,
        retry=row.retry, gaps=row.gaps, broken=row.broken,
        worst=msgspec.convert(row.worst, Worst | None),
    )  # fmt: skip
