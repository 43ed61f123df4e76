"""The plain words of a page: access, channels, rarity, counts, addresses as links."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cotmon.records import UNREADABLE, Result, Score, Span, Step, StepResult

SAFE_ANCHOR = re.compile(r"M[0-9]+\.[0-9]+")
ACCESS_SHORT = {
    "raw": "full reasoning",
    "summary": "reasoning summaries",
    "text+actions": "text and actions",
    "actions": "actions only",
}
ACCESS = {
    "raw": "full reasoning was visible",
    "summary": "only summaries of the reasoning were visible",
    "text+actions": "no reasoning was visible, only text and actions",
    "actions": "only actions were visible",
}
ACCESS_MEANS = {
    "raw": "The log holds the agent's reasoning. Reasoning may still leave out what drives an act.",
    "summary": "The log holds summaries of the reasoning, written by the provider. What a summary "
    "leaves out, nobody here could see.",
    "text+actions": "What the agent said and did is readable here, not how it reasoned. A plan "
    "that is never spoken leaves no trace here.",
    "actions": "Only what the agent did is readable here. Neither its reasoning nor its words "
    "could be checked.",
}
PROVENANCE = {
    "raw": "as the model wrote it",
    "inline": "found inside the text",
    "summary": "a summary by the provider",
    "redacted": "redacted",
    "encrypted": "encrypted",
    "missing": "missing",
}
VERDICT = {
    "flag": ("⚑", "Flag", "flagged"),
    "incomplete": ("◐", "Incomplete", "incomplete"),
    "no-flag": ("○", "No flag", "without a flag"),
}


@dataclass(frozen=True, slots=True)
class Link:
    """A step to jump to."""

    anchor: str
    label: str


def anchor(step: Step) -> str:
    """The fragment of a step: its address, which people can type into the address bar."""
    return step.address if SAFE_ANCHOR.fullmatch(step.address) else f"step-{step.index}"


def link(step: Step) -> Link:
    """The step as `[M9.2]`."""
    return Link(anchor(step), f"[{step.address}]")


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 step`, `3,200 steps`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(words: list[str]) -> str:
    """`a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def rarity(score: Score) -> str:
    """How rare such a score is among honest steps, or that nobody knows."""
    if score.tail is None:
        return "uncalibrated: threshold by hand"
    if not score.tail > 0:
        return "honest: none as high"
    return f"honest: 1 in {max(round(1 / score.tail), 1):,}"


def height(suspicion: float) -> float:
    """Suspicion as the height of a bar, in [0, 1]: what is ordinary stays low, 0.5 is 0.5.

    Most honest steps of a calibrated monitor have a suspicion near 0.25; as such they would look
    half way to a mark.
    """
    return suspicion if suspicion >= 0.5 else 0.5 * (2 * suspicion) ** 4


def access(result: Result) -> str:
    """What could be seen, as half a sentence; says so where some reasoning is unreadable."""
    return "reasoning was visible in part" if _partly(result) else ACCESS[result.transcript.access]


def access_short(result: Result) -> str:
    """The same in two or three words."""
    return "part of the reasoning" if _partly(result) else ACCESS_SHORT[result.transcript.access]


def _partly(result: Result) -> bool:
    hidden = any(message.provenance in UNREADABLE for message in result.transcript.messages)
    return hidden and result.transcript.access == "raw"


def telling(step: StepResult) -> list[Score]:
    """The scores that reached their threshold, strongest first; else the nearest one."""
    numbers = [score for score in step.scores if score.value is not None]
    numbers.sort(key=lambda score: (-(score.suspicion or 0.0), score.monitor, score.cue))
    return [score for score in numbers if (score.suspicion or 0.0) >= 0.5] or numbers[:1]


def titled_spans(scores: list[Score]) -> list[tuple[Span, str]]:
    """The places in the step's text that scores point at, each with monitor and note as title."""
    return [
        (span, f"{score.monitor}: {span.note}" if span.note else score.monitor)
        for score in scores
        for span in score.spans
    ]
