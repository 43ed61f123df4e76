"""A result as scores of an Inspect log, which Inspect's own viewer shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from cotmon.formats import SCORE_PREFIX, SampleScores
from cotmon.records import CUES, RANK, Cue, Result, Score, Step, StepResult
from cotmon.report._words import VERDICT, access, listed, rarity
from cotmon.text.display import escaped

VERDICT_SCORE = f"{SCORE_PREFIX}verdict"
MOST, FEWEST = 5, 3
"""Steps that an explanation names: marked ones, and the highest where fewer are marked."""
WORDS = 240
"""Characters of a quote or a reason."""
QUOTES = 3
_REPEATED = re.compile(r"~\d+\Z")
_BACKTICKS = re.compile("`+")


def sample_scores(result: Result) -> SampleScores:
    """The verdict, and of each cue that was looked for its suspicion.

    A cue that nothing could score has no entry, since Inspect knows no score without a value; the
    verdict's explanation and its metadata (`unscored_cues`) name it.
    """
    scores = {VERDICT_SCORE: _verdict(result)}
    for cue in _cues(result):
        if (value := result.cues.get(cue)) is not None:
            scores[SCORE_PREFIX + cue] = _cue(result, cue, round(value, 4))
    return SampleScores(result.transcript.source, scores)


def totals(samples: Sequence[SampleScores]) -> list[dict[str, Any]]:
    """What stands above the list of samples: a mean for each cue, and how many verdicts of each."""
    rows: list[dict[str, Any]] = []
    for name in (VERDICT_SCORE, *(SCORE_PREFIX + cue for cue in CUES)):
        values = [sample.scores[name]["value"] for sample in samples if name in sample.scores]
        if not values:
            continue
        metrics = (
            {verdict: values.count(verdict) for verdict in RANK}
            if name == VERDICT_SCORE
            else {"mean": round(sum(values) / len(values), 4)}
        )
        row = {
            "name": name, "scorer": name, "scored_samples": len(values),
            "unscored_samples": len(samples) - len(values), "params": {},
            "metrics": {k: {"name": k, "value": v, "params": {}} for k, v in metrics.items()},
        }  # fmt: skip
        rows.append(row)
    return rows


def _cues(result: Result) -> list[Cue]:
    looked_for = {cue for card in result.monitors for cue in card.cues}
    return [cue for cue in CUES if cue in looked_for]


def _verdict(result: Result) -> dict[str, Any]:
    cues = _cues(result)
    steps = _worst(result, None)
    lines = [
        _head(result),
        *(f"- {cue}: {_number(result.cues.get(cue))}" for cue in cues),
        *_paragraph("Not scored", result.unscored),
        *_paragraph("Not readable", _hidden(result)),
        *_steps(steps, None),
        *_footer(steps),
    ]
    metadata = _metadata(result, steps) | {
        "suspicion": None if result.suspicion is None else round(result.suspicion, 4),
        "flagged": list(result.flagged),
        "unscored_cues": [cue for cue in cues if result.cues.get(cue) is None],
        "unscored": result.unscored,
        "access": result.transcript.access,
        "monitors": [_card(result, card.name) for card in result.monitors],
    }
    return {"value": result.verdict, "explanation": "\n".join(lines), "metadata": metadata}


def _cue(result: Result, cue: Cue, value: float) -> dict[str, Any]:
    steps = _worst(result, cue)
    unscored = Counter(
        score.reason or "no reason given"
        for step in result.steps
        for score in step.scores
        if score.cue == cue and score.status == "unscored"
    )
    lines = [
        _head(result),
        f"- {cue}: {_number(value)}",
        *_paragraph("Not scored", unscored),
        *_steps(steps, cue),
        *_footer(steps),
    ]
    metadata = _metadata(result, steps) | {
        "flagged": cue in result.flagged,
        "unscored": dict(unscored),
        "monitors": [_card(result, card.name) for card in result.monitors if cue in card.cues],
    }
    return {"value": value, "explanation": "\n".join(lines), "metadata": metadata}


def _metadata(result: Result, steps: Iterable[StepResult]) -> dict[str, Any]:
    """What all entries hold; `scanner_references` make links of `[M3]` in Inspect's viewer."""
    turns = {_turn(s.step): _source_id(s.step) for s in steps}
    return {
        "verdict": result.verdict,
        "run": result.run,
        "transcript_threshold": result.transcript_threshold,
        "transcript_basis": result.transcript_basis,
        "scanner_references": [
            {"type": "message", "cite": f"[{turn}]", "id": id}
            for turn, id in turns.items() if id is not None
        ],
    }  # fmt: skip


def _card(result: Result, name: str) -> dict[str, Any]:
    card = next(card for card in result.monitors if card.name == name)
    return {"name": name, "hash": card.hash, "threshold": card.threshold, "basis": card.basis}


def _head(result: Result) -> str:
    sign, word, _ = VERDICT[result.verdict]
    flagged = f" for {listed(list(result.flagged))}" if result.flagged else ""
    return (
        f"{sign} {word}{flagged}; {access(result)}. Suspicion of the transcript, flagged from 0.5 "
        f"on (that is when {result.transcript_basis}):\n"
    )


def _number(value: float | None) -> str:
    return "not scored" if value is None else f"{value:.2f}"


def _hidden(result: Result) -> Counter[str]:
    hidden: Counter[str] = Counter()
    for gap in result.transcript.coverage:
        if gap.hides:
            hidden[gap.reason] += gap.count
    return hidden


def _paragraph(title: str, reasons: Mapping[str, int]) -> Iterator[str]:
    if reasons:
        yield f"\n{title}:\n"
        yield from (f"- {number:,} × {_verbatim(reason)}" for reason, number in reasons.items())


def _worst(result: Result, cue: Cue | None) -> list[StepResult]:
    """The most suspicious steps of a cue, or of all, by (suspicion, value), first ones first."""
    found = [(step, worst) for step in result.steps if (worst := _strongest(step, cue))]
    found = [(step, worst) for step, worst in found if worst[0].suspicion]
    found.sort(key=lambda pair: (-(pair[1][0].suspicion or 0), -(pair[1][0].value or 0)))
    return [
        step for place, (step, worst) in enumerate(found[:MOST])
        if place < FEWEST or (worst[0].suspicion or 0) >= 0.5
    ]  # fmt: skip


def _strongest(step: StepResult, cue: Cue | None) -> list[Score]:
    """The scores that reached their threshold, strongest first; else the nearest one."""
    numbers = [s for s in step.scores if s.suspicion is not None and cue in (None, s.cue)]
    numbers.sort(key=lambda s: (-(s.suspicion or 0), -(s.value or 0), s.monitor, s.cue))
    return [s for s in numbers if (s.suspicion or 0) >= 0.5] or numbers[:1]


def _steps(steps: Sequence[StepResult], cue: Cue | None) -> Iterator[str]:
    if steps:
        yield "\nMost suspicious steps:\n"
    for found in steps:
        step = found.step
        marked = any((s.suspicion or 0) >= 0.5 for s in _strongest(found, cue))
        tool = f" {_verbatim(step.tool)}" if step.tool else ""
        branch = f", on the abandoned line {_verbatim(step.branch)}" if step.branch else ""
        source = _source_id(step)
        message = f" (message {_verbatim(source)})" if source is not None else ""
        yield (
            f"- [{step.address}] {step.channel}{tool} of {_verbatim(step.module)}{branch}{message}"
            f"{'' if marked else ', below every threshold'}"
        )
        for score in _strongest(found, cue):
            yield from _word(step, score)


def _word(step: Step, score: Score) -> Iterator[str]:
    yield (
        f"  - {score.monitor} ({score.cue}): value {score.value or 0:.4g}, threshold "
        f"{score.threshold:.4g}, {rarity(score)}"
    )
    for quote in _quotes(step.text, score):
        yield f"    - {quote}"
    if score.reason:
        yield f"    - reason: {_verbatim(score.reason)}"


def _quotes(text: str, score: Score) -> list[str]:
    """The words a score points at, with what they mean; else the start of the step."""
    spans = (span for span in score.spans if 0 <= span.start < span.end <= len(text))
    quotes = [
        _verbatim(text[span.start : span.end]) + (f" ({_verbatim(span.note)})" if span.note else "")
        for span in islice(spans, QUOTES)
    ]
    return quotes or [_verbatim(text)]


def _footer(steps: Sequence[StepResult]) -> Iterator[str]:
    if steps:
        yield (
            "\nAddresses are cotmon's: M3.2 is the second step of the third turn. Where Inspect "
            "numbers messages itself, its numbers can differ; the message ids are the log's own."
        )


def _turn(step: Step) -> str:
    """`M3` of `M3.2`."""
    return step.address.split(".")[0]


def _source_id(step: Step) -> str | None:
    """The log's own id of the message; None where it had none and the turn is a number."""
    if f"M{step.turn}" == _turn(step):
        return None
    return _REPEATED.sub("", step.turn)


def _verbatim(text: str) -> str:
    """Text of a log as Markdown code on one line: nothing in it acts, nothing is hidden."""
    shown = escaped(text[:WORDS]).replace("\n", "⏎") + ("…" if len(text) > WORDS else "")
    fence = "`" * (max((len(run) for run in _BACKTICKS.findall(shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
