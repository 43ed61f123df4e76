"""Living agents: their conversations, the decisions on their steps, and questions to people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text, update

from cotmon.errors import UnknownNameError
from cotmon.store._rows import add_rows, json_text
from cotmon.store.runs import is_alive, own_name
from cotmon.store.tables import decisions, faults, pauses, runs, watched, watched_messages

_BEGIN = text(
    "INSERT INTO watched (run, thread, host, agent, began, settled, parent)"
    " VALUES (:run, :thread, :host, :agent, :began, :settled, :parent) ON CONFLICT DO NOTHING"
)
_ADD_MESSAGE = text(
    "INSERT INTO watched_messages (run, thread, ordinal, body)"
    " VALUES (:run, :thread, :ordinal, :body) ON CONFLICT DO NOTHING"
)
_DECIDE = text(
    "INSERT INTO decisions"
    " (key, run, thread, tool, level, enforced, suspicion, latency_ms, at, body)"
    " VALUES (:key, :run, :thread, :tool, :level, :enforced, :suspicion, :latency_ms, :at, :body)"
    " ON CONFLICT (key) DO NOTHING"
)
_ADD_FAULT = text(
    "INSERT INTO faults (run, day, kind, count, reason)"
    " VALUES (:run, :day, :kind, :count, :reason) ON CONFLICT (run, day, kind)"
    " DO UPDATE SET count = faults.count + excluded.count, reason = excluded.reason"
)

_LAST = "\uffff"
"""Sorts after every character of a name."""


class Thread(NamedTuple):
    """One conversation.

    Attributes:
        run: the run it belongs to.
        thread, host, agent: which.
        messages: chat messages so far.
        settled: how many of them the run's reading holds.
        parent: the step of another conversation that started it.
    """

    run: str
    thread: str
    host: str
    agent: str | None
    messages: int
    settled: int
    parent: str | None


class Left(NamedTuple):
    """Where a conversation was left.

    Attributes:
        run, set_hash: the run it was last watched in, and that run's monitors.
        ordinal: of the next message.
        audits: questions to people that its decisions led to.
        parent: the step of another conversation that started it.
    """

    run: str
    set_hash: str
    ordinal: int
    audits: int
    parent: str | None


class Fault(NamedTuple):
    """Failures of watching itself on one day, of one kind."""

    day: str
    kind: str
    times: int
    reason: str


class Watches:
    """The tables of living agents."""

    def begin(self, connection: Connection, row: dict[str, Any]) -> None:
        """Notes a conversation, unless it is there: run, thread, host, agent, parent, began."""
        connection.execute(_BEGIN, {**row, "settled": 0})

    def newest(self, connection: Connection, thread: str, host: str) -> str | None:
        """The run in which this conversation was last watched by this host."""
        query = select(watched.c.run).where(watched.c.thread == thread, watched.c.host == host)
        return connection.scalar(
            query.order_by(watched.c.began.desc(), watched.c.run.desc()).limit(1)
        )

    def beginning(
        self, connection: Connection, start: str, host: str, most: int
    ) -> list[tuple[str, str]]:
        """(run, thread) of conversations whose names begin so, newest first."""
        here = (watched.c.thread >= start, watched.c.thread < start + _LAST, watched.c.host == host)
        query = select(watched.c.run, watched.c.thread).where(*here)
        found = connection.execute(query.order_by(watched.c.began.desc()).limit(most))
        return [(run, thread) for run, thread in found]

    def asked(self, connection: Connection, start: str, since: str) -> list[tuple[str, str]]:
        """(run, thread) of conversations whose names begin so and that still wait for a person.

        What was asked since this ISO time; approved and not yet acted on is waiting too.
        """
        here = (pauses.c.thread >= start, pauses.c.thread < start + _LAST, pauses.c.asked >= since)
        query = select(pauses.c.run, pauses.c.thread).distinct()
        found = connection.execute(query.where(*here, pauses.c.state.in_(("pending", "approved"))))
        return [(run, thread) for run, thread in found]

    def left(self, connection: Connection, thread: str, host: str) -> Left | None:
        """Where this host left a conversation; None where it never watched it."""
        run = self.newest(connection, thread, host)
        if run is None:
            return None
        here = (watched_messages.c.run == run, watched_messages.c.thread == thread)
        last = connection.scalar(select(func.max(watched_messages.c.ordinal)).where(*here))
        asked = (decisions.c.run == run, decisions.c.thread == thread, decisions.c.level == "ask")
        audits = connection.scalar(select(func.count()).select_from(decisions).where(*asked))
        set_hash = connection.scalar(select(runs.c.set_hash).where(runs.c.id == run))
        own = (watched.c.run == run, watched.c.thread == thread)
        parent = connection.scalar(select(watched.c.parent).where(*own))
        return Left(run, str(set_hash), 0 if last is None else last + 1, audits or 0, parent)

    def add_messages(
        self, connection: Connection, run: str, thread: str, rows: Sequence[tuple[int, Any]]
    ) -> None:
        """Adds chat messages, (ordinal, body) each; one that is there is left as it is.

        Two processes that watch one thread in turns each hear the whole of it.
        """
        new = [
            {"run": run, "thread": thread, "ordinal": k, "body": json_text(body)}
            for k, body in rows
        ]
        add_rows(connection, _ADD_MESSAGE, new)

    def messages(self, connection: Connection, run: str, thread: str) -> list[Any]:
        """The chat messages of a conversation, in order."""
        query = select(watched_messages.c.body).where(
            watched_messages.c.run == run, watched_messages.c.thread == thread
        )
        return list(connection.scalars(query.order_by(watched_messages.c.ordinal)))

    def threads(self, connection: Connection, since: str = "") -> list[Thread]:
        """All conversations that began at this ISO time or later, oldest first."""
        count = (
            select(func.count())
            .where(watched_messages.c.run == watched.c.run,
                   watched_messages.c.thread == watched.c.thread)
            .scalar_subquery()
        )  # fmt: skip
        query = select(watched, count.label("messages")).where(watched.c.began >= since)
        return [
            Thread(row.run, row.thread, row.host, row.agent, row.messages, row.settled, row.parent)
            for row in connection.execute(query.order_by(watched.c.began, watched.c.thread))
        ]

    def unsettled(self, connection: Connection) -> list[Thread]:
        """Conversations with messages that their reading does not hold yet, oldest first."""
        return [t for t in self.threads(connection) if t.settled < t.messages]

    def left_behind(self, connection: Connection) -> list[str]:
        """Watched runs that are not finished, though their process has ended."""
        here = select(runs.c.id, runs.c.owner).where(
            runs.c.finished.is_(None), runs.c.id.in_(select(watched.c.run))
        )
        return [
            row.id
            for row in connection.execute(here)
            if row.owner != own_name() and not is_alive(row.owner)
        ]

    def settle(self, connection: Connection, run: str, thread: str, messages: int) -> bool:
        """Notes that the run's reading holds so many messages; False where it holds as many."""
        here = (watched.c.run == run, watched.c.thread == thread, watched.c.settled < messages)
        return (
            connection.execute(update(watched).where(*here).values(settled=messages)).rowcount > 0
        )

    def runs(self, connection: Connection) -> set[str]:
        """Ids of the runs that watched somebody."""
        return set(connection.scalars(select(watched.c.run).distinct()))

    def decide(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Adds decisions; one of a known key is left as it is."""
        add_rows(connection, _DECIDE, [{**row, "body": json_text(row["body"])} for row in rows])

    def decisions(self, connection: Connection, keys: Sequence[str]) -> list[Any]:
        """The bodies of those decisions that are there."""
        query = select(decisions.c.body).where(decisions.c.key.in_(keys))
        return list(connection.scalars(query))

    def decided(self, connection: Connection, since: str = "") -> list[tuple[str, Any]]:
        """(ISO time, body) of every decision since then, oldest first."""
        return list(self.each_decided(connection, since))

    def each_decided(self, connection: Connection, since: str = "") -> Iterator[tuple[str, Any]]:
        """The same one by one, where there may be millions."""
        query = select(decisions.c.at, decisions.c.body).where(decisions.c.at >= since)
        found = connection.execute(
            query.order_by(decisions.c.at), execution_options={"yield_per": 1000}
        )
        yield from ((at, body) for at, body in found)

    def fault(
        self, connection: Connection, run: str, day: str, kind: str, count: int, reason: str
    ) -> None:
        """Counts failures of watching itself, by run, day and kind; the newest reason is kept."""
        row = {"run": run, "day": day, "kind": kind, "count": count, "reason": reason}
        connection.execute(_ADD_FAULT, row)

    def faults(self, connection: Connection, since: str = "") -> list[Fault]:
        """What failed since that day, oldest first."""
        query = select(faults.c.day, faults.c.kind, faults.c.count, faults.c.reason)
        query = query.where(faults.c.day >= since[:10]).order_by(faults.c.day, faults.c.kind)
        return [Fault(*row) for row in connection.execute(query)]

    def ask(self, connection: Connection, row: dict[str, Any]) -> None:
        """Adds a question, unless one for the same decision is there."""
        known = select(pauses.c.token).where(pauses.c.decision == row["decision"])
        if connection.scalar(known) is None:
            connection.execute(pauses.insert(), {**row, "state": "pending"})

    def pause(self, connection: Connection, decision: str) -> dict[str, Any] | None:
        """The question about a decision."""
        found = connection.execute(select(pauses).where(pauses.c.decision == decision))
        row = found.mappings().first()
        return None if row is None else dict(row)

    def questions(self, connection: Connection, since: str = "") -> dict[str, int]:
        """State → how many questions were asked since then."""
        query = select(pauses.c.state, func.count()).where(pauses.c.asked >= since)
        return {state: count for state, count in connection.execute(query.group_by(pauses.c.state))}

    def pending(self, connection: Connection) -> list[dict[str, Any]]:
        """Questions that nobody has answered, oldest first."""
        query = select(pauses).where(pauses.c.state == "pending").order_by(pauses.c.asked)
        return [dict(row) for row in connection.execute(query).mappings()]

    def answer(
        self, connection: Connection, token: str, state: str, who: str, why: str | None, at: str
    ) -> dict[str, Any]:
        """Answers a question that is still pending: approved or rejected.

        Raises:
            UnknownNameError: there is none of that token.
        """
        here = (pauses.c.token == token, pauses.c.state == "pending")
        values = {"state": state, "who": who, "why": why, "answered": at}
        connection.execute(update(pauses).where(*here).values(values))
        row = connection.execute(select(pauses).where(pauses.c.token == token)).mappings().first()
        if row is None:
            known = connection.scalars(select(pauses.c.token).where(pauses.c.state == "pending"))
            raise UnknownNameError(token, "pending question", list(known))
        return dict(row)

    def spend(self, connection: Connection, decision: str) -> bool:
        """Takes the one approval of a decision; False where there is none, or it was spent."""
        here = (pauses.c.decision == decision, pauses.c.state == "approved")
        return connection.execute(update(pauses).where(*here).values(state="spent")).rowcount == 1

    def give_back(self, connection: Connection, decision: str) -> None:
        """Makes a spent approval good again."""
        here = (pauses.c.decision == decision, pauses.c.state == "spent")
        connection.execute(update(pauses).where(*here).values(state="approved"))
