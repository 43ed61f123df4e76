"""How rare a score is among honest agents: tails of steps and of whole transcripts.

All scores of a cue stand on one scale that was fixed before any honest run was looked at: the
suspicion against the threshold by hand. Its monitors are pooled on that scale, so that the cue
as a whole keeps its share of the false-alarm budget and a further monitor costs what it alarms,
not an equal part.

Guarantees, over exchangeable groups (scenarios), at any sample size:

- steps: conformal risk control (Angelopoulos et al. 2022). A step is marked iff
  (1 + mass(s)) / (n + 1) ≤ α, where mass(s) is the sum over the n honest groups of the share
  of their steps that score s or more. Then the share of marked steps of a fresh honest group is
  at most α on average.
- transcripts: a conformal p-value of the latched statistic (see `Tails.statistic`), each
  honest transcript scored against the others (leave one group out), which errs to the safe side.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import pairwise
from typing import Annotated

import msgspec

from cotmon.records import Cue

DIGITS = 6
"""Decimals of the common scale; scores of 4 decimals stay apart on it."""
NEVER = 1e9
"""The statistic of a transcript without a score; finite, since JSON has no infinity."""


class Curve(msgspec.Struct, frozen=True):
    """How often honest agents score so high: a step function that falls.

    Attributes:
        suspicion: from which value on, ascending; the first is 0.
        share: mean over groups of the share of steps at or above it, in [0, 1].

    Raises:
        ValueError: it is no such function, as in a file that was edited by hand.
    """

    suspicion: tuple[float, ...]
    share: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.suspicion or len(self.suspicion) != len(self.share):
            raise ValueError("suspicion and share must be lists of one length, not empty")
        if self.suspicion[0] != 0 or not _ascends(self.suspicion):
            raise ValueError("suspicion must start at 0 and ascend")
        if not _ascends(self.share[::-1]) or not 0 <= self.share[-1] <= self.share[0] <= 1:
            raise ValueError("share must fall, within 0 and 1")

    def at(self, suspicion: float) -> float:
        """The share of honest steps that score this or more; never too small."""
        return self.share[self._place(suspicion)]

    def start(self, suspicion: float) -> float:
        """Where the level begins that holds at this suspicion: what `at` really counts from."""
        return self.suspicion[self._place(suspicion)]

    def _place(self, suspicion: float) -> int:
        return max(bisect_right(self.suspicion, suspicion) - 1, 0)


class Stratum(msgspec.Struct, frozen=True):
    """Honest transcripts of like length.

    Attributes:
        groups: how many groups it holds.
        statistics: the latched statistic of each transcript, ascending.
        weights: of each, 1 / transcripts of its group in the stratum; empty where all are 1.
        up_to: most steps of the agent in it; None in the last one.

    Raises:
        ValueError: the lists do not fit, as in a file that was edited by hand.
    """

    groups: Annotated[int, msgspec.Meta(ge=1)]
    statistics: tuple[float, ...]
    weights: tuple[float, ...] = ()
    up_to: int | None = None

    def __post_init__(self) -> None:
        if len(self.statistics) < self.groups or not _ascends(self.statistics):
            raise ValueError("statistics must ascend, one or more a group")
        if self.weights and len(self.weights) != len(self.statistics):
            raise ValueError("weights must be as many as statistics, or none")
        if not all(0 < weight <= 1 for weight in self.weights):
            raise ValueError("weights must lie in (0, 1]")

    def tail(self, statistic: float) -> float:
        """Conformal p-value of a transcript's statistic."""
        count = bisect_right(self.statistics, statistic)
        as_low = sum(self.weights[:count]) if self.weights else count
        return min((1 + as_low) / (self.groups + 1), 1.0)


class CueReference(msgspec.Struct, frozen=True, kw_only=True):
    """The benign reference of one cue in one set of monitors.

    Attributes:
        alpha: share of honest steps that may be marked for this cue, in (0, 1).
        transcript_alpha: share of honest transcripts that may be flagged for it.
        groups: independent honest groups behind it.
        source: which data, for people.
        curves: the pooled monitors' own.
        strata: references of whole transcripts, short ones first; empty where the set has none.
    """

    alpha: float
    transcript_alpha: float
    groups: int
    source: str
    curves: dict[str, Curve]
    strata: tuple[Stratum, ...] = ()


class Calibration(msgspec.Struct, frozen=True):
    """What is known of honest agents, for one active set; stored with every run.

    Attributes:
        cues: the calibrated ones.
        apart: monitor → why it is not calibrated, for people.
    """

    cues: dict[Cue, CueReference] = {}
    apart: dict[str, str] = {}


UNCALIBRATED = Calibration()


class Tails:
    """A cue's reference, made ready to be asked often."""

    def __init__(self, reference: CueReference) -> None:
        self.reference = reference
        self._starts, self._mass = _pooled(reference.curves.values(), reference.groups)
        self.tail = cache(self._tail)

    @property
    def floor(self) -> float:
        """The smallest tail that this many groups can give."""
        return 1 / (self.reference.groups + 1)

    @property
    def threshold(self) -> float:
        """The suspicion from which a step is marked; infinite where none is rare enough."""
        alpha = self.reference.alpha
        return next((s for s in self._starts if is_rare(self._tail(s), alpha)), float("inf"))

    def mass(self, suspicion: float) -> float:
        """Honest groups' worth of steps that score this or more, all pooled monitors together."""
        return self._mass[bisect_right(self._starts, round(suspicion, DIGITS)) - 1]

    def _tail(self, suspicion: float) -> float:
        return min((1 + self.mass(suspicion)) / (self.reference.groups + 1), 1.0)

    def statistic(self, steps: Iterable[tuple[int, float]]) -> float:
        """The latched statistic of a transcript: the lower, the more suspicious.

        The minimum over k of k times the mass at the highest score among the first k steps: a
        union bound over the steps so far. It never rises when steps follow.

        Args:
            steps: (k, suspicion) in order, k counting the agent's steps from 1.
        """
        return latched(steps, self.mass)

    def transcript_tail(self, statistic: float, steps: int) -> float:
        """How rare an honest transcript of this length with such a statistic is.

        The largest over its own stratum and the longer ones, so that a flag stays when the
        transcript grows into the next one.
        """
        strata = self.reference.strata
        limits = [s.up_to for s in strata[:-1]]
        own = bisect_left([limit for limit in limits if limit is not None], steps)
        return max(stratum.tail(statistic) for stratum in strata[own:])


def tails_of(calibration: Calibration) -> dict[Cue, Tails]:
    """The references of all calibrated cues, ready to be asked."""
    return {cue: Tails(reference) for cue, reference in calibration.cues.items()}


def is_rare(tail: float, alpha: float) -> bool:
    """Whether a tail keeps within a share of the budget, rounding apart."""
    return tail <= alpha + 1e-12


def latched(steps: Iterable[tuple[int, float]], mass: Callable[[float], float]) -> float:
    """Min over k of k · mass(highest score among the first k); NEVER without a score.

    What is scored before the agent's first step (an observation, a brief) counts as its first:
    with k = 0 every transcript would be as rare as can be.
    """
    best, highest = NEVER, -1.0
    for k, suspicion in steps:
        if suspicion > highest:
            highest = suspicion
            best = min(best, max(k, 1) * mass(suspicion))
    return round(best, DIGITS)


def _ascends(values: Sequence[float]) -> bool:
    """Whether no value is smaller than the one before it, or NaN."""
    return all(a <= b for a, b in pairwise((*values[:1], *values)))


def _pooled(curves: Iterable[Curve], groups: int) -> tuple[list[float], list[float]]:
    """One step function for all: where it changes, and the mass from there on."""
    known: Sequence[Curve] = list(curves)
    starts = sorted({0.0, *(s for curve in known for s in curve.suspicion)})
    return starts, [groups * sum(curve.at(s) for curve in known) for s in starts]
