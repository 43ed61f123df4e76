"""Who is honest and who attacks: from labels, from where a log was named, or from the log."""

from __future__ import annotations

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
    """Answers by id; what a log says itself counts where no label does.

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

    def transcript(self, transcript: Transcript) -> Label | None:
        """The label of a whole transcript; a target None where there is no answer."""
        label = self._find("transcript", transcript.id)
        return label or self._own(transcript)

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

    def _own(self, transcript: Transcript) -> Label | None:
        """What the place it was named in, or the log itself, says."""
        said = {**transcript.metadata, **transcript.labels}
        target = self.modes.get(transcript.source.file)
        if target is None:
            target = _MODES.get(str(said.get("mode", "")).lower())
        group = said.get("group")
        split = said.get("split")
        return None if target is None else Label(
            transcript.id, target, "transcript", transcript.id,
            split if isinstance(split, str) else "", group if isinstance(group, str) else "",
        )  # fmt: skip


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
    """Suspicions that another monitor left in the log: numbers of scorers so named."""
    scores = transcript.labels.get("scores")
    if not isinstance(scores, dict):
        return {}
    return {
        f"log: {name}": float(score["value"])
        for name, score in scores.items()
        if "suspicion" in str(name)
        and isinstance(score, dict)
        and isinstance(score.get("value"), int | float)
    }


def success_of(found: Mapping[str, float], success: str) -> float:
    """Whether an attack worked: all columns of `success` are true; NaN where one is unknown."""
    values = [found.get(name.strip(), float("nan")) for name in success.split("+")]
    return min(values) if all(v == v for v in values) else float("nan")


def _dicts(scores: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    return (score for score in scores.values() if isinstance(score, dict))


def _truth(raw: object) -> float | None:
    text = str(raw).strip().lower()
    if text in _YES:
        return 1.0
    return 0.0 if text in _NO else None
