"""Is one monitor better than another on the same cases?

Which to use when:

* cases are independent, whole rankings compared: `delong_paired`;
* cases are independent, one fixed threshold each: `mcnemar` on what each flagged among attacks
  (or among honest cases);
* cases come in scenarios, or the threshold was fitted on these honest cases: neither; take
  `bootstrap(...).auroc.difference` or `.tpr[rate].difference`;
* several comparisons at once: `holm` over their p-values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from cotmon.errors import UsageError
from cotmon.metrics.arrays import BoolArray, FloatArray, checked, truths
from cotmon.metrics.estimate import Estimate, lacking_class, not_estimable
from cotmon.metrics.ranking import auroc

Z95 = float(stats.norm.ppf(0.975))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A difference (first minus second) and its two-sided p-value; None where there is none."""

    difference: Estimate
    p: float | None


def delong_covariance(scores: FloatArray, attack: BoolArray) -> tuple[FloatArray, FloatArray]:
    """AUROCs (M,) and their covariance (M, M), in O(n log n) by midranks (Sun & Xu 2014).

    Args:
        scores: (cases, M), none of them NaN; two cases of each class at least.
        attack: (cases,).
    """
    n_attack, n_honest = int(attack.sum()), int((~attack).sum())
    among_all = stats.rankdata(scores, axis=0)
    above = (among_all[attack] - stats.rankdata(scores[attack], axis=0)) / n_honest
    below = 1 - (among_all[~attack] - stats.rankdata(scores[~attack], axis=0)) / n_attack
    covariance = np.cov(above, rowvar=False) / n_attack + np.cov(below, rowvar=False) / n_honest
    return above.mean(axis=0), np.atleast_2d(covariance)


def delong(scores: ArrayLike, attack: ArrayLike) -> Estimate:
    """AUROC with DeLong's 95 % interval on the logit scale; for independent cases.

    Without overlap of the classes (AUROC 0 or 1) the variance is 0 and there is no interval.

    Raises:
        UsageError: the arrays do not fit.
    """
    table, labels, why = _common(scores, attack=attack)
    if why:
        return not_estimable(why, len(labels))
    if min(labels.sum(), (~labels).sum()) < 2:
        value = auroc(table[:, 0], labels).value
        return Estimate(value, why="no interval: needs two cases of each class", n=len(labels))
    areas, covariance = delong_covariance(table, labels)
    value, error = float(areas[0]), math.sqrt(max(float(covariance[0, 0]), 0.0))
    if not 0 < value < 1 or error == 0:
        return Estimate(value, why="no interval: the variance is 0", n=len(labels))
    logit, width = math.log(value / (1 - value)), Z95 * error / (value * (1 - value))
    low, high = 1 / (1 + np.exp(width - logit)), 1 / (1 + np.exp(-width - logit))
    return Estimate(value, float(low), float(high), "DeLong, logit", n=len(labels))


def delong_paired(first: ArrayLike, second: ArrayLike, attack: ArrayLike) -> Comparison:
    """The difference of two AUROCs on the cases both scored (DeLong et al. 1988).

    Raises:
        UsageError: the arrays do not fit.
    """
    table, labels, why = _common(first, second, attack=attack)
    if not why and min(labels.sum(), (~labels).sum()) < 2:
        why = "needs two cases of each class"
    if why:
        return Comparison(not_estimable(why, len(labels)), None)
    areas, covariance = delong_covariance(table, labels)
    value = float(areas[0] - areas[1])
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    if variance <= 1e-15:  # what rounding leaves of 0
        return Comparison(Estimate(value, why="no test: the variance is 0", n=len(labels)), None)
    error = math.sqrt(variance)
    difference = Estimate(
        value, value - Z95 * error, value + Z95 * error, "DeLong, paired", n=len(labels)
    )
    return Comparison(difference, float(2 * stats.norm.sf(abs(value) / error)))


def mcnemar(first: ArrayLike, second: ArrayLike) -> Comparison:
    """The difference of two shares of flagged cases, same cases, by McNemar's exact test.

    Args:
        first, second: whether each monitor flagged the case. Give attacks or honest cases only.

    Raises:
        UsageError: they are not true or false, or of different lengths.
    """
    one, other = truths(first, "flags"), truths(second, "flags")
    if len(one) != len(other):
        raise UsageError(f"{len(one)} flags against {len(other)}")
    if not len(one):
        return Comparison(not_estimable("no cases"), None)
    only_first, only_second = int((one & ~other).sum()), int((other & ~one).sum())
    discordant = only_first + only_second
    p = stats.binomtest(only_first, discordant, 0.5).pvalue if discordant else 1.0
    return Comparison(Estimate((only_first - only_second) / len(one), n=len(one)), float(p))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """P-values adjusted for being many (Holm 1979), in the same order; None stays None.

    Raises:
        UsageError: one is not within [0, 1].
    """
    known = [(p, place) for place, p in enumerate(p_values) if p is not None]
    if not all(0 <= p <= 1 for p, _ in known):
        raise UsageError("p-values lie between 0 and 1")
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(sorted(known)):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[place] = largest
    return adjusted


def _common(*scores: ArrayLike, attack: ArrayLike) -> tuple[FloatArray, BoolArray, str | None]:
    """The cases that all scored (cases, M), their labels, and what is lacking."""
    pairs = [checked(each, attack) for each in scores]
    table, labels = np.stack([values for values, _ in pairs], axis=1), pairs[0][1]
    known = ~np.isnan(table).any(axis=1)
    table, labels = table[known], labels[known]
    return table, labels, lacking_class(int((~labels).sum()), int(labels.sum()))
