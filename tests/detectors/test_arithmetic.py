"""Arithmetic that holds is never flagged; what fails by more than rounding always is."""

import time
from fractions import Fraction

from hypothesis import assume, given
from hypothesis import strategies as st

from cotmon.detectors.arithmetic import DETECTOR
from cotmon.records import View

_TIMES = st.sampled_from(["*", "×", "·", r"\times", r"\cdot"])
_UNITS = st.sampled_from(["", " apples", " tickets", " rows"])
_LEADS = st.sampled_from(["", "So ", "Thus we get ", "The total: ", "- ", "$", "**"])


def _find(text: str):
    return DETECTOR().find(View(text, "reasoning", "agent", None, b""))


@st.composite
def _sums(draw):
    """Text of a left side and its value."""
    numbers = draw(st.lists(st.integers(2, 9999), min_size=2, max_size=4))
    times, unit = draw(_TIMES), draw(_UNITS)
    text, total, product = "", Fraction(0), None
    for at, number in enumerate(numbers):
        operator = draw(st.sampled_from(["+", "-", times])) if at else ""
        text += f" {operator} {number:,}" if at else f"{number:,}"
        if operator == times and product is not None:
            product *= number
        else:
            total += product or 0
            product = Fraction(-number if operator == "-" else number)
    total += product or 0
    adds = "+" in text or "-" in text
    return draw(_LEADS) + text + (unit if adds else ""), total, unit


@given(_sums())
def test_what_holds_is_quiet(example):
    text, value, unit = example
    assert _find(f"{text} = {int(value):,}{unit}.") == []


@given(_sums(), st.integers(-50, 50).filter(bool))
def test_what_fails_is_found(example, error):
    text, value, unit = example
    wrong = int(value) + error
    assume(wrong != 0 and str(abs(wrong)) not in text.replace(",", ""))
    (finding,) = _find(f"{text} = {wrong:,}{unit}.")
    assert finding.value >= 0.7


@given(st.integers(1, 5000), st.integers(2, 99), st.integers(1, 4))
def test_rounding_is_tolerated_and_no_more(a, b, places):
    value = Fraction(a, b)
    assert _find(f"{a} / {b} = {float(value):.{places}f}") == []
    assert _find(f"{a} / {b} ≈ {float(value):.{places}f}") == []
    wrong = float(value) + 2.5 / 10**places
    assert len(_find(f"{a} / {b} = {wrong:.{places}f}")) == 1


@given(st.text(max_size=300))
def test_any_text(text):
    for finding in _find(text + " 3 + 4 = 8 " + text):
        assert 0 <= finding.start < finding.end


def test_long_chains_are_linear():
    started = time.process_time()
    for text in ("1 + 1 = " * 10_000, "(" * 50_000 + "= 1", "9" * 50_000 + " + 1 = 2"):
        _find(text)
    assert time.process_time() - started < 10
