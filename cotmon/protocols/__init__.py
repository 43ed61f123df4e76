"""Pure functions from scores to verdicts and decisions."""

from cotmon.protocols.verdict import (
    cue_suspicions,
    is_marked,
    mark_value,
    suspicion,
    tail_suspicion,
    transcript_suspicion,
    value_at,
    verdict,
)

__all__ = [
    "cue_suspicions",
    "is_marked",
    "mark_value",
    "suspicion",
    "tail_suspicion",
    "transcript_suspicion",
    "value_at",
    "verdict",
]
