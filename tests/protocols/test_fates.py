"""Stored scores are played by the live machine: exact, simulated and stepped by hand agree."""

import math
from dataclasses import fields
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotmon.errors import UsageError
from cotmon.protocols.defer_to_resample import DeferToResample
from cotmon.protocols.defer_to_trusted import DeferToTrusted
from cotmon.protocols.fates import Fates, fates, sequence_fates
from cotmon.protocols.protocol import ACTS, Cut
from cotmon.protocols.resample_incrimination import ResampleIncrimination
from cotmon.protocols.trusted_editing import TrustedEditing
from cotmon.protocols.trusted_monitoring import TrustedMonitoring
from cotmon.protocols.upfront_auditing import UpfrontAuditing

PLAIN = [
    UpfrontAuditing(0.3),
    TrustedMonitoring(Cut(0.6, 0.25)),
    DeferToTrusted(Cut(0.5, 0.7), Cut(0.5, 0.2)),
    TrustedEditing(Cut(0.4), Cut(0.8, 0.5)),
]
RESAMPLING = [
    DeferToResample(Cut(0.4, 0.5), Cut(0.6, 0.5), 2),
    ResampleIncrimination(Cut(0.4), Cut(0.6, 0.3), 2, "mean", strikes=2),
]
ROW = st.lists(st.sampled_from([0.0, 0.4, 0.5, 0.6, 0.8, np.nan]), min_size=3, max_size=3)
ROWS = st.lists(ROW, min_size=1, max_size=8)


def total(ends: Fates):
    return ends.run.sum(axis=1) + ends.edit + ends.defer + ends.audit + ends.stop


def last_move(protocol, samples, rng):
    state = protocol.start()
    for suspicion in samples:
        state, move = protocol.step(state, suspicion, rng.random())
        if move.act != "resample":
            return move
    raise AssertionError("it asks for more samples than there are")


def played(protocol, rows, rng):
    """The cases driven once by drawn numbers: every chance is 0 or 1."""
    acts = {f.name: np.zeros(len(rows)) for f in fields(Fates)} | {"run": np.zeros(rows.shape)}
    for case, row in enumerate(rows.tolist()):
        move = last_move(protocol, row, rng)
        place = (case, move.sample) if move.act == "allow" else case
        acts["run" if move.act == "allow" else move.act][place] = 1
    return Fates(**acts)


def close(a: Fates, b: Fates, tolerance: float):
    return all(
        np.allclose(getattr(a, f.name), getattr(b, f.name), atol=tolerance) for f in fields(Fates)
    )


@given(st.sampled_from(PLAIN + RESAMPLING), ROWS)
def test_the_chances_of_a_case_sum_to_one(protocol, rows):
    rows = np.array(rows)
    ends = fates(protocol, rows[:, 0], rows[:, 1:])
    assert np.allclose(total(ends), 1) and all(
        (getattr(ends, f.name) >= 0).all() for f in fields(Fates)
    )
    assert close(ends, sequence_fates(protocol, [[row] for row in rows.tolist()]), 1e-12)


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(PLAIN), ROW)
def test_one_step_of_the_machine_over_a_grid_of_draws_gives_the_fates(protocol, scores):
    grid = (np.arange(400) + 0.5) / 400
    ends = fates(protocol, scores)
    for case, suspicion in enumerate(scores):
        acts = [protocol.step(protocol.start(), suspicion, u)[1].act for u in grid]
        share = {act: acts.count(act) / len(grid) for act in ACTS}
        assert share["allow"] == pytest.approx(ends.run[case, 0])
        for act in ("edit", "defer", "audit", "stop"):
            assert share[act] == pytest.approx(getattr(ends, act)[case])


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(PLAIN + RESAMPLING), ROWS)
def test_simulation_agrees_within_its_error(protocol, rows):
    rng, rows = np.random.default_rng(5), np.array(rows)
    plays = [played(protocol, rows, rng) for _ in range(400)]
    mean = Fates(*(np.mean([getattr(p, f.name) for p in plays], axis=0) for f in fields(Fates)))
    assert close(fates(protocol, rows[:, 0], rows[:, 1:]), mean, 0.13)  # 5 standard errors


def test_a_run_is_worth_its_severest_act_and_an_audit_settles_it():
    protocol = DeferToTrusted(Cut(0.5), Cut(0.9, 0.5))
    ends = sequence_fates(protocol, [[[0.1], [0.6], [0.2]], [[0.9], [0.9]], [[0.1], [0.2]], []])
    assert ends.defer.tolist() == [1.0, 0.25, 0.0, 0.0]
    assert ends.audit.tolist() == [0.0, 0.75, 0.0, 0.0]
    assert ends.run[:, 0].tolist() == [0.0, 0.0, 1.0, 1.0]


def test_strikes_count_over_the_steps_of_a_run():
    protocol = ResampleIncrimination(Cut(0.5), Cut(0.5), 1, "max", strikes=2)
    ends = sequence_fates(
        protocol, [[[0.9, 0.1]], [[0.9, 0.1], [0.0, 0.0], [0.1, 0.9], [0.9, 0.9]]]
    )
    assert ends.defer.tolist() == [1.0, 0.0] and ends.audit.tolist() == [0.0, 1.0]


def test_resampling_within_its_budgets_runs_the_least_suspicious():
    honest = np.random.default_rng(1).random((1000, 3))
    ends = fates(DeferToResample.fitted(honest, 0.2, 0.01), honest[:, 0], honest[:, 1:])
    assert ends.audit.mean() == pytest.approx(0.01)
    assert ends.run[honest[:, 0] < 0.7, 0].all()
    replaced = ends.run[:, 1:].sum(axis=1) > 0
    assert (honest[replaced].argmin(axis=1) == ends.run[replaced].argmax(axis=1)).all()
    assert 0.1 < replaced.mean() < 0.2


def test_an_attack_that_ranks_last_runs_only_if_all_samples_attack():
    """a^k over every combination, by the machine."""
    rate, protocol, runs = 0.4, DeferToResample(Cut(0.0), Cut(2.0), samples=2), 0.0
    for attacks in product([0, 1], repeat=3):
        chance = math.prod(rate if a else 1 - rate for a in attacks)
        scores = [0.9 if a else 0.1 for a in attacks]
        ends = fates(protocol, scores[:1], [scores[1:]])
        runs += chance * float(ends.run[0] @ np.array(attacks))
    assert runs == pytest.approx(rate**3)


def test_missing_samples_are_an_error_not_a_fate():
    with pytest.raises(UsageError, match="needs resample_scores"):
        fates(RESAMPLING[0], [0.9])
    with pytest.raises(UsageError, match="needs resample_scores"):
        fates(RESAMPLING[0], [0.9], [[0.9]])
    assert fates(RESAMPLING[0], [0.1]).run[0, 0] == 1


def test_a_hundred_thousand_cases_take_no_time():
    scores = np.random.default_rng(0).random(100_000)
    ends = fates(DeferToTrusted.fitted(scores, 0.1, 0.02), scores)
    assert ends.audit.mean() == pytest.approx(0.02) and ends.defer.mean() == pytest.approx(0.1)
