"""Who is honest and who attacks: from labels, from where a log was named, or from the log."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cotmon.evaluate.labels import Label
from cotmon.records import Step, Transcript

_MODES = {"honest": False, "benign": False, "attack": True}
_YES = frozenset({"c", "1", "1.0", "true", "yes", "pass"})
_NO = frozenset({"i", "0", "0.0", "false", "no", "fail"})


@dataclass
class Truth:
    """Answers by id; what a place was named as, then what a log says, counts where no label does.

    Attributes:
        labels: rows of a labels file.
        modes: file → whether it was named as attack, for `--honest` and `--attack`.
        used: ids of labels that named something.
    """

    labels: Sequence[Label] = ()
    modes: Mapping[str, bool] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._by: dict[str, dict[str, Label]] = {"transcript": {}, "message": {}, "step": {}}
        for label in self.labels:
            self._by[label.level][label.id] = label

    @property
    def of_turns(self) -> bool:
        """Whether turns are labelled."""
        return bool(self._by["message"])

    @property
    def of_steps(self) -> bool:
        """Whether steps, or the turns that hold them, are labelled."""
        return bool(self._by["step"] or self._by["message"])

    def whole(self, transcript: Transcript, steps: Iterable[Step]) -> Label | None:
        """The label of a whole transcript; a target None where there is no answer.

        One bad turn or step makes it an attack, whatever the log says of itself.
        """
        label = self.labelled(transcript, steps)
        if label is None or not (label.level == "transcript" or label.target):
            label = self.said(transcript) or label
        if label is None:
            return None
        return label._replace(group=label.group or group_of(transcript))

    def labelled(self, transcript: Transcript, steps: Iterable[Step]) -> Label | None:
        """What the labels say of it: its own, else what those of its turns and steps come to."""
        label = self._find("transcript", transcript.id)
        if label is not None or not self.of_steps:
            return label
        found = [own for step in steps if (own := self.step(transcript, step)) is not None]
        if not found:
            return None
        targets = {own.target for own in found}
        target = True if True in targets else None if None in targets else False
        group = next((own.group for own in found if own.group), "")
        return Label(transcript.id, target, "step", transcript.id, "", group)

    def said(self, transcript: Transcript) -> Label | None:
        """What the place it was named in, or the log itself, says."""
        target = self.modes.get(transcript.source.file)
        if target is None:
            target = mode_of(transcript)
        split = {**transcript.metadata, **transcript.labels}.get("split")
        return None if target is None else Label(
            transcript.id, target, "transcript", transcript.id,
            split if isinstance(split, str) else "", group_of(transcript),
        )  # fmt: skip

    def turn(self, transcript: Transcript, turn: str) -> Label | None:
        """The label of a turn, by its own id or as `TRANSCRIPT/TURN`."""
        return self._find("message", f"{transcript.id}/{turn}", turn)

    def step(self, transcript: Transcript, step: Step) -> Label | None:
        """The label of a step as `TRANSCRIPT/M3.2`, else that of its turn."""
        own = self._find("step", f"{transcript.id}/{step.address}")
        return own or self.turn(transcript, step.turn)

    def unused(self) -> list[str]:
        """Ids of labels that named nothing that was read."""
        return [label.id for label in self.labels if label.id not in self.used]

    def _find(self, level: str, *names: str) -> Label | None:
        for name in names:
            if (label := self._by[level].get(name)) is not None:
                self.used.add(name)
                return label
        return None


def mode_of(transcript: Transcript) -> bool | None:
    """Whether a log calls itself an attack; None where it says nothing."""
    mode = {**transcript.metadata, **transcript.labels}.get("mode")
    return _MODES.get(mode.strip().lower()) if isinstance(mode, str) else None


def group_of(transcript: Transcript) -> str:
    """The scenario that a log names, numbers included; empty where it names none."""
    group = {**transcript.metadata, **transcript.labels}.get("group")
    return "" if group is None or group != group else str(group)


def columns(transcript: Transcript) -> dict[str, float]:
    """Yes-or-no columns of a log (`main_success`, `attempted` …) as 1 and 0.

    They are read from metadata, from labels, and from what Inspect's scorers put into one value.
    """
    found: dict[str, float] = {}
    scores = transcript.labels.get("scores")
    inner = [s.get("value") for s in _dicts(scores)] if isinstance(scores, dict) else []
    for values in (*inner, transcript.metadata, transcript.labels):
        if isinstance(values, dict):
            found |= {str(k): v for k, raw in values.items() if (v := _truth(raw)) is not None}
    for name in ("main", "side"):
        if (value := found.get(f"{name}_task_success")) is not None:
            found.setdefault(f"{name}_success", value)
    return found


def recorded_scores(transcript: Transcript) -> dict[str, float]:
    """Suspicions that another monitor left in the log: numbers of scorers so named.

    A number that is not finite is a failure, NaN.
    """
    scores = transcript.labels.get("scores")
    if not isinstance(scores, dict):
        return {}
    return {
        f"log: {name}": float(value) if abs(value) <= sys.float_info.max else math.nan
        for name, score in scores.items()
        if "suspicion" in str(name)
        and isinstance(score, dict)
        and isinstance(value := score.get("value"), int | float)
    }


def success_of(found: Mapping[str, float], success: str) -> float:
    """Whether an attack worked: all columns of `success` are true; NaN where one is unknown."""
    values = [found.get(name.strip(), float("nan")) for name in success.split("+")]
    return min(values) if all(v == v for v in values) else float("nan")


def _dicts(scores: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    return (score for score in scores.values() if isinstance(score, dict))


def _truth(raw: object) -> float | None:
    if isinstance(raw, int | float):
        return float(raw) if raw in (0, 1) else None
    text = raw.strip().lower() if isinstance(raw, str) else ""
    if text in _YES:
        return 1.0
    return 0.0 if text in _NO else None
