"""Exact binomial intervals, and how many honest units a claim needs."""

from __future__ import annotations

import math

from scipy import stats

from cotmon.errors import UsageError
from cotmon.metrics.estimate import Estimate, not_estimable


def proportion(hits: int, n: int) -> Estimate:
    """The share with its two-sided 95 % Clopper-Pearson interval; units must be independent.

    Raises:
        UsageError: `hits` is not within 0 … n.
    """
    if not 0 <= hits <= n:
        raise UsageError(f"{hits} of {n} is no share")
    if n == 0:
        return not_estimable("no cases")
    interval = stats.binomtest(hits, n).proportion_ci(0.95, "exact")
    low, high = float(interval.low), float(interval.high)
    return Estimate(hits / n, low, high, "Clopper-Pearson", n=n)


def honest_needed(rate: float, alarms: int = 0, delta: float = 0.05) -> int:
    """The smallest n at which `alarms` false alarms still show a rate below `rate`.

    That is P(Bin(n, rate) <= alarms) <= delta: a one-sided Clopper-Pearson bound, or the
    calibration size with `alarms` allowed exceedances of a PAC threshold. 299 at 1 %.

    Args:
        rate: false-alarm rate to claim, in (0, 1).
        alarms: false alarms seen or allowed, from 0.
        delta: chance of being wrong; 0.025 answers for a two-sided 95 % interval.

    Raises:
        UsageError: the rate is not within (0, 1).
    """
    check_rate(rate)
    if alarms == 0:
        return math.ceil(math.log(delta) / math.log1p(-rate))
    low = high = alarms + 1
    while stats.binom.cdf(alarms, high, rate) > delta:
        low, high = high + 1, high * 2
    while low < high:
        middle = (low + high) // 2
        if stats.binom.cdf(alarms, middle, rate) <= delta:
            high = middle
        else:
            low = middle + 1
    return low


def check_rate(rate: float) -> None:
    """Refuses a rate outside (0, 1).

    Raises:
        UsageError: it is.
    """
    if not 0 < rate < 1:
        raise UsageError(f"a rate lies between 0 and 1, not {rate!r}")
