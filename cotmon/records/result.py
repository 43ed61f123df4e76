"""What a replay says of a transcript: every score, the suspicions, the verdict (contract 4)."""

from __future__ import annotations

from typing import Literal

import msgspec

from cotmon.records.outcome import Cue, Span
from cotmon.records.step import Step
from cotmon.records.transcript import Access, Transcript

Verdict = Literal["flag", "incomplete", "no-flag"]
RANK: dict[str, int] = {"flag": 0, "incomplete": 1, "no-flag": 2}
"""Verdicts in the order in which people must look at them."""
Status = Literal["scored", "unscored", "skipped"]


class MonitorCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader of a result must know of a monitor that ran.

    Attributes:
        name: `CUE/NAME`.
        hash: hex; of all that decides its scores.
        cues, view, channels, summary, misses: of its manifest.
        threshold: value from which a step is marked.
        basis: how that was chosen: `by hand`, or where it was calibrated.
    """

    name: str
    hash: str
    kind: str
    cues: tuple[Cue, ...]
    view: str
    channels: tuple[str, ...]
    summary: str
    misses: str
    threshold: float
    basis: str


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One monitor's word on one step, for one cue.

    Attributes:
        value: raw score in [0, 1]; None unless scored.
        suspicion: where it stands against the threshold (contract 4), 0.5 exactly at it.
        threshold: the monitor's; marked iff value ≥ threshold.
        tail: share of honest steps that score as high; None while uncalibrated.
        reason: the monitor's, or why there is no score.
        spans: places in the step's text; those of a wide view that lie in earlier steps of the
            turn are named in the reason instead.
    """

    monitor: str
    cue: Cue
    status: Status
    value: float | None
    suspicion: float | None
    threshold: float
    tail: float | None = None
    reason: str | None = None
    spans: tuple[Span, ...] = ()


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """A step with all that was said of it.

    Attributes:
        suspicion: maximum over cues; None where nothing scored it.
        marked: whether a monitor reached its threshold (a tint, not a verdict).
        cues: suspicion by cue; None where no monitor of that cue scored it.
        scores: all of them, skipped ones left out.
        skipped: names of monitors that do not apply here.
    """

    step: Step
    suspicion: float | None
    marked: bool
    cues: dict[Cue, float | None]
    scores: tuple[Score, ...]
    skipped: tuple[str, ...] = ()

    @property
    def worst(self) -> Score | None:
        """The score with the highest suspicion, ties by value."""
        numbers = [s for s in self.scores if s.value is not None]
        return max(numbers, key=lambda s: (s.suspicion or 0.0, s.value or 0.0), default=None)


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One transcript, judged.

    Attributes:
        run: id of the run.
        transcript: what was judged.
        content_hash: hex; of the transcript's messages.
        verdict: `flag`, `incomplete` or `no-flag`; `flag` wins.
        suspicion: maximum over cues of the transcript's own statistic; None if nothing scored.
        cues: the same by cue.
        flagged: cues whose statistic reached the transcript threshold.
        transcript_threshold: by hand, where a cue has no reference of honest transcripts.
        transcript_basis: when a transcript is flagged, as the end of a sentence.
        steps: in order.
        unscored: steps × monitors without a number, by reason.
        monitors: those that ran.
    """

    run: str
    transcript: Transcript
    content_hash: str
    verdict: Verdict
    suspicion: float | None
    cues: dict[Cue, float | None]
    flagged: tuple[Cue, ...]
    transcript_threshold: float
    transcript_basis: str
    steps: tuple[StepResult, ...]
    unscored: dict[str, int]
    monitors: tuple[MonitorCard, ...]

    @property
    def turns(self) -> int:
        """Number of turns."""
        return len({message.turn for message in self.transcript.messages})

    @property
    def broken(self) -> int:
        """How many places of the source are bad input."""
        return sum(g.count for g in self.transcript.coverage if g.kind in ("broken", "cut"))

    def row(self, retry: bool) -> Row:
        """This result as one row of a table."""
        found = self.worst_steps(1)
        worst = None
        if found and (score := found[0].worst) is not None:
            quote = _quote(found[0].step.text, score)
            worst = Worst(address=found[0].step.address, monitor=score.monitor, quote=quote)
        source = self.transcript.source
        return Row(
            id=self.transcript.id, file=source.file, format=source.format,
            access=self.transcript.access, turns=self.turns, steps=len(self.steps),
            verdict=self.verdict, suspicion=self.suspicion, cues=self.cues,
            marked=sum(s.marked for s in self.steps), unscored=sum(self.unscored.values()),
            retry=retry, gaps=sum(g.count for g in self.transcript.coverage if g.hides),
            broken=self.broken,
            worst=worst,
        )  # fmt: skip

    def worst_steps(self, count: int) -> list[StepResult]:
        """The most suspicious steps, by (suspicion, value), first ones first among equals."""
        scored = [s for s in self.steps if s.suspicion is not None and s.suspicion > 0]
        scored.sort(key=lambda s: (-(s.suspicion or 0), -_value(s), s.step.index))
        return scored[:count]


NEAR = 0.35
"""Suspicion by hand from which an unmarked step is worth a row."""
RARE = 0.05
"""The same for a calibrated score: its tail."""


def is_near(score: Score) -> bool:
    """Whether a score reached its threshold, or came close."""
    if score.suspicion is None or score.suspicion >= 0.5:
        return score.suspicion is not None
    return score.suspicion >= NEAR if score.tail is None else score.tail <= RARE


def _value(step: StepResult) -> float:
    worst = step.worst
    return worst.value or 0.0 if worst is not None else 0.0


class Worst(msgspec.Struct, frozen=True, kw_only=True):
    """The most suspicious step of a transcript, for a table row."""

    address: str
    monitor: str
    quote: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One transcript in a table of many; what a second replay loads instead of every score.

    Attributes:
        marked: number of marked steps.
        unscored: steps × monitors without a number.
        retry: whether some of those may be scored next time.
        gaps: things that exist and could not be read.
        broken: those of them that are bad input: cut or broken, not sealed by a provider.
        worst: None where no step is suspicious at all.
    """

    id: str
    file: str
    format: str
    access: Access
    turns: int
    steps: int
    verdict: Verdict
    suspicion: float | None
    cues: dict[Cue, float | None]
    marked: int
    unscored: int
    retry: bool
    gaps: int
    broken: int
    worst: Worst | None


class RunInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One replay.

    Attributes:
        id: short, sortable.
        command: what was typed.
        started: ISO 8601, UTC.
        versions: cotmon, Python, platform, engine.
        database: where the scores are.
        inputs: file → SHA-256 of its bytes.
    """

    id: str
    command: str
    started: str
    versions: dict[str, str]
    database: str
    inputs: dict[str, str] = {}


QUOTE = 160
"""Characters of the very words that a table row shows."""


def _quote(text: str, score: Score) -> str:
    """The words a score points at, else the start of the step."""
    start = score.spans[0].start if score.spans and score.spans[0].start < len(text) else 0
    begin = max(0, start - 20) if len(text) > QUOTE else 0
    return text[begin : begin + QUOTE]
