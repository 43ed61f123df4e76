"""Whether scores mean what they say as probabilities. Unscored cases (NaN) are left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata
from sklearn.isotonic import isotonic_regression
from sklearn.metrics import brier_score_loss

from cotmon.errors import UsageError
from cotmon.metrics.arrays import BoolArray, FloatArray, scored
from cotmon.metrics.draws import IntArray
from cotmon.metrics.estimate import Estimate, not_estimable
from cotmon.metrics.exact import proportion

BINS = 15
RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Brier:
    """The Brier score = reliability − resolution + uncertainty (all None where not estimable).

    Attributes:
        score: mean squared distance of score and outcome; 0 is best.
        reliability: what recalibration by isotonic regression would save; 0 is best.
        resolution: what the recalibrated scores gain over always naming the attacks' share.
        uncertainty: the score of always naming that share.
    """

    score: Estimate
    reliability: float | None = None
    resolution: float | None = None
    uncertainty: float | None = None


@dataclass(frozen=True, slots=True)
class Bin:
    """One point of a calibration curve: mean score, and the share of attacks with its interval."""

    mean_score: float
    attacks: Estimate


def brier(scores: ArrayLike, attack: ArrayLike) -> Brier:
    """The Brier score and its parts, by isotonic recalibration (CORP, Dimitriadis et al. 2021).

    Raises:
        UsageError: the arrays do not fit.
    """
    values, labels, why = _probabilities(scores, attack)
    if why:
        return Brier(not_estimable(why, len(values)))
    whole = float(brier_score_loss(labels, values, pos_label=True))
    share = labels.mean()
    uncertainty = float(share * (1 - share))
    recalibrated = _recalibrated(values, labels)
    best = float(np.mean((recalibrated - labels) ** 2))
    return Brier(Estimate(whole, n=len(values)), whole - best, uncertainty - best, uncertainty)


def expected_calibration_error(
    scores: ArrayLike, attack: ArrayLike, *, bins: int = BINS, seed: int = 0
) -> Estimate:
    """Mean distance of score and share of attacks over equal-mass bins, less its own bias.

    Even a perfectly calibrated monitor shows some error in a finite sample. What it would show,
    with outcomes drawn from the scores, is subtracted (not below 0).

    Raises:
        UsageError: the arrays do not fit, or there is less than one bin.
    """
    values, labels, why = _probabilities(scores, attack)
    if why:
        return not_estimable(why, len(values))
    place = _bins(values, bins)
    rng = np.random.Generator(np.random.PCG64(seed))
    drawn = [_error(values, rng.random(len(values)) < values, place) for _ in range(RESAMPLES)]
    value = max(0.0, _error(values, labels, place) - float(np.mean(drawn)))
    return Estimate(value, method=f"{bins} equal-mass bins, bias subtracted", n=len(values))


def calibration_curve(scores: ArrayLike, attack: ArrayLike, *, bins: int = BINS) -> list[Bin]:
    """The points of a calibration plot, by equal-mass bins; empty where there is nothing to show.

    Raises:
        UsageError: the arrays do not fit, or there is less than one bin.
    """
    values, labels, why = _probabilities(scores, attack)
    if why:
        return []
    place = _bins(values, bins)
    return [
        Bin(float(values[here].mean()), proportion(int(labels[here].sum()), int(here.sum())))
        for here in (place == k for k in np.unique(place))
    ]


def _probabilities(
    scores: ArrayLike, attack: ArrayLike
) -> tuple[FloatArray, BoolArray, str | None]:
    values, labels = scored(scores, attack)
    if not len(values):
        return values, labels, "no scored case"
    if values.min() < 0 or values.max() > 1:
        return values, labels, "scores outside [0, 1] are no probabilities"
    return values, labels, None


def _recalibrated(values: FloatArray, labels: BoolArray) -> FloatArray:
    """The best fit to the outcomes that keeps the order; tied scores stay tied."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    shares = np.bincount(place, labels) / counts
    return np.clip(isotonic_regression(shares, sample_weight=counts), 0, 1)[place]


def _bins(values: FloatArray, bins: int) -> IntArray:
    """The bin of each case, about equally many in each; tied scores share one."""
    if bins < 1:
        raise UsageError(f"at least one bin, not {bins}")
    return ((rankdata(values, "min") - 1) * bins // len(values)).astype(np.int64)


def _error(values: FloatArray, outcome: BoolArray, place: IntArray) -> float:
    return float(np.abs(np.bincount(place, values - outcome)).sum() / len(values))
