"""Evaluations, kept whole: a report, a gate or a comparison reads them again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from cotmon.errors import StoreError, UnknownNameError, UsageError
from cotmon.store.tables import evaluations


class Evaluations:
    """The table of evaluations."""

    def add(self, connection: Connection, row: dict[str, Any]) -> None:
        """Adds one: id, command, made (ISO time), body (JSON)."""
        connection.execute(evaluations.insert(), row)

    def find(self, connection: Connection, name: str) -> tuple[str, Any]:
        """Id and body of one, by id, the start of it, or `latest`.

        Raises:
            StoreError: there is none yet.
            UnknownNameError: nothing is called that.
            UsageError: several start like that.
        """
        ids = list(connection.scalars(select(evaluations.c.id).order_by(evaluations.c.id.desc())))
        if not ids:
            raise StoreError("no evaluation yet; start with: cotmon evaluate LOGS")
        matches = ids[:1] if name == "latest" else [i for i in ids if i.startswith(name)]
        if len(matches) > 1:
            raise UsageError(f"{len(matches)} evaluations start with {name!r}; give more of it")
        if not matches:
            raise UnknownNameError(name, "evaluation", ids)
        query = select(evaluations.c.body).where(evaluations.c.id == matches[0])
        return matches[0], connection.scalar(query)
