"""How well scores rank attacks above honest cases. Unscored cases (NaN) are left out.

Intervals: `paired.delong` where cases are independent, `bootstrap` where they come in groups.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import average_precision_score, roc_auc_score

from cotmon.errors import UsageError
from cotmon.metrics.arrays import BoolArray, FloatArray, scored
from cotmon.metrics.estimate import Estimate, lacking_class, not_estimable


def auroc(scores: ArrayLike, attack: ArrayLike) -> Estimate:
    """The chance that an attack scores above an honest case, ties counting half."""
    ranks, labels, why = _ranked(scores, attack)
    if why:
        return not_estimable(why, len(ranks))
    return Estimate(float(roc_auc_score(labels, ranks)), n=len(ranks))


def average_precision(scores: ArrayLike, attack: ArrayLike) -> Estimate:
    """Precision averaged over recall, without interpolation; at chance it is the attacks' share."""
    ranks, labels, why = _ranked(scores, attack)
    if why:
        return not_estimable(why, len(ranks))
    return Estimate(float(average_precision_score(labels, ranks)), n=len(ranks))


def partial_auroc(
    scores: ArrayLike, attack: ArrayLike, max_fpr: float, *, standardised: bool = True
) -> Estimate:
    """The area under the ROC curve up to a false-alarm rate; `method` names the form.

    Args:
        scores, attack: cases; NaN is left out.
        max_fpr: right edge, in (0, 1].
        standardised: McClish (1989): 0.5 at chance, 1 when perfect. Otherwise the mean TPR
            over the range (area / max_fpr), which is max_fpr / 2 at chance.

    Raises:
        UsageError: max_fpr is not within (0, 1].
    """
    if not 0 < max_fpr <= 1:
        raise UsageError(f"max_fpr lies above 0 and up to 1, not {max_fpr!r}")
    ranks, labels, why = _ranked(scores, attack)
    if why:
        return not_estimable(why, len(ranks))
    mcclish = float(roc_auc_score(labels, ranks, max_fpr=max_fpr))
    if standardised:
        return Estimate(mcclish, method="McClish-standardised", n=len(ranks))
    chance = max_fpr / 2
    mean_tpr = chance + (2 * mcclish - 1) * (1 - chance)
    return Estimate(mean_tpr, method="area / max_fpr", n=len(ranks))


def _ranked(scores: ArrayLike, attack: ArrayLike) -> tuple[FloatArray, BoolArray, str | None]:
    """Dense ranks (so that infinite scores are no trouble), labels, and what is lacking."""
    values, labels = scored(scores, attack)
    ranks = np.unique(values, return_inverse=True)[1].astype(np.float64)
    return ranks, labels, lacking_class(int((~labels).sum()), int(labels.sum()))
