"""Which steps of a run people are asked about: all marked ones, and a random draw of the rest."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import msgspec

from cotmon.cli._stored import results
from cotmon.records import AGENT, Result, StepResult
from cotmon.store import RunRow, Store
from cotmon.store.reviews import Place, step_hash


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the run.

    Attributes:
        run: which.
        reading: ordinal of its transcript in the run.
        place: content hash of the transcript, and the step's index.
        words: its `step_hash`.
        group: scenario, for labels.
    """

    run: str
    reading: int
    transcript: str
    address: str
    place: Place
    words: str
    marked: bool
    group: str


@dataclass
class Survey:
    """A run as reviewers need it; a transcript that was read twice counts once.

    Attributes:
        words: hashes that somebody judged.
        draw: how many unmarked steps to draw; all are equally likely.
        seed: of the draw and of the order.
        marked: every marked step.
        drawn: the unmarked steps of agents that were drawn.
        known: steps whose words somebody judged.
        unmarked: how many unmarked steps of agents there are.
        names: content hash → shown id of every transcript.
    """

    words: Collection[str]
    draw: int
    seed: int
    marked: list[Item] = field(default_factory=list)
    drawn: list[Item] = field(default_factory=list)
    known: list[Item] = field(default_factory=list)
    unmarked: int = 0
    names: dict[str, str] = field(default_factory=dict)
    _frame: list[str] = field(default_factory=list)

    def take(self, result: Result, reading: int) -> None:
        """One transcript."""
        content = result.content_hash
        if content in self.names:
            return
        self.names[content] = result.transcript.id
        items = _items(result, reading)
        rest = [item for item in items if not item.marked]
        self.marked += [item for item in items if item.marked]
        self.known += [item for item in items if item.words in self.words]
        self.unmarked += len(rest)
        self.drawn = heapq.nsmallest(self.draw, self.drawn + rest, key=_by("draw", self.seed))
        self._frame.append(f"{content} {[item.place[1] for item in rest]}")

    @property
    def frame(self) -> str:
        """Hash of which steps are unmarked: what was drawn from equal ones holds for this run."""
        return hashlib.sha256("\n".join(sorted(self._frame)).encode()).hexdigest()[:32]

    def order(self, *, marked: bool, blind: bool) -> list[Item]:
        """What is asked, in an order drawn by the seed, so that the first part is a random part.

        Marked ones come first; blind, nobody can tell which are which.
        """
        key = _by("order", self.seed)
        first = sorted(self.marked, key=key) if marked else []
        asked = first + sorted(self.drawn, key=key)
        return sorted(asked, key=key) if blind else asked


def survey(store: Store, row: RunRow, words: Collection[str], draw: int, seed: int) -> Survey:
    """Goes through the run once."""
    found = Survey(words, draw, seed)
    with store.reading() as connection:
        ordinals = [reading.ordinal for reading in store.runs.readings(connection, row.id)]
    for ordinal, result in zip(ordinals, results(store, row), strict=True):
        found.take(result, ordinal)
    return found


def _items(result: Result, reading: int) -> list[Item]:
    """Marked steps, and all of the agent's."""
    return [
        item_of(result, reading, step)
        for step in result.steps
        if step.marked or step.step.channel in AGENT
    ]


def item_of(result: Result, reading: int, step: StepResult) -> Item:
    """A step of a result that stands at this ordinal of its run."""
    group = result.transcript.metadata.get("group")
    return Item(
        run=result.run, reading=reading, transcript=result.transcript.id,
        address=step.step.address, place=(result.content_hash, step.step.index),
        words=step_hash(step.step), marked=step.marked,
        group=group if isinstance(group, str) else "",
    )  # fmt: skip


def _by(what: str, seed: int) -> Callable[[Item], bytes]:
    """A random rank for every step, whatever else the run holds."""

    def rank(item: Item) -> bytes:
        content, step = item.place
        return hashlib.sha256(f"{what} {seed} {content} {step}".encode()).digest()

    return rank
