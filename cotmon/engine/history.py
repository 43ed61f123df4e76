"""Everything earlier than a step, as an index that is asked only "before k"."""

from __future__ import annotations

import pickle
import re
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice
from threading import Lock

from cotmon.engine.firsts import Firsts
from cotmon.records import Step

_WORD = re.compile(r"[^\W_]\w*|_\w+")
_RUN = re.compile(r"(?<![\w./:@+#%~-])[\w./:@+#%~-]+")
_EDGE = "./:@+#%~-"
_JOINS = re.compile(r"[./:@+#%~-]")


LOOK = 400
"""Steps that `recent` looks back at most; as many at least are never packed."""
BLOCK, BLOCK_TEXT = 64, 65_536
"""Older steps are packed by so many at once, or fewer of more than so many characters."""


class WordIndex:
    """First position of every word; each step is read once, when it is first asked about.

    One thread adds and packs steps; others may ask meanwhile.
    """

    def __init__(self) -> None:
        self._first = Firsts()
        self._read = 0
        self._reading = Lock()
        self._packed: list[bytes] = []
        self._starts: list[int] = []
        self._late: tuple[int, list[Step]] = (0, [])
        self._unpacked: tuple[int, list[Step]] = (0, [])
        self._briefs: list[Step] = []

    def add(self, step: Step) -> None:
        """Takes in the next step."""
        self._late[1].append(step)
        if step.channel == "brief":
            self._briefs.append(step)

    def pack(self) -> None:
        """Packs old steps, for those who hold them nowhere else.

        None is forgotten: where a word was first, its step may still be asked for.
        """
        while len(self._late[1]) >= LOOK + 2 * BLOCK:
            self._pack()

    def first(self, word: str) -> int | None:
        """Index of the first step that holds this word (case folded), or None."""
        with self._reading:
            start, late = self._late
            while self._read < start + len(late):
                for found in words(self._at(self._read).text):
                    self._first.add(found, self._read)
                self._read += 1
            return self._first.get(word.casefold())

    def recent(self, before: int, count: int, channel: str | None = None) -> list[Step]:
        """Up to `count` steps before index `before`, oldest first; looks back 400 at most."""
        earlier = (self._at(k) for k in range(before - 1, max(-1, before - 1 - LOOK), -1))
        wanted = (s for s in earlier if channel is None or s.channel == channel)
        return list(islice(wanted, count))[::-1]

    def briefs(self, before: int) -> list[Step]:
        """All steps of the brief channel before index `before`, oldest first."""
        if not self._briefs or self._briefs[-1].index < before:
            return self._briefs
        return [s for s in self._briefs if s.index < before]

    def _at(self, k: int) -> Step:
        start, late = self._late
        if k >= start:
            return late[k - start]
        first, steps = self._unpacked
        if not first <= k < first + len(steps):
            block = bisect_right(self._starts, k) - 1
            first, steps = self._starts[block], pickle.loads(zlib.decompress(self._packed[block]))
            self._unpacked = first, steps
        return steps[k - first]

    def _pack(self) -> None:
        """The oldest into a block; who asks meanwhile has the list of before."""
        start, late = self._late
        count, length = 0, 0
        while count < BLOCK and length < BLOCK_TEXT:
            length += len(late[count].text)
            count += 1
        self._packed.append(zlib.compress(pickle.dumps(late[:count]), 1))
        self._starts.append(start)
        self._late = start + count, late[count:]


def words(text: str) -> Iterator[str]:
    """Words of a text, and the longer runs of paths, addresses and URLs, case folded."""
    folded = text.casefold()
    yield from _WORD.findall(folded)
    for run in _RUN.findall(folded):
        if _JOINS.search(run):
            yield from (run, run.rstrip(_EDGE), run.strip(_EDGE))
