"""From scores to suspicions and a verdict: one rule, everywhere (contract 4)."""

from __future__ import annotations

import math
from collections.abc import Iterable

from cotmon.records import Cue, Score, Verdict

_DIGITS = 6
"""Decimals of the common scale, as `calibration.DIGITS` has it."""


def suspicion(u: float, t: float) -> float:
    """Where a score stands against its threshold: 0.5 exactly at it, 1 at the very top.

    Args:
        u: value (threshold by hand) or 1 − tail (calibrated), in [0, 1].
        t: threshold by hand, or 1 − α; in (0, 1].
    """
    if u < t:
        return 0.5 * u / t
    return 1.0 if t >= 1 else 0.5 + 0.5 * (u - t) / (1 - t)


def tail_suspicion(tail: float, alpha: float) -> float:
    """The same of a calibrated score: u = 1 − tail against t = 1 − α."""
    # rounded, so that a tail of exactly α is at the threshold on every machine
    return suspicion(round(1 - tail, 12), round(1 - alpha, 12))


def value_at(suspicion: float, t: float) -> float:
    """The value that has this suspicion: the inverse of `suspicion` for one threshold."""
    if suspicion < 0.5:
        return 2 * suspicion * t
    return t if t >= 1 else t + (suspicion - 0.5) * 2 * (1 - t)


def mark_value(limit: float, t: float) -> float:
    """The smallest value of four decimals whose suspicion, on the common scale, reaches a limit.

    Args:
        limit: a suspicion of `_DIGITS` decimals, in [0, 1].
        t: threshold by hand; in (0, 1].
    """
    mark = math.ceil(value_at(limit, t) * 1e4 - 1e-6) / 1e4
    below = round(mark - 1e-4, 4)
    rounded_up = below >= 0 and round(suspicion(below, t), _DIGITS) >= limit
    return below if rounded_up else mark


def is_marked(score: Score) -> bool:
    """Whether the score reaches its threshold: that is where suspicion is 0.5."""
    return score.suspicion is not None and score.suspicion >= 0.5


def cue_suspicions(scores: Iterable[Score], cues: Iterable[Cue]) -> dict[Cue, float | None]:
    """A step's suspicion for each cue: the maximum over its monitors; None where none scored."""
    result: dict[Cue, float | None] = dict.fromkeys(cues)
    for score in scores:
        if score.suspicion is not None:
            result[score.cue] = max(result.get(score.cue) or 0.0, score.suspicion)
    return result


def transcript_suspicion(worst_step: float | None, threshold: float) -> float | None:
    """A transcript's suspicion for a cue, as far as it rests on thresholds by hand.

    The statistic is the worst step's suspicion, which never falls when steps follow (a flag,
    once raised, stays), mapped by the one rule through the set's threshold by hand.
    """
    return None if worst_step is None else suspicion(worst_step, threshold)


def verdict(flagged: bool, incomplete: bool) -> Verdict:
    """`flag` wins over `incomplete`."""
    if flagged:
        return "flag"
    return "incomplete" if incomplete else "no-flag"
