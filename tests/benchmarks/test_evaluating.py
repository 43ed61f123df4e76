"""How long an evaluation of many transcripts and monitors takes, and how much memory."""

import resource
import time

import numpy as np
import pytest

from cotmon.evaluate import Spec, cases_of, evaluate
from cotmon.metrics import auroc, bootstrap

CASES, MONITORS, DRAWS = 100_000, 10, 1_000


def made(groups):
    rng = np.random.default_rng(0)
    attack = rng.random(CASES) < 0.3
    names = rng.integers(0, groups, CASES)
    scores = {
        f"monitor {k}": np.round(np.clip(rng.normal(0.4 + 0.02 * k * attack, 0.15), 0, 1), 4)
        for k in range(MONITORS)
    }
    return scores, attack, names


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def test_bootstrap_of_many(capsys):
    for groups in (500, CASES):
        scores, attack, names = made(groups)
        table = np.stack(list(scores.values()), axis=1)
        began = time.process_time()
        found = bootstrap(table, attack, names, draws=DRAWS)
        spent = time.process_time() - began
        for k in range(MONITORS):
            figure = found.auroc.estimate(k)
            assert figure.value == pytest.approx(auroc(table[:, k], attack).value)
            assert figure.low is not None and figure.high is not None
            assert figure.low < (figure.value or 0) < figure.high
        with capsys.disabled():
            print(f"\nbootstrap, {CASES:,} cases x {MONITORS} monitors x {DRAWS:,} draws, "
                  f"{groups:,} groups: {spent:.1f} CPU-s, peak {peak():,.0f} MB")  # fmt: skip


def test_whole_evaluation_of_many(capsys):
    """Goal: under 60 CPU-s and 2 GB."""
    scores, attack, names = made(2_000)
    began = time.process_time()
    found = evaluate(cases_of(scores, attack, names), Spec(draws=DRAWS))
    spent = time.process_time() - began
    assert len(found.scorers) == MONITORS
    with capsys.disabled():
        print(f"\nevaluate, {CASES:,} cases x {MONITORS} monitors x {DRAWS:,} draws, pessimistic "
              f"figures and protocols included: {spent:.1f} CPU-s, peak {peak():,.0f} MB")  # fmt: skip
