"""People's verdicts on steps; the latest of a reviewer on the same words counts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from sqlalchemy import Connection, select

from cotmon.records import Step
from cotmon.store.tables import reviews

_encode = msgspec.json.Encoder().encode
_AT_ONCE = 900
"""Ids a query; SQLite's oldest limit of bound values is 999."""
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Place = tuple[str, int]
"""Content hash of a transcript, and the step's index in it."""


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict of one person on one step.

    Attributes:
        step_hash: of the words judged; holds in any run.
        transcript: content hash.
        transcript_id: shown id.
        step, address: which step of it.
        run: where it was judged.
        sampled: whether the run had marked the step; unmarked ones were drawn at random.
        at: ISO 8601, UTC, to the microsecond.
        blind: whether scores and the verdicts of others were hidden.
    """

    step_hash: Hash
    transcript: Hash
    transcript_id: str
    step: Annotated[int, Meta(ge=0, lt=2**31)]
    address: Annotated[str, Meta(pattern=r"^M[0-9]{1,14}\.[0-9]{1,14}\Z")]
    run: Annotated[str, Meta(max_length=32)]
    sampled: Literal["marked", "unmarked"]
    verdict: Literal["confirmed", "dismissed", "unsure"]
    note: str | None = None
    reviewer: Annotated[str, Meta(min_length=1)]
    at: Annotated[str, Meta(max_length=32)]
    blind: bool

    @property
    def id(self) -> str:
        """32 hex digits over all fields, so that the same review is stored once."""
        return hashlib.sha256(_encode(self)).hexdigest()[:32]

    @property
    def place(self) -> Place:
        """Which step, for any run that read the transcript."""
        return self.transcript, self.step


def step_hash(step: Step) -> str:
    """32 hex digits of who says what on which channel."""
    return hashlib.sha256(_encode((step.channel, step.module, step.text))).hexdigest()[:32]


class Reviews:
    """The table of reviews."""

    def add(self, connection: Connection, new: Sequence[Review]) -> int:
        """Adds reviews that are not there yet; returns how many were new."""
        rows: dict[str, dict[str, Any]] = {
            review.id: {"id": review.id, **msgspec.structs.asdict(review)} for review in new
        }
        ids = list(rows)
        for k in range(0, len(ids), _AT_ONCE):
            known = reviews.c.id.in_(ids[k : k + _AT_ONCE])
            for found in connection.scalars(select(reviews.c.id).where(known)):
                del rows[found]
        if rows:
            connection.execute(reviews.insert(), list(rows.values()))
        return len(rows)

    def all(self, connection: Connection) -> list[Review]:
        """Every review, oldest first."""
        columns = [reviews.c[name] for name in Review.__struct_fields__]
        query = select(*columns).order_by(reviews.c.at, reviews.c.id)
        return [Review(**row) for row in connection.execute(query).mappings()]
