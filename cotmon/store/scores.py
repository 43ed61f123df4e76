"""Outcomes by address: what is known, and adding to it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, select, text

from cotmon.records import Outcome, Scored, Skipped, Span, Unscored
from cotmon.store._rows import add_rows, json_text
from cotmon.store.tables import outcomes

_AT_ONCE = 900
"""Addresses a query; SQLite's oldest limit of bound values is 999."""
_FIND = select(outcomes).where(outcomes.c.address.in_(bindparam("addresses", expanding=True)))
_ADD = text(
    "INSERT INTO outcomes (address, status, value, reason, spans, permanent)"
    " VALUES (:address, :status, :value, :reason, :spans, :permanent)"
    " ON CONFLICT (address) DO UPDATE SET status = excluded.status, value = excluded.value,"
    " reason = excluded.reason, spans = excluded.spans, permanent = excluded.permanent"
    " WHERE NOT outcomes.permanent"
).bindparams(bindparam("spans", type_=outcomes.c.spans.type))


class Scores:
    """The table of outcomes, which is also the cache of every monitor."""

    def known(self, connection: Connection, addresses: Collection[str]) -> dict[str, Outcome]:
        """Scores and permanent failures stored under these addresses."""
        return {
            address: outcome
            for address, outcome in self.load(connection, addresses).items()
            if not (isinstance(outcome, Unscored) and not outcome.permanent)
        }

    def load(self, connection: Connection, addresses: Collection[str]) -> dict[str, Outcome]:
        """Everything stored under these addresses."""
        found: dict[str, Outcome] = {}
        for part in _parts(list(addresses)):
            for row in connection.execute(_FIND, {"addresses": part}).mappings():
                found[row["address"]] = outcome_of(row)
        return found

    def add(self, connection: Connection, new: Mapping[str, Outcome]) -> None:
        """Stores outcomes; a transient failure gives way to whatever comes later."""
        add_rows(connection, _ADD, [_row(address, outcome) for address, outcome in new.items()])


def _parts(addresses: list[str]) -> Iterator[list[str]]:
    for k in range(0, len(addresses), _AT_ONCE):
        yield addresses[k : k + _AT_ONCE]


def outcome_of(row: Mapping[str, Any] | Any) -> Outcome:
    """A row of `outcomes` as a record."""
    if row["status"] == "scored":
        spans: Iterable[list[Any]] = row["spans"] or ()
        return Scored(row["value"], row["reason"], tuple(Span(*span) for span in spans))
    if row["status"] == "skipped":
        return Skipped(row["reason"])
    return Unscored(row["reason"], bool(row["permanent"]))


def _row(address: str, outcome: Outcome) -> dict[str, Any]:
    row: dict[str, Any] = {"address": address, "value": None, "spans": None, "permanent": True}
    if isinstance(outcome, Scored):
        spans = [[s.start, s.end, s.note] for s in outcome.spans]
        return {**row, "status": "scored", "value": outcome.value, "reason": outcome.reason,
                "spans": json_text(spans or None)}  # fmt: skip
    if isinstance(outcome, Skipped):
        return {**row, "status": "skipped", "reason": outcome.reason}
    return {**row, "status": "unscored", "reason": outcome.reason, "permanent": outcome.permanent}
