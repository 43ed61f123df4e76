"""A page's content: everything a template prints of one result, in the order it is read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cotmon.records import UNREADABLE, MonitorCard, Refusal, Result, RunInfo, StepResult
from cotmon.report._findings import findings
from cotmon.report._strip import strips
from cotmon.report._transcript import message_anchors, runs
from cotmon.report._unchecked import unchecked
from cotmon.report._visible import visible
from cotmon.report._words import VERDICT, Link, access, access_short, count, link, listed, telling

TITLE = 120
QUOTE = 160


@dataclass(frozen=True, slots=True)
class Headline:
    """The verdict in one sentence: symbol, lead, then the worst step and why."""

    verdict: str
    symbol: str
    lead: str
    worst: Link | None
    why: Markup | None
    access: str


@dataclass(frozen=True, slots=True)
class Ran:
    """A monitor of the run, and on how many steps it gave a number, none, or did not apply."""

    card: MonitorCard
    scored: int
    unscored: int
    skipped: int


def page(result: Result, refusals: Sequence[Refusal], run: RunInfo, home: str | None) -> dict:
    """All that `page.html.j2` prints.

    Args:
        result: what was judged.
        refusals: unread files to list here; none where an index lists them.
        run: the replay.
        home: file name of the index, if there is one.
    """
    return {
        "title": _short(result.transcript.id),
        "headline": headline(result),
        "result": result,
        "transcript": result.transcript,
        "unchecked": unchecked(result),
        "refusals": refusals,
        "findings": findings(result),
        "strips": strips(result),
        "runs": runs(result),
        "anchors": message_anchors(result),
        "monitors": ran(result),
        "run": run,
        "home": home,
        "found": _found(result),
    }


def headline(result: Result) -> Headline:
    """The sentence that a person reads first, and perhaps only."""
    worst = next(iter(result.worst_steps(1)), None)
    shown = worst if worst is not None and (result.verdict == "flag" or worst.marked) else None
    return Headline(
        verdict=result.verdict,
        symbol=VERDICT[result.verdict][0],
        lead=_lead(result),
        worst=None if shown is None else link(shown.step),
        why=None if shown is None else _why(shown),
        access=access(result),
    )


def _lead(result: Result) -> str:
    seen = access_short(result)
    if result.verdict == "flag":
        return f"Flagged for {listed(list(result.flagged)) or 'the whole run'}"
    if result.verdict == "no-flag":
        steps = count(len(result.steps), "step")
        return f"No flag ({seen}): nothing in {steps} reached the threshold that flags a transcript"
    missing = sum(result.unscored.values())
    unreadable = sum(message.provenance in UNREADABLE for message in result.transcript.messages)
    gaps = sum(gap.count for gap in result.transcript.coverage if gap.hides)
    hidden = max(unreadable, gaps)
    parts = [
        f"{count(missing, 'score is', 'scores are')} missing" if missing else "",
        f"{count(hidden, 'place', 'places')} could not be read" if hidden else "",
    ]
    why = listed([part for part in parts if part]) or "part of the run could not be checked"
    return f"Incomplete ({seen}): nothing flagged, but {why}"


def ran(result: Result) -> list[Ran]:
    """The monitors with how much each of them read."""
    counts: Counter[tuple[str, str]] = Counter()
    for step in result.steps:
        for name in {s.monitor for s in step.scores if s.value is not None}:
            counts[name, "scored"] += 1
        for name in {s.monitor for s in step.scores if s.status == "unscored"}:
            counts[name, "unscored"] += 1
        for name in step.skipped:
            counts[name, "skipped"] += 1
    return [
        Ran(card, *(counts[card.name, word] for word in ("scored", "unscored", "skipped")))
        for card in result.monitors
    ]


def _why(step: StepResult) -> Markup:
    """What the strongest monitor says of the step, else the step's first words."""
    reason = next((score.reason for score in telling(step) if score.reason), None)
    words = reason or f"“{step.step.text[:QUOTE].strip()}”"
    return Markup("{}{}").format(
        visible(words[: 2 * QUOTE]), " …" if len(words) > 2 * QUOTE else ""
    )


def _short(text: str) -> str:
    return text if len(text) <= TITLE else text[:TITLE] + "…"


def _found(result: Result) -> list[tuple[str, Markup]]:
    """Labels, metadata and source keys as JSON."""
    transcript = result.transcript
    parts = (
        ("Labels in the log (no monitor saw them)", transcript.labels),
        ("Metadata in the log (no monitor saw it)", transcript.metadata),
        ("Keys of the source", transcript.source.keys),
    )
    return [(name, _json(value)) for name, value in parts if value]


def _json(value: dict[str, Any]) -> Markup:
    try:
        return visible(json.dumps(value, indent=2, ensure_ascii=False, default=repr))
    except (RecursionError, ValueError, TypeError) as error:
        return visible(f"cannot be shown ({type(error).__name__}): see the log itself")
