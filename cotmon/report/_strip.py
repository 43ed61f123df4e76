"""Suspicion along the run: one bar a step, or a few steps, for each cue."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cotmon.records import CUES, Cue, Result, StepResult
from cotmon.report._words import Link, height, link

MOST_BARS = 400
WIDTH = 1000.0
HEIGHT = 48.0
WIDEST = 25.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One place of a strip. Geometry is text, so that the same input gives the same bytes.

    Attributes:
        link: the step to jump to: the highest of the bin.
        words: for the tooltip and the table: `0.83, marked`, `unscored`, `not read`.
        level: `marked`, `middle`, `low` or `` where there is no number.
        unscored: whether a score of this cue is missing here.
    """

    link: Link
    words: str
    level: str
    unscored: bool
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True, slots=True)
class Strip:
    """One cue along the run."""

    cue: str
    bars: list[Bar]
    used: str
    summary: str


@dataclass(frozen=True, slots=True)
class Strips:
    """All cues; `rows` is the same as a table: label, link, words by cue."""

    strips: list[Strip]
    rows: list[tuple[str, Link, list[str]]]
    size: int


def strips(result: Result) -> Strips:
    """At most 400 bars a cue; of binned steps the highest counts."""
    size = max(1, math.ceil(len(result.steps) / MOST_BARS))
    bins = [result.steps[at : at + size] for at in range(0, len(result.steps), size)]
    made = [_strip(cue, bins) for cue in CUES]
    rows = []
    for place, steps in enumerate(bins):
        first, last = link(steps[0].step), link(steps[-1].step)
        label = first.label if size == 1 else f"{first.label} to {last.label}"
        rows.append((label, first, [strip.bars[place].words for strip in made]))
    return Strips(made, rows, size)


def _strip(cue: Cue, bins: list[tuple[StepResult, ...]]) -> Strip:
    slot = min(WIDTH / max(len(bins), 1), WIDEST)
    bars = [_bar(cue, steps, place * slot, slot) for place, steps in enumerate(bins)]
    reached = sum(bar.level == "marked" for bar in bars)
    hatched = sum(bar.unscored for bar in bars)
    summary = f"{cue}: {reached:,} of {len(bars):,} bars marked, {hatched:,} with missing scores"
    return Strip(cue, bars, f"{slot * len(bins):.2f}", summary)


def _bar(cue: Cue, steps: tuple[StepResult, ...], x: float, slot: float) -> Bar:
    high = max(steps, key=lambda step: _value(step, cue))
    value = high.cues.get(cue)
    unscored = any(s.status == "unscored" and s.cue == cue for step in steps for s in step.scores)
    tall = 0.0 if value is None else max(height(value) * HEIGHT, 2.0)
    return Bar(
        link=link(high.step),
        words=_words(value, unscored),
        level=_level(value),
        unscored=unscored,
        x=f"{x:.2f}",
        y=f"{HEIGHT - tall:.2f}",
        width=f"{slot * 0.84:.2f}",
        height=f"{tall:.2f}",
    )


def _value(step: StepResult, cue: Cue) -> float:
    value = step.cues.get(cue)
    return -1.0 if value is None else value


def _level(value: float | None) -> str:
    if value is None:
        return ""
    return "marked" if value >= 0.5 else "middle" if height(value) >= 0.25 else "low"


def _words(value: float | None, unscored: bool) -> str:
    if value is None:
        return "unscored" if unscored else "not read"
    marked = ", marked" if value >= 0.5 else ""
    return f"{value:.2f}{marked}" + (", partly unscored" if unscored else "")
