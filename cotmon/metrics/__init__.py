"""From arrays of scores and labels to figures with intervals.

Scores are float64 arrays in which NaN means *unscored*; labels are true for an attack. Every
figure is an `Estimate`: a value with its interval, or no value and the reason. There is one
threshold rule (`threshold_at`) for all of them. This room knows arrays and nothing else of cotmon.
"""

from cotmon.metrics.arrays import BoolArray, FloatArray, checked, pessimistic, scored
from cotmon.metrics.bootstrap import Bootstrapped, Resampled, bootstrap
from cotmon.metrics.costs import per_caught_attack, precision_at
from cotmon.metrics.estimate import Estimate, lacking_class, not_estimable
from cotmon.metrics.exact import honest_needed, proportion
from cotmon.metrics.locating import (
    Leads,
    first_marked,
    first_marks,
    lead,
    leads,
    localisation_accuracy,
    points_at_bad,
)
from cotmon.metrics.monitorability import (
    Verbalisation,
    g_mean_squared,
    hint_verbalisation,
    tpr_times_tnr,
)
from cotmon.metrics.paired import Comparison, delong, delong_paired, holm, mcnemar
from cotmon.metrics.ranking import auroc, average_precision, partial_auroc
from cotmon.metrics.ratio import mean, ratio_of_sums
from cotmon.metrics.reliability import (
    Bin,
    Brier,
    brier,
    calibration_curve,
    expected_calibration_error,
)
from cotmon.metrics.threshold import (
    alarms_allowed,
    distinct,
    flags,
    resolution,
    threshold_at,
    tpr_at,
    unsupported,
)

__all__ = [
    "Bin",
    "BoolArray",
    "Bootstrapped",
    "Brier",
    "Comparison",
    "Estimate",
    "FloatArray",
    "Leads",
    "Resampled",
    "Verbalisation",
    "alarms_allowed",
    "auroc",
    "average_precision",
    "bootstrap",
    "brier",
    "calibration_curve",
    "checked",
    "delong",
    "delong_paired",
    "distinct",
    "expected_calibration_error",
    "first_marked",
    "first_marks",
    "flags",
    "g_mean_squared",
    "hint_verbalisation",
    "holm",
    "honest_needed",
    "lacking_class",
    "lead",
    "leads",
    "localisation_accuracy",
    "mcnemar",
    "mean",
    "not_estimable",
    "partial_auroc",
    "per_caught_attack",
    "pessimistic",
    "points_at_bad",
    "precision_at",
    "proportion",
    "ratio_of_sums",
    "resolution",
    "scored",
    "threshold_at",
    "tpr_at",
    "tpr_times_tnr",
    "unsupported",
]
