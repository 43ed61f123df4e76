"""Transcripts with their steps and the outcomes bound to them, each stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select, text

from cotmon.records import Call, Message, Outcome, Step, step_of
from cotmon.store._rows import add_rows, json_text
from cotmon.store.scores import outcome_of
from cotmon.store.tables import messages, outcomes, readings, scores, steps, texts, transcripts

_ADD_TEXT = text("INSERT INTO texts (hash, text) VALUES (:hash, :text) ON CONFLICT DO NOTHING")
_ADD_TRANSCRIPT = text(
    "INSERT INTO transcripts (hash, turns, steps) VALUES (:hash, :turns, :steps)"
    " ON CONFLICT DO NOTHING"
)
_ADD_MESSAGE, _ADD_STEP = messages.insert(), steps.insert()
_ADD_SCORE = text(
    "INSERT INTO scores (transcript, monitor, step, outcome)"
    " VALUES (:transcript, :monitor, :step, :outcome) ON CONFLICT DO NOTHING"
)


def text_hash(content: str) -> str:
    """32 hex digits of a text."""
    data = content.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=16).hexdigest()


class Transcripts:
    """Messages, steps and bindings, by content hash."""

    def add(
        self,
        connection: Connection,
        content: str,
        said: Sequence[Message],
        cut: Sequence[Step],
        bound: Iterable[tuple[int, str, str]],
    ) -> None:
        """Stores one transcript, unless it is there, and binds outcomes to its steps.

        Args:
            content: hash of the messages.
            said: the messages.
            cut: their steps.
            bound: (step index, monitor hash, outcome address).
        """
        if not self._holds(connection, content):
            turns = len({message.turn for message in said})
            row = {"hash": content, "turns": turns, "steps": len(cut)}
            connection.execute(_ADD_TRANSCRIPT, [row])
            self._add_messages(connection, content, said)
            self._add_steps(connection, content, said, cut)
        rows = [
            {"transcript": content, "monitor": monitor, "step": step, "outcome": address}
            for step, monitor, address in bound
        ]
        add_rows(connection, _ADD_SCORE, rows)

    def _holds(self, connection: Connection, content: str) -> bool:
        query = select(transcripts.c.hash).where(transcripts.c.hash == content)
        return connection.scalar(query) is not None

    def _add_messages(self, connection: Connection, content: str, said: Sequence[Message]) -> None:
        hashes = [text_hash(message.text) for message in said]
        unique = {h: {"hash": h, "text": m.text} for h, m in zip(hashes, said, strict=True)}
        rows = [
            {
                "transcript": content, "ordinal": k, "id": m.id, "turn": m.turn,
                "module": m.module, "channel": m.channel, "provenance": m.provenance, "text": h,
                "recipient": m.to, "call_name": m.call.name if m.call else None,
                "call_id": m.call.id if m.call else None, "answers": m.answers,
                "parent": m.parent, "branch": m.branch, "cites": json_text(m.cites or None),
            }
            for k, (m, h) in enumerate(zip(said, hashes, strict=True))
        ]  # fmt: skip
        add_rows(connection, _ADD_TEXT, list(unique.values()))
        add_rows(connection, _ADD_MESSAGE, rows)

    def _add_steps(
        self, connection: Connection, content: str, said: Sequence[Message], cut: Sequence[Step]
    ) -> None:
        ordinal = {message.id: k for k, message in enumerate(said)}
        rows = [
            {
                "transcript": content, "ordinal": s.index, "message": ordinal[s.message_id],
                "id": s.id, "address": s.address, "start": s.start, "end": s.end,
            }
            for s in cut
        ]  # fmt: skip
        add_rows(connection, _ADD_STEP, rows)

    def messages(self, connection: Connection, content: str) -> tuple[Message, ...]:
        """The messages of a stored transcript."""
        query = (
            select(messages, texts.c.text.label("content"))
            .join(texts, texts.c.hash == messages.c.text)
            .where(messages.c.transcript == content)
            .order_by(messages.c.ordinal)
        )
        return tuple(_message(row) for row in connection.execute(query).mappings())

    def steps(self, connection: Connection, content: str, said: Sequence[Message]) -> list[Step]:
        """The steps of a stored transcript, as they were cut then."""
        query = select(steps).where(steps.c.transcript == content).order_by(steps.c.ordinal)
        return [
            step_of(
                said[row.message], id=row.id, address=row.address, index=row.ordinal,
                start=row.start, end=row.end,
            )
            for row in connection.execute(query)
        ]  # fmt: skip

    def outcomes(
        self, connection: Connection, content: str, monitors: Sequence[str]
    ) -> dict[tuple[int, int], Outcome]:
        """All outcomes by (step, monitor index), transient ones too."""
        places: dict[str, list[int]] = {}
        for k, monitor in enumerate(monitors):
            places.setdefault(monitor, []).append(k)  # copies of a monitor share their scores
        return {
            (row["step"], k): outcome_of(row)
            for row in self._bound(connection, content, monitors)
            for k in places[row["monitor"]]
        }

    def _bound(
        self, connection: Connection, content: str, monitors: Sequence[str]
    ) -> Iterator[Mapping[str, Any]]:
        query = (
            select(scores.c.step, scores.c.monitor, outcomes)
            .join(outcomes, outcomes.c.address == scores.c.outcome)
            .where(and_(scores.c.transcript == content, scores.c.monitor.in_(monitors)))
        )
        return iter(connection.execute(query).mappings().all())  # pyright: ignore[reportReturnType]

    def drop(self, connection: Connection, content: str) -> None:
        """Drops one transcript that no run reads any more; texts and outcomes stay."""
        used = select(readings.c.ordinal).where(readings.c.transcript == content).limit(1)
        if connection.scalar(used) is not None:
            return
        own = (scores.c.transcript, steps.c.transcript, messages.c.transcript, transcripts.c.hash)
        for key in own:
            connection.execute(delete(key.table).where(key == content))

    def sweep(self, connection: Connection) -> int:
        """Drops what no run reads any more; returns the number of transcripts dropped."""
        orphans = "SELECT hash FROM transcripts WHERE hash NOT IN (SELECT transcript FROM readings)"
        gone = connection.scalar(select(func.count()).select_from(text(f"({orphans}) AS gone")))
        for table, key in (("scores", "transcript"), ("steps", "transcript"),
                           ("messages", "transcript"), ("transcripts", "hash")):  # fmt: skip
            connection.execute(text(f"DELETE FROM {table} WHERE {key} IN ({orphans})"))
        connection.execute(
            text("DELETE FROM outcomes WHERE address NOT IN (SELECT outcome FROM scores)")
        )
        connection.execute(text("DELETE FROM texts WHERE hash NOT IN (SELECT text FROM messages)"))
        return gone or 0


def _message(row: Mapping[str, Any] | Any) -> Message:
    call = None
    if row["call_name"] is not None:
        call = Call(name=row["call_name"], arguments=row["content"], id=row["call_id"])
    return Message(
        id=row["id"], turn=row["turn"], module=row["module"], channel=row["channel"],
        provenance=row["provenance"], text=row["content"], to=row["recipient"], call=call,
        answers=row["answers"], parent=row["parent"], branch=row["branch"],
        cites=tuple(row["cites"] or ()),
    )  # fmt: skip
