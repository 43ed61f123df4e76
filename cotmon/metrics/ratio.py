"""Means and ratios of sums with a cluster bootstrap interval."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cotmon.errors import UsageError
from cotmon.metrics.arrays import numbers
from cotmon.metrics.draws import Groups, group_draws, owners
from cotmon.metrics.estimate import Estimate, not_estimable

DRAWS = 1000


def mean(values: ArrayLike, groups: Groups | None = None, *, seed: int = 0) -> Estimate:
    """The mean of the finite values, with a 95 % bootstrap interval; others are left out.

    Args:
        values: one for each case.
        groups: what is drawn together; each case on its own where None.
        seed: of the draws.

    Raises:
        UsageError: the arrays do not fit.
    """
    table = numbers(values, "values")
    return ratio_of_sums(table, np.where(np.isnan(table), np.nan, 1.0), groups, seed=seed)


def ratio_of_sums(
    above: ArrayLike, below: ArrayLike, groups: Groups | None = None, *, seed: int = 0
) -> Estimate:
    """Sum over sum with a 95 % bootstrap interval; cases not finite in both are left out.

    Draws whose lower sum is 0 count as infinite; a bound that is infinite is None.

    Raises:
        UsageError: the arrays do not fit.
    """
    tops, bottoms = numbers(above, "values"), numbers(below, "values")
    members = np.arange(len(tops)) if groups is None else groups
    if not len(tops) == len(bottoms) == len(members):
        raise UsageError(f"{len(tops)}, {len(bottoms)} values and {len(members)} groups")
    known = np.isfinite(tops) & np.isfinite(bottoms)
    owner, n_groups = owners([m for m, k in zip(members, known, strict=True) if k])
    n, total = int(known.sum()), float(bottoms[known].sum())
    if total == 0:
        return not_estimable("no cases" if n == 0 else "nothing to divide by", n)
    value = float(tops[known].sum()) / total
    if n_groups < 2:
        return Estimate(value, why="no interval: all cases are of one group", n=n)
    sums = np.stack([np.bincount(owner, x[known], n_groups) for x in (tops, bottoms)])
    drawn = np.concatenate([sums @ w for w in group_draws(n_groups, DRAWS, n, seed)], axis=1)
    ratios = np.full(DRAWS, np.inf)
    np.divide(drawn[0, 1:], drawn[1, 1:], out=ratios, where=drawn[1, 1:] != 0)
    low, high = np.percentile(ratios, (2.5, 97.5), method="inverted_cdf")
    return Estimate(value, _finite(low), _finite(high), f"cluster bootstrap, {DRAWS:,} draws", n=n)


def _finite(bound: float) -> float | None:
    return float(bound) if np.isfinite(bound) else None
