"""The records that every room speaks: transcripts, steps, views and outcomes."""

from cotmon.records.outcome import (
    CUES,
    Cue,
    Outcome,
    Scored,
    Skipped,
    Span,
    Unscored,
    scored,
)
from cotmon.records.step import Step, parse_address
from cotmon.records.transcript import (
    LETTER,
    UNREADABLE,
    Access,
    Call,
    Channel,
    Gap,
    Message,
    Provenance,
    Refusal,
    Source,
    Transcript,
    access_of,
)
from cotmon.records.view import History, Part, View, ViewSize

__all__ = [
    "CUES",
    "LETTER",
    "UNREADABLE",
    "Access",
    "Call",
    "Channel",
    "Cue",
    "Gap",
    "History",
    "Message",
    "Outcome",
    "Part",
    "Provenance",
    "Refusal",
    "Scored",
    "Skipped",
    "Source",
    "Span",
    "Step",
    "Transcript",
    "Unscored",
    "View",
    "ViewSize",
    "access_of",
    "parse_address",
    "scored",
]
