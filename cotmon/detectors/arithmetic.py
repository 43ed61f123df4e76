"""Arithmetic that does not hold: `17 * 24 = 418`, `20% of 50 is 12`, chains of equalities.

Only equalities between numbers are judged. Whatever may be something else (a variable, a
function, a range, a date, a base, a supposition, a question) is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

import msgspec

from cotmon.detectors import Finding
from cotmon.records import View
from cotmon.text.equalities import RELATIONS, Side, sides
from cotmon.text.mention import quoted
from cotmon.text.sums import Amount, Token, tokens

_HINT = re.compile(
    r"\d[^=≈~\n]{0,120}?(?:[=≈~]|\\approx|\bequals\b)|[=≈~]\s*\$?\d|"
    r"\d\s*(?:[-+*/×·÷−x]|plus|minus|times|divided by|multiplied by|\\times|% of)\s*[\d(]"
)
_DIGIT = re.compile(r"\d")
_DOUBT = re.compile(
    r"\?|≡|≠|\b(?:if|whether|suppose|assum\w+|mod|modulo|base|binary|hex\w*|octal|wrong|"
    r"incorrect\w*|mistake\w*|error|typo|oops|not|never|false|contradict\w*|impossible|cannot|"
    r"puzzle|riddle|pattern|operator|define\w*|clock|o'clock|remainder|claim\w*|said|says|student|"
    r"should|would|could|instead|string|concat\w*|float\w*|overflow\w*|pretend|example|imagine|"
    r"correction|let me re\w+|vs|versus|except|expect\w*|assert\w*|guess\w*|maybe|perhaps)\b|"
    r"n['’]t\b|\b(?:wait|hmm|no)\b\s*[,.—-]",
    re.I,
)
_CONVERTIBLE = frozenset(
    {"second", "minute", "hour", "day", "week", "month", "year", "decade", "century", "sec", "min",
     "hr", "h", "s", "ms", "mm", "cm", "m", "km", "inch", "inche", "feet", "foot", "ft", "yard",
     "mile", "gram", "g", "kg", "mg", "lb", "pound", "ounce", "oz", "ton", "litre", "liter", "l",
     "ml", "dozen", "pair", "hundred", "thousand", "million", "billion", "trillion", "k", "b",
     "bn", "mn", "cent", "dollar", "penny", "pence", "quarter", "dime", "nickel", "byte", "bit",
     "kb", "mb", "gb", "tb", "usd", "percent", "point", "degree", "score", "gross"}
)  # fmt: skip
_FACTORS = frozenset(
    Fraction(n)
    for n in (2, 3, 5, 7, 8, 10, 12, 16, 20, 24, 25, 30, 36, 52, 60, 100, 144, 365, 1000, 1024,
              1440, 3600, 5280, 10**6, 10**9, 10**12)
)  # fmt: skip
_ABOUT = Fraction(1, 20)


class Arithmetic(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Has no parameters."""

    def find(self, view: View) -> Sequence[Finding]:
        """One finding for each equality that fails by more than rounding."""
        text = view.text
        if _DIGIT.search(text) is None or _HINT.search(text) is None:
            return ()
        pieces = tokens(text)
        found: list[Finding] = []
        for at, token in enumerate(pieces):
            if token.kind in RELATIONS:
                finding = _judge(text, pieces, at)
                if finding is not None:
                    found.append(finding)
        return found


def _judge(text: str, pieces: Sequence[Token], at: int) -> Finding | None:
    relation = pieces[at]
    both = sides(pieces, at)
    if both is None:
        return None
    left, right = both
    if relation.kind == "says" and not _spoken(text, left, right):
        return None
    if _range_like(text, left, relation) or _repeats(text, left, right):
        return None
    if _holds(left, right, relation.kind == "about"):
        return None
    low, high = max(0, left.start - 120), min(len(text), right.end + 120)
    if _DOUBT.search(text, low, high) or quoted(text, left.start, right.end):
        return None
    exact = left.amount.decimals == 0 and not left.amount.divided and relation.kind == "equal"
    shown, value = text[left.start : right.end], right.amount if left.plain else left.amount
    reason = f"{shown[:80]} does not hold: it is {_shown(value.value)}"
    return Finding(left.start, right.end, 0.9 if exact else 0.75, reason)


def _repeats(text: str, left: Side, right: Side) -> bool:
    """Whether the right side only picks a part of the left one to work on first."""
    part = text[right.start : right.end].strip("( )")
    return not right.plain and part in text[left.start : left.end]


def _spoken(text: str, left: Side, right: Side) -> bool:
    """Whether `… is …` speaks of a result: an unmistakable operation, then one number."""
    said = text[left.start : left.end]
    return not left.plain and right.plain and re.search(r"[-–/]", said) is None


def _range_like(text: str, left: Side, relation: Token) -> bool:
    """Whether a hyphen without spaces stands beside a spaced relation: `pages 3-5 = 3 pages`."""
    said = text[left.start : left.end]
    spaced = text[relation.start - 1 : relation.start].isspace()
    return spaced and re.search(r"\d[-–]\d", said) is not None


def _holds(left: Side, right: Side, about: bool) -> bool:
    if left.plain:
        left, right = right, left
    pairs = [(left.amount, right.amount)]
    if left.other != left.amount or right.other != right.amount:
        pairs += [(a, b) for a in (left.amount, left.other) for b in (right.amount, right.other)]
    hundred = Amount(right.first, right.first, right.first, right.amount.decimals)
    pairs.append((left.amount, hundred))
    if any(_close(a, b, about) for a, b in pairs):
        return True
    return _other_units(left, right)


def _close(left: Amount, right: Amount, about: bool) -> bool:
    """Whether two values agree up to the rounding that the right one shows."""
    if about:
        slack = max(abs(right.value) * _ABOUT, _last_place(right))
    elif right.decimals:
        slack = Fraction(1, 10**right.decimals)
    elif left.divided and not right.divided:
        slack = Fraction(99999, 100000)
    else:
        slack = Fraction(1, 2) if left.decimals else Fraction(0)
    return left.low - slack <= right.high and right.low <= left.high + slack


def _last_place(amount: Amount) -> Fraction:
    """The value of one unit in the last digit that is not a zero of a round number."""
    if amount.decimals or amount.value.denominator != 1 or amount.value == 0:
        return Fraction(1, 10**amount.decimals)
    digits = str(abs(amount.value.numerator))
    return Fraction(10 ** (len(digits) - len(digits.rstrip("0"))))


def _other_units(left: Side, right: Side) -> bool:
    """Whether units may explain the difference."""
    units = left.units | right.units
    mixed = len(left.units) > 1
    if not units & _CONVERTIBLE:
        return mixed and left.adds
    if mixed or (left.units and (right.units - left.units) & _CONVERTIBLE):
        return True
    if right.amount.value == 0 or left.amount.value == 0:
        return False
    ratio = abs(left.amount.value / right.amount.value)
    return ratio in _FACTORS or 1 / ratio in _FACTORS


def _shown(value: Fraction) -> str:
    if value.denominator == 1 and abs(value.numerator) < 10**15:
        return f"{value.numerator:,}"
    try:
        return f"{float(value):.6g}"
    except OverflowError:
        return "out of reach"


DETECTOR: type[Arithmetic] = Arithmetic
