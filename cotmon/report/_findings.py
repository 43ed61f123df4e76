"""The few steps a person should read first, each with what stands around it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from cotmon.records import Result, Score, Span, Step, StepResult
from cotmon.report._visible import marked, visible
from cotmon.report._words import Link, link, rarity, telling, titled_spans

MOST = 10
FEWEST = 3
QUOTE = 700
LEAD = 200
NEIGHBOUR = 240
AROUND = 2


@dataclass(frozen=True, slots=True)
class Word:
    """One monitor's word on a step."""

    monitor: str
    cue: str
    value: str
    threshold: str
    reached: bool
    rarity: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A step before or after a finding, shortened."""

    link: Link
    who: str
    channel: str
    text: Markup


@dataclass(frozen=True, slots=True)
class Finding:
    """A step with its quote, its monitors and two steps either side."""

    link: Link
    who: str
    channel: str
    tool: str | None
    branch: str | None
    marked: bool
    suspicion: str
    quote: Markup
    words: list[Word]
    before: list[Neighbour]
    after: list[Neighbour]


def findings(result: Result) -> list[Finding]:
    """At most ten marked steps, worst first; where fewer are marked, the three highest."""
    worst = result.worst_steps(MOST)
    return [
        _finding(step, result) for place, step in enumerate(worst) if step.marked or place < FEWEST
    ]


def word(score: Score) -> Word:
    """A score as a person reads it."""
    return Word(
        monitor=score.monitor,
        cue=score.cue,
        value="–" if score.value is None else f"{score.value:.4g}",
        threshold=f"{score.threshold:.4g}",
        reached=score.value is not None and score.value >= score.threshold,
        rarity=rarity(score),
        reason=score.reason,
    )


def _finding(step: StepResult, result: Result) -> Finding:
    scores = telling(step)
    place = step.step.index
    return Finding(
        link=link(step.step),
        who=step.step.module,
        channel=step.step.channel,
        tool=step.step.tool,
        branch=step.step.branch,
        marked=step.marked,
        suspicion=f"{step.suspicion or 0:.2f}",
        quote=_quote(step.step.text, titled_spans(scores)),
        words=[word(score) for score in scores],
        before=[_neighbour(s.step) for s in result.steps[max(place - AROUND, 0) : place]],
        after=[_neighbour(s.step) for s in result.steps[place + 1 : place + 1 + AROUND]],
    )


def _quote(text: str, spans: list[tuple[Span, str]]) -> Markup:
    if len(text) <= QUOTE:
        return marked(text, spans)
    first = min((max(span.start, 0) for span, _ in spans), default=0)
    start = min(max(first - LEAD, 0), len(text) - QUOTE)
    end = start + QUOTE
    return Markup("").join(
        ["… " if start else "", marked(text, spans, start, end), " …" if end < len(text) else ""]
    )


def _neighbour(step: Step) -> Neighbour:
    cut = " …" if len(step.text) > NEIGHBOUR else ""
    text = visible(step.text[:NEIGHBOUR]) + cut
    return Neighbour(link(step), step.module, step.channel, text)
