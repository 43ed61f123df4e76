"""A step as reviewers see it: what stands around it, the very words, what monitors say of it."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from cotmon.records import Result, Score, Span, Step, StepResult
from cotmon.report.table import aside, one_line
from cotmon.text.display import escaped

AROUND = 3
"""Steps before and after that are shown."""
BRIEF = 400
"""Characters of such a step."""
LONG = 20_000
"""Characters of the step in question."""
TELLING = 0.25
"""Suspicion from which a monitor's word on a step is shown."""
QUOTE = 160
"""Characters of the quoted words in a monitor's line."""


def print_in_context(console: Console, found: Result, k: int, *, blind: bool) -> None:
    """The step at index `k` between its neighbours; blind, without a trace of any score."""
    _print(console, Text(f"transcript {one_line(found.transcript.id)}", "bold"))
    telling = [] if blind else _telling(found.steps[k])
    for near in found.steps[max(0, k - AROUND) : k + AROUND + 1]:
        step = near.step
        if step.index == k:
            _print(console, _head("▶", step, "bold"))
            spans = [span for score in telling for span in score.spans]
            _print_quoted(console, step, _highlighted(step.text[:LONG], spans), LONG)
        else:
            _print(console, _head(" ", step, "dim"))
            _print_quoted(console, step, Text(escaped(step.text[:BRIEF]), "dim"), BRIEF)
    for score in telling:
        _print_score(console, found.steps[k].step.text, score)


def _telling(found: StepResult) -> list[Score]:
    """What monitors say, the most suspicious first; those that could not say too."""
    said = [s for s in found.scores if s.value is None or (s.suspicion or 0.0) >= TELLING]
    return sorted(said, key=lambda s: -(s.suspicion or 0.0))


def _head(sign: str, step: Step, style: str) -> Text:
    tool = f" {one_line(step.tool)}" if step.tool else ""
    text = Text(f"{sign} [{step.address}] {one_line(step.module)} · {step.channel}{tool}", style)
    return text + Text.from_markup(aside(step, " · "), emoji=False)


def _highlighted(text: str, spans: Iterable[Span]) -> Text:
    """The text with the quoted words set off."""
    shown, at = Text(), 0
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        start = max(span.start, at)
        if start < span.end and start < len(text):
            shown.append(escaped(text[at:start]))
            shown.append(escaped(text[start : span.end]), "bold reverse")
            at = span.end
    return shown.append(escaped(text[at:]))


def _print_quoted(console: Console, step: Step, text: Text, most: int) -> None:
    """Every line of the log behind a bar, so that none can pass for one of ours."""
    text.rstrip()
    for line in text.split("\n", allow_blank=True):
        _print(console, Text("  │ ") + line)
    more = len(step.text) - most
    if more > 0:
        _print(console, Text(f"  … and {more:,} more characters", "dim"))


def _print_score(console: Console, text: str, score: Score) -> None:
    name, reason = one_line(score.monitor), f": {one_line(score.reason)}" if score.reason else ""
    if score.value is None:
        _print(console, Text(f"  {name} · {score.cue}: not scored{reason}"))
        return
    words = "".join(f" “{one_line(text[s.start : s.end][:QUOTE])}”" for s in score.spans[:3])
    figures = f"{score.value:.4f} of {score.threshold:g}"
    _print(console, Text(f"  {name} · {score.cue} {figures}{reason}{words}"))


def _print(console: Console, text: Text) -> None:
    console.print(text, soft_wrap=True)
