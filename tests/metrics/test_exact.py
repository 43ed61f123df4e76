import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from cotmon.errors import UsageError
from cotmon.metrics import honest_needed, proportion

PAC = {
    0.05: [59, 93, 124, 153, 208, 336],
    0.02: [149, 236, 313, 386, 523, 845],
    0.01: [299, 473, 628, 773, 1049, 1693],
    0.005: [598, 947, 1258, 1549, 2100, 3389],
    0.001: [2995, 4742, 6294, 7752, 10511, 16959],
}


@pytest.mark.parametrize("rate", PAC)
def test_honest_units_needed_after_some_alarms(rate):
    assert [honest_needed(rate, alarms) for alarms in (0, 1, 2, 3, 5, 10)] == PAC[rate]


def test_two_sided_with_no_alarm_needs_more():
    assert honest_needed(0.01, delta=0.025) == 368
    assert honest_needed(0.001, delta=0.025) == 3688


@given(st.floats(0.01, 0.5), st.integers(0, 5))
def test_needed_is_where_the_one_sided_bound_falls_below_the_rate(rate, alarms):
    def upper_bound(n):
        return stats.binomtest(alarms, n, alternative="less").proportion_ci(0.95).high

    n = honest_needed(rate, alarms)
    assert upper_bound(n) <= rate + 1e-9
    assert n - 1 <= alarms or upper_bound(n - 1) > rate - 1e-9


@given(st.integers(0, 60), st.integers(0, 60))
def test_clopper_pearson(hits, misses):
    n = hits + misses
    estimate = proportion(hits, n)
    if n == 0:
        assert estimate.value is None and estimate.why
        return
    low, high = proportion_confint(hits, n, method="beta")
    assert (estimate.value, estimate.n) == (hits / n, n)
    assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=1e-9)


def test_no_share_is_refused():
    for hits, n in ((3, 2), (-1, 2)):
        with pytest.raises(UsageError):
            proportion(hits, n)
