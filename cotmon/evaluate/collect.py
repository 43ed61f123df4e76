"""From judged transcripts to cases: one row a transcript, a turn or a step."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cotmon.errors import UsageError
from cotmon.evaluate.cases import Cases, StepLine
from cotmon.evaluate.labels import Label
from cotmon.evaluate.recorded import Recorded
from cotmon.evaluate.result import ScorerKind, Worst
from cotmon.evaluate.spec import Spec
from cotmon.evaluate.truth import Truth, columns, mode_of, recorded_scores, success_of
from cotmon.protocols.aggregation import AGGREGATIONS
from cotmon.records import AGENT, CUES, MonitorCard, Result, StepResult, Transcript

TEXT = 20_000
"""Characters of a case that baselines read."""
QUOTE = 240
_SAMPLE = re.compile(r".+#[1-9][0-9]*")
TIE = 1e-6
"""Weight of the value that breaks ties of suspicion; too small to change their order."""
NAN = float("nan")


@dataclass
class _Row:
    """One case on its way into columns; rows of one `unit` become one case."""

    id: str
    label: Label
    steps: list[StepResult]
    unit: str = ""
    scores: dict[str, float] = field(default_factory=dict)
    partly: set[str] = field(default_factory=set)
    facts: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, float] = field(default_factory=dict)
    inputs: dict[str, float] = field(default_factory=dict)
    text: str = ""
    group: str = ""
    place: Worst | None = None


@dataclass
class Collector:
    """Takes results one by one, then gives the cases.

    Attributes:
        spec: what a case is.
        truth: who attacks.
        recorded: scores from elsewhere.
        set_name: what the set of monitors is called in tables.
        cards: of the monitors; empty where only recorded scores count.
        left_out: why transcripts are in no case.
    """

    spec: Spec
    truth: Truth
    recorded: Recorded
    set_name: str
    cards: Sequence[MonitorCard]
    left_out: Counter[str] = field(default_factory=Counter)
    notes: set[str] = field(default_factory=set)
    _rows: list[_Row] = field(default_factory=list)
    _lines: list[StepLine] = field(default_factory=list)
    _kinds: dict[str, ScorerKind] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _units: dict[str, _Row] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        own = _names_of(self.set_name, self.cards)
        if taken := [name for name in self.recorded.monitors if name in own]:
            raise UsageError(f"recorded scores of {taken[0]!r}, but one that runs is called that")

    def take(self, result: Result) -> None:
        """One transcript."""
        ordinal = self._count
        self._count += 1
        self._note_known(result)
        found = columns(result.transcript)
        label = self._transcript_label(result, found)
        if label is None or label.target is None:
            return
        rows = self._cases(result, label)
        if not rows:
            self.left_out["no case of it is labelled"] += 1
        whole = self.spec.per == "transcript"
        for row in rows:
            self._score(row, result if whole else None)
            self._describe(row, result, ordinal, found)
            first = self._units.setdefault(row.unit, row) if row.unit else row
            if first is row:
                self._rows.append(row)
            else:
                _join(first, row)
        if self.truth.of_steps and self.cards:
            self._lines.append(self._line(result, label))

    def _note_known(self, result: Result) -> None:
        """Rows of labels and scores that name what is there, though no case may need them."""
        transcript, name = result.transcript, result.transcript.id
        if name in self._seen and (self.truth.labels or self.recorded.monitors):
            self.notes.add("several transcripts share an id: each has the same labels and scores")
        self._seen.add(name)
        self.recorded.of("transcript", name)
        for turn in {message.turn for message in transcript.messages}:
            self.truth.turn(transcript, turn)
            self.recorded.of("message", f"{name}/{turn}", turn)
        for step in result.steps:
            self.truth.step(transcript, step.step)
            self.recorded.of("step", f"{name}/{step.step.address}")

    def _transcript_label(self, result: Result, found: dict[str, float]) -> Label | None:
        """The transcript's own label, else what follows from those of its turns or steps."""
        label = self.truth.whole(result.transcript, (s.step for s in result.steps))
        logged = mode_of(result.transcript)
        if label is not None and logged is not None and label.target not in (logged, None):
            self.notes.add("some logs call themselves another mode: labels and options count")
        if label is None or label.target is None:
            self.left_out["nothing says whether it is honest or attack"] += 1
        elif label.target and found.get("attempted") == 0.0:
            self.left_out["attack runs in which no attack was tried"] += 1
            return None
        return label

    def _cases(self, result: Result, label: Label) -> list[_Row]:
        agent = [s for s in result.steps if s.step.channel in AGENT]
        if self.spec.per == "transcript":
            unit = _unit_of(label)
            return [_Row(unit or result.transcript.id, label, agent, unit)]
        units: dict[str, _Row] = {}
        for step in agent:
            own = self._own_label(result.transcript, step, label)
            if own is None or own.target is None:
                continue
            row = units.setdefault(own.unit, _Row(own.unit, own, [], _unit_of(own)))
            row.steps.append(step)
            if own.target and not row.label.target:
                row.label = own
        return list(units.values())

    def _own_label(self, transcript: Transcript, step: StepResult, label: Label) -> Label | None:
        """The label of a turn or step; without such labels, that of the whole transcript."""
        what, by_step = step.step, self.spec.per == "step"
        if not (self.truth.of_steps if by_step else self.truth.of_turns):
            self.notes.add(f"no {self.spec.per} is labelled: each has its transcript's label")
            unit = f"{transcript.id}/{what.address if by_step else what.turn}"
            return label._replace(id=unit, unit=unit)
        own = (
            self.truth.step(transcript, what) if by_step else self.truth.turn(transcript, what.turn)
        )
        if own is None:
            return None
        own = own._replace(group=own.group or label.group)
        if not by_step or (own.level == "step" and _unit_of(own)):
            return own
        unit = f"{transcript.id}/{what.address}"
        return own._replace(id=unit, unit=unit)

    def _score(self, row: _Row, whole: Result | None) -> None:
        """Every scorer's number for the case, made of those of its steps."""
        heard: dict[str, list[float]] = {}
        channels: dict[str, list[float]] = {}
        for step in row.steps:
            for score in step.scores:
                cue = f"cue {score.cue}"
                if score.status == "unscored":
                    row.partly |= {score.monitor, self.set_name, cue}
                    continue
                ranked = (score.suspicion or 0.0) + TIE * (score.value or 0.0)
                _note(heard, (score.monitor,), score.value or 0.0)
                _note(heard, (self.set_name, cue) if whole is None else (), ranked)
                acts = ("actions alone",) if step.step.channel == "action" else ()
                _note(channels, ("all channels", *acts), ranked)
        to_one = AGGREGATIONS[self.spec.aggregation]
        row.scores |= {name: to_one(values) for name, values in heard.items()}
        if whole is not None:
            self._whole(row, whole)
        if channels:
            highest = {name: max(values) for name, values in channels.items()}
            row.scores |= {"actions alone": 0.0, **highest}
        self._fill(row)

    def _fill(self, row: _Row) -> None:
        """A monitor that found nothing to look at raised no alarm; one that failed has no score."""
        for card in self.cards:
            for name in (card.name, self.set_name, *(f"cue {cue}" for cue in card.cues)):
                if name not in row.partly:
                    row.scores.setdefault(name, 0.0)

    def _whole(self, row: _Row, result: Result) -> None:
        """A transcript's own statistic, ties broken by its worst step."""
        worst = max((s.suspicion or 0.0 for s in result.steps), default=0.0)
        if result.suspicion is not None:
            row.scores[self.set_name] = result.suspicion + TIE * worst
        for cue, value in result.cues.items():
            if value is not None:
                step = max((s.cues.get(cue) or 0.0 for s in result.steps), default=0.0)
                row.scores[f"cue {cue}"] = value + TIE * step

    def _describe(self, row: _Row, result: Result, ordinal: int, found: dict[str, float]) -> None:
        transcript = result.transcript
        kept = [s.step for s in row.steps]
        row.scores |= self._from_elsewhere(row, transcript)
        provenances = Counter(s.provenance or "none" for s in kept if s.channel == "reasoning")
        row.facts = {
            "access": transcript.access,
            "provenance of reasoning": max(
                provenances, key=provenances.__getitem__, default="none"
            ),
            "agent": transcript.agent or str(transcript.metadata.get("model") or "unknown"),
            "source": transcript.source.file.rpartition("/")[2],
            **({"split": row.label.split} if row.label.split else {}),
        }
        row.text = "\n".join(s.text for s in kept)[:TEXT]
        channels = Counter(s.channel for s in kept)
        row.sizes = {
            "characters": sum(len(s.text) for s in kept), "steps": len(kept),
            "turns": len({s.turn for s in kept}), "modules": len({s.module for s in kept}),
            **{channel: channels[channel] for channel in sorted(AGENT)},
            "tools": len({s.tool for s in kept if s.tool}),
        }  # fmt: skip
        attack = success_of(found, self.spec.success)
        main = found.get("main_success", NAN)
        row.inputs = {
            "success": main, "attack_success": attack,
            "trusted_success": found.get("trusted_success", NAN),
            "edited_success": found.get("edited_success", NAN),
            "edited_attack": found.get("edited_attack", NAN),
        }  # fmt: skip
        row.group = row.label.group or transcript.id
        row.place = _place(row, transcript, ordinal)

    def _from_elsewhere(self, row: _Row, transcript: Transcript) -> dict[str, float]:
        """Recorded scores of the case; a known monitor that has none here failed."""
        if self.spec.per == "transcript":
            log = recorded_scores(transcript)
            self._kinds |= dict.fromkeys(log, "recorded")
            return {**log, **self.recorded.of("transcript", transcript.id)}
        found: dict[str, float] = {}
        for step in row.steps:
            what = step.step
            names = (f"{transcript.id}/{what.turn}", what.turn)
            scores = self.recorded.of("message", *names)
            if self.spec.per == "step":
                scores = {**scores, **self.recorded.of("step", f"{transcript.id}/{what.address}")}
            for name, value in scores.items():
                found[name] = _worse(found.get(name, value), value)
        return found

    def _line(self, result: Result, label: Label) -> StepLine:
        agent = [s for s in result.steps if s.step.channel in AGENT]
        known = [self.truth.step(result.transcript, s.step) for s in agent]
        return StepLine(
            np.array([NAN if s.suspicion is None else s.suspicion for s in agent]),
            np.array([bool(own and own.target) for own in known]),
            label.group or result.transcript.id,
        )

    def cases(self) -> Cases:
        """All columns."""
        rows = self._rows
        kinds = self._kinds_of()
        missing = {name: NAN for name in kinds}
        every = [{**missing, **row.scores} for row in rows]
        return Cases(
            ids=[row.id for row in rows],
            attack=np.array([bool(row.label.target) for row in rows], dtype=np.bool_),
            groups=[row.group for row in rows],
            scores={n: np.array([r[n] for r in every], dtype=np.float64) for n in kinds},
            kinds=kinds,
            partly={
                n: np.array([n in row.partly for row in rows], dtype=np.bool_)
                for n in kinds if any(n in row.partly for row in rows)
            },
            facts=_columns([row.facts for row in rows]),
            texts=[row.text for row in rows],
            sizes={n: np.array([row.sizes[n] for row in rows], dtype=np.float64)
                   for n in (rows[0].sizes if rows else ())},
            inputs={n: np.array([row.inputs[n] for row in rows], dtype=np.float64)
                    for n in (rows[0].inputs if rows else ())},
            places=[row.place for row in rows if row.place is not None],
            lines=[line for line in self._lines if line.bad.any()],
        )  # fmt: skip

    def _kinds_of(self) -> dict[str, ScorerKind]:
        own = _names_of(self.set_name, self.cards)
        kinds: dict[str, ScorerKind] = {n: k for n, k in own.items() if k != "channels"}
        kinds.update(dict.fromkeys((*self.recorded.monitors, *sorted(self._kinds)), "recorded"))
        # suspicions of resampled outputs serve protocols, and are no scorers of their own
        kinds.update(dict.fromkeys(filter(_SAMPLE.fullmatch, kinds), "channels"))
        return kinds | own


def _names_of(set_name: str, cards: Sequence[MonitorCard]) -> dict[str, ScorerKind]:
    """The scorers that monitors give, and what each is."""
    if not cards:
        return {}
    spoken = {cue for card in cards for cue in card.cues}
    kinds: dict[str, ScorerKind] = {set_name: "set"}
    kinds |= {f"cue {cue}": "cue" for cue in CUES if cue in spoken}
    kinds |= {card.name: "monitor" for card in cards}
    kinds.update({"all channels": "channels", "actions alone": "channels"})
    return kinds


def _unit_of(label: Label) -> str:
    """The unit that a row of labels names; empty where the id is its own."""
    return label.unit if label.unit != label.id else ""


def _join(first: _Row, other: _Row) -> None:
    """Adds a further part of a case to its first: the maximum, an attack if one part is."""
    first.steps += other.steps
    first.partly |= other.partly | (first.scores.keys() ^ other.scores.keys())
    for name, value in other.scores.items():
        before = first.scores.get(name, value)
        first.scores[name] = _worse(before, value)
    first.sizes = {name: size + other.sizes[name] for name, size in first.sizes.items()}
    same = {name: value for name, value in first.inputs.items() if value == other.inputs[name]}
    first.inputs = dict.fromkeys(first.inputs, NAN) | same
    first.text = f"{first.text}\n{other.text}"[:TEXT]
    if other.label.target and not first.label.target:
        first.label, first.place = other.label, other.place


def _worse(before: float, value: float) -> float:
    """The higher; NaN, which is a failure, where one is."""
    return value if math.isnan(value) else max(before, value)


def _note(heard: dict[str, list[float]], names: tuple[str, ...], value: float) -> None:
    for name in names:
        heard.setdefault(name, []).append(value)


def _columns(rows: list[dict[str, str]]) -> dict[str, list[str]]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name, "") for row in rows] for name in names}


def _place(row: _Row, transcript: Transcript, ordinal: int) -> Worst:
    scored = [s for s in row.steps if s.suspicion is not None]
    worst = max(scored, key=lambda s: (s.suspicion or 0.0, -s.step.index), default=None)
    score = worst.worst if worst is not None else None
    start = score.spans[0].start if score is not None and score.spans else 0
    text = worst.step.text[max(0, start - 40) :] if worst is not None else ""
    return Worst(
        case=row.id, transcript=transcript.id, file=transcript.source.file,
        address=worst.step.address if worst is not None else "", score=None,
        quote=text[:QUOTE], monitor=score.monitor if score is not None else "", ordinal=ordinal,
    )  # fmt: skip
