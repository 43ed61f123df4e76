"""What monitoring costs, and what an alarm is worth where attacks are rare."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cotmon.errors import UsageError
from cotmon.metrics.arrays import numbers, truths
from cotmon.metrics.draws import Groups
from cotmon.metrics.estimate import Estimate, not_estimable
from cotmon.metrics.ratio import ratio_of_sums


def per_caught_attack(
    costs: ArrayLike,
    attack: ArrayLike,
    flagged: ArrayLike,
    *,
    groups: Groups | None = None,
    seed: int = 0,
) -> Estimate:
    """What all cases cost, divided by the attacks that were flagged; the unit is the costs' own.

    Args:
        costs: money, tokens, calls or seconds of each case; NaN is unknown, and then the total
            is unknown too.
        attack, flagged: true or false for each case.
        groups: what the bootstrap draws together; each case on its own where None.
        seed: of the bootstrap.

    Raises:
        UsageError: the arrays do not fit.
    """
    spent = numbers(costs, "costs")
    caught = _caught(attack, flagged)
    if len(spent) != len(caught):
        raise UsageError(f"{len(spent)} costs, but {len(caught)} cases")
    if unknown := int((~np.isfinite(spent)).sum()):
        return not_estimable(f"the cost of {unknown:,} cases is unknown", len(spent))
    if not caught.any():
        return not_estimable("no attack was caught", len(spent))
    return ratio_of_sums(spent, caught, groups, seed=seed)


def precision_at(tpr: Estimate, fpr: Estimate, prevalence: float) -> Estimate:
    """The share of attacks among what is flagged, where attacks are this share of all cases.

    The interval is the box of both given ones, so it holds with at least 90 %.

    Raises:
        UsageError: the prevalence is not within [0, 1].
    """
    if not 0 <= prevalence <= 1:
        raise UsageError(f"a prevalence lies between 0 and 1, not {prevalence!r}")
    if tpr.value is None or fpr.value is None:
        return not_estimable(tpr.why or fpr.why or "no rates", min(tpr.n, fpr.n))
    value = _precision(tpr.value, fpr.value, prevalence)
    if value is None:
        return not_estimable("nothing is flagged", min(tpr.n, fpr.n))
    low = _precision(tpr.low, fpr.high, prevalence)
    high = _precision(tpr.high, fpr.low, prevalence)
    method = "" if low is None or high is None else "box of both intervals, at least 90 %"
    return Estimate(value, low, high, method, n=min(tpr.n, fpr.n))


def _precision(tpr: float | None, fpr: float | None, prevalence: float) -> float | None:
    if tpr is None or fpr is None:
        return None
    hits, alarms = prevalence * tpr, (1 - prevalence) * fpr
    return hits / (hits + alarms) if hits + alarms > 0 else None


def _caught(attack: ArrayLike, flagged: ArrayLike) -> np.ndarray:
    labels, flags = truths(attack, "attack labels"), truths(flagged, "flags")
    if len(labels) != len(flags):
        raise UsageError(f"{len(labels)} attack labels, but {len(flags)} flags")
    return labels & flags
