"""From honest runs to benign references."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from cotmon.calibration.files import CueShare, MonitorReference, SetReference
from cotmon.calibration.reference import (
    DIGITS,
    CueReference,
    Curve,
    Stratum,
    Tails,
    is_rare,
    latched,
)
from cotmon.records import Cue, MonitorCard

EXACT = 3.0
"""Groups' worth of honest steps at the top of a curve that are kept one by one."""
COARSE = 40
"""Points of a curve below that."""
STRATA = 3
"""At most so many length strata; each must hold enough groups for the transcript rate."""
_STEP = 10.0**-DIGITS


@dataclass(frozen=True)
class HonestRun:
    """One honest transcript, as monitors scored it.

    Attributes:
        content: hash of its messages.
        group: scenario; runs of one group count as one.
        steps: steps on the agent's own channels.
        scores: monitor → (k, suspicion by hand) of the steps it scored, k from 1.
    """

    content: str
    group: str
    steps: int
    scores: dict[str, list[tuple[int, float]]] = field(default_factory=dict)


def data_hash(runs: Iterable[HonestRun]) -> str:
    """32 hex digits of the honest data: contents and groups, in any order."""
    lines = sorted(f"{run.content} {run.group}" for run in runs)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def least_groups(rate: float) -> int:
    """Groups from which on a tail can reach the rate at all: 99 at 1 %, for 1 / (n + 1) is least.

    That is fewer than `metrics.honest_needed` asks of a rate that is to be shown.
    """
    return math.ceil(round(min(1 / rate, 1e15), 6)) - 1


def monitor_reference(
    card: MonitorCard, source: str, runs: Sequence[HonestRun], rate: float
) -> MonitorReference:
    """The benign reference of one monitor.

    Args:
        card: of the monitor, with its threshold by hand, on which the scale rests.
        source: the data, for people.
        runs: honest runs with at least one step each.
        rate: the budget of steps that was asked for.
    """
    suspicions = [s for run in runs for _, s in run.scores.get(card.name, ())]
    return MonitorReference(
        monitor=card.name, hash=card.hash, by_hand=card.threshold, source=source,
        data=data_hash(runs),
        groups=len({run.group for run in runs}), transcripts=len(runs),
        steps=sum(run.steps for run in runs), scored=len(suspicions),
        distinct=len(set(suspicions)), highest=max(suspicions, default=0.0),
        curve=_curve(card.name, runs), rate=rate,
    )  # fmt: skip


def set_reference(
    name: str,
    cues: Mapping[Cue, Mapping[str, str]],
    references: Mapping[str, MonitorReference],
    runs: Sequence[HonestRun],
    rates: tuple[float, float],
) -> SetReference:
    """Divides the set's budget: equal shares for its cues, pooled within each.

    Args:
        name: of the set.
        cues: cue → its monitors, and what each is bound to.
        references: of all those monitors, from the same runs.
        runs: the honest runs.
        rates: share of honest steps that may be marked, of transcripts that may be flagged.
    """
    first = next(iter(references.values()))
    apart: dict[str, str] = {}
    shares: dict[Cue, CueShare] = {}
    alpha, transcript_alpha = (rate / len(cues) for rate in rates)
    for cue, members in cues.items():
        curves = {m: references[m].curve for m in members}
        pooled = _able(curves, first, alpha, apart)
        reference = CueReference(
            alpha=alpha, transcript_alpha=transcript_alpha, groups=first.groups,
            source=first.source, curves=pooled,
        )  # fmt: skip
        strata = _strata(reference, runs) if pooled else ()
        if not strata:
            least = least_groups(transcript_alpha if pooled else alpha)
            what = "" if pooled else "their steps come first; "
            apart[f"transcripts of {cue}"] = (
                f"{what}too few honest groups: {first.groups}, needs {least}"
            )
        shares[cue] = CueShare(
            alpha=alpha, transcript_alpha=transcript_alpha,
            members={m: h for m, h in members.items() if m in pooled}, strata=strata,
        )  # fmt: skip
    return SetReference(
        set=name, data=first.data, source=first.source, groups=first.groups,
        transcripts=first.transcripts, steps=first.steps, rate=rates[0],
        transcript_rate=rates[1], cues=shares, apart=apart,
    )  # fmt: skip


def _able(
    curves: dict[str, Curve], of: MonitorReference, alpha: float, apart: dict[str, str]
) -> dict[str, Curve]:
    """The monitors that can alarm at this rate; why the others cannot goes to `apart`."""
    if of.groups < least_groups(alpha):
        least = least_groups(alpha)
        why = f"too few honest groups: {of.groups}, a share of {alpha:.2%} needs {least}"
        apart.update(dict.fromkeys(curves, why))
        return {}
    top = {m: curve.at(1.0) for m, curve in curves.items()}
    while top and not is_rare((1 + of.groups * sum(top.values())) / (of.groups + 1), alpha):
        worst = max(top, key=lambda m: (top[m], m))
        apart[worst] = f"ties too much: {top.pop(worst):.2%} of honest steps share its top"
    return {m: curves[m] for m in top}


def _curve(name: str, runs: Sequence[HonestRun]) -> Curve:
    """The share of honest steps at or above each suspicion, mean over groups."""
    groups = Counter[str]()
    for run in runs:
        groups[run.group] += run.steps
    pairs = [
        (s, 1 / (groups[run.group] * len(groups)))
        for run in runs
        for _, s in run.scores.get(name, ())
    ]
    if not pairs:
        return Curve((0.0,), (0.0,))
    values, weights = (np.array(column) for column in zip(*pairs, strict=True))
    distinct, where = np.unique(values, return_inverse=True)
    per_value = np.bincount(where, weights)
    at_least = np.cumsum(per_value[::-1])[::-1]  # share of steps ≥ each distinct value
    above = np.append(at_least[1:], 0.0)
    exact = above * len(groups) <= EXACT
    points = {0.0: float(at_least[0])}
    coarse = np.flatnonzero(~exact)
    for k in coarse[np.linspace(0, len(coarse) - 1, min(COARSE, len(coarse))).astype(int)]:
        points[float(distinct[k])] = float(at_least[k])
    for k in np.flatnonzero(exact):
        points[round(float(distinct[k]) + _STEP, DIGITS)] = float(above[k])
    first = int(np.flatnonzero(exact)[0])
    points[float(distinct[first])] = float(at_least[first])
    ordered = sorted(points.items())
    return Curve(tuple(s for s, _ in ordered), tuple(_rounded_up(p) for _, p in ordered))


def _rounded_up(share: float) -> float:
    """10 decimals are enough, and an error goes to the safe side."""
    return min(math.ceil(share * 1e10 - 1e-3) / 1e10, 1.0)


def _strata(reference: CueReference, runs: Sequence[HonestRun]) -> tuple[Stratum, ...]:
    """Honest transcripts by length, as many strata as can each hold the transcript rate."""
    least = least_groups(reference.transcript_alpha)
    count = min(STRATA, reference.groups // max(least, 1))
    if count == 0:
        return ()
    statistics = left_out_statistics(Tails(reference), runs)
    lengths = np.array([run.steps for run in runs])
    limits = np.unique(np.quantile(lengths, np.arange(1, count) / count, method="lower"))
    while len(limits) and min(_groups_in(runs, limits)) < least:
        limits = limits[:-1]
    place = np.searchsorted(limits, lengths)
    found = []
    for k in range(len(limits) + 1):
        members = [i for i in range(len(runs)) if place[i] == k]
        sizes = Counter(runs[i].group for i in members)
        rows = sorted((statistics[i], 1 / sizes[runs[i].group]) for i in members)
        found.append(Stratum(
            groups=len(sizes), statistics=tuple(t for t, _ in rows),
            weights=tuple(w for _, w in rows) if len(sizes) < len(members) else (),
            up_to=int(limits[k]) if k < len(limits) else None,
        ))  # fmt: skip
    return tuple(found)


def _groups_in(runs: Sequence[HonestRun], limits: np.ndarray) -> list[int]:
    place = np.searchsorted(limits, [run.steps for run in runs])
    return [len({r.group for r, p in zip(runs, place, strict=True) if p == k})
            for k in range(len(limits) + 1)]  # fmt: skip


def left_out_statistics(tails: Tails, runs: Sequence[HonestRun]) -> list[float]:
    """The latched statistic of each run against the groups other than its own.

    That makes them comparable with a fresh run's, which is in no reference either.
    """
    by_group: dict[str, list[HonestRun]] = defaultdict(list)
    for run in runs:
        by_group[run.group].append(run)
    members = list(tails.reference.curves)
    own = {group: _own_scores(members, found) for group, found in by_group.items()}
    return [
        latched(pooled_steps(run, members), partial(_others, tails, own[run.group])) for run in runs
    ]


def pooled_steps(run: HonestRun, members: Iterable[str]) -> list[tuple[int, float]]:
    """(k, highest suspicion among these monitors) of every step that one of them scored."""
    highest: dict[int, float] = {}
    for name in members:
        for k, s in run.scores.get(name, ()):
            highest[k] = max(highest.get(k, 0.0), s)
    return sorted(highest.items())


def _own_scores(
    members: Sequence[str], runs: Sequence[HonestRun]
) -> tuple[dict[str, list[float]], int]:
    """A group's suspicions by monitor, sorted so that counting is a search, and its steps."""
    every = {
        name: sorted(s for run in runs for _, s in run.scores.get(name, ())) for name in members
    }
    return every, sum(run.steps for run in runs)


def _others(tails: Tails, own: tuple[dict[str, list[float]], int], suspicion: float) -> float:
    """The mass of the other groups, own steps counted from where the curves count from.

    Counted from the suspicion itself, too little would be taken off where a curve is coarse: the
    transcript would look more ordinary than a fresh one does, which is the unsafe side.
    """
    scores, steps = own
    mine = 0
    for name, curve in tails.reference.curves.items():
        mine += len(scores[name]) - bisect_left(scores[name], curve.start(suspicion))
    return max(tails.mass(suspicion) - mine / steps, 0.0)
