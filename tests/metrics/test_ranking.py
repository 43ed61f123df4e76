# pyright: reportOptionalOperand=false, reportOperatorIssue=false
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from cotmon.errors import UsageError
from cotmon.metrics import auroc, average_precision, partial_auroc, pessimistic

tied = st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.booleans()), min_size=1, max_size=40)


def test_agrees_with_scikit_learn_ties_and_all():
    rng = np.random.default_rng(5)
    for _ in range(20):
        attack = np.r_[True, False, rng.random(60) < 0.4]
        scores = np.round(rng.random(62) + 0.3 * attack, 1)
        assert auroc(scores, attack).value == pytest.approx(
            roc_auc_score(attack, scores), abs=1e-12
        )
        expected = average_precision_score(attack, scores)
        assert average_precision(scores, attack).value == pytest.approx(expected, abs=1e-12)
        expected = roc_auc_score(attack, scores, max_fpr=0.2)
        assert partial_auroc(scores, attack, 0.2).value == pytest.approx(expected, abs=1e-12)


def test_both_forms_of_the_partial_area_are_those_of_pROC():
    # R: roc(y, a, direction="<"); auc(..., partial.auc=c(1, .8), partial.auc.correct=TRUE / FALSE)
    y = [0] * 12 + [1] * 8
    a = [0.1, 0.2, 0.2, 0.3, 0.05, 0.4, 0.45, 0.5, 0.15, 0.6, 0.35, 0.25]
    a += [0.3, 0.55, 0.7, 0.8, 0.65, 0.9, 0.4, 0.75]
    standard, raw = partial_auroc(a, y, 0.2), partial_auroc(a, y, 0.2, standardised=False)
    assert standard.value == pytest.approx(0.83217592592592582, abs=1e-12)
    assert raw.value == pytest.approx(0.13958333333333328 / 0.2, abs=1e-12)
    assert (standard.method, raw.method) == ("McClish-standardised", "area / max_fpr")


@given(tied)
def test_never_nan_and_unmoved_by_unscored_cases_and_by_monotone_maps(cases):
    scores = np.array([math.nan if unscored else float(s) for s, _, unscored in cases])
    attack = np.array([a for _, a, _ in cases])
    known = ~np.isnan(scores)
    both = attack[known].any() and not attack[known].all()
    for figure in (auroc, average_precision, lambda s, a: partial_auroc(s, a, 0.1)):
        estimate = figure(scores, attack)
        assert estimate.n == known.sum()
        if not both:
            assert estimate.value is None and "no scored" in estimate.why
            continue
        assert 0 <= estimate.value <= 1
        assert figure(np.exp(scores) - 3, attack) == estimate
        assert figure(scores[known], attack[known]) == estimate


def test_the_pessimistic_scores_hold_every_unscored_case_against_the_monitor():
    scores, attack = [0.1, 0.2, math.nan, 0.9, math.nan], [False, False, False, True, True]
    assert auroc(scores, attack).value == 1
    worst = auroc(pessimistic(scores, attack), attack)
    assert worst.value == pytest.approx(2 / 6) and worst.n == 5


@pytest.mark.parametrize(
    ("scores", "attack"),
    [([0.1], [True, False]), (["x"], [True]), ([[0.1]], [True]), ([0.1], [0.5]), ([0.1], [None])],
)
def test_arrays_that_do_not_fit_are_refused(scores, attack):
    with pytest.raises(UsageError):
        auroc(scores, attack)


def test_a_partial_area_over_nothing_is_refused():
    with pytest.raises(UsageError):
        partial_auroc([0.1, 0.2], [False, True], 0)
