"""Watched conversations as readings of their run, so that all that looks at runs can use them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import msgspec

from cotmon.calibration import UNCALIBRATED, Calibration
from cotmon.content import MonitorFolder
from cotmon.engine import Judged, Judging, Monitor, content_hash, result_of, score, storable
from cotmon.formats import transcript_of_chat
from cotmon.models import Models
from cotmon.records import Channel, MonitorCard, Outcome, Transcript, Unscored, View, ViewSize
from cotmon.store import NewReading, RunRow, Store, now
from cotmon.store.watches import Thread
from cotmon.watching.conversation import source_of


@dataclass(frozen=True)
class _Recalled:
    """Stands in for a kind: what was not scored while the agent lived is not scored later."""

    version: ClassVar[str] = ""
    remote: ClassVar[bool] = False
    identity: str = "recalled"

    @classmethod
    def load(cls, folder: MonitorFolder, models: Models) -> _Recalled:
        """Never found by name."""
        return cls()

    def score(self, views: Sequence[View]) -> list[Outcome]:
        """Unscored; a replay under the same monitors tries again."""
        return [Unscored("no score was stored while it was watched", permanent=False)] * len(views)


def settle(store: Store) -> int:
    """Makes every watched conversation that grew a reading of its run; gives how many did.

    Nothing is scored here: scores are those that were stored while the agent lived, and what
    failed then stays unscored. Runs of processes that ended without saying so are finished.

    Raises:
        StoreError: the database refused.
    """
    with store.reading() as connection:
        grown = store.watches.unsettled(connection)
        dead = store.watches.left_behind(connection)
    for thread in grown:
        _settle(store, thread)
    if dead:
        with store.begin() as connection:
            for run in dead:
                store.runs.finish(connection, run, now())
    return len(grown)


def chat_of(store: Store, run: str, thread: str) -> list[Any]:
    """The OpenAI-style messages of a watched conversation, as far as they are stored."""
    with store.reading() as connection:
        return store.watches.messages(connection, run, thread)


def _settle(store: Store, thread: Thread) -> None:
    with store.reading() as connection:
        row = store.runs.find(connection, thread.run)
        bodies = store.watches.messages(connection, thread.run, thread.thread)
        cards = store.runs.cards(connection, thread.run)
    judged, loaded = _judged(store, _transcript(thread, bodies), cards)
    content = content_hash(judged.transcript)
    result = result_of(judged, cards, row.id, _judging(store, row), content)
    retry = not all(storable(o) for o in judged.outcomes.values())
    bound = ((s, cards[m].hash, address) for (s, m), address in judged.addresses.items())
    missing = {a: judged.outcomes[k] for k, a in judged.addresses.items() if a not in loaded}
    with store.begin() as connection:
        if not store.watches.settle(connection, row.id, thread.thread, len(bodies)):
            return  # another process was faster, and has seen more
        store.scores.add(connection, missing)
        said = judged.transcript.messages
        store.transcripts.add(connection, content, said, judged.steps, bound)
        ordinal, old = store.runs.place_of(connection, row.id, judged.transcript.id)
        new = NewReading(ordinal, content, judged.transcript, result.row(retry))
        store.runs.replace_reading(connection, row.id, new)
        if old not in (None, content):
            store.transcripts.drop(connection, old)


def _transcript(thread: Thread, bodies: Sequence[Any]) -> Transcript:
    return transcript_of_chat(
        thread.thread, source_of(thread.host), thread.agent, thread.parent, bodies
    )


def _judged(
    store: Store, transcript: Transcript, cards: Sequence[MonitorCard]
) -> tuple[Judged, Collection[str]]:
    """The transcript with what is stored of its scores, and the addresses that were found."""
    monitors = [
        Monitor(
            card, bytes.fromhex(card.hash), _Recalled(),
            frozenset(msgspec.convert(card.channels, tuple[Channel, ...])),
            msgspec.convert(card.view, ViewSize),
        )
        for card in cards
    ]  # fmt: skip
    loaded: set[str] = set()

    def known(addresses: Collection[str]) -> dict[str, Outcome]:
        with store.reading() as connection:
            found = store.scores.load(connection, addresses)
        loaded.update(found)
        return found

    finished = [done for batch in score([transcript], monitors, known) for done in batch.finished]
    return finished[0], loaded


def _judging(store: Store, row: RunRow) -> Judging:
    """How the run judged: its thresholds, and what it knew of honest agents."""
    with store.reading() as connection:
        body = store.runs.calibration(connection, row.id)
    known = UNCALIBRATED if body is None else msgspec.convert(body, Calibration)
    return Judging(row.transcript_threshold, known)
