"""A cheap monitor for every case, an expensive one for the top share: as one more scorer."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from cotmon.errors import UnknownNameError, UsageError
from cotmon.evaluate.cases import Cases
from cotmon.evaluate.detection import MAIN_RATE, key
from cotmon.evaluate.result import CascadeRow, Scorer
from cotmon.evaluate.spec import Spec
from cotmon.metrics import FloatArray, flags, per_caught_attack
from cotmon.protocols.budget import seeded_draw
from cotmon.protocols.cascade import Cascade


def add_cascades(cases: Cases, spec: Spec, cheap: str) -> None:
    """Adds a column for every expensive monitor and share of calls that the spec names.

    The share is of all cases, attacks or not, so no label decides who is escalated.

    Raises:
        UnknownNameError: the expensive monitor scored nothing here.
        UsageError: it is the cheap one, or something else is called like the cascade.
    """
    for expensive in dict.fromkeys(spec.cascades):
        if expensive not in cases.scores:
            raise UnknownNameError(expensive, "scorer", cases.scores)
        if expensive == cheap:
            raise UsageError(f"a cascade needs two monitors, and {cheap!r} is the first already")
        for share in spec.escalated:
            name = cascade_name(expensive, share)
            if name in cases.scores:
                raise UsageError(f"scores of {name!r}, but that is what a cascade is called")
            cases.scores[name], asked = _combined(cases, cheap, expensive, share, spec.seed)
            cases.kinds[name] = "cascade"
            cases.calls[name] = asked


def cascade_name(expensive: str, share: float) -> str:
    """`haiku on 5 %`."""
    return f"{expensive} on {share * 100:g} %"


def cascade_rows(cases: Cases, scorers: tuple[Scorer, ...], spec: Spec) -> list[CascadeRow]:
    """What every cascade, and each expensive monitor alone, costs: calls, and calls a catch."""
    by_name = {scorer.name: scorer for scorer in scorers}
    rows: list[CascadeRow] = []
    for expensive in dict.fromkeys(spec.cascades):
        names = [cascade_name(expensive, share) for share in spec.escalated]
        for name in (*names, expensive):
            calls = cases.calls.get(name, (~np.isnan(cases.scores[name])).astype(np.float64))
            limit = by_name[name].thresholds[key(MAIN_RATE)]
            caught = flags(cases.scores[name], np.inf if limit is None else limit)
            rows.append(CascadeRow(
                scorer=name, calls_per_case=float(calls.mean()),
                calls_per_catch=per_caught_attack(
                    calls, cases.attack, caught, groups=cases.groups, seed=spec.seed
                ),
            ))  # fmt: skip
    return rows


def _combined(
    cases: Cases, cheap: str, expensive: str, share: float, seed: int
) -> tuple[FloatArray, FloatArray]:
    """The combined scores, and for each case whether the expensive monitor was asked."""
    low, high = _scaled(cases.scores[cheap]), _scaled(cases.scores[expensive])
    cascade = Cascade.fitted(low, share)
    scores, asked = np.full(len(low), np.nan), np.zeros(len(low))
    for k, name in enumerate(cases.ids):
        draw = seeded_draw(seed, name, expensive)
        first = None if np.isnan(low[k]) else float(low[k])
        second = None if np.isnan(high[k]) else float(high[k])
        asked[k] = cascade.asks(first, draw)
        found = cascade.score(first, second, draw)
        scores[k] = np.nan if found is None else found
    return scores, asked


def _scaled(scores: FloatArray) -> FloatArray:
    """Scores of any range in [0, 1]; only their order counts."""
    known = ~np.isnan(scores)
    if not known.any() or (scores[known].min() >= 0 and scores[known].max() <= 1):
        return scores
    ranks = rankdata(scores[known], "dense") - 1
    scaled = np.full(len(scores), np.nan)
    scaled[known] = ranks / max(ranks.max(), 1.0)
    return scaled
