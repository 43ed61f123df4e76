"""Budgets are kept exactly, whatever the ties and the missing scores."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cotmon.errors import UsageError
from cotmon.protocols.budget import fit_cut, reach_chances, seeded_draw
from cotmon.protocols.defer_to_trusted import DeferToTrusted
from cotmon.protocols.fates import fates
from cotmon.protocols.resample_incrimination import ResampleIncrimination

LEVELS = [0.0, 0.1, 0.5, 0.5, 0.9, np.nan]
SCORES = st.lists(st.sampled_from(LEVELS), min_size=1, max_size=60)
SHARE = st.floats(0, 1)


@given(SCORES, SHARE)
def test_a_budget_is_exact_in_expectation(scores, share):
    assume(np.isfinite(scores).any())
    fitted = fit_cut(scores, share)
    unscored = float(np.isnan(scores).mean())
    assert reach_chances(fitted.cut, scores).mean() == pytest.approx(fitted.attained)
    assert fitted.attained == pytest.approx(max(share, unscored), abs=1e-9)
    assert (fitted.why is None) == (share >= unscored - 1e-9)


def test_all_tied_scores_still_give_the_budget():
    fitted = fit_cut([0.3] * 100, 0.02)
    assert fitted.cut.threshold == 0.3 and fitted.cut.tie_share == pytest.approx(0.02)
    hit = [fitted.cut.reached(0.3, seeded_draw(1, f"case {i}")) for i in range(20_000)]
    assert np.mean(hit) == pytest.approx(0.02, abs=0.004)


def test_a_draw_depends_on_seed_and_content_alone():
    draws = [
        seeded_draw(seed, *content)
        for seed in (0, 1)
        for content in (("a",), ("b",), ("a", "b"), ("\ud800",))
    ]
    assert len(set(draws)) == len(draws) and all(0 <= d < 1 for d in draws)
    assert draws[0] == seeded_draw(0, "a")


def test_nested_budgets_share_one_draw():
    honest = [0.5] * 50 + [0.9] * 50
    ends = fates(DeferToTrusted.fitted(honest, defers=0.6, audits=0.1), honest)
    assert ends.audit.mean() == pytest.approx(0.1) and ends.defer.mean() == pytest.approx(0.6)


@pytest.mark.parametrize("statistic", ["min", "mean", "max"])
def test_each_cut_is_fitted_on_the_statistic_it_meets(statistic):
    honest = np.random.default_rng(3).integers(0, 6, size=(500, 4)) / 5
    protocol = ResampleIncrimination.fitted(honest, resamples=0.3, audits=0.02, statistic=statistic)
    ends = fates(protocol, honest[:, 0], honest[:, 1:])
    assert ends.audit.mean() == pytest.approx(0.02)


def test_a_budget_that_cannot_be_spent_says_so():
    fitted = fit_cut([0.1, 0.2, 0.3, 0.4], 0.5, weights=[0, 0, 0, 1])
    assert fitted.attained == pytest.approx(0.25) and "too few" in (fitted.why or "")
    for bad in ([], [np.nan]):
        with pytest.raises(UsageError, match="at least one"):
            fit_cut(bad, 0.1)
    with pytest.raises(UsageError, match="share"):
        fit_cut([0.1], 1.1)
