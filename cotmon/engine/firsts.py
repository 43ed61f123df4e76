"""First positions of very many words, in a tenth of a dictionary's memory."""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from hashlib import blake2b

RECENT = 1024
"""Words that are held as they are; past them all become hashes."""
LARGEST = 65_536
"""Words of a run that is merged with no other, so that no merge takes long."""
_KEY = os.urandom(16)
"""Of this process, so that nobody can look for two words of one hash."""


class Firsts:
    """Words and where each was first: 12 bytes a word.

    The latest words stand in a dictionary. The others are hashes of 64 bits, in sorted runs that
    share none; two runs of about one size become one.
    """

    def __init__(self) -> None:
        self._recent: dict[str, int] = {}
        self._runs: list[tuple[array[int], array[int]]] = []

    def add(self, word: str, position: int) -> None:
        """Notes a word; positions never fall."""
        self._recent.setdefault(word, position)
        if len(self._recent) >= RECENT:
            self._pack()

    def get(self, word: str) -> int | None:
        """The first position of this word, or None."""
        found = self._packed(_hash(word)) if self._runs else None
        return self._recent.get(word) if found is None else found

    def _packed(self, hashed: int) -> int | None:
        for hashes, positions in self._runs:
            k = bisect_left(hashes, hashed)
            if k < len(hashes) and hashes[k] == hashed:
                return positions[k]
        return None

    def _pack(self) -> None:
        hashed = ((_hash(word), position) for word, position in self._recent.items())
        self._runs.append(_run([pair for pair in hashed if self._packed(pair[0]) is None]))
        self._recent = {}
        while len(self._runs) > 1:
            (older, _), (newer, _) = self._runs[-2:]
            if len(older) > 2 * len(newer) or len(older) + len(newer) > LARGEST:
                return
            both = [pair for run in self._runs[-2:] for pair in zip(*run, strict=True)]
            self._runs[-2:] = [_run(both)]


def _run(pairs: list[tuple[int, int]]) -> tuple[array[int], array[int]]:
    pairs.sort()
    return array("Q", [h for h, _ in pairs]), array("I", [position for _, position in pairs])


def _hash(word: str) -> int:
    data = word.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8, key=_KEY).digest())
