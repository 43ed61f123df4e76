"""Scorers for Inspect: a sample, finished or of a log, to the scores that an export writes."""

# Inspect has an environment of its own.
# pyright: reportMissingImports=false
from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any

from anyio.to_thread import run_sync
from inspect_ai.event import Event
from inspect_ai.log import transcript
from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
from inspect_ai.solver import TaskState

from cotmon.engine import content_hash, load_monitors, result_of, score
from cotmon.engine.choice import DEFAULT_SET, choose
from cotmon.errors import FormatError
from cotmon.formats import SCORE_PREFIX
from cotmon.formats.inspect import sample_transcript
from cotmon.models import Models
from cotmon.records import CUES, Cue, Refusal, Result
from cotmon.report.inspect_log import VERDICT_SCORE, sample_scores

KEPT = 64
"""Results in memory, so that scorers of several cues read and score a sample once."""
RUN = "inspect score"


class _Reader:
    """Monitors, and the results of the samples that they read last."""

    def __init__(self, chosen: str, monitors: tuple[str, ...], model: str | None) -> None:
        choice = choose(list(monitors), [], judges=model is not None, set_name=chosen)
        self._monitors = load_monitors(choice.folders, Models(model))
        self._judging = choice.judging(self._monitors)
        self._results: OrderedDict[bytes, Result] = OrderedDict()
        self._lock = threading.Lock()

    def result(self, sample: bytes, header: dict[str, Any]) -> Result:
        """What a replay of the log would say of this sample.

        Raises:
            FormatError: it cannot be read.
        """
        with self._lock:
            if sample not in self._results:
                self._results[sample] = self._judged(sample, header)
                if len(self._results) > KEPT:
                    self._results.popitem(last=False)
            return self._results[sample]

    def _judged(self, sample: bytes, header: dict[str, Any]) -> Result:
        read = sample_transcript(sample, header)
        if isinstance(read, Refusal):
            raise FormatError(read.reason)
        batches = score([read], self._monitors, lambda _: {})
        (judged,) = (found for batch in batches for found in batch.finished)
        cards = [monitor.card for monitor in self._monitors]
        return result_of(judged, cards, RUN, self._judging, content_hash(read))


_readers: dict[tuple[Any, ...], _Reader] = {}
_loading = threading.Lock()


def _reader(chosen: str, monitors: str | list[str] | None, model: str | None) -> _Reader:
    names = tuple(monitors.split(",") if isinstance(monitors, str) else monitors or ())
    with _loading:
        key = (chosen, names, model)
        if key not in _readers:
            _readers[key] = _Reader(chosen, names, model)
        return _readers[key]


def _scorer(name: str, reader: _Reader) -> Scorer:
    """The score of this name; where there is none, unscored, which no mean counts."""

    async def scored(state: TaskState, target: Target) -> Score:
        data, header = _sample(state)
        try:
            result = await run_sync(partial(reader.result, data, header))
        except FormatError as error:
            return Score.unscored(reason="unreadable", explanation=error.reason)
        found = sample_scores(result).scores
        if name in found:
            return Score(**found[name])
        why = found[VERDICT_SCORE]
        return Score.unscored(
            reason="not scored", explanation=why["explanation"], metadata=why["metadata"]
        )

    return scored


def _sample(state: TaskState) -> tuple[bytes, dict[str, Any]]:
    """The sample and the header, as a log holds them: the history alone would miss branches."""
    events = [_dumped(event) for event in transcript().events if event.event != "score"]
    messages = [m.model_dump(mode="json", exclude_none=True) for m in state.messages]
    if not _ids_hold(messages, events):
        _without_ids([messages, events])
    sample: dict[str, Any] = {
        "id": state.sample_id, "epoch": state.epoch, "uuid": state.uuid,
        "metadata": state.metadata, "messages": messages, "events": events,
    }  # fmt: skip
    if errors := [event["error"] for event in events if event["event"] == "error"]:
        sample["error"] = errors[-1]
    data = json.dumps(sample, default=str).encode("utf-8", "backslashreplace")
    header: dict[str, Any] = {"status": "success", "eval": {"model": str(state.model)}}
    if b'"control_arena/' in data:
        header["plan"] = "control_arena"  # the names of its spans; the true plan is not shown
    return data, header


def _dumped(event: Event) -> dict[str, Any]:
    """Without what repeats the rest and may refer to attachments that no scorer is shown."""
    repeats: Any = {"call": True, "output": {"completion"}} if event.event == "model" else None
    return event.model_dump(mode="json", exclude_none=True, exclude=repeats)


def _ids_hold(messages: list[dict[str, Any]], events: list[dict[str, Any]]) -> bool:
    """Whether ids are the log's: where it has none, Inspect makes up new ones for each copy."""
    calls = [event for event in events if event["event"] == "model"]
    known = {m.get("id") for event in calls for m in event.get("input", [])}
    return not calls or not messages or any(m.get("id") in known for m in messages)


def _without_ids(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _without_ids(item)
    elif isinstance(value, dict):
        if "role" in value:
            value.pop("id", None)
        for item in value.values():
            _without_ids(item)


@scorer(metrics=[], name="verdict")
def verdict_scorer(
    set: str = DEFAULT_SET, monitors: str | list[str] | None = None, model: str | None = None
) -> Scorer:
    """`flag`, `incomplete` or `no-flag`; `inspect score LOG --scorer cotmon/verdict`.

    Args:
        set: which monitors.
        monitors: names or globs, in place of the set; with commas between them where it is text.
        model: for judges: URL#name.
    """
    return _scorer(VERDICT_SCORE, _reader(set, monitors, model))


def _cue_scorer(cue: Cue) -> Callable[..., Scorer]:
    @scorer(metrics=[mean(), stderr()], name=cue)
    def cue_scorer(
        set: str = DEFAULT_SET, monitors: str | list[str] | None = None, model: str | None = None
    ) -> Scorer:
        """Suspicion of the transcript for this cue: 0 to 1, flagged from 0.5 on."""
        return _scorer(SCORE_PREFIX + cue, _reader(set, monitors, model))

    return cue_scorer


cue_scorers: dict[Cue, Callable[..., Scorer]] = {cue: _cue_scorer(cue) for cue in CUES}
