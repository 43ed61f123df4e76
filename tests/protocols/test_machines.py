"""Every protocol as a machine: what must hold whatever the parameters, scores and draws."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotmon.errors import UsageError
from cotmon.protocols.cascade import Cascade
from cotmon.protocols.defer_to_resample import DeferToResample
from cotmon.protocols.defer_to_trusted import DeferToTrusted
from cotmon.protocols.protocol import ACTS, INPUTS, Cut, State
from cotmon.protocols.resample_incrimination import ResampleIncrimination
from cotmon.protocols.trusted_editing import TrustedEditing
from cotmon.protocols.trusted_monitoring import TrustedMonitoring
from cotmon.protocols.upfront_auditing import UpfrontAuditing

LEVEL = st.sampled_from([0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0])  # few levels, so that ties occur
SHARE = st.floats(0, 1)
DRAW = st.floats(0, 1, exclude_max=True)
CUT = st.builds(Cut, LEVEL, SHARE)
NESTED = st.tuples(CUT, CUT).map(
    lambda pair: sorted(pair, key=lambda c: (-c.threshold, c.tie_share))
)
RESAMPLING = st.one_of(
    st.builds(DeferToResample, CUT, CUT, st.just(2)),
    st.builds(
        ResampleIncrimination,
        CUT,
        CUT,
        st.just(2),
        st.sampled_from(["min", "mean", "max"]),
        st.integers(1, 3),
    ),
)
SCORE_READING = st.one_of(
    st.builds(TrustedMonitoring, CUT, st.none() | st.integers(0, 2)),
    NESTED.map(lambda cuts: DeferToTrusted(cuts[1], cuts[0])),
    st.builds(DeferToTrusted, CUT),
    NESTED.map(lambda cuts: TrustedEditing(cuts[1], cuts[0])),
    RESAMPLING,
)
PROTOCOL = st.one_of(st.builds(UpfrontAuditing, SHARE), SCORE_READING)


def severity(move):
    return ACTS.index(move.act)


@given(PROTOCOL, LEVEL, LEVEL, DRAW)
def test_more_suspicion_never_gets_a_milder_act(protocol, a, b, draw):
    low, high = sorted((a, b))
    acts = [severity(protocol.step(protocol.start(), s, draw)[1]) for s in (low, high)]
    assert acts[0] <= acts[1]


@given(RESAMPLING, LEVEL, LEVEL, LEVEL, LEVEL, DRAW)
def test_more_suspicious_samples_never_get_a_milder_end(protocol, first, second, a, b, draw):
    low, high = sorted((a, b))
    state = replace(protocol.start(), samples=(first, second))
    acts = [severity(protocol.step(state, s, draw)[1]) for s in (low, high)]
    assert acts[0] <= acts[1] and acts[0] != ACTS.index("resample")


@given(SCORE_READING, st.sampled_from([None, math.nan, math.inf, -math.inf]), DRAW)
def test_what_has_no_score_is_above_every_threshold_and_is_said(protocol, missing, draw):
    move = protocol.step(protocol.start(), missing, draw)[1]
    assert move.act != "allow" and "unscored" in move.because
    assert severity(move) >= severity(protocol.step(protocol.start(), 1.0, draw)[1])


@given(SHARE, DRAW)
def test_random_audits_say_that_no_score_was_read(share, draw):
    protocol = UpfrontAuditing(share)
    _, move = protocol.step(protocol.start(), None, draw)
    assert (move.act == "audit") == (draw < share) and "unscored" in move.because


@given(PROTOCOL, LEVEL, DRAW)
def test_a_machine_is_pure_and_declares_what_exists(protocol, suspicion, draw):
    first, second = (protocol.step(protocol.start(), suspicion, draw) for _ in range(2))
    assert first == second and protocol.start() == State()
    assert protocol.needs <= set(INPUTS)


def test_bands_must_be_nested():
    with pytest.raises(UsageError, match="audits must lie above deferrals"):
        DeferToTrusted(defer=Cut(0.8), audit=Cut(0.5))
    with pytest.raises(UsageError, match="audits must lie above edits"):
        TrustedEditing(edit=Cut(0.5, 0.1), audit=Cut(0.5, 0.2))
    with pytest.raises(UsageError, match="share of ties"):
        Cut(0.5, 1.5)
    with pytest.raises(UsageError, match="must be a number"):
        Cut(math.nan)


@pytest.mark.parametrize(("samples", "strikes"), [(0, 1), (1, 0)])
def test_resampling_needs_a_sample_and_a_strike(samples, strikes):
    with pytest.raises(UsageError, match="at least one"):
        ResampleIncrimination(Cut(0.5), Cut(0.8), samples, "min", strikes)


def test_an_exhausted_audit_budget_stops_instead_of_letting_pass():
    protocol = TrustedMonitoring(Cut(0.5), most=1)
    state, first = protocol.step(protocol.start(), 0.9, 0.0)
    state, second = protocol.step(state, 0.9, 0.0)
    _, quiet = protocol.step(state, 0.1, 0.0)
    assert [first.act, second.act, quiet.act] == ["audit", "stop", "allow"]
    assert "no audit is left" in second.because


def test_the_least_suspicious_scored_sample_runs():
    protocol = DeferToResample(Cut(0.5), Cut(0.8), samples=3)
    state = protocol.start()
    for suspicion in (0.9, None, 0.3):
        state, move = protocol.step(state, suspicion, 0.5)
        assert move.act == "resample"
    state, move = protocol.step(state, 0.7, 0.5)
    assert (move.act, move.sample, state) == ("allow", 2, protocol.start())


@pytest.mark.parametrize(
    ("statistic", "act"), [("min", "allow"), ("mean", "allow"), ("max", "audit")]
)
def test_the_statistic_of_the_samples_is_a_parameter(statistic, act):
    protocol = ResampleIncrimination(Cut(0.5), Cut(0.8), 2, statistic)
    state = protocol.start()
    for suspicion in (0.9, 0.3):
        state, _ = protocol.step(state, suspicion, 0.5)
    assert protocol.step(state, 0.3, 0.5)[1].act == act
    assert protocol.step(state, None, 0.5)[1].act == ("allow" if statistic == "min" else "audit")


def test_strikes_are_deferred_until_the_last_which_is_audited():
    protocol = ResampleIncrimination(Cut(0.5), Cut(0.8), 1, "min", strikes=2)
    state, acts = protocol.start(), []
    for suspicion in (0.9, 0.9, 0.1, 0.9, 0.9, 0.9, 0.9):
        state, move = protocol.step(state, suspicion, 0.5)
        acts.append(move.act)
    assert acts == ["resample", "defer", "allow", "resample", "audit", "resample", "defer"]
    assert state == State(strikes=1, audits=1)
    assert "trusted_success" in protocol.needs


@given(CUT, LEVEL, LEVEL, LEVEL, LEVEL, DRAW)
def test_a_cascade_ranks_what_it_escalates_above_the_rest(cut, a, b, ea, eb, draw):
    cascade = Cascade(cut)
    scores = {}
    for cheap, expensive in ((a, ea), (b, eb)):
        scores[cheap, expensive] = cascade.score(cheap, expensive, draw)
        assert 0 <= scores[cheap, expensive] <= 1
        assert (
            scores[cheap, expensive] >= 0.5
            if cascade.asks(cheap, draw)
            else scores[cheap, expensive] <= 0.5
        )
    if cascade.asks(a, draw) == cascade.asks(b, draw):
        key = (lambda pair: pair[1]) if cascade.asks(a, draw) else (lambda pair: pair[0])
        low, high = sorted([(a, ea), (b, eb)], key=key)
        assert scores[low] <= scores[high]


def test_a_cascade_asks_when_the_cheap_monitor_fails_and_stays_unscored_without_an_answer():
    cascade = Cascade.fitted([0.1, 0.2, 0.3, 0.4], escalated=0.25)
    assert cascade.asks(None, 0.99) and not cascade.asks(0.3, 0.0)
    assert cascade.score(None, 0.2, 0.5) == pytest.approx(0.6)
    assert cascade.score(0.4, None, 0.5) is None
    assert cascade.score(0.2, None, 0.5) == pytest.approx(0.25)
