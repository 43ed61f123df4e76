"""Views to scores, whole (`score`) or a step at a time (`Session`, `LiveSession`)."""

from cotmon.engine.monitor import Monitor, load_monitor, load_monitors
from cotmon.engine.result import Judging, content_hash, result_of, score_of
from cotmon.engine.score import Batch, Judged, Known, score, storable
from cotmon.engine.session import LiveSession, Scorer, Session, StepOutcome

__all__ = [
    "Batch",
    "Judged",
    "Judging",
    "Known",
    "LiveSession",
    "Monitor",
    "Scorer",
    "Session",
    "StepOutcome",
    "content_hash",
    "load_monitor",
    "load_monitors",
    "result_of",
    "score",
    "score_of",
    "storable",
]
