"""Arithmetic in running text: tokens, and an exact, bounded evaluator of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from cotmon.text.numbers import NUMBER, read_number

LONGEST = 60
"""Most tokens in an expression."""
_BITS = 2048
_DEPTH = 12

_THOUSANDS = r"\d{1,3}(?:,\d{3})+(?!\d|,\d)"
_TOKEN = re.compile(
    rf"""(?P<other>\d+(?:\.\d+){{2,}}|\d{{1,2}}/\d{{1,2}}/\d{{2,4}}(?!\d)|\d{{4}}-\d\d-\d\d|\d+:\d+
        |0[xXbBoO][0-9a-fA-F]+|(?!{_THOUSANDS})\d+(?:,\d+)+|==+|!=|<=|>=|:=|[-+*/|&^]=|=>|=[<>]
        |->|\+\+|--+|…|\.\.+)
    |(?P<number>{NUMBER})
    |(?P<space>\n[ \t&]*(?=[=≈])|\\(?:left|right|bigl?|bigr?|,|;|!|quad|\$|\(|\)|\[|\]|boxed)
        |[&$€£¥]|\*\*(?!\d)|(?<![\d)])\*\*)
    |(?P<text>\\(?:text|mathrm|textrm)[ ]?\{{[^{{}}\n]{{0,40}}\}})
    |(?P<frac>\\[dt]?frac(?=\{{))
    |(?P<about>\\approx|\\simeq|≈|=[ ]?~|~=|(?<=[\d )])~(?=[ ]?\d))
    |(?P<equal>=|\bequals?\b)
    |(?P<says>\b(?:is|gives|makes|yields)\b)
    |(?P<operator>\\times|\\cdot|\\div|\*\*|[-+−–*/·×÷⋅^]|(?<=[\d\s)])[xX](?=[ ]?[\d$€£(])
        |\b(?:plus|minus|times|divided\ by|multiplied\ by)\b)
    |(?P<left>[({{])|(?P<right>[)}}])|(?P<percent>\\?%)
    |(?P<stop>[,.;:?!\n<>≤≥→⇒"“”—]|\\\\)
    |(?P<word>[^\W\d]\w*(?:/[^\W\d]\w*)?)
    |(?P<bad>\S)""",
    re.X,
)
_OPERATORS = {
    "\\times": "*", "·": "*", "×": "*", "⋅": "*", "\\cdot": "*", "x": "*", "X": "*",
    "times": "*", "multiplied by": "*", "÷": "/", "\\div": "/", "divided by": "/",
    "−": "-", "–": "-", "minus": "-", "plus": "+", "**": "^",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of text.

    Attributes:
        kind: `number`, `operator`, `left`, `right`, `percent`, `frac`, `word`, `equal`, `about`,
            `says`, `stop` or `other`.
        text: operators as `+ - * / ^`, words in lower case, the rest as written.
        start, end: where.
    """

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Amount:
    """The value of an expression.

    Attributes:
        value: exact, as written.
        low, high: where it may lie if decimals in it were rounded.
        decimals: most digits after a point in it.
        divided: whether something was divided.
    """

    value: Fraction
    low: Fraction
    high: Fraction
    decimals: int = 0
    divided: bool = False


def tokens(text: str) -> list[Token]:
    """The tokens of a text, white space and typesetting left out; linear."""
    found: list[Token] = []
    for match in _TOKEN.finditer(text):
        kind, piece = str(match.lastgroup), match[0]
        if kind == "space":
            continue
        if kind == "operator":
            piece = _OPERATORS.get(piece, piece)
        elif kind == "text":
            kind, piece = "word", piece[piece.index("{") + 1 : -1].strip().lower()
        elif kind == "word":
            piece = piece.lower()
        found.append(Token("other" if kind == "bad" else kind, piece, match.start(), match.end()))
    return found


def evaluate(expression: Sequence[Token], percent: Fraction = Fraction(1, 100)) -> Amount | None:
    """The value, or None where it is no complete expression, divides by zero or grows too large.

    Args:
        expression: tokens without words.
        percent: what `%` multiplies by.
    """
    if not expression or len(expression) > LONGEST:
        return None
    parser = _Parser(expression, percent)
    try:
        amount = parser.sum(0)
    except _NoValueError:
        return None
    return amount if parser.at == len(expression) else None


class _NoValueError(Exception):
    """The tokens have no value."""


class _Parser:
    """Recursive descent; the usual precedence, powers to the right."""

    def __init__(self, expression: Sequence[Token], percent: Fraction) -> None:
        self.expression = expression
        self.percent = percent
        self.at = 0

    def sum(self, depth: int) -> Amount:
        total = self.product(depth)
        while (operator := self.take("+", "-")) is not None:
            total = _apply(operator, total, self.product(depth))
        return total

    def product(self, depth: int) -> Amount:
        total = self.signed(depth)
        while True:
            if (operator := self.take("*", "/")) is not None:
                total = _apply(operator, total, self.signed(depth))
            elif self._touches():
                total = _apply("*", total, self.signed(depth))
            else:
                return total

    def signed(self, depth: int) -> Amount:
        if (sign := self.take("-", "+")) is None:
            return self.power(depth)
        if depth > _DEPTH:
            raise _NoValueError
        amount = self.signed(depth + 1)
        return _apply("*", _exact(-1), amount) if sign == "-" else amount

    def power(self, depth: int) -> Amount:
        below = self.single(depth)
        if self.take("^") is None:
            return below
        if depth > _DEPTH:
            raise _NoValueError
        return _power(below, self.signed(depth + 1))

    def single(self, depth: int) -> Amount:
        token = self._next()
        if token.kind == "number" and (written := read_number(token.text)) is not None:
            value, slack = written.value, written.slack
            number = Amount(value, value - slack, value + slack, written.decimals)
            return self._percent(_bounded(number))
        if depth > _DEPTH:
            raise _NoValueError
        if token.kind == "left":
            amount = self.sum(depth + 1)
            if self._next().kind != "right":
                raise _NoValueError
            return self._percent(amount)
        if token.kind == "frac":
            return _apply("/", self.single(depth + 1), self.single(depth + 1))
        raise _NoValueError

    def take(self, *operators: str) -> str | None:
        """The next token's operator if it is one of these, and goes past it."""
        if self.at < len(self.expression):
            token = self.expression[self.at]
            if token.kind == "operator" and token.text in operators:
                self.at += 1
                return token.text
        return None

    def _next(self) -> Token:
        if self.at >= len(self.expression):
            raise _NoValueError
        self.at += 1
        return self.expression[self.at - 1]

    def _touches(self) -> bool:
        """Whether a bracket follows without space: `2(3 + 4)`."""
        if not 0 < self.at < len(self.expression):
            return False
        before, here = self.expression[self.at - 1], self.expression[self.at]
        return here.kind in ("left", "frac") and before.end == here.start

    def _percent(self, amount: Amount) -> Amount:
        if self.at < len(self.expression) and self.expression[self.at].kind == "percent":
            self.at += 1
            shown = amount.decimals + (2 if self.percent < 1 else 0)
            scaled = _apply("*", amount, _exact(self.percent))
            return Amount(scaled.value, scaled.low, scaled.high, shown, scaled.divided)
        return amount


def _exact(value: int | Fraction) -> Amount:
    number = Fraction(value)
    return Amount(number, number, number)


def _apply(operator: str, a: Amount, b: Amount) -> Amount:
    divided = a.divided or b.divided or operator == "/"
    if operator == "/":
        if b.low <= 0 <= b.high:
            raise _NoValueError
        b = Amount(1 / b.value, 1 / b.high, 1 / b.low, b.decimals)
    if operator in ("+", "-"):
        sign = 1 if operator == "+" else -1
        ends = (sign * b.low, sign * b.high)
        value, low, high = a.value + sign * b.value, a.low + min(ends), a.high + max(ends)
    else:
        corners = [x * y for x in {a.low, a.high} for y in {b.low, b.high}]
        value, low, high = a.value * b.value, min(corners), max(corners)
    return _bounded(Amount(value, low, high, max(a.decimals, b.decimals), divided))


def _power(a: Amount, b: Amount) -> Amount:
    exponent = b.value
    if exponent.denominator != 1 or abs(exponent) > _BITS or (a.value == 0 and exponent < 0):
        raise _NoValueError
    whole = int(exponent)
    size = max(a.value.numerator.bit_length(), a.value.denominator.bit_length())
    if size * abs(whole) > _BITS or (whole < 0 and a.low <= 0 <= a.high):
        raise _NoValueError
    ends = [a.low**whole, a.high**whole, a.value**whole]
    return _bounded(
        Amount(a.value**whole, min(ends), max(ends), a.decimals, a.divided or whole < 0)
    )


def _bounded(amount: Amount) -> Amount:
    if max(amount.value.numerator.bit_length(), amount.value.denominator.bit_length()) > _BITS:
        raise _NoValueError
    return amount
