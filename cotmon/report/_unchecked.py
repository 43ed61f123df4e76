"""What nobody looked at, and why: the second thing a page says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cotmon.records import CUES, UNREADABLE, Gap, Result, StepResult
from cotmon.report._words import ACCESS_MEANS, Link, count, link, listed

SHOWN = 8
"""Addresses printed for one reason; the rest is a number."""


@dataclass(slots=True)
class Missing:
    """Scores that are missing for one reason."""

    reason: str
    number: int = 0
    monitors: set[str] = field(default_factory=set)
    steps: dict[str, Link] = field(default_factory=dict)

    @property
    def more(self) -> int:
        """Steps beyond the printed ones."""
        return len(self.steps) - SHOWN

    @property
    def shown(self) -> list[Link]:
        """The first steps."""
        return list(self.steps.values())[:SHOWN]


@dataclass(frozen=True, slots=True)
class Unchecked:
    """All that a verdict does not rest on.

    Attributes:
        missing: scores that should be there, by reason.
        gaps: what the reader of the log could not read.
        unreadable: reasoning that exists and cannot be read: how, how often, in which turns.
        silent: monitors of the run without one number, and why.
        blind: cues for which there is no number at all.
        outside: steps that no monitor reads.
        access: what the kind of log means for the verdict.
    """

    missing: list[Missing]
    gaps: list[tuple[Gap, str]]
    unreadable: list[tuple[str, str, str]]
    silent: list[tuple[str, str]]
    blind: str
    outside: str
    access: str

    @property
    def nothing(self) -> bool:
        """Whether every score that should be there is."""
        return not (self.missing or self.gaps or self.unreadable or self.silent or self.blind)


def unchecked(result: Result) -> Unchecked:
    """Gather it from steps, messages and coverage."""
    return Unchecked(
        missing=_missing(result),
        gaps=[(gap, _place(gap)) for gap in result.transcript.coverage],
        unreadable=_unreadable(result),
        silent=_silent(result),
        blind=listed([cue for cue in CUES if result.cues.get(cue) is None]),
        outside=_outside(result.steps),
        access=ACCESS_MEANS[result.transcript.access],
    )


def _missing(result: Result) -> list[Missing]:
    found: dict[str, Missing] = {}
    for step in result.steps:
        for score in step.scores:
            if score.status != "unscored":
                continue
            reason = score.reason or "no reason given"
            entry = found.setdefault(reason, Missing(reason))
            entry.number += 1
            entry.monitors.add(score.monitor)
            entry.steps[step.step.id] = link(step.step)
    for reason, number in result.unscored.items():
        entry = found.setdefault(reason, Missing(reason))
        entry.number = max(entry.number, number)
    return sorted(found.values(), key=lambda entry: (-entry.number, entry.reason))


def _place(gap: Gap) -> str:
    line = f"line {gap.line:,}" if gap.line is not None else ""
    return ", ".join(part for part in (line, gap.where or "") if part) or "place unknown"


def _unreadable(result: Result) -> list[tuple[str, str, str]]:
    turns: dict[str, list[str]] = {}
    for message in result.transcript.messages:
        if message.provenance in UNREADABLE:
            turns.setdefault(message.provenance, []).append(message.turn)
    entries = []
    for provenance, where in sorted(turns.items()):
        rest = len(where) - SHOWN
        names = ", ".join(where[:SHOWN]) + (f" and {rest:,} more" if rest > 0 else "")
        entries.append((provenance, count(len(where), "piece"), names))
    return entries


def _silent(result: Result) -> list[tuple[str, str]]:
    numbers: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    for step in result.steps:
        for score in step.scores:
            (numbers if score.value is not None else failed)[score.monitor] += 1
    return [
        (
            card.name,
            f"all {count(failed[card.name], 'score')} are missing"
            if failed[card.name]
            else "it applies to no step of this run",
        )
        for card in result.monitors
        if not numbers[card.name]
    ]


def _outside(steps: tuple[StepResult, ...]) -> str:
    channels = Counter(step.step.channel for step in steps if not step.scores)
    return listed([count(n, f"{channel} step") for channel, n in sorted(channels.items())])
