"""Formulas against enumeration where that is possible, against the live machine elsewhere."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotmon.protocols import closed_forms
from cotmon.protocols.attackers import Independent
from cotmon.protocols.defer_to_resample import DeferToResample
from cotmon.protocols.deployment import simulate_safety
from cotmon.protocols.fates import fates
from cotmon.protocols.protocol import Cut
from cotmon.protocols.trusted_monitoring import TrustedMonitoring
from cotmon.protocols.upfront_auditing import UpfrontAuditing

RATE = st.floats(0, 0.5)


@given(RATE, RATE, st.integers(0, 6))
def test_repeated_attempts_by_enumeration(caught, landed, attempts):
    chances = {"caught": caught, "landed": landed, "nothing": 1 - caught - landed}
    lost = 0.0
    for game in product(chances, repeat=attempts):
        ends = [end for end in game if end != "nothing"]
        if ends and ends[0] == "landed":
            lost += math.prod(chances[end] for end in game)
    assert closed_forms.repeated_attempts(caught, landed, attempts) == pytest.approx(lost)


@given(st.integers(0, 3), st.integers(0, 3), RATE, RATE)
def test_upfront_auditing_by_enumeration(audited, rest, rate, works):
    item = {"quiet": 1 - rate, "fails": rate * (1 - works), "works": rate * works}
    lost = 0.0
    for game in product(item, repeat=audited + rest):
        if set(game[:audited]) <= {"quiet"} and "works" in game[audited:]:
            lost += math.prod(item[end] for end in game)
    assert closed_forms.upfront_auditing(audited, rest, rate, works) == pytest.approx(lost)
    formula = (1 - rate) ** audited * (1 - (1 - works * rate) ** rest)
    assert closed_forms.upfront_auditing(audited, rest, rate, works) == pytest.approx(formula)


@pytest.mark.parametrize(
    ("share", "blue", "attempts"),
    [(0.005, 5, 8.8), (0.02, 15, 6.3), (0.1, 43, 3.7), (0.3, 71, 2.2)],
)
def test_the_best_attack_rate_against_upfront_audits(share, blue, attempts):
    audited, rest, works = 5000 * share, 5000 * (1 - share), 0.53
    best = closed_forms.best_attack_rate(audited, rest, works)
    lost = [
        closed_forms.upfront_auditing(audited, rest, p, works)
        for p in np.linspace(1e-6, 0.02, 4000)
    ]
    assert closed_forms.upfront_auditing(audited, rest, best, works) == pytest.approx(
        max(lost), abs=1e-4
    )
    assert 100 * (1 - max(lost)) == pytest.approx(blue, abs=0.5)
    assert 5000 * best == pytest.approx(attempts, abs=0.06)


def test_the_limits_of_the_best_attack_rate():
    assert closed_forms.best_attack_rate(0, 10, 0.5) == 1.0
    assert closed_forms.best_attack_rate(10, 0, 0.5) == 0.0


def test_monitoring_rates_and_their_limit():
    caught, landed = closed_forms.trusted_monitoring_rates(24 / 71, 1.0, 13 / 47)
    assert (caught, landed) == (pytest.approx(24 / 71), pytest.approx(13 / 71))
    assert 1 - closed_forms.repeated_attempts(caught, landed) == pytest.approx(0.649, abs=0.001)
    assert closed_forms.repeated_attempts(0.0, 0.0) == 0.0


def test_bands():
    assert closed_forms.band_landed(0.3, 0.2, 0.5) == pytest.approx(0.15)
    assert closed_forms.band_landed(0.3, 0.2, 0.5, 0.25) == pytest.approx(0.2)
    assert closed_forms.band_usefulness(0.9, 0.08, 0.5, 0.25, 1.0) == pytest.approx(0.49)
    assert closed_forms.rescaled_usefulness(0.38, trusted=0.22, untrusted=0.54) == pytest.approx(
        0.5
    )


def test_an_attack_that_ranks_last_runs_only_if_all_samples_attack():
    """a^k over every combination, by the machine."""
    rate, protocol, runs = 0.4, DeferToResample(Cut(0.0), Cut(2.0), samples=2), 0.0
    for attacks in product([0, 1], repeat=3):
        chance = math.prod(rate if a else 1 - rate for a in attacks)
        scores = [0.9 if a else 0.1 for a in attacks]
        ends = fates(protocol, scores[:1], [scores[1:]])
        runs += chance * float(ends.run[0] @ np.array(attacks))
    assert runs == pytest.approx(closed_forms.resampled_attack(rate, 3))


@pytest.mark.parametrize(
    ("protocol", "attacker"),
    [
        (TrustedMonitoring(Cut(0.8, 0.5)), Independent(0.002, 1000)),
        (TrustedMonitoring(Cut(0.8)), Independent(0.5, 3)),
        (UpfrontAuditing(0.1), Independent(0.005, 1000)),
    ],
)
def test_played_deployments_agree_with_the_formula(protocol, attacker):
    rng = np.random.default_rng(2)
    attacks, works = rng.integers(0, 11, 400) / 10, rng.random(400) < 0.4
    ends = fates(protocol, attacks)
    if isinstance(protocol, UpfrontAuditing):
        share, success = protocol.share, works.mean()
        phases = [(share, 1.0, 0.0), (1 - share, 0.0, success)]
    else:
        phases = [(1.0, ends.audit.mean(), (ends.run[:, 0] * works).mean())]
    exact = attacker.safety(phases)
    played = simulate_safety(protocol, attacks, works, attacker, games=4000, seed=1)
    assert played == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4000))
