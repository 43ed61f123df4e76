"""The evaluator agrees with exact fractions, and is bounded."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotmon.text.sums import Amount, evaluate, tokens

_Expression = tuple[str, Fraction]


def _leaf(value: int, places: int) -> _Expression:
    number = Fraction(value, 10**places)
    return (f"{value / 10**places:,.{places}f}", number)


_leaves = st.builds(_leaf, st.integers(0, 10**6), st.integers(0, 3))


def _join(parts: tuple[_Expression, str, _Expression]) -> _Expression | None:
    (a, x), operator, (b, y) = parts
    if operator == "/" and y == 0:
        return None
    value = {"+": x + y, "-": x - y, "*": x * y}.get(operator)
    return f"({a} {operator} {b})", x / y if value is None else value


_expressions = st.recursive(
    _leaves,
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(_join).filter(lambda e: e is not None)
    ),
    max_leaves=6,
)


def _value(text: str) -> Amount | None:
    return evaluate(tokens(text))


@given(_expressions)
def test_agrees_with_fractions(expression):
    text, value = expression
    amount = _value(text)
    if amount is None:  # a divisor that rounding could make zero
        assert "/" in text
    else:
        assert amount.value == value
        assert amount.low <= value <= amount.high


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4 - 1", 13),
        ("2^3^2", 512),
        ("-2^2", -4),
        ("2(3 + 4)", 14),
        (r"\frac{1}{2} \times 8", 4),
        ("1{,}250 / 5", 250),
        ("3 * 1e3", 3000),
        ("7 − 2 × 2", 3),
    ],
)
def test_reads_usual_notation(text, value):
    amount = _value(text)
    assert amount is not None
    assert amount.value == value


@pytest.mark.parametrize(
    "text", ["9**9**9", "10^400 * 10^400", "1 / 0", "(((", "3 +", "1 2", "-" * 50 + "1", "1e999"]
)
def test_refuses_what_has_no_small_value(text):
    assert _value(text) is None


@given(st.text(alphabet="0123456789.,+-*/^()%{}\\fracx= \n$≈", max_size=300))
def test_any_text_is_tokenised_and_evaluated(text):
    pieces = tokens(text)
    assert all(a.end <= b.start for a, b in itertools.pairwise(pieces))
    evaluate(pieces)
