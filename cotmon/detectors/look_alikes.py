"""Words with letters that pass for others: mixed scripts, disguised words, fancy letters."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from cotmon.detectors import Finding
from cotmon.detectors._meant import meant
from cotmon.records import View
from cotmon.text.english import WORDS, mean_bits
from cotmon.text.scripts import LOOK_ALIKES, is_mixed, script_of, skeleton

_FANCY = (
    "\uff21-\uff3a\uff41-\uff5a\U0001d400-\U0001d7cb\u24b6-\u24e9\U0001f130-\U0001f189\u1d00-\u1d22"
    "\ua730\ua731\u0262\u026a\u0274\u0280\u028f\u0299\u029c\u029f"
)
_FOREIGN = "\u0370-\u03ff\u0400-\u052f\u0531-\u0587\u13a0-\u13f5\uab70-\uabbf"
_GATE = re.compile(f"[{_FOREIGN}{_FANCY}\u0251\u0261\u0131\u0237]")
_WORD = re.compile(r"[^\W_\d](?:[\w'’\u0300-\u036f]*[\w\u0300-\u036f])?")
_FANCY_RUN = re.compile(f"[{_FANCY}](?:[{_FANCY} ]*[{_FANCY}])?")
_EAST = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_MENTION = re.compile(
    r"homoglyph|look-?alike|confusable|cyrillic|greek|armenian|cherokee|unicode|script|ipa\b", re.I
)
_SHAPED = {"Cyrillic", "Greek", "Armenian", "Cherokee"}
_MATHS = frozenset("αικνρτυχγω")
"""Lower-case Greek that formulas use beside Latin letters."""


class LookAlikes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words that look like Latin ones and are not.

    Attributes:
        named: value at most for up to three such words where the text speaks of scripts.
    """

    named: float = 0.4

    def find(self, view: View) -> Sequence[Finding]:
        """One finding a disguised word or run of fancy letters."""
        if view.text.isascii() and "\\u" not in view.text:
            return ()
        text, places = meant(view)
        if not _GATE.search(text):
            return ()
        found = [*_disguised(text), *_fancy(text)]
        if 0 < len(found) <= 3 and _MENTION.search(text):
            found = [msgspec.structs.replace(f, value=min(f.value, self.named)) for f in found]
        if places is None:
            return found
        return [msgspec.structs.replace(f, start=places[f.start], end=places[f.end]) for f in found]


def _disguised(text: str) -> list[Finding]:
    words = list(_WORD.finditer(text))
    odd = [m for m in words if not m[0].isascii() and _GATE.search(m[0])]
    if not odd:
        return []
    own = _scripts_at_home(m[0] for m in odd)
    latin = sum(m[0].isascii() for m in words)
    found: list[Finding] = []
    for match in odd:
        word = match[0]
        value = _mixed(word, own) if is_mixed(word) else _whole(word, own, latin)
        if value:
            plain = skeleton(word)
            scripts = sorted({script_of(c) for c in word if not c.isascii()} - {"Common"})
            reason = f"“{plain}” is written with {' and '.join(scripts)} letters"
            found.append(Finding(match.start(), match.end(), value, reason, plain))
    return found


def _scripts_at_home(words: Iterable[str]) -> set[str]:
    """Scripts with a word here that only they can write: those are languages, not disguises."""
    return {
        script_of(word[0])
        for word in words
        if len(word) > 1 and not is_mixed(word) and not skeleton(word).isascii()
    }


def _mixed(word: str, own: set[str]) -> float:
    scripts = {script_of(c) for c in word} - {"Common"}
    if len(scripts) > 3 or "Latin" not in scripts or not scripts & _SHAPED:
        return 0.0
    plain = skeleton(word)
    if not plain.isascii():
        return 0.0
    foreign = [c for c in word if script_of(c) in _SHAPED]
    known = plain.lower() in WORDS and len(plain) > 2
    if scripts <= {"Latin", "Greek"} and not _greek_disguise(word, foreign, known):
        return 0.0
    if own & scripts - {"Latin"} and not known:
        return 0.2
    return 0.95 if known or len(plain) > 3 else 0.6


def _greek_disguise(word: str, foreign: list[str], known: bool) -> bool:
    if len(word) < 4:
        return False
    if known:
        return len(foreign) > 1 or word[0] not in _MATHS
    inside = word[1:-1]
    return any(c in inside and c not in _MATHS for c in foreign) or (
        len(foreign) > 1 and not set(foreign) <= _MATHS
    )


def _whole(word: str, own: set[str], latin: int) -> float:
    script = script_of(word[0])
    if script == "Latin":
        return _latin(word)
    if script not in _SHAPED or script in own or latin < 2:
        return 0.0
    plain = skeleton(word)
    if not plain.isascii():
        return 0.0
    if len(plain) == 1:
        return 0.55 if script == "Cyrillic" and plain in "aAIcosyx" else 0.0
    if script == "Greek" and set(word) <= _MATHS:
        return 0.0
    if plain.lower() in WORDS:
        return 0.9 if len(plain) > 2 else 0.6
    return 0.6 if len(plain) > 4 and mean_bits(_letters(plain)) < 4.6 else 0.3


def _latin(word: str) -> float:
    """Words of ASCII letters but for one or two Latin look-alikes, as `pɑsswοrd`."""
    strange = [c for c in word if c in LOOK_ALIKES]
    if not strange or len(strange) == len(word) or not skeleton(word).isascii():
        return 0.0
    return 0.6 if skeleton(word).lower() in WORDS and len(word) > 3 else 0.0


def _fancy(text: str) -> list[Finding]:
    if _EAST.search(text):
        return []
    found: list[Finding] = []
    for match in _FANCY_RUN.finditer(text):
        plain = skeleton(match[0])
        letters = _letters(plain)
        words = [w for w in plain.lower().split() if w in WORDS and len(w) > 2]
        if len(letters) < 4 or (not words and mean_bits(letters) > 4.3):
            continue
        reason = f"“{plain[:80]}” is written with compatibility letters"
        found.append(Finding(match.start(), match.end(), 0.7, reason, plain))
    return found


def _letters(text: str) -> str:
    return "".join(c for c in text.lower() if "a" <= c <= "z")


DETECTOR = LookAlikes
