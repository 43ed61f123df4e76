"""From scores to suspicions and a verdict: one rule, everywhere (contract 4)."""

from __future__ import annotations

from collections.abc import Iterable

from cotmon.records import Cue, Score, Verdict


def suspicion(u: float, t: float) -> float:
    """Where a score stands against its threshold: 0.5 exactly at it, 1 at the very top.

    Args:
        u: value (threshold by hand) or 1 − tail (calibrated), in [0, 1].
        t: threshold by hand, or 1 − α; in (0, 1].
    """
    if u < t:
        return 0.5 * u / t
    return 1.0 if t >= 1 else 0.5 + 0.5 * (u - t) / (1 - t)


def is_marked(score: Score) -> bool:
    """Whether the score reaches its threshold."""
    return score.value is not None and score.value >= score.threshold


def cue_suspicions(scores: Iterable[Score], cues: Iterable[Cue]) -> dict[Cue, float | None]:
    """A step's suspicion for each cue: the maximum over its monitors; None where none scored."""
    result: dict[Cue, float | None] = dict.fromkeys(cues)
    for score in scores:
        if score.suspicion is not None:
            result[score.cue] = max(result.get(score.cue) or 0.0, score.suspicion)
    return result


def transcript_suspicion(worst_step: float | None, threshold: float) -> float | None:
    """A transcript's suspicion for a cue while its set is uncalibrated.

    The statistic is the worst step's suspicion, which never falls when steps follow (a flag,
    once raised, stays), mapped by the one rule through the set's threshold by hand.
    """
    return None if worst_step is None else suspicion(worst_step, threshold)


def verdict(flagged: bool, incomplete: bool) -> Verdict:
    """`flag` wins over `incomplete`."""
    if flagged:
        return "flag"
    return "incomplete" if incomplete else "no-flag"
