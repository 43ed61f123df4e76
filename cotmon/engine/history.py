"""Everything earlier than a step, as an index that is asked only "before k"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from cotmon.records import Step

_WORD = re.compile(r"[^\W_]\w*|_\w+")
_RUN = re.compile(r"(?<![\w./:@+#%~-])[\w./:@+#%~-]+")
_EDGE = "./:@+#%~-"
_JOINS = re.compile(r"[./:@+#%~-]")


class WordIndex:
    """First position of every word; each step is read once, when it is first asked about."""

    def __init__(self) -> None:
        self._first: dict[str, int] = {}
        self._read = 0
        self._steps: list[Step] = []
        self._briefs: list[Step] = []

    def add(self, step: Step) -> None:
        """Takes in the next step."""
        self._steps.append(step)
        if step.channel == "brief":
            self._briefs.append(step)

    def first(self, word: str) -> int | None:
        """Index of the first step that holds this word (case folded), or None."""
        while self._read < len(self._steps):
            for found in words(self._steps[self._read].text):
                self._first.setdefault(found, self._read)
            self._read += 1
        return self._first.get(word.casefold())

    def recent(self, before: int, count: int, channel: str | None = None) -> list[Step]:
        """Up to `count` steps before index `before`, oldest first; looks back 400 at most."""
        earlier = (self._steps[k] for k in range(before - 1, max(-1, before - 401), -1))
        wanted = (s for s in earlier if channel is None or s.channel == channel)
        return list(islice(wanted, count))[::-1]

    def briefs(self, before: int) -> list[Step]:
        """All steps of the brief channel before index `before`, oldest first."""
        if not self._briefs or self._briefs[-1].index < before:
            return self._briefs
        return [s for s in self._briefs if s.index < before]


def words(text: str) -> Iterator[str]:
    """Words of a text, and the longer runs of paths, addresses and URLs, case folded."""
    folded = text.casefold()
    yield from _WORD.findall(folded)
    for run in _RUN.findall(folded):
        if _JOINS.search(run):
            yield from (run, run.rstrip(_EDGE), run.strip(_EDGE))
