"""Pure functions from scores to verdicts and decisions."""

from cotmon.protocols.verdict import (
    cue_suspicions,
    is_marked,
    suspicion,
    transcript_suspicion,
    verdict,
)

__all__ = [
    "cue_suspicions",
    "is_marked",
    "suspicion",
    "transcript_suspicion",
    "verdict",
]
