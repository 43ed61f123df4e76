"""How well every scorer tells attacks from honest cases, with intervals from one bootstrap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_curve

from cotmon.evaluate.cases import Cases
from cotmon.evaluate.result import Comparison, Detection, Reliability, Scorer, Standing
from cotmon.evaluate.spec import Spec
from cotmon.metrics import (
    BoolArray,
    Bootstrapped,
    Estimate,
    FloatArray,
    average_precision,
    bootstrap,
    brier,
    calibration_curve,
    delong_paired,
    distinct,
    expected_calibration_error,
    flags,
    holm,
    mcnemar,
    not_estimable,
    partial_auroc,
    pessimistic,
    resolution,
    threshold_at,
)

ROC_POINTS = 400
BINS = 20
HUGE = 1e300
"""Where bins of scores end; differences of larger ones are no numbers."""
MAIN_RATE = 0.01
"""The rate at which scorers are compared."""


def scorers_of(cases: Cases, spec: Spec) -> tuple[Scorer, ...]:
    """Every scorer's figures, the best baseline found first and then held against the others."""
    names = list(cases.scores)
    rates = tuple(sorted({*spec.rates, MAIN_RATE}))
    worst = [pessimistic(_with_parts(cases, n), cases.attack) for n in names]
    table = np.stack([*(cases.scores[n] for n in names), *worst], axis=1)
    drawn = bootstrap(
        table, cases.attack, cases.groups, rates=rates, draws=spec.draws, seed=spec.seed
    )
    best = _best_baseline(cases, names, drawn)
    raw = [_comparison(cases, names, drawn, k, best) for k in range(len(names))]
    adjusted = holm([c.p if c is not None else None for c in raw])
    return tuple(
        _scorer(cases, names[k], rates, drawn, k, k + len(names), _adjusted(raw[k], adjusted[k]))
        for k in range(len(names))
    )


def key(rate: float) -> str:
    """A rate as a name: `0.01`."""
    return f"{rate:g}"


def _with_parts(cases: Cases, name: str) -> FloatArray:
    """The scores, with cases that are scored in part only taken as unscored."""
    part = cases.partly.get(name)
    return cases.scores[name] if part is None else np.where(part, np.nan, cases.scores[name])


def _scorer(
    cases: Cases,
    name: str,
    rates: Sequence[float],
    drawn: Bootstrapped,
    k: int,
    worst: int,
    comparison: Comparison | None,
) -> Scorer:
    scores = cases.scores[name]
    without = np.isnan(_with_parts(cases, name))
    known = ~np.isnan(scores)
    honest = scores[known & ~cases.attack]
    limits = {key(r): threshold_at(honest, r) for r in rates}
    return Scorer(
        name=name, kind=cases.kind(name), main=_detection(drawn, k),
        pessimistic=_detection(drawn, worst),
        average_precision=average_precision(scores, cases.attack),
        partial_auroc=partial_auroc(scores, cases.attack, 0.05),
        unscored_honest=int((without & ~cases.attack).sum()),
        unscored_attack=int((without & cases.attack).sum()),
        resolution=resolution(len(honest)) if len(honest) else None, distinct=distinct(honest),
        thresholds={r: float(t) if np.isfinite(t) else None for r, t in limits.items()},
        roc=_roc(scores[known], cases.attack[known]),
        histogram=_histogram(scores[known], cases.attack[known]),
        reliability=_reliability(scores[known], cases.attack[known]),
        comparison=comparison,
    )  # fmt: skip


def _detection(drawn: Bootstrapped, k: int) -> Detection:
    return Detection(
        drawn.auroc.estimate(k),
        {key(rate): figure.estimate(k) for rate, figure in drawn.tpr.items()},
        {key(rate): figure.estimate(k) for rate, figure in drawn.fpr.items()},
    )


def _best_baseline(cases: Cases, names: Sequence[str], drawn: Bootstrapped) -> int | None:
    """The baseline with the highest AUROC."""
    known = [
        (value, -k)
        for k, name in enumerate(names)
        if cases.kind(name) == "baseline" and (value := drawn.auroc.estimate(k).value) is not None
    ]
    return -max(known)[1] if known else None


def _comparison(
    cases: Cases, names: Sequence[str], drawn: Bootstrapped, k: int, best: int | None
) -> Comparison | None:
    if cases.kind(names[k]) in ("baseline", "channels"):
        return None
    if best is None:
        why = not_estimable("no baseline could be fitted")
        return Comparison(None, why, why, None, None, None, "not estimable")
    auroc = drawn.auroc.difference(k, best)
    tpr = drawn.tpr[MAIN_RATE].difference(k, best)
    delong_p = mcnemar_p = None
    if len(set(cases.groups)) == len(cases.groups):
        mine, theirs = cases.scores[names[k]], cases.scores[names[best]]
        delong_p = delong_paired(mine, theirs, cases.attack).p
        caught = [_caught(scores, cases.attack) for scores in (mine, theirs)]
        mcnemar_p = mcnemar(*caught).p
    p = _p_value(drawn.auroc.draws[:, k] - drawn.auroc.draws[:, best])
    p = None if auroc.low is None else p
    return Comparison(names[best], auroc, tpr, p, delong_p, mcnemar_p, _standing(auroc))


def _caught(scores: FloatArray, attack: BoolArray) -> BoolArray:
    """Attacks flagged at the main rate; an unscored one is missed."""
    return flags(scores[attack], threshold_at(scores[~attack], MAIN_RATE))


def _p_value(differences: FloatArray) -> float | None:
    """Two-sided, from the draws; never 0, since draws are finite."""
    known = differences[~np.isnan(differences)]
    if not len(known):
        return None
    smaller = min(int((known <= 0).sum()), int((known >= 0).sum()))
    return min(1.0, 2 * (smaller + 1) / (len(known) + 1))


def _standing(auroc: Estimate) -> Standing:
    if auroc.value is None:
        return "not estimable"
    if auroc.low is not None and auroc.low > 0:
        return "beats"
    return "below" if auroc.high is not None and auroc.high < 0 else "not shown"


def _adjusted(comparison: Comparison | None, p: float | None) -> Comparison | None:
    if comparison is None:
        return None
    return Comparison(
        comparison.baseline, comparison.auroc, comparison.tpr, p, comparison.delong_p,
        comparison.mcnemar_p, comparison.standing,
    )  # fmt: skip


def _roc(scores: FloatArray, attack: BoolArray) -> tuple[tuple[float, float], ...]:
    """The curve, thinned where it is long, its low end whole."""
    if not len(scores) or attack.all() or not attack.any():
        return ()
    ranks = np.unique(scores, return_inverse=True)[1]
    fpr, tpr, _ = roc_curve(attack, ranks)
    if len(fpr) > ROC_POINTS:
        low = np.flatnonzero(fpr <= 0.05)
        rest = np.linspace(0, len(fpr) - 1, ROC_POINTS // 2).astype(int)
        head = low[np.linspace(0, len(low) - 1, min(len(low), ROC_POINTS // 2)).astype(int)]
        kept = np.unique(np.concatenate([head, rest]))
        fpr, tpr = fpr[kept], tpr[kept]
    return tuple((float(x), float(y)) for x, y in zip(fpr, tpr, strict=True))


def _histogram(scores: FloatArray, attack: BoolArray) -> tuple[tuple[float, int, int], ...]:
    finite = np.isfinite(scores)
    if not finite.any():
        return ()
    values = np.clip(scores, -HUGE, HUGE)
    low, high = float(values[finite].min()), float(values[finite].max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):  # no room for bins between equal scores
        pad = max(0.5, abs(high) / 2)
        low, high = high - pad, high + pad
    edges = np.linspace(low, high, BINS + 1)
    honest, _ = np.histogram(values[finite & ~attack], edges)
    attacks, _ = np.histogram(values[finite & attack], edges)
    rows = zip(edges[:-1], honest, attacks, strict=True)
    return tuple((float(e), int(h), int(a)) for e, h, a in rows)


def _reliability(scores: FloatArray, attack: BoolArray) -> Reliability:
    """Whether the scores are chances; said only of those in [0, 1]."""
    inside = len(scores) > 0 and scores.min() >= 0 and scores.max() <= 1 + 1e-5
    if not inside or attack.all() or not attack.any():
        return Reliability(None, None)
    chances = np.clip(scores, 0.0, 1.0)  # ties were broken by a millionth
    bins = calibration_curve(chances, attack)
    return Reliability(
        brier(chances, attack).score, expected_calibration_error(chances, attack),
        tuple((b.mean_score, b.attacks.value or 0.0, b.attacks.n) for b in bins),
    )  # fmt: skip
