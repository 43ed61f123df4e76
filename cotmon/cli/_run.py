"""One run from start to end: noted before anything is read, gone on with where it was cut."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from cotmon.cli._console import Progress, stderr
from cotmon.cli._replaying import Item, Replaying
from cotmon.engine import Judging, Monitor, load_monitors
from cotmon.engine.choice import Choice, set_hash
from cotmon.engine.versions import versions
from cotmon.formats import Options
from cotmon.models import Models
from cotmon.records import MonitorCard
from cotmon.store import RunRow, Store, new_id, now, open_store

_PASSWORD = re.compile(r"(://[^/\s:@]*):[^@\s/]*@")


@dataclass
class Run:
    """A run that was begun.

    Attributes:
        store, row: where it is noted.
        monitors, judging: what scores and how it is judged.
        limited: whether reading stopped at the limit.
    """

    store: Store
    row: RunRow
    monitors: Sequence[Monitor]
    judging: Judging
    paths: Sequence[str]
    options: Options
    limit: int | None
    limited: bool = False

    @classmethod
    def begin(
        cls,
        paths: Sequence[str],
        options: Options,
        choice: Choice,
        model: str | None,
        db: str | None,
        limit: int | None = None,
    ) -> Run:
        """Loads the monitors and notes the run.

        Raises:
            CotmonError: a monitor, a reference or the database is wrong.
        """
        monitors = load_monitors(choice.folders, Models(model))
        judging = choice.judging(monitors)
        store = open_store(db)
        hashed = set_hash(monitors, judging)
        key = _key(paths, options, limit, hashed)
        row = _start(store, key, hashed, judging, [m.card for m in monitors])
        return cls(store, row, monitors, judging, paths, options, limit)

    @property
    def cards(self) -> list[MonitorCard]:
        """The monitors' cards, with the thresholds in force."""
        return [self.judging.card(m.card) for m in self.monitors]

    def items(self, whole: bool, progress: Callable[[int], None]) -> Iterator[Item]:
        """Results, rows of known transcripts (unless `whole`) and refusals, in reading order."""
        work = Replaying(
            store=self.store, run=self.row.id, set_hash=set_hash(self.monitors, self.judging),
            monitors=self.monitors, judging=self.judging, whole=whole, progress=progress,
            limit=self.limit,
        )  # fmt: skip
        yield from work.items(self.paths, self.options)
        self.limited = work.limited

    def finish(self) -> None:
        """Marks it as done; cut runs of the same command are dropped."""
        with self.store.begin() as connection:
            self.store.runs.finish(connection, self.row.id, now())
            for cut in self.store.runs.cut(connection, self.row.key):
                self.store.runs.delete(connection, cut)

    def carry_out(self, what: str, take: Callable[[Item], None]) -> None:
        """The whole of it, every step of every transcript."""
        with Progress(what) as progress:
            for item in self.items(whole=True, progress=progress.add):
                take(item)
        self.finish()


def typed() -> str:
    """What was typed, without passwords in URLs: it is stored and stands in reports."""
    words = shlex.join(["cotmon", *sys.argv[1:]]).encode("utf-8", "backslashreplace").decode()
    return _PASSWORD.sub(r"\1:***@", words)


def _key(paths: Sequence[str], options: Options, limit: int | None, hashed: str) -> str:
    """The same for the same command, which then goes on with a cut run; stdin never is."""
    places = [secrets.token_hex() if p == "-" else str(Path(p).absolute()) for p in paths]
    asked = json.dumps([places, options.format, options.map, limit, hashed], sort_keys=True)
    return hashlib.blake2b(asked.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _known(judging: Judging) -> tuple[str, Any] | None:
    """What the run knows of honest agents, and the name it is stored by."""
    if not judging.calibration.cues:
        return None
    body = msgspec.json.encode(judging.calibration, order="sorted")
    return hashlib.blake2b(body, digest_size=16).hexdigest(), msgspec.json.decode(body)


def _start(
    store: Store, key: str, hashed: str, judging: Judging, cards: Sequence[MonitorCard]
) -> RunRow:
    """Notes the run before anything is read; says so where a cut one is gone on with."""
    row = {
        "id": new_id(), "key": key, "command": typed(), "set_hash": hashed, "started": now(),
        "transcript_threshold": judging.threshold, "versions": versions(),
    }  # fmt: skip
    with store.begin() as connection:
        cut = store.runs.cut(connection, key)
        store.runs.start(connection, row, cards, _known(judging))
        found = store.runs.find(connection, row["id"])
    if cut:
        stderr().print(f"going on from run {cut[0]}, which was cut short")
    return found
