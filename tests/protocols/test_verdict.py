"""One rule from scores to suspicions."""

import math

from hypothesis import given
from hypothesis import strategies as st

from cotmon.protocols import suspicion, verdict
from cotmon.records import Scored, Unscored, scored

UNIT = st.floats(0, 1, allow_nan=False)
THRESHOLD = st.floats(0.001, 1, allow_nan=False)


@given(UNIT, THRESHOLD)
def test_marked_and_only_marked_reach_one_half(u, t):
    assert 0 <= suspicion(u, t) <= 1
    assert (suspicion(u, t) >= 0.5) == (u >= t)


@given(UNIT, UNIT, THRESHOLD)
def test_more_is_never_less_suspicious(a, b, t):
    low, high = sorted((a, b))
    assert suspicion(low, t) <= suspicion(high, t)


@given(st.floats())
def test_a_score_is_a_number_in_the_unit_interval_or_none(value):
    outcome = scored(value)
    if math.isfinite(value) and 0 <= value <= 1:
        assert isinstance(outcome, Scored) and abs(outcome.value - value) <= 0.00005
    elif not math.isfinite(value) or value < -1e-9 or value > 1 + 1e-9:
        assert isinstance(outcome, Unscored)


def test_a_flag_wins_and_missing_is_said():
    assert verdict(True, True) == "flag"
    assert verdict(False, True) == "incomplete"
    assert verdict(False, False) == "no-flag"
