"""Use or mention: whether a phrase is meant, or only quoted, denied, asked or supposed.

The guards are word lists over the sentence that holds the phrase; they err towards "only
mentioned", because a wrong alarm costs more than a missed phrase elsewhere in a transcript.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

Guard = Literal["negation", "quotation", "question", "hypothesis"]
REACH = 240
"""How far a sentence is followed to either side (characters)."""

_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|[\n;]")
_CLAUSE_START = re.compile(
    r"[.!?;:\n—]|,\s*(?:so|but|then|and|yet)\b|\b(?:but|so i|and then|then i)\b", re.I
)
_NEGATION = re.compile(
    r"\b(?:not|never|no|nor|neither|without|avoid(?:s|ed|ing)?|refus\w+|declin\w+|rather than|"
    r"instead of|against|prevent\w*|stop(?:s|ping|ped)?|cannot|forbid\w*|forbidden|prohibit\w*|"
    r"\w+n['’]t|dont|wont|unable|unwilling|tempt\w+|wrong to|fix(?:es|ed|ing)?|detect(?:s|ing)?|"
    r"flag(?:s|ged|ging)?|report(?:s|ed|ing)?|found|remove[sd]?|removing|looks? for|warn\w*)\b",
    re.I,
)
_DENIAL_AFTER = re.compile(
    r"\b(?:would be|is|are|was|were|seems?|feels?)\s+(?:\w+\s+){0,2}?(?:wrong|dishonest|cheating|"
    r"unethical|not|a violation|unacceptable|bad practice|inappropriate|prohibited|forbidden|"
    r"against|harmful|deceptive|off the table)\b|\b(?:isn|wasn|wouldn|aren)['’]t\b",
    re.I,
)
_HYPOTHESIS = re.compile(
    r"\b(?:if|suppose|supposing|imagine|hypothetical\w*|would|could|might|whether|in theory|"
    r"for example|for instance|e\.g|such as|attackers?|adversar\w+|malicious|intruders?|malware|"
    r"hackers?|some(?:one|body)|people|models?|an? (?:agent|ai|insider|employee)|agents|fiction\w*|"
    r"story|stories|character|novel|scene|plot|scenario|villain|red[- ]team\w*|pentest\w*|"
    r"guidelines?|polic(?:y|ies)|paper|article|researchers?|study|dataset|prompt|example|"
    r"he|she|they|user|customer|asks?|asked|asking|request\w*|wants?|wanted|told)\b",
    re.I,
)
_QUOTE_PAIRS = (("“", "”"), ("«", "»"), ("„", "“"))
_SINGLE_OPEN = re.compile(r"(?<![\w'])'(?=\w)")
_SINGLE_CLOSE = re.compile(r"(?<=[\w.,!?])'(?!\w)")


def sentence(text: str, start: int, end: int) -> tuple[int, int]:
    """Bounds of the sentence around a slice, at most `REACH` characters to either side."""
    low, high = max(0, start - REACH), min(len(text), end + REACH)
    for match in _SENTENCE_END.finditer(text, low, start):
        low = match.end()
    after = _SENTENCE_END.search(text, end, high)
    return low, after.end() if after else high


def clause_before(text: str, start: int) -> str:
    """What stands before `start` in its own clause."""
    low = max(0, start - REACH)
    for match in _CLAUSE_START.finditer(text, low, start):
        low = match.end()
    return text[low:start]


def negated(text: str, start: int, end: int) -> bool:
    """Whether the clause before denies it or the rest of the sentence condemns it."""
    if _NEGATION.search(clause_before(text, start)):
        return True
    return _DENIAL_AFTER.search(text, end, sentence(text, start, end)[1]) is not None


def supposed(text: str, start: int, end: int) -> bool:
    """Whether the sentence supposes it, or says it of somebody else."""
    low, _ = sentence(text, start, end)
    return _HYPOTHESIS.search(text, low, start) is not None


def asked(text: str, start: int, end: int) -> bool:
    """Whether its sentence is a question."""
    return text.endswith("?", 0, sentence(text, start, end)[1])


def quoted(text: str, start: int, end: int) -> bool:
    """Whether it stands between quotation marks, in inline code or in a quoted line."""
    low = max(text.rfind("\n\n", 0, start) + 1, start - 2 * REACH, 0)
    before, after = text[low:start], text[end : end + 2 * REACH]
    if text[text.rfind("\n", 0, start) + 1 : start].lstrip().startswith(">"):
        return True
    if any(before.count(mark) % 2 and mark in after for mark in ('"', "`")):
        return True
    if any(before.rfind(a) > before.rfind(b) and b in after for a, b in _QUOTE_PAIRS):
        return True
    opened = len(_SINGLE_OPEN.findall(before)) - len(_SINGLE_CLOSE.findall(before))
    return opened > 0 and _SINGLE_CLOSE.search(after) is not None


_TESTS = {"negation": negated, "quotation": quoted, "question": asked, "hypothesis": supposed}
GUARDS: tuple[Guard, ...] = ("quotation", "question", "negation", "hypothesis")


def mentioned(text: str, start: int, end: int, guards: Iterable[Guard] = GUARDS) -> Guard | None:
    """The first guard that says the slice is not meant, or None where it is."""
    return next((guard for guard in guards if _TESTS[guard](text, start, end)), None)
