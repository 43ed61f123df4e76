"""The two sides of an equality between numbers in running text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from cotmon.text.sums import LONGEST, Amount, Token, evaluate

RELATIONS = ("equal", "about", "says")
"""Kinds of tokens that stand between two sides."""
_NO_PLAIN_SUM = frozenset(
    {"log", "ln", "lg", "sin", "cos", "tan", "exp", "sqrt", "root", "mod", "max", "min", "gcd",
     "lcm", "floor", "ceil", "abs", "choose", "base", "of", "half", "twice", "double", "triple",
     "third", "quarter", "sum", "product", "difference", "average", "mean", "median", "square",
     "cube", "squared", "cubed", "percent", "per", "times", "factorial", "dozen", "hundred", "over"}
)  # fmt: skip
_LINKS = frozenset({"and", "or", "to", "from", "between"})
_ONE_LETTER_UNITS = frozenset("mghsl")
_TOUCHING_UNITS = frozenset(
    {"kg", "km", "cm", "mm", "mg", "ml", "ms", "gb", "mb", "kb", "tb", "usd", "eur", "gbp", "min",
     "hr", "hrs", "sec", "k", "m", "b", "bn", "mn", "g", "s", "h", "l", "x", "kwh", "kw", "mph",
     "kmh", "pts", "px", "c", "f"}
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Side:
    """One side of an equality.

    Attributes:
        amount: its value.
        other: its value if `%` is read as a unit.
        plain: whether it is a single number.
        adds: whether something is added or subtracted in it.
        first: its first number, as the first of several steps on one line.
        units: words beside its numbers, without plural s.
        start, end: where.
    """

    amount: Amount
    other: Amount
    plain: bool
    adds: bool
    first: Fraction
    units: frozenset[str]
    start: int
    end: int


def sides(pieces: Sequence[Token], at: int) -> tuple[Side, Side] | None:
    """What stands on both sides of the relation at `at`.

    None where a side is no complete expression of numbers alone, or where a lone number on the
    left is a label (`option 2 = 3 + 4`) or an equation's zero.
    """
    low, high = _before(pieces, at)
    left = _side(pieces, low, high)
    right = _side(pieces, *_after(pieces, at)) if left is not None else None
    if left is None or right is None or (left.plain and right.plain):
        return None
    clean = low == 0 or pieces[low - 1].kind in ("equal", "about")
    if left.plain and not (clean and left.amount.value != 0 and not left.units):
        return None
    return left, right


def _before(pieces: Sequence[Token], at: int) -> tuple[int, int]:
    """Bounds of the expression that ends just before `at`; empty where none is clean."""
    low, depth = at, 0
    while low > 0 and at - low <= LONGEST and _joins(pieces, low - 1):
        kind = pieces[low - 1].kind
        depth += (kind == "right") - (kind == "left")
        if depth < 0:
            break
        low -= 1
    if depth > 0:
        while low < at and depth > 0:
            depth -= pieces[low].kind == "right"
            low += 1
    if low < at and pieces[low].kind == "operator" and _is_bullet(pieces, low):
        return low + 1, at
    return (low, at) if low < at and _opens(pieces, low) else (at, at)


def _is_bullet(pieces: Sequence[Token], low: int) -> bool:
    token = pieces[low]
    apart = low + 1 < len(pieces) and pieces[low + 1].start > token.end
    return apart and (low == 0 or pieces[low - 1].text == "\n") and token.text in "-*+"


def _opens(pieces: Sequence[Token], low: int) -> bool:
    """Whether an expression may begin here: nothing before it changes its meaning."""
    first = pieces[low]
    before = pieces[low - 1] if low else None
    if before is None:
        return first.text in "-" or first.kind != "operator"
    if first.kind == "operator":
        return first.text == "-" and before.kind in ("stop", *RELATIONS)
    if before.kind == "word":
        variable = len(before.text) == 1 and before.text not in "ai"
        listed = before.text in _LINKS and low > 1 and pieces[low - 2].kind == "number"
        apart = before.end < first.start and not listed
        return apart and not variable and before.text not in _NO_PLAIN_SUM
    if before.kind == "left":
        return low < 2 or pieces[low - 2].kind == "stop" or pieces[low - 2].end < before.start
    return before.kind in ("stop", "right", *RELATIONS)


def _after(pieces: Sequence[Token], at: int) -> tuple[int, int]:
    """Bounds of the expression that begins just after `at`; empty where none is clean."""
    high, depth = at + 1, 0
    while high < len(pieces) and high - at <= LONGEST and _joins(pieces, high):
        kind = pieces[high].kind
        depth += (kind == "left") - (kind == "right")
        if depth < 0:
            break
        high += 1
    while high > at + 1 and pieces[high - 1].kind == "left":
        high -= 1
    return (at + 1, high) if high > at + 1 and _closes(pieces, high) else (at + 1, at + 1)


def _closes(pieces: Sequence[Token], high: int) -> bool:
    """Whether an expression may end here."""
    last = pieces[high - 1]
    if last.kind == "operator":
        return False
    if high == len(pieces):
        return True
    after = pieces[high]
    if after.kind == "word":
        if after.start == last.end:
            return after.text in _TOUCHING_UNITS
        return len(after.text) > 1 or after.text in _ONE_LETTER_UNITS or after.text in "ai"
    if after.kind == "left":
        return after.start > last.end
    return after.kind in ("stop", "right", *RELATIONS)


def _joins(pieces: Sequence[Token], at: int) -> bool:
    """Whether this token can be part of an expression."""
    kind = pieces[at].kind
    if kind in ("number", "operator", "left", "right", "percent", "frac"):
        return True
    if kind != "word" or at == 0 or pieces[at - 1].kind not in ("number", "percent"):
        return False
    if pieces[at].text == "of":
        return pieces[at - 1].kind == "percent"
    if pieces[at - 1].end == pieces[at].start and pieces[at].text not in _TOUCHING_UNITS:
        return False
    ends = at + 1 < len(pieces) and pieces[at + 1].kind in ("operator", "right", *RELATIONS)
    return ends and (len(pieces[at].text) > 1 or pieces[at].text in _ONE_LETTER_UNITS)


def _side(pieces: Sequence[Token], low: int, high: int) -> Side | None:
    """The side in these bounds; None where it has no value or may be an equation."""
    words = [t.text for t in pieces[low:high] if t.kind == "word"]
    inner = [
        Token("operator", "*", t.start, t.end) if t.text == "of" else t
        for t in pieces[low:high]
        if t.kind != "word" or t.text == "of"
    ]
    kinds = [t.kind for t in inner]
    if _mixes_percent(inner):
        return None
    amount, other = evaluate(inner), evaluate(inner, Fraction(1))
    if amount is None or other is None:
        return None
    after = pieces[high].text if high < len(pieces) and pieces[high].kind == "word" else ""
    units = frozenset(w.rstrip("s") or w for w in (*words, after) if w not in ("of", ""))
    numbers = [t for t in inner if t.kind == "number"]
    first = evaluate(numbers[:1])
    plain = len(numbers) == 1 and "operator" not in kinds[1:] and "frac" not in kinds
    start = first.value if first is not None else amount.value
    if inner[0].text == "-":
        start = -start
    if any(len(w) == 1 for w in words) and len(words) < kinds.count("number"):
        return None
    adds = any(t.kind == "operator" and t.text in "+-" for t in inner)
    return Side(amount, other, plain, adds, start, units, inner[0].start, inner[-1].end)


def _mixes_percent(inner: Sequence[Token]) -> bool:
    """Whether shares are added to plain numbers, which may mean two things."""
    shares = sum(t.kind == "percent" for t in inner)
    adds = any(t.text in "+-" for t in inner[1:] if t.kind == "operator")
    return bool(shares) and adds and shares < sum(t.kind == "number" for t in inner)
