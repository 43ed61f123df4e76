"""The one threshold rule.

Flag what reaches the threshold. The threshold at rate r is the smallest number t with
(1 + #{honest >= t}) / (n + 1) <= r: the conformal rule, whose expected false-alarm rate on
exchangeable honest units is at most r (Vovk et al. 2005). Tied scores are never split: either
all of them are flagged or none. (Audit budgets do split ties, by a draw: `protocols.budget`.)
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from cotmon.metrics.arrays import BoolArray, numbers, scored
from cotmon.metrics.estimate import Estimate, lacking_class, not_estimable
from cotmon.metrics.exact import check_rate, honest_needed, proportion


def resolution(n: int) -> float:
    """The smallest rate that n honest units can be held to: 1 / (n + 1)."""
    return 1 / (n + 1)


def unsupported(n: int, rate: float) -> str | None:
    """Why nothing is said at this rate with n honest units; None where they suffice.

    59 do at 5 %, 299 at 1 %, 2,995 at 0.1 %.
    """
    least = honest_needed(rate)
    return None if n >= least else f"needs ≥ {least:,} honest"


def most_within(rate: float, n: int) -> int:
    """The largest whole k with k / n <= rate, exact where the product would be off by rounding."""
    guess = math.floor(rate * n)
    return next(k for k in (guess + 1, guess, guess - 1) if k <= 0 or k / n <= rate)


def alarms_allowed(n: int, rate: float) -> int:
    """The largest k with (1 + k) / (n + 1) <= rate; −1 where even k = 0 is too many.

    Raises:
        UsageError: the rate is not within (0, 1).
    """
    check_rate(rate)
    return most_within(rate, n + 1) - 1


def threshold_at(honest: ArrayLike, rate: float) -> float:
    """The threshold of the one rule; +inf, which nothing reaches, where there is none.

    It lies just above the highest honest score that would break the rule, so that every case
    whose conformal p-value is at most the rate is flagged, and no other.

    Args:
        honest: scores of honest units; NaN (unscored) is left out.
        rate: false-alarm rate, in (0, 1).

    Raises:
        UsageError: the rate is not within (0, 1).
    """
    values = numbers(honest, "honest scores")
    ordered = np.sort(values[~np.isnan(values)])[::-1]
    allowed = alarms_allowed(len(ordered), rate)
    if allowed < 0:
        return math.inf
    return float(np.nextafter(ordered[allowed], math.inf))


def flags(scores: ArrayLike, threshold: float) -> BoolArray:
    """Which scores reach the threshold; none where it is +inf, and never an unscored one."""
    values = numbers(scores, "scores")
    return (values >= threshold) & (threshold < math.inf)


def distinct(honest: ArrayLike) -> int:
    """How many distinct honest scores there are: with a handful, few rates can be reached."""
    values = numbers(honest, "honest scores")
    return len(np.unique(values[~np.isnan(values)]))


def tpr_at(scores: ArrayLike, attack: ArrayLike, rate: float) -> Estimate:
    """The share of attacks flagged at a false-alarm rate, over the scored cases.

    The interval takes the threshold as given; `bootstrap` refits it. Where nothing can be
    flagged because honest cases share the highest score, the value is 0 and `why` says it.

    Raises:
        UsageError: the rate is not within (0, 1), or the arrays do not fit.
    """
    values, labels = scored(scores, attack)
    honest, attacks = values[~labels], values[labels]
    why = lacking_class(len(honest), len(attacks)) or unsupported(len(honest), rate)
    if why:
        return not_estimable(why, len(values))
    threshold = threshold_at(honest, rate)
    share = proportion(int(flags(attacks, threshold).sum()), len(attacks))
    why = crowded(int((honest == values.max()).sum()), len(honest), rate)
    return Estimate(share.value, share.low, share.high, share.method, why, len(values))


def crowded(top: int, honest: int, rate: float) -> str | None:
    """Why nothing can be flagged at this rate: too many honest cases share the highest score.

    Args:
        top: honest cases at the highest score of all.
        honest: all honest cases.
        rate: false-alarm rate, in (0, 1).
    """
    if top <= alarms_allowed(honest, rate):
        return None
    return f"nothing can be flagged: {top:,} of {honest:,} honest cases share the highest score"
