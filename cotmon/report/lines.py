"""Results for programs: JSON lines (schema 1) and CSV, one row a score."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from cotmon.records import CUES, Refusal, Result, StepResult

SCHEMA = 1
"""Fields may be added; those that stand here never change."""
_encode = msgspec.json.Encoder().encode
_ACTING = re.compile("[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""Characters that break lines or act in a terminal though JSON lets them stand as they are."""

CSV_HEADER = (
    "run", "transcript", "file", "position", "verdict", "step", "address", "message_id", "module",
    "channel", "monitor", "cue", "status", "value", "threshold", "tail", "suspicion", "marked",
    "reason",
)  # fmt: skip


def json_line(result: Result) -> str:
    """One transcript as one line of JSON, without newline."""
    transcript = result.transcript
    record = {
        "schema": SCHEMA,
        "run": result.run,
        "transcript": transcript.id,
        "source": msgspec.to_builtins(transcript.source),
        "format": transcript.source.format,
        "access": transcript.access,
        "verdict": result.verdict,
        "suspicion": _short(result.suspicion),
        "cues": {cue: _short(value) for cue, value in result.cues.items()},
        "coverage": msgspec.to_builtins(transcript.coverage),
        "labels": transcript.labels,
        "error": None,
        "agent": transcript.agent,
        "unscored": result.unscored,
        "steps": [_step(step) for step in result.steps],
    }
    return _line(record)


def json_refusal(refusal: Refusal, run: str) -> str:
    """One refused file, or place in it, as one line of JSON, without newline."""
    record = {
        "schema": SCHEMA,
        "run": run,
        "transcript": None,
        "source": {"file": refusal.file, "format": refusal.format, "position": None, "keys": {}},
        "format": refusal.format,
        "access": None,
        "verdict": None,
        "suspicion": None,
        "cues": dict.fromkeys(CUES),
        "coverage": [],
        "labels": {},
        "steps": [],
        "error": {"file": refusal.file, "line": refusal.line, "reason": refusal.reason},
    }
    return _line(record)


def _line(record: dict[str, Any]) -> str:
    return _ACTING.sub(lambda m: f"\\u{ord(m[0]):04x}", _encode(record).decode())


def csv_rows(result: Result) -> Iterator[tuple[Any, ...]]:
    """One row a score, in the order of `CSV_HEADER`."""
    transcript = result.transcript
    head = (
        result.run, transcript.id, transcript.source.file, transcript.source.position,
        result.verdict,
    )  # fmt: skip
    for item in result.steps:
        step = item.step
        for score in item.scores:
            yield (
                *head, step.id, step.address, step.message_id, step.module, step.channel,
                score.monitor, score.cue, score.status, score.value, score.threshold, score.tail,
                _short(item.suspicion), item.marked, score.reason,
            )  # fmt: skip


def _step(item: StepResult) -> dict[str, Any]:
    step = item.step
    return {
        "id": step.id,
        "address": step.address,
        "branch": step.branch,
        "index": step.index,
        "turn": step.turn,
        "message_id": step.message_id,
        "module": step.module,
        "parent": step.parent,
        "channel": step.channel,
        "provenance": step.provenance,
        "start": step.start,
        "end": step.end,
        "text": step.text,
        "tool": step.tool,
        "suspicion": _short(item.suspicion),
        "marked": item.marked,
        "cues": {cue: _short(value) for cue, value in item.cues.items()},
        "scores": [
            {
                "monitor": score.monitor,
                "cue": score.cue,
                "value": score.value,
                "threshold": score.threshold,
                "tail": score.tail,
                "status": score.status,
                "reason": score.reason,
                "spans": msgspec.to_builtins(score.spans),
            }
            for score in item.scores
        ],
    }


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
