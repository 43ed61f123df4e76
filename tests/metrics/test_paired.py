# pyright: reportOptionalOperand=false, reportOperatorIssue=false
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.multitest import multipletests

from cotmon.errors import UsageError
from cotmon.metrics import delong, delong_paired, holm, mcnemar
from cotmon.metrics.paired import delong_covariance

Y = np.array([0] * 12 + [1] * 8, dtype=bool)
A = np.array(
    [0.1, 0.2, 0.2, 0.3, 0.05, 0.4, 0.45, 0.5, 0.15, 0.6, 0.35, 0.25, 0, 0, 0, 0, 0, 0, 0, 0]
)
B = np.array(
    [0.2, 0.1, 0.3, 0.6, 0.4, 0.15, 0.35, 0.7, 0.25, 0.5, 0.45, 0.05, 0, 0, 0, 0, 0, 0, 0, 0]
)
A[Y] = [0.3, 0.55, 0.7, 0.8, 0.65, 0.9, 0.4, 0.75]
B[Y] = [0.5, 0.35, 0.8, 0.6, 0.55, 0.9, 0.3, 0.65]


def test_delong_is_pROCs():
    # R 4.2, pROC 1.18.0, options(digits=17):
    # ra <- roc(y, a, direction="<", levels=c(0, 1)); rb <- roc(y, b, ...)
    # auc(ra); var(ra); auc(rb); var(rb); cov(ra, rb)
    # roc.test(ra, rb, method="delong", paired=TRUE): p.value, conf.int
    areas, covariance = delong_covariance(np.stack([A, B], axis=1), Y)
    assert areas == pytest.approx([0.89583333333333337, 0.80208333333333337], abs=1e-9)
    assert covariance[0, 0] == pytest.approx(0.0052844291125541129, abs=1e-9)
    assert covariance[1, 1] == pytest.approx(0.010148922258297258, abs=1e-9)
    assert covariance[0, 1] == pytest.approx(0.003555363906926407, abs=1e-9)
    found = delong_paired(A, B, Y)
    assert found.p == pytest.approx(0.30411903378414623, abs=1e-9)
    assert found.difference.low == pytest.approx(-0.085054406193887766, abs=1e-9)
    assert found.difference.high == pytest.approx(0.272554406193887766, abs=1e-9)


def test_the_interval_is_the_normal_one_on_the_logit_scale():
    estimate = delong(A, Y)
    logit = np.log(estimate.value / (1 - estimate.value))
    error = np.sqrt(0.0052844291125541129) / (estimate.value * (1 - estimate.value))
    bounds = 1 / (1 + np.exp(-(logit + np.array([-1, 1]) * 1.959963984540054 * error)))
    assert (estimate.low, estimate.high) == pytest.approx(tuple(bounds), abs=1e-9)


def test_the_interval_covers():
    rng, covered = np.random.default_rng(3), 0
    truth = 0.7602499389065233  # two normals one unit apart: Φ(1 / √2)
    attack = np.arange(80) < 40
    for _ in range(300):
        estimate = delong(rng.normal(size=80) + attack, attack)
        covered += estimate.low <= truth <= estimate.high
    assert 0.91 < covered / 300 < 0.985


cases = st.lists(
    st.tuples(st.sampled_from([0.0, 0.5, 1.0, float("nan")]), st.booleans(), st.booleans()),
    max_size=14,
)


@given(cases)
def test_few_tied_or_unscored_cases_never_give_nan(rows):
    scores, other, attack = [r[0] for r in rows], [float(r[1]) for r in rows], [r[2] for r in rows]
    estimate, pair = delong(scores, attack), delong_paired(scores, other, attack)
    for each in (estimate, pair.difference):
        assert each.value == each.value and each.low == each.low and each.high == each.high
        assert each.low is not None or each.why
    assert pair.p is None or 0 <= pair.p <= 1
    assert delong_paired(scores, scores, attack).p is None


def test_mcnemar_is_statsmodels_exact():
    first = np.r_[np.ones(30, bool), np.zeros(20, bool)]
    second = np.r_[np.ones(18, bool), np.zeros(28, bool), np.ones(4, bool)]
    reference: Any = reference_mcnemar([[18, 12], [4, 16]], exact=True)
    found = mcnemar(first, second)
    assert found.p == pytest.approx(reference.pvalue)
    assert found.difference.value == pytest.approx(8 / 50)
    assert mcnemar(first, first).p == 1 and mcnemar([], []).p is None
    with pytest.raises(UsageError):
        mcnemar(first, second[:3])


@pytest.mark.parametrize("n", [1, 2, 7, 30])
def test_holm_is_statsmodels(n):
    p_values = np.round(np.random.default_rng(n).random(n) ** 4, 2).tolist()  # with ties
    expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(np.asarray(expected).tolist(), abs=1e-9)
    assert holm([None, *p_values])[1:] == holm(p_values)


def test_holm_refuses_what_is_no_p_value():
    with pytest.raises(UsageError):
        holm([0.1, float("nan")])
