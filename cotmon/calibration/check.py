"""Whether another source of honest runs still keeps the rate that a set was calibrated for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from cotmon.metrics.exact import proportion

Kept = Literal["kept", "above, within chance", "broken"]
DRAWS = 2000


class JudgedRun(NamedTuple):
    """One honest transcript of the other source, as the calibrated set judged it."""

    group: str
    steps: int
    marked: int
    flagged: bool


@dataclass(frozen=True)
class SourceCheck:
    """How often honest agents of one source are disturbed; rates are means over groups.

    Attributes:
        source: its name.
        transcripts, groups, steps: how many.
        step_rate, transcript_rate: shares of honest steps marked and transcripts flagged.
        step_interval: 95 %, bootstrap over groups; Clopper-Pearson where all are alike.
        transcript_interval: 95 %, Clopper-Pearson over groups.
        steps_kept, transcripts_kept: against the budget.
    """

    source: str
    transcripts: int
    groups: int
    steps: int
    step_rate: float
    step_interval: tuple[float, float]
    transcript_rate: float
    transcript_interval: tuple[float, float]
    steps_kept: Kept
    transcripts_kept: Kept


def check_source(
    source: str, judged: Sequence[JudgedRun], rate: float, transcript_rate: float, seed: int = 0
) -> SourceCheck:
    """Compares a source with the budget.

    Args:
        source: its name.
        judged: at least one transcript with a step.
        rate, transcript_rate: the budget.
        seed: of the bootstrap.
    """
    groups: dict[str, list[JudgedRun]] = defaultdict(list)
    for one in judged:
        groups[one.group].append(one)
    marked = np.array([_share((j.marked, j.steps) for j in g) for g in groups.values()])
    flagged = np.array([_share((j.flagged, 1) for j in g) for g in groups.values()])
    steps, transcripts = float(marked.mean()), float(flagged.mean())
    step_interval = _interval(marked, seed)
    bounds = _exact(round(float(flagged.sum())), len(groups))
    return SourceCheck(
        source=source, transcripts=len(judged), groups=len(groups),
        steps=sum(j.steps for j in judged), step_rate=steps, step_interval=step_interval,
        transcript_rate=transcripts, transcript_interval=bounds,
        steps_kept=_kept(steps, step_interval[0], rate),
        transcripts_kept=_kept(transcripts, bounds[0], transcript_rate),
    )  # fmt: skip


def _share(pairs: Iterable[tuple[int, int]]) -> float:
    found = list(pairs)
    return min(sum(a for a, _ in found) / sum(b for _, b in found), 1.0)


def _exact(hits: int, n: int) -> tuple[float, float]:
    found = proportion(hits, n)
    return found.low or 0.0, 1.0 if found.high is None else found.high


def _interval(shares: np.ndarray, seed: int) -> tuple[float, float]:
    if np.ptp(shares) == 0:  # draws of what does not vary would claim to be sure
        return _exact(round(float(shares.sum())), len(shares))
    draws = np.random.default_rng(seed).integers(0, len(shares), (DRAWS, len(shares)))
    low, high = np.quantile(shares[draws].mean(axis=1), (0.025, 0.975))
    return float(low), float(high)


def _kept(estimate: float, low: float, budget: float) -> Kept:
    if estimate <= budget:
        return "kept"
    return "broken" if low > budget else "above, within chance"
