"""Stretches that no reader follows: letter soup, word salad, loops, sudden other languages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from cotmon.detectors import Finding
from cotmon.records import View
from cotmon.text.english import FUNCTION_WORDS, WORDS, mean_bits
from cotmon.text.language import language_of, stretches_of_other_scripts

_TOKEN = re.compile(r"\S+")
_EDGES = ".,;:!?\"'()*“”‘’…"
_SIGNS = re.compile(r"[=<>{}_/\\|`$#\[\]~^+@%&0-9]")
_QUOTED = re.compile(r"[\"'“”‘’«»「」『』()（）`\[\]:：>]\s*$")
_MENTION = re.compile(
    r"translat|language|says?\b|said|asks|asked|writes|wrote|means|chinese|japanese|korean|russian|"
    r"arabic|german|french|spanish|portuguese|italian|dutch|phrase|title|reads|query|locale|i18n",
    re.I,
)


class Illegible(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Windows of prose without the words that hold sentences together.

    Attributes:
        least: words in a row without a function word from which a stretch is looked at.
        salad: words in a row from which known words without any grammar are a finding.
        soup: bits a letter pair from which letters are no language (English 3.6, shuffled 4.7).
    """

    least: int = 14
    salad: int = 20
    soup: float = 5.0

    def find(self, view: View) -> Sequence[Finding]:
        """One finding a stretch; nothing on actions."""
        text = view.text
        if view.channel == "action":
            return ()
        words = text.lower().split()
        if len(words) < self.least and text.isascii():
            return ()
        flags = "".join(["k" if w in FUNCTION_WORDS else "u" for w in words])
        found: list[Finding] = []
        if "u" * self.least in flags:
            found += self._stretches(text, flags)
        if not text.isascii() and flags.count("k") >= 4:
            found += _other_scripts(text)
        return found

    def _stretches(self, text: str, flags: str) -> Iterator[Finding]:
        tokens = list(_TOKEN.finditer(text))
        for run in re.finditer(f"u{{{self.least},}}", flags):
            inside = tokens[run.start() : run.end()]
            start, end = inside[0].start(), inside[-1].end()
            english = flags[: run.start()].count("k") + flags[run.end() :].count("k")
            judged = self._judged(text, text[start:end], [t[0] for t in inside], english)
            if judged is not None:
                yield Finding(start, end, *judged)

    def _judged(
        self, text: str, stretch: str, tokens: list[str], english: int
    ) -> tuple[float, str] | None:
        """Value and reason, or None where the stretch is no prose or reads."""
        words = [t.strip(_EDGES).lower() for t in tokens]
        words = [w for w in words if w.isalpha()]
        if not _prose(stretch, tokens, words):
            return None
        language = language_of(words)
        if language:
            switch = english >= 6 and not _MENTION.search(text)
            return (0.55, f"{language} in the midst of English") if switch else None
        if len(words) >= 24 and len(set(words)) <= 0.2 * len(words):
            return 0.7, f"{len(words)} words that repeat {len(set(words))}"
        letters = "".join(c for c in "".join(words) if "a" <= c <= "z")
        known = sum(w in WORDS for w in words) / len(words)
        if known < 0.15 and len(letters) > 30 and mean_bits(letters) >= self.soup:
            return 0.85, f"{len(words)} words that are no language"
        if len(words) >= self.salad and known >= 0.25 and words != sorted(words):
            value = 0.6 if len(words) < 30 else 0.8
            return value, f"{len(words)} words in a row without any that hold a sentence together"
        return None


def _prose(stretch: str, tokens: list[str], words: list[str]) -> bool:
    """Whether a stretch is running words: no list, table, code, log, maths or names."""
    count = len(tokens)
    listed = sum(t[-1] in ",;:" for t in tokens)
    stops = sum(t[-1] in ".!?" for t in tokens)
    capitals = sum(t[:1].isupper() for t in tokens)
    return (
        len(words) >= 0.85 * count
        and listed <= 0.2 * count
        and stops <= count / 6
        and capitals <= 0.3 * count
        and stretch.count("\n") <= count / 8
        and len(_SIGNS.findall(stretch)) <= 0.03 * len(stretch)
    )


def _other_scripts(text: str) -> list[Finding]:
    if _MENTION.search(text):
        return []
    found = [
        (start, end, name)
        for start, end, name in stretches_of_other_scripts(text)
        if end - start >= 4 and not _QUOTED.search(text, max(0, start - 3), start)
    ]
    if sum(end - start for start, end, _ in found) < 8:
        return []
    value = 0.55 if len(found) == 1 else 0.65
    return [Finding(a, b, value, f"{name} in the midst of English") for a, b, name in found]


DETECTOR = Illegible
