"""The edge between engine and store: reads, scores, commits, and gives results in order."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import msgspec

from cotmon.engine import (
    Batch,
    Judged,
    Judging,
    Monitor,
    content_hash,
    result_of,
    score,
    storable,
)
from cotmon.formats import Options, find_files, read_file
from cotmon.records import Outcome, Refusal, Result, Row, Source, Transcript
from cotmon.segmentation import steps_of
from cotmon.store import NewReading, Store

_NO_SOURCE = Source(file="", format="")
AHEAD = 128
"""Transcripts whose content is looked up in the store together."""

Item = Result | Row | Refusal


@dataclass(slots=True)
class _Slot:
    """The place of one transcript in the order of reading."""

    ordinal: int
    transcript: Transcript
    content: str
    item: Result | Row | None = None
    row: Row | None = None
    refusal: Refusal | None = None


@dataclass
class Replaying:
    """One run being carried out.

    Attributes:
        store, run, set_hash: where its results go.
        monitors: those that score.
        judging: thresholds and references.
        whole: whether every step of a known transcript must be loaded, or its row will do.
        progress: told the number of steps after every batch.
        limit: read this many transcripts; None reads all.
        limited: whether reading stopped there.
    """

    store: Store
    run: str
    set_hash: str
    monitors: Sequence[Monitor]
    judging: Judging
    whole: bool
    progress: Callable[[int], None]
    limit: int | None = None
    limited: bool = False
    _order: deque[_Slot] = field(default_factory=deque)
    _by_transcript: dict[int, _Slot] = field(default_factory=dict)
    _refused: int = 0
    _inputs: dict[str, str] = field(default_factory=dict)

    def items(self, paths: Sequence[str], options: Options) -> Iterator[Item]:
        """Results, rows of known transcripts and refusals, in the order of reading."""
        waiting = self._unknown(self._read(paths, options))
        for batch in score(waiting, self.monitors, self._known):
            self._commit(batch)
            self.progress(batch.steps)
            yield from self._ready()
        yield from self._ready()

    def _read(self, paths: Sequence[str], options: Options) -> Iterator[Transcript | Refusal]:
        left = self.limit
        for file in find_files(paths):
            if isinstance(file, Refusal):
                yield file
                continue
            self._note_input(file)
            for item in read_file(file, options):
                yield item
                if left is not None and isinstance(item, Transcript):
                    left -= 1
                    if left <= 0:
                        self.limited = True
                        return

    def _note_input(self, file: Path | None) -> None:
        if file is None:
            return
        try:
            with file.open("rb") as data:
                digest = hashlib.file_digest(data, "sha256").hexdigest()
        except OSError:
            return  # reading it gives the refusal that says so
        self._inputs[str(file)] = digest

    def _unknown(self, items: Iterator[Transcript | Refusal]) -> Iterator[Transcript | None]:
        """Those transcripts that must be scored; the others are set aside in their places.

        A None after every block lets `items` show what is ready, so that none pile up.
        """
        ordinal = 0
        while ahead := list(islice(items, AHEAD)):
            contents = [content_hash(i) if isinstance(i, Transcript) else "" for i in ahead]
            with self.store.reading() as connection:
                known = self.store.runs.read_before(connection, contents, self.set_hash)
            for item, content in zip(ahead, contents, strict=True):
                if isinstance(item, Refusal):
                    placeholder = Transcript(id="", source=_NO_SOURCE)
                    self._order.append(_Slot(-1, placeholder, "", refusal=item))
                    continue
                slot = _Slot(ordinal, item, content)
                ordinal += 1
                self._order.append(slot)
                if content in known:
                    self._recall(slot, known[content])
                else:
                    self._by_transcript[id(item)] = slot
                    yield item
            yield None

    def _recall(self, slot: _Slot, row: Row) -> None:
        """A transcript that the same monitors judged before is not touched again."""
        source = slot.transcript.source
        slot.row = msgspec.structs.replace(
            row, id=slot.transcript.id, file=source.file, format=source.format
        )
        slot.item = slot.row
        if self.whole:
            judged = Judged(slot.transcript, steps_of(slot.transcript))
            hashes = [m.card.hash for m in self.monitors]
            with self.store.reading() as connection:
                judged.outcomes = self.store.transcripts.outcomes(connection, slot.content, hashes)
            slot.item = self._result(judged, slot.content)

    def _result(self, judged: Judged, content: str) -> Result:
        cards = [m.card for m in self.monitors]
        return result_of(judged, cards, self.run, self.judging, content)

    def _known(self, addresses: Collection[str]) -> dict[str, Outcome]:
        with self.store.reading() as connection:
            return self.store.scores.known(connection, addresses)

    def _commit(self, batch: Batch) -> None:
        new = {address: outcome for address, (_, outcome) in batch.outcomes.items()}
        with self.store.begin() as connection:
            self.store.scores.add(connection, new)
            for judged in batch.finished:
                slot = self._by_transcript.pop(id(judged.transcript))
                result = self._result(judged, slot.content)
                retry = not all(storable(o) for o in judged.outcomes.values())
                slot.item, slot.row = result, result.row(retry)
                bound = (
                    (step, self.monitors[monitor].card.hash, address)
                    for (step, monitor), address in judged.addresses.items()
                )
                self.store.transcripts.add(
                    connection, slot.content, judged.transcript.messages, judged.steps, bound
                )

    def _ready(self) -> Iterator[Item]:
        """Items whose turn has come; each is in the store before it is shown."""
        done: list[_Slot] = []
        while self._order and (self._order[0].item is not None or self._order[0].refusal):
            done.append(self._order.popleft())
        if not done and not self._inputs:
            return
        with self.store.begin() as connection:
            self.store.runs.add_inputs(connection, self.run, self._inputs)
            self._inputs.clear()
            new = [
                NewReading(slot.ordinal, slot.content, slot.transcript, slot.row)
                for slot in done
                if slot.row is not None
            ]
            self.store.runs.add_readings(connection, self.run, new)
            for slot in done:
                if slot.refusal is not None:
                    self.store.runs.add_refusal(connection, self.run, self._refused, slot.refusal)
                    self._refused += 1
        for slot in done:
            item = slot.item or slot.refusal
            if item is not None:
                yield item
