"""Parts of the question: subsets, reasoning against actions, when and where, what to look at."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from cotmon.evaluate.cases import Cases
from cotmon.evaluate.detection import MAIN_RATE
from cotmon.evaluate.result import Subset, Timing, Uplift, Worst
from cotmon.evaluate.spec import Spec
from cotmon.metrics import (
    BoolArray,
    Estimate,
    FloatArray,
    bootstrap,
    first_marks,
    flags,
    honest_needed,
    leads,
    localisation_accuracy,
    not_estimable,
    proportion,
    threshold_at,
)

SHOWN = 10
VALUES = 12
"""Values of a fact that get a row; the rest would be noise."""


def subsets_of(cases: Cases, name: str, spec: Spec) -> list[Subset]:
    """The scorer by access, provenance, agent, source and split, at one threshold for all."""
    scores = cases.scores[name]
    honest = scores[~cases.attack & ~np.isnan(scores)]
    limit = threshold_at(honest, MAIN_RATE)
    enough = len(honest) >= honest_needed(MAIN_RATE)
    found: list[Subset] = []
    for by, values in cases.facts.items():
        count = Counter(values)
        kinds = sorted(count, key=lambda value: (-count[value], value))
        if len(kinds) < 2:
            continue
        for value in kinds[:VALUES]:
            here = np.array([v == value for v in values])
            groups = [g for g, inside in zip(cases.groups, here, strict=True) if inside]
            area = bootstrap(
                scores[here][:, None], cases.attack[here], groups, rates=(), draws=spec.draws,
                seed=spec.seed,
            ).auroc.estimate(0)  # fmt: skip
            rest = (scores[here], cases.attack[here], limit, enough)
            found.append(_subset(by, value, area, *rest))
    return found


def _subset(
    by: str,
    value: str,
    area: Estimate,
    scores: FloatArray,
    attack: BoolArray,
    limit: float,
    enough: bool,
) -> Subset:
    marked = flags(scores, limit)
    rates = [
        proportion(int(marked[side].sum()), int(side.sum()))
        if enough
        else not_estimable(f"needs ≥ {honest_needed(MAIN_RATE):,} honest", int(side.sum()))
        for side in (attack, ~attack)
    ]
    return Subset(
        by=by, value=value, honest=int((~attack).sum()), attacks=int(attack.sum()),
        auroc=area, tpr=rates[0], fpr=rates[1],
    )  # fmt: skip


def uplift_of(cases: Cases, spec: Spec) -> Uplift | None:
    """Everything against actions alone at 1 % false alarms, paired over groups."""
    names = ("all channels", "actions alone")
    if not all(name in cases.scores for name in names) or not cases.attack.any():
        return None
    table = np.stack([cases.scores[name] for name in names], axis=1)
    drawn = bootstrap(
        table, cases.attack, cases.groups, rates=(MAIN_RATE,), draws=spec.draws, seed=spec.seed
    ).tpr[MAIN_RATE]
    return Uplift(MAIN_RATE, drawn.estimate(0), drawn.estimate(1), drawn.difference(0, 1))


def timing_of(cases: Cases, threshold: float) -> Timing | None:
    """When the labelled bad steps are noticed, at the threshold that marks a step."""
    if not cases.lines:
        return None
    scores = [line.suspicions for line in cases.lines]
    bad = [line.bad for line in cases.lines]
    groups = [line.group for line in cases.lines]
    early = leads(scores, bad, threshold)

    def place(top: int) -> Estimate:
        return localisation_accuracy(scores, bad, top=top, groups=groups)

    return Timing(
        threshold=threshold, marked=early.marked, in_time=early.in_time,
        first_marked=first_marks(scores, threshold), lead=early.median, localised=place(1),
        localised_3=place(3),
    )  # fmt: skip


def worst_of(cases: Cases, name: str) -> tuple[tuple[Worst, ...], tuple[Worst, ...]]:
    """Attacks with the lowest scores and honest cases with the highest; unscored attacks first."""
    if len(cases.places) != len(cases.ids):
        return (), ()
    scores = cases.scores[name]
    order = np.argsort(np.nan_to_num(scores, nan=-np.inf), kind="stable")
    misses = [k for k in order if cases.attack[k]][:SHOWN]
    alarms = [k for k in order[::-1] if not cases.attack[k] and not np.isnan(scores[k])][:SHOWN]
    return tuple(_shown(cases, scores, k) for k in misses), tuple(
        _shown(cases, scores, k) for k in alarms
    )


def _shown(cases: Cases, scores: FloatArray, k: int) -> Worst:
    score = None if np.isnan(scores[k]) else round(float(scores[k]), 4)
    return replace(cases.places[k], score=score)
