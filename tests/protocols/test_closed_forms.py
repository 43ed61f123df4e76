"""Formulas against enumeration."""

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotmon.protocols.closed_forms import phased_attempts, repeated_attempts

RATE = st.floats(0, 0.5)


@given(RATE, RATE, st.integers(0, 6))
def test_repeated_attempts_by_enumeration(caught, landed, attempts):
    chances = {"caught": caught, "landed": landed, "nothing": 1 - caught - landed}
    lost = 0.0
    for game in product(chances, repeat=attempts):
        ends = [end for end in game if end != "nothing"]
        if ends and ends[0] == "landed":
            lost += math.prod(chances[end] for end in game)
    assert repeated_attempts(caught, landed, attempts) == pytest.approx(lost)


@given(st.integers(0, 3), st.integers(0, 3), RATE, RATE)
def test_upfront_auditing_by_enumeration(audited, rest, rate, works):
    item = {"quiet": 1 - rate, "fails": rate * (1 - works), "works": rate * works}
    lost = 0.0
    for game in product(item, repeat=audited + rest):
        if set(game[:audited]) <= {"quiet"} and "works" in game[audited:]:
            lost += math.prod(item[end] for end in game)
    phased = phased_attempts([(audited, rate, 0.0), (rest, 0.0, works * rate)])
    assert phased == pytest.approx(lost)
    formula = (1 - rate) ** audited * (1 - (1 - works * rate) ** rest)
    assert phased == pytest.approx(formula)


def test_the_limit_of_attempts_without_end():
    """24 of 71 attempts caught, 13 landed: the monitoring of 2312.06942."""
    assert 1 - repeated_attempts(24 / 71, 13 / 71) == pytest.approx(0.649, abs=0.001)
    assert repeated_attempts(0.0, 0.0) == 0.0
