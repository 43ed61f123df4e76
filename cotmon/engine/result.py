"""Outcomes of one transcript to a result: suspicions, marks, verdict."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

import msgspec

from cotmon.engine.score import Judged
from cotmon.engine.views import WIDE, turn_offsets
from cotmon.protocols import (
    cue_suspicions,
    is_marked,
    suspicion,
    transcript_suspicion,
    verdict,
)
from cotmon.records import (
    CUES,
    Cue,
    MonitorCard,
    Outcome,
    Result,
    Score,
    Scored,
    Span,
    Step,
    StepResult,
    Transcript,
    Unscored,
)
from cotmon.segmentation import RULES

BY_HAND = "by hand, uncalibrated"
_encode = msgspec.json.Encoder().encode


def content_hash(transcript: Transcript) -> str:
    """32 hex digits over all a verdict rests on: messages, how they are cut, what is hidden."""
    parts = (RULES, transcript.hidden, transcript.messages)
    return hashlib.sha256(_encode(parts)).hexdigest()[:32]


def result_of(
    judged: Judged, monitors: Sequence[MonitorCard], run: str, threshold: float, content: str
) -> Result:
    """The result of one transcript.

    Args:
        judged: its steps and outcomes.
        monitors: those that ran, in the order of the outcome keys.
        run: id of the run.
        threshold: of the set, for transcripts.
        content: the transcript's `content_hash`.
    """
    by_step: list[list[tuple[int, Outcome]]] = [[] for _ in judged.steps]
    for (step, monitor), outcome in judged.outcomes.items():
        by_step[step].append((monitor, outcome))
    steps = tuple(
        _step_result(judged.steps, k, sorted(outcomes, key=lambda pair: pair[0]), monitors)
        for k, outcomes in enumerate(by_step)
    )
    worst: dict[Cue, float | None] = dict.fromkeys(CUES)
    unscored: Counter[str] = Counter()
    for step in steps:
        for cue, value in step.cues.items():
            if value is not None:
                worst[cue] = max(worst[cue] or 0.0, value)
        unscored.update(_unscored(step))
    cues: dict[Cue, float | None] = {
        cue: transcript_suspicion(worst[cue], threshold) for cue in CUES
    }
    flagged: tuple[Cue, ...] = tuple(cue for cue in CUES if (cues[cue] or 0.0) >= 0.5)
    numbers = [value for value in cues.values() if value is not None]
    return Result(
        run=run, transcript=judged.transcript, content_hash=content,
        verdict=verdict(bool(flagged), judged.transcript.hidden or bool(unscored)),
        suspicion=max(numbers, default=None), cues=cues, flagged=flagged,
        transcript_threshold=threshold, transcript_basis=BY_HAND, steps=steps,
        unscored=dict(sorted(unscored.items())), monitors=tuple(monitors),
    )  # fmt: skip


def _step_result(
    steps: Sequence[Step],
    index: int,
    outcomes: list[tuple[int, Outcome]],
    monitors: Sequence[MonitorCard],
) -> StepResult:
    scores: list[Score] = []
    present: set[int] = set()
    for k, outcome in outcomes:
        if isinstance(outcome, Scored) and monitors[k].view in WIDE and outcome.spans:
            outcome = _in_last_step(outcome, steps, index, monitors[k].channels)
        if isinstance(outcome, Scored | Unscored):
            present.add(k)
            scores.extend(_score(outcome, monitors[k], cue) for cue in monitors[k].cues)
    cues = cue_suspicions(scores, CUES)
    return StepResult(
        step=steps[index],
        suspicion=max((v for v in cues.values() if v is not None), default=None),
        marked=any(is_marked(s) for s in scores),
        cues=cues,
        scores=tuple(scores),
        skipped=tuple(m.name for k, m in enumerate(monitors) if k not in present),
    )


def _in_last_step(
    outcome: Scored, steps: Sequence[Step], index: int, channels: Sequence[str]
) -> Scored:
    """Spans of a turn's text, told of the step they are filed at; others are named by address."""
    first = index
    while first > 0 and steps[first - 1].turn == steps[index].turn:
        first -= 1
    turn = [s for s in steps[first : index + 1] if s.channel in channels]
    _, offsets = turn_offsets(turn)
    own: list[Span] = []
    elsewhere: list[str] = []
    for span in outcome.spans:
        k = bisect_right(offsets, span.start) - 1
        if k == len(turn) - 1:
            own.append(Span(span.start - offsets[k], span.end - offsets[k], span.note))
        elif turn[k].address not in elsewhere:
            elsewhere.append(turn[k].address)
    where = f" (in {', '.join(f'[{a}]' for a in elsewhere[:5])})" if elsewhere else ""
    return Scored(outcome.value, (outcome.reason or "") + where or None, tuple(own))


def _score(outcome: Scored | Unscored, card: MonitorCard, cue: Cue) -> Score:
    if isinstance(outcome, Unscored):
        return Score(
            monitor=card.name, cue=cue, status="unscored", value=None, suspicion=None,
            threshold=card.threshold, reason=outcome.reason,
        )  # fmt: skip
    return Score(
        monitor=card.name, cue=cue, status="scored", value=outcome.value,
        suspicion=suspicion(outcome.value, card.threshold), threshold=card.threshold,
        reason=outcome.reason, spans=outcome.spans,
    )  # fmt: skip


def _unscored(step: StepResult) -> list[str]:
    """Reasons, one for each monitor that left this step unscored."""
    missing = {s.monitor: s.reason for s in step.scores if s.status == "unscored"}
    return [f"{monitor}: {reason}" for monitor, reason in missing.items()]
