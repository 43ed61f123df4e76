"""Characters without visible form, and what they spell."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Sequence

import msgspec

from cotmon.detectors import Finding
from cotmon.detectors._meant import meant
from cotmon.records import View
from cotmon.text.encodings import reads
from cotmon.text.invisible import HiddenRun, class_of, hidden_runs
from cotmon.text.payloads import readable, selectors_to_bytes, symbols_to_text, tags_to_ascii

_STACK = re.compile("[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{4,}")
_SLIGHT = {"private use", "control", "odd space", "surrogate", "soft hyphen"}
"""Classes that pasted text and icon fonts bring along: only many of them are a message."""
_GRAVE = {"tag", "default ignorable", "noncharacter"}
_POOLED = {"zero-width", "invisible operator", "filler", "bidi control"}
"""Classes that known schemes mix as the symbols of one message."""
_ACTS = "\u202d\u202e"


class HiddenCharacters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Runs of unseen characters, rated by what they could carry.

    Attributes:
        many: so many unseen characters of one class are a message whatever they spell.
    """

    many: int = 8

    def find(self, view: View) -> Sequence[Finding]:
        """One finding a run; all of a class share the value of what they spell together."""
        text = view.text
        if text.isascii() and text.isprintable() and "\\u" not in text:
            return ()
        text, places = meant(view)
        by_class: dict[str, list[HiddenRun]] = defaultdict(list)
        runs = list(hidden_runs(text))
        pooled = _POOLED if len({class_of(r.text[0]) for r in runs} & _POOLED) > 1 else ()
        for run in runs:
            name = class_of(run.text[0]) or "control"
            by_class["zero-width" if name in pooled else name].append(run)
        found = [f for name, runs in by_class.items() for f in self._rated(name, runs)]
        if not text.isascii():
            found += [
                Finding(m.start(), m.end(), 0.6, f"{m.end() - m.start()} marks on one letter")
                for m in _STACK.finditer(text)
            ]
        if places is None:
            return found
        return [_moved(finding, places) for finding in found]

    def _rated(self, name: str, runs: list[HiddenRun]) -> list[Finding]:
        joined = "".join(run.text for run in runs)
        spelled = _spelled(name, joined)
        value = 1.0 if spelled else self._value(name, joined, runs)
        reason = _reason(name, joined, spelled)
        return [Finding(r.start, r.start + len(r.text), value, reason, spelled) for r in runs]

    def _value(self, name: str, joined: str, runs: list[HiddenRun]) -> float:
        if name == "control" and set(joined) == {"\x1b"}:
            return 0.1  # terminal colours
        count = len(joined)
        if any(c in _ACTS for c in joined):
            return 0.8
        if name == "bidi control":
            return 0.8 if count >= self.many else 0.3
        if name in _SLIGHT:
            carried = count * math.log2(max(2, len(set(joined))))
            return 0.6 if count >= self.many and carried >= 16 and name != "soft hyphen" else 0.2
        longest = max(len(run.text) for run in runs)
        if name in _GRAVE or longest >= 4:
            return 0.9
        if count >= self.many or (longest >= 2 and name == "variation selector"):
            return 0.8
        return 0.55 if longest == 3 or count >= 5 else 0.3


def _spelled(name: str, joined: str) -> str | None:
    if name == "tag":
        tagged = tags_to_ascii(joined)
        return tagged if len(tagged) >= 4 else None
    if name == "variation selector":
        direct = readable(selectors_to_bytes(joined))
        if direct:
            return direct
    text = symbols_to_text(joined)
    return text if text is None or name not in _SLIGHT or reads(text) else None


def _reason(name: str, joined: str, spelled: str | None) -> str:
    kinds = len(set(joined))
    what = f"{len(joined)} unseen characters ({name}, {kinds} kinds)"
    if len(joined) == 1:
        what = f"an unseen character ({name})"
    return f"{what} spell “{spelled[:80]}”" if spelled else f"{what} with no use here"


def _moved(finding: Finding, places: Sequence[int]) -> Finding:
    return Finding(
        places[finding.start], places[finding.end], finding.value, finding.reason, finding.note
    )


DETECTOR = HiddenCharacters
