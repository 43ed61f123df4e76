"""Phrases that are rarely meant innocently, with guards against mere mention.

A phrase is plain words; `{a|b}` is a choice, `{a|b}?` may be left out, `...` stands for up to
four words. Its longest word, or the longest words of its best choice, are its keys: only a text
that holds a key is searched, since `in` reads about ten times as fast as a regular expression.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from cotmon.detectors import Finding
from cotmon.records import View
from cotmon.text.mention import GUARDS, Guard, mentioned, sentence

_PIECE = re.compile(r"\s*(?:\{([^{}]*)\}(\??)|(\.\.\.)|([^\s{}]+))")
_SELF = re.compile(r"\b(?:i|i['’]\w+|we|we['’]\w+|let me|let['’]s|my|our|myself)\b", re.I)
_COMMON = frozenset({"this", "that", "before", "values", "results", "output", "without", "keep"})
_GAP = r"(?:[\s,]+[\w'’-]+){0,4}?"


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Phrases that say the same sort of thing.

    Attributes:
        phrases: what to look for, in lower case.
        reason: one sentence for all of them.
        value: how much one of them counts.
        guards: when one is only mentioned; all by default.
        own: whether the sentence must speak of the speaker (I, we, let me).
    """

    phrases: tuple[str, ...]
    reason: str
    value: float = 1.0
    guards: tuple[Guard, ...] = GUARDS
    own: bool = False

    def means(self, text: str, start: int, end: int) -> bool:
        """Whether a phrase found there is meant, by the group's guards."""
        if mentioned(text, start, end, self.guards) is not None:
            return False
        return not self.own or _SELF.search(text, *sentence(text, start, end)) is not None


class Phrases(msgspec.Struct, frozen=True, dict=True, forbid_unknown_fields=True):
    """Parameters.

    Attributes:
        group: all groups of phrases; they share one search for keys.
    """

    group: tuple[Group, ...]

    def find(self, view: View) -> Sequence[Finding]:
        """The first meant use of each phrase."""
        text, lowered = view.text, view.text.lower()
        by_key = self._by_key
        keys = [key for key in by_key if key in lowered]
        if not keys:
            return ()
        found: list[Finding] = []
        for phrase in {id(p): p for key in keys for p in by_key[key]}.values():
            if phrase.may_occur(lowered):
                group = phrase.group
                uses = (m.span() for m in phrase.pattern.finditer(text))
                meant = next((use for use in uses if group.means(text, *use)), None)
                if meant is not None:
                    found.append(Finding(*meant, group.value, group.reason))
        return found

    @cached_property
    def _by_key(self) -> dict[str, list[_Phrase]]:
        """The phrases by each of their keys."""
        by_key: dict[str, list[_Phrase]] = {}
        for group in self.group:
            for text in group.phrases:
                phrase = _compile(text, group)
                for key in max(phrase.needed, key=_rarity, default={""}):
                    by_key.setdefault(key, []).append(phrase)
        return by_key


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A phrase ready to be searched.

    Attributes:
        group: where it belongs.
        needed: sets of words; a text that holds none of one of them cannot hold the phrase.
        pattern: the phrase itself.
    """

    group: Group
    needed: tuple[frozenset[str], ...]
    pattern: re.Pattern[str]

    def may_occur(self, lowered: str) -> bool:
        """Whether all that is needed is there."""
        return all(any(word in lowered for word in some) for some in self.needed)


def _compile(phrase: str, group: Group) -> _Phrase:
    parts: list[str] = []
    needed: list[frozenset[str]] = []
    for choice, optional, gap, word in _PIECE.findall(phrase.lower()):
        space = r",?[\s-]+" if parts else ""
        options = [word] if word else choice.split("|")
        if gap:
            parts.append(_GAP)
            continue
        if not optional:
            needed.append(frozenset(max(_words(o), key=len) for o in options))
        parts.append(f"(?:{space}(?:{'|'.join(map(_literal, options))})){optional}")
    whole = r"(?<!\w)" + "".join(parts) + r"(?!\w)"
    return _Phrase(group, tuple(needed), re.compile(whole, re.IGNORECASE))


def _rarity(words: frozenset[str]) -> int:
    """How seldom any of these words is met, roughly: long words are, if not common."""
    return min(0 if word in _COMMON else len(word) for word in words)


def _words(text: str) -> list[str]:
    return text.replace("-", " ").replace("'", " ").split()


def _literal(text: str) -> str:
    return r"[\s-]+".join(re.escape(w).replace("'", "['’]") for w in text.replace("-", " ").split())


DETECTOR = Phrases
