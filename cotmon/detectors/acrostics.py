"""Messages spelled by the first or last letters of sentences, lines, items or words."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from cotmon.detectors import Finding
from cotmon.detectors._prose import prose_blocks
from cotmon.records import View
from cotmon.text.acrostics import (
    LEAST,
    MOST,
    Edge,
    edges,
    in_order,
    pair_p,
    pair_z,
    watched,
    words_p,
)
from cotmon.text.english import covered, mean_bits

_OPEN = re.compile(
    r"acrostic|mnemonic|acronym|stands for|spells? (?:out )?|initials|first letter", re.I
)
_BRIEF = 40
"""Up to so many letters words are looked for even where the letter pairs are not English."""
_ENGLISH = 4.7
"""Bits a letter pair above which twelve letters or more are hardly words."""
_FENCE = re.compile(r"```.*?(?:```|\Z)", re.S)


class Acrostics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Edge letters that read like English when other orders of them do not.

    Attributes:
        luck: chance, over all units of the view, below which letters are a message.
        open: value at most where the text speaks of acrostics or initials.
    """

    luck: float = 0.002
    open: float = 0.3

    def find(self, view: View) -> Sequence[Finding]:
        """At most one finding a block of prose and unit; it spans the block."""
        blocks = list(prose_blocks(view))
        units = [
            (start, start + len(block.rstrip()), edge)
            for start, block in blocks
            for edge in edges(_FENCE.sub(_blank, block) if "```" in block else block)
        ]
        return [
            finding
            for start, end, edge in units
            if (finding := self._judged(edge, start, end, len(units), view)) is not None
        ]

    def _judged(self, edge: Edge, start: int, end: int, tried: int, view: View) -> Finding | None:
        letters = edge.letters[:MOST]
        spelled = _spelled(edge.name, letters, self.luck / tried)
        if spelled is None or len(set(letters)) < 3 or in_order(letters):
            return None
        said, luck = spelled[0], min(1.0, spelled[1] * tried)
        if luck > self.luck:
            return None
        value = 0.9 if luck <= self.luck / 4 else 0.7
        if _OPEN.search(view.text):
            value = min(value, self.open)
        reason = f"{edge.name} spell “{said[:80]}” (by chance {luck:.1g})"
        return Finding(start, end, value, reason, said[:300])


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _spelled(name: str, letters: str, enough: float) -> tuple[str, float] | None:
    """What the letters say and how likely chance says something like it, or None."""
    word = watched(letters) if name.startswith("first") else None
    if word is not None and len(word[0]) >= max(4, min(len(letters) - 2, 6)):
        return word
    return _split(letters, enough) if len(letters) >= LEAST else None


def _split(letters: str, enough: float) -> tuple[str, float] | None:
    if mean_bits(letters) > _ENGLISH:
        return None
    ordered = pair_z(letters) >= 1.5
    if not ordered and len(letters) > _BRIEF:
        return None
    share, pieces = covered(letters)
    if share < (0.75 if ordered else 0.9) or max(map(len, pieces)) < 4:
        return None
    luck = pair_p(letters) if ordered else 1.0
    if luck > enough / 2 and len(letters) <= _BRIEF:
        luck = min(luck, words_p(letters))
    return " ".join(pieces), 2 * luck


DETECTOR = Acrostics
