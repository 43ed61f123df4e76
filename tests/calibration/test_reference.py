"""Benign references: never too small a tail, flags that stay, and rates that hold."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotmon.calibration import Calibration, CueReference, Tails
from cotmon.calibration.fit import (
    HonestRun,
    data_hash,
    least_groups,
    left_out_statistics,
    monitor_reference,
    pooled_steps,
    set_reference,
)
from cotmon.calibration.reference import DIGITS
from cotmon.records import Cue, MonitorCard

NAMES = ("scheming/a", "scheming/b")


def honest(groups, rng, levels=None, per_group=1, monitors=NAMES):
    """Honest runs of very different lengths; `levels` makes their scores tie."""
    runs = []
    for g in range(groups):
        shift = rng.gauss(0, 0.05)  # scenarios differ, so steps of one are no independent draws
        for r in range(per_group):
            n = rng.choice((1, 4, 12, 40))
            scores = {}
            for name in monitors:
                values = [min(max(rng.betavariate(2, 8) + shift, 0), 1) for _ in range(n)]
                if levels:
                    values = [round(v * levels) / levels for v in values]
                scores[name] = [(k + 1, round(v, DIGITS)) for k, v in enumerate(values)]
            runs.append(HonestRun(f"{g}-{r}", f"g{g}", n, scores))
    return runs


def card(name):
    return MonitorCard(
        name=name,
        hash="h",
        kind="rules",
        cues=("scheming",),
        view="step",
        channels=("text",),
        summary="",
        misses="",
        threshold=0.5,
        basis="by hand",
    )


def fitted(runs, rates=(0.05, 0.1), monitors=NAMES):
    references = {m: monitor_reference(card(m), "here", runs, rates[0]) for m in monitors}
    members: dict[Cue, dict[str, str]] = {"scheming": dict.fromkeys(monitors, "h")}
    whole = set_reference("s", members, references, runs, rates)
    share = whole.cues["scheming"]
    return whole, CueReference(
        alpha=share.alpha,
        transcript_alpha=share.transcript_alpha,
        groups=whole.groups,
        source="here",
        curves={m: references[m].curve for m in share.members},
        strata=share.strata,
    )


def marked_share(tails, run):
    marked = {
        k
        for name in tails.reference.curves
        for k, s in run.scores[name]
        if tails.tail(s) <= tails.reference.alpha + 1e-12
    }
    return len(marked) / run.steps


def flagged(tails, run):
    statistic = tails.statistic(pooled_steps(run, tails.reference.curves))
    return tails.transcript_tail(statistic, run.steps) <= tails.reference.transcript_alpha + 1e-12


@pytest.mark.parametrize("levels", [None, 5], ids=["fine", "tied"])
def test_rates_hold_on_fresh_groups_over_200_random_splits(levels):
    """The guarantee is an average over groups and splits: 5 % of steps, 10 % of transcripts."""
    rng = random.Random(7)
    runs = honest(240, rng, levels)
    groups = sorted({r.group for r in runs})
    steps, transcripts = [], []
    for _ in range(200):
        rng.shuffle(groups)
        inside = set(groups[:120])
        _, reference = fitted([r for r in runs if r.group in inside])
        tails = Tails(reference)
        fresh = [r for r in runs if r.group not in inside]
        steps.append(np.mean([marked_share(tails, r) for r in fresh]))
        transcripts.append(np.mean([flagged(tails, r) for r in fresh]))
    # 240 groups are a draw themselves, so their own average may lie a standard error off
    assert np.mean(steps) <= 0.05 + 0.01
    assert np.mean(transcripts) <= 0.10 + 0.02
    if levels is None:
        assert np.mean(steps) > 0.02  # not bought by never marking
        assert np.mean(transcripts) > 0.04


def test_rates_hold_exactly_when_every_group_is_left_out_once():
    """Exchangeability, counted: over all n + 1 choices of the fresh group the mean keeps α."""
    rng = random.Random(3)
    runs = honest(60, rng)
    steps, transcripts = [], []
    for out in range(60):
        rest = [r for r in runs if r.group != f"g{out}"]
        _, reference = fitted(rest, (0.05, 0.1))
        tails = Tails(reference)
        (fresh,) = [r for r in runs if r.group == f"g{out}"]
        steps.append(marked_share(tails, fresh))
        transcripts.append(flagged(tails, fresh))
    assert np.mean(steps) <= 0.05
    assert np.mean(transcripts) <= 0.10


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([None, 4, 50]), st.integers(1, 3))
def test_a_curve_is_never_below_the_counted_share(seed, levels, per_group):
    runs = honest(12, random.Random(seed), levels, per_group)
    curve = monitor_reference(card(NAMES[0]), "here", runs, 0.05).curve
    groups = {}
    for run in runs:
        groups.setdefault(run.group, []).append(run)
    seen = sorted({s for run in runs for _, s in run.scores[NAMES[0]]})
    for s in (*seen, *(min(s + 1e-6, 1.0) for s in seen), 0.0, 1.0):
        s = round(s, DIGITS)
        shares = [
            sum(v >= s for r in g for _, v in r.scores[NAMES[0]]) / sum(r.steps for r in g)
            for g in groups.values()
        ]
        counted = sum(shares) / len(groups)
        assert curve.at(s) >= counted - 1e-12
        if counted * len(groups) <= 2:
            assert curve.at(s) == pytest.approx(counted, abs=1e-9)  # exact where it matters


def test_a_run_is_held_against_the_other_groups_only():
    runs = honest(20, random.Random(1), per_group=2)
    _, reference = fitted(runs, (0.3, 0.5))
    tails = Tails(reference)
    for run, found in zip(runs, left_out_statistics(tails, runs), strict=True):
        others = {}
        for other in runs:
            if other.group != run.group:
                others.setdefault(other.group, []).append(other)
        best, highest = math.inf, -1.0
        for k, s in pooled_steps(run, NAMES):
            if s > highest:
                highest = s
                # the stored curves are coarse below their top: a fresh run is read there too
                starts = {m: curve.start(s) for m, curve in reference.curves.items()}
                mass = sum(
                    sum(v >= starts[m] for r in g for m in NAMES for _, v in r.scores[m])
                    / sum(r.steps for r in g)
                    for g in others.values()
                )
                best = min(best, k * mass)
        assert found == pytest.approx(best, abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1).map(lambda s: round(s, DIGITS)), min_size=1, max_size=150),
    st.integers(0, 5),
)
def test_a_flag_once_raised_stays(suspicions, seed):
    """Whatever follows, also where the transcript grows into another length stratum."""
    tails = Tails(fitted(honest(90, random.Random(seed)), (0.2, 0.3))[1])
    assert len(tails.reference.strata) > 1
    seen, before = False, 1.0
    for n in range(1, len(suspicions) + 1):
        steps = list(enumerate(suspicions[:n], 1))
        tail = tails.transcript_tail(tails.statistic(steps), n)
        assert tail <= before
        before = tail
        now = tail <= tails.reference.transcript_alpha
        assert now or not seen
        seen = now


def test_too_few_groups_and_too_many_ties_are_told_apart():
    rng = random.Random(0)
    few, _ = fitted(honest(20, rng), (0.01, 0.05))
    assert set(few.apart) == {*NAMES, "transcripts of scheming"}
    assert all("too few honest groups: 20" in why for why in few.apart.values())
    runs = [
        HonestRun(
            r.content,
            r.group,
            r.steps,
            {
                NAMES[0]: r.scores[NAMES[0]],
                NAMES[1]: [(k, 1.0) for k, _ in r.scores[NAMES[1]]],
            },
        )
        for r in honest(120, rng)
    ]
    tied, reference = fitted(runs, (0.05, 0.1))
    assert list(tied.apart) == [NAMES[1]] and "ties too much" in tied.apart[NAMES[1]]
    assert set(reference.curves) == {NAMES[0]}


def test_the_floor_and_what_it_needs():
    """299 groups at three shares of 1 %, 59 at three of 5 %, 2,999 at thirty (contract 4)."""
    assert least_groups(0.01 / 3) == 299
    assert least_groups(0.05 / 3) == 59
    assert least_groups(0.01 / 30) == 2999
    tails = Tails(fitted(honest(120, random.Random(2)))[1])
    assert tails.tail(1.0) == pytest.approx(tails.floor)
    assert tails.tail(tails.threshold) <= tails.reference.alpha + 1e-12
    assert tails.tail(round(tails.threshold - 1e-6, 6)) > tails.reference.alpha


def test_data_hash_depends_on_contents_and_groups_not_on_order():
    runs = honest(5, random.Random(0))
    assert data_hash(runs) == data_hash(runs[::-1])
    moved = [HonestRun(runs[0].content, "elsewhere", 1), *runs[1:]]
    assert data_hash(runs) != data_hash(moved)


def test_a_run_without_scores_is_as_honest_as_can_be():
    tails = Tails(fitted(honest(90, random.Random(4)), (0.2, 0.3))[1])
    assert tails.transcript_tail(tails.statistic([]), 5) == 1.0
    assert Calibration().cues == {}
