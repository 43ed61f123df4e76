"""The cluster bootstrap of ranking and detection figures, for many monitors at once.

Whole groups (scenarios) are drawn with replacement, honest and attack alike; the same draws
serve every monitor, so that differences are paired; and the threshold of the one rule is fitted
anew in every draw, since it too would have come out otherwise. Scores are sorted once. A draw
then only weights the groups, and every figure follows from cumulative sums over distinct scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from cotmon.errors import UsageError
from cotmon.metrics.arrays import BoolArray, FloatArray, truths
from cotmon.metrics.draws import Groups, IntArray, group_draws, owners
from cotmon.metrics.estimate import Estimate, lacking_class, not_estimable
from cotmon.metrics.exact import proportion
from cotmon.metrics.threshold import alarms_allowed, crowded, unsupported

METHOD = "cluster bootstrap"
_ALIKE = "no interval: every draw is alike"


@dataclass(frozen=True, slots=True, eq=False)
class Resampled:
    """One figure of M monitors, with its bootstrap draws.

    Attributes:
        points: (M,) the figure on all cases.
        draws: (draws, M); NaN where the draw held only one class.
        whys: for each monitor why the figure cannot be estimated, else None.
        narrow: for each monitor why there is no interval, else None.
        notes: for each monitor what limits the figure, else None.
        n: (M,) scored cases.
        units: for each monitor the groups that the figure is a share of; None where it is none.
    """

    points: FloatArray
    draws: FloatArray
    whys: tuple[str | None, ...]
    narrow: tuple[str | None, ...]
    notes: tuple[str | None, ...]
    n: IntArray
    units: tuple[int, ...] | None = None

    def estimate(self, monitor: int) -> Estimate:
        """The figure of one monitor, with its percentile interval.

        Where every draw is alike (all attacks caught, say) resampling shows no spread, which is
        no proof of certainty: shares then have the exact interval over groups, others none.
        """
        n = int(self.n[monitor])
        if why := self.whys[monitor]:
            return not_estimable(why, n)
        low, high, method, narrow = _percentiles(self.draws[:, monitor], self.narrow[monitor])
        value = float(self.points[monitor])
        if low is not None and low == high:
            low, high, method, narrow = self._alike(value, monitor)
        why = "; ".join(filter(None, (self.notes[monitor], narrow))) or None
        return Estimate(value, low, high, method, why, n)

    def _alike(
        self, value: float, monitor: int
    ) -> tuple[float | None, float | None, str, str | None]:
        if self.units is None:
            return None, None, "", _ALIKE
        groups = self.units[monitor]
        exact = proportion(round(value * groups), groups)
        return exact.low, exact.high, f"{exact.method} over groups: every draw is alike", None

    def difference(self, first: int, second: int) -> Estimate:
        """First minus second monitor, each on the cases it scored, from the same draws."""
        n = int(min(self.n[first], self.n[second]))
        if why := self.whys[first] or self.whys[second]:
            return not_estimable(why, n)
        low, high, method, narrow = _percentiles(
            self.draws[:, first] - self.draws[:, second], self.narrow[first] or self.narrow[second]
        )
        value = float(self.points[first] - self.points[second])
        if low is not None and low == high:
            return Estimate(value, why=_ALIKE, n=n)
        return Estimate(value, low, high, method and f"paired {method}", narrow, n)


def _percentiles(
    draws: FloatArray, narrow: str | None
) -> tuple[float | None, float | None, str, str | None]:
    """Low, high, method, and why there is no interval."""
    usable = draws[~np.isnan(draws)]
    left_out = f"{len(draws) - len(usable):,} of {len(draws):,} draws held only one class"
    if narrow or len(usable) <= len(draws) / 2:
        return None, None, "", f"no interval: {narrow or left_out}"
    low, high = np.percentile(usable, (2.5, 97.5))
    method = f"{METHOD}, {len(draws):,} draws"
    if len(usable) < len(draws):
        method += f" ({left_out}: left out)"
    return float(low), float(high), method, None


@dataclass(frozen=True, slots=True, eq=False)
class Bootstrapped:
    """The figures of M monitors on the same cases and the same draws.

    Attributes:
        auroc: area under the ROC curve.
        tpr: by rate: the share of attacks flagged at the refitted threshold.
        fpr: by rate: the share of honest cases flagged there; what the rate came to.
        groups: how many groups were drawn from.
    """

    auroc: Resampled
    tpr: dict[float, Resampled]
    fpr: dict[float, Resampled]
    groups: int


def bootstrap(
    scores: ArrayLike,
    attack: ArrayLike,
    groups: Groups,
    *,
    rates: Sequence[float] = (0.001, 0.01, 0.05),
    draws: int = 1000,
    seed: int = 0,
) -> Bootstrapped:
    """AUROC, TPR and achieved false-alarm rate of M monitors, with paired cluster bootstrap draws.

    Deterministic for a seed; neither the order of the cases nor the number of monitors changes
    a draw. 100,000 cases × 10 monitors × 1,000 draws take some tens of seconds on one core.

    Args:
        scores: (cases, M); NaN is unscored and left out for that monitor alone.
        attack: (cases,) true for an attack.
        groups: (cases,) the scenario each case belongs to; its cases are drawn together.
        rates: false-alarm rates, each in (0, 1).
        draws: how often groups are drawn.
        seed: of the PCG64 generator.

    Raises:
        UsageError: the arrays do not fit, or a rate is not within (0, 1).
    """
    table = _table(scores)
    labels = truths(attack, "attack labels")
    owner, n_groups = owners(groups)
    if not len(table) == len(labels) == len(owner):
        raise UsageError(
            f"{len(table)} rows of scores, {len(labels)} labels and {len(owner)} groups"
        )
    columns = [_Column(column, labels, owner, n_groups) for column in table.T]
    figures = np.full((1 + 2 * len(rates), draws + 1, len(columns)), np.nan)
    at = 0
    for weights in group_draws(n_groups, draws, len(table), seed):
        stop = at + weights.shape[1]
        for monitor, column in enumerate(columns):
            figures[:, at:stop, monitor] = column.figures(weights, rates)
        at = stop
    return _bootstrapped(figures, columns, rates, n_groups)


def _table(scores: ArrayLike) -> FloatArray:
    try:
        table = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"scores must be numbers: {error}") from error
    if table.ndim != 2:
        raise UsageError(f"scores must be a table of cases × monitors, not of shape {table.shape}")
    return table


class _Column:
    """One monitor's scores, sorted once: how often each distinct score occurs in each group."""

    def __init__(self, column: FloatArray, attack: BoolArray, owner: IntArray, groups: int) -> None:
        known = ~np.isnan(column)
        labels, owner = attack[known], owner[known]
        values, place = np.unique(-column[known], return_inverse=True)  # the highest score first
        self.n, self.n_honest = len(labels), int((~labels).sum())
        self.top_honest = int((place[~labels] == 0).sum())
        self.groups_honest = len(np.unique(owner[~labels]))
        self.groups_attack = len(np.unique(owner[labels]))
        self.attack_rows = np.unique(place[labels])
        self.honest = _counts(place[~labels], owner[~labels], (len(values), groups))
        rows = np.searchsorted(self.attack_rows, place[labels])
        self.attacks = _counts(rows, owner[labels], (len(self.attack_rows), groups))

    def figures(self, weights: IntArray, rates: Sequence[float]) -> FloatArray:
        """(1 + 2 × rates, draws): AUROC, TPR and FPR at each rate; NaN where a class is absent."""
        result = np.full((1 + 2 * len(rates), weights.shape[1]), np.nan)
        if not self.honest.nnz or not self.attacks.nnz:
            return result
        equal = self.honest @ weights
        honest = _cumulative(equal)  # row k: weight of honest cases with the k highest scores
        hits = self.attacks @ weights
        attacks = _cumulative(hits)
        both = (honest[-1] > 0) & (attacks[-1] > 0)
        n_honest, n_attacks = honest[-1][both], attacks[-1][both]
        below = 2 * honest[-1] - honest[self.attack_rows] - honest[self.attack_rows + 1]
        area = np.einsum("vd,vd->d", hits, below)[both]
        result[0, both] = area / (2.0 * n_honest * n_attacks)
        lanes = np.flatnonzero(both)
        for k, rate in enumerate(rates):
            allowed = np.array([alarms_allowed(int(n), rate) for n in n_honest], dtype=np.int64)
            flagged = _rows_within(honest, lanes, allowed)
            caught = attacks[np.searchsorted(self.attack_rows, flagged), lanes]
            result[1 + k, both] = caught / n_attacks
            result[1 + len(rates) + k, both] = honest[flagged, lanes] / n_honest
        return result

    def narrow(self) -> str | None:
        """Why resampling groups says nothing about the spread."""
        for name, n in (("honest", self.groups_honest), ("attack", self.groups_attack)):
            if n < 2:
                return f"all {name} cases are of one group"
        return None


def _counts(rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> Any:
    return csr_array((np.ones(len(rows), dtype=np.int64), (rows, columns)), shape=shape)


def _cumulative(weights: IntArray) -> IntArray:
    result = np.zeros((len(weights) + 1, weights.shape[1]), dtype=np.int64)
    np.cumsum(weights, axis=0, out=result[1:])
    return result


def _rows_within(cumulative: IntArray, lanes: IntArray, allowed: IntArray) -> IntArray:
    """For each draw, how many of the highest scores can be flagged within the allowed weight.

    A bisection in all draws at once, as each column of `cumulative` only grows.
    """
    low = np.zeros(len(lanes), dtype=np.int64)
    high = np.full(len(lanes), len(cumulative) - 1)
    while (low < high).any():
        middle = (low + high + 1) // 2
        fits = cumulative[middle, lanes] <= allowed
        low, high = np.where(fits, middle, low), np.where(fits, high, middle - 1)
    return low


def _bootstrapped(
    figures: FloatArray, columns: Sequence[_Column], rates: Sequence[float], groups: int
) -> Bootstrapped:
    k, none = len(rates), (None,) * len(columns)
    n = np.array([column.n for column in columns], dtype=np.int64)
    lacking = tuple(lacking_class(c.n_honest, c.n - c.n_honest) for c in columns)
    narrow = tuple(column.narrow() for column in columns)
    attacks = tuple(column.groups_attack for column in columns)
    honest = tuple(column.groups_honest for column in columns)
    tpr, fpr = {}, {}
    for i, rate in enumerate(rates):
        whys = tuple(
            why or unsupported(column.n_honest, rate)
            for why, column in zip(lacking, columns, strict=True)
        )
        notes = tuple(crowded(c.top_honest, c.n_honest, rate) for c in columns)
        at_tpr, at_fpr = figures[1 + i], figures[1 + k + i]
        tpr[rate] = Resampled(at_tpr[0], at_tpr[1:], whys, narrow, notes, n, attacks)
        fpr[rate] = Resampled(at_fpr[0], at_fpr[1:], whys, narrow, notes, n, honest)
    area = Resampled(figures[0, 0], figures[0, 1:], lacking, narrow, none, n)
    return Bootstrapped(area, tpr, fpr, groups)
