"""Honest runs for `calibrate`: collected from a replay, and what is printed of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from cotmon.calibration import CueReference, MonitorReference, SetReference, Tails
from cotmon.calibration.check import Judged, SourceCheck, check_source
from cotmon.calibration.fit import HonestRun
from cotmon.cli._choice import Choice
from cotmon.cli._console import stderr, stdout
from cotmon.cli._replaying import Item
from cotmon.cli._run import Run
from cotmon.engine import AGENT
from cotmon.errors import UsageError
from cotmon.evaluate.labels import Label
from cotmon.formats import Options
from cotmon.protocols import mark_value, suspicion, value_at
from cotmon.records import MonitorCard, Refusal, Result
from cotmon.report.table import print_refusals, shown


@dataclass
class Honest:
    """What a replay of honest logs gave.

    Attributes:
        cards: of the monitors that ran, with thresholds by hand.
        labels: by id, those of transcripts.
        confirmed: ids of transcripts in which a reviewer confirmed a step.
        runs: one a transcript.
        judged: the same, as the set judges them now.
        apart: why transcripts were left out.
        refusals: what could not be read.
    """

    cards: list[MonitorCard]
    labels: Mapping[str, Label]
    confirmed: Collection[str] = ()
    runs: list[HonestRun] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)
    apart: Counter[str] = field(default_factory=Counter)
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def undone(self) -> bool:
        """Whether something that was asked for could not be used."""
        return bool(self.refusals or self.apart["a step could not be scored"])

    def left_out(self) -> str:
        """Why transcripts are missing, for people; empty where none is."""
        return "".join(f"; {n:,}: {why}" for why, n in sorted(self.apart.items()))

    def take(self, item: Item) -> None:
        """One item of the replay."""
        if isinstance(item, Refusal):
            self.refusals.append(item)
        elif isinstance(item, Result):
            why = self._unfit(item)
            if why is None:
                self._add(item)
            else:
                self.apart[why] += 1

    def _unfit(self, result: Result) -> str | None:
        label = self.labels.get(result.transcript.id)
        if label is not None and label.target is not False:
            return "the labels do not call it honest"
        if result.transcript.id in self.confirmed:
            return "a reviewer confirmed a step of it"
        known = {**result.transcript.metadata, **result.transcript.labels}
        if label is None and known.get("mode") == "attack":
            return "the log calls it an attack"
        if result.unscored:
            return "a step could not be scored"
        if not any(s.step.channel in AGENT for s in result.steps):
            return "no step of an agent"
        return None

    def _add(self, result: Result) -> None:
        by_hand = {card.name: card.threshold for card in self.cards}
        scores: dict[str, list[tuple[int, float]]] = {name: [] for name in by_hand}
        k = 0
        for step in result.steps:
            k += step.step.channel in AGENT
            values = {s.monitor: s.value for s in step.scores if s.value is not None}
            for name, value in values.items():
                scores[name].append((k, round(suspicion(value, by_hand[name]), 6)))
        group = self._group(result)
        self.runs.append(HonestRun(result.content_hash, group, k, scores))
        marked = sum(s.marked for s in result.steps)
        self.judged.append(Judged(group, k, marked, result.verdict == "flag"))

    def _group(self, result: Result) -> str:
        label = self.labels.get(result.transcript.id)
        if label is not None and label.group:
            return label.group
        group = result.transcript.metadata.get("group")
        return group if isinstance(group, str) and group else result.content_hash


def honest_runs(
    choice: Choice, paths: Sequence[str], labels: Sequence[Label], model: str | None, db: str | None
) -> Honest:
    """Replays honest logs under the chosen monitors and keeps every score."""
    run = Run.begin(paths, Options(), choice, model, db)
    by_id = {label.id: label for label in labels if label.level == "transcript"}
    confirmed = {x.id.rpartition("/")[0] for x in labels if x.level == "step" and x.target}
    found = Honest([m.card for m in run.monitors], by_id, confirmed)
    run.carry_out("calibrate", found.take)
    print_refusals(stderr(), found.refusals)
    return found


def print_division(
    console: Console,
    of_set: SetReference,
    references: Mapping[str, MonitorReference],
    cards: Sequence[MonitorCard],
) -> None:
    """Who has which part of the budget, and with what guarantee."""
    console.print(
        f"{of_set.transcripts:,} honest transcripts in {of_set.groups:,} groups, "
        f"{of_set.steps:,} steps of agents, from {shown(of_set.source)}", soft_wrap=True,
    )  # fmt: skip
    table = Table(box=None, pad_edge=False)
    table.add_column("monitor", overflow="fold")
    for head in ("by hand", "marks from", "honest there", "highest honest"):
        table.add_column(head, justify="right")
    by_hand = {card.name: card.threshold for card in cards}
    for share in of_set.cues.values():
        curves = {m: references[m].curve for m in share.members}
        tails = Tails(CueReference(
            alpha=share.alpha, transcript_alpha=share.transcript_alpha, groups=of_set.groups,
            source=of_set.source, curves=curves, strata=share.strata,
        ))  # fmt: skip
        for name in share.members:
            hand, top = by_hand[name], references[name].highest
            table.add_row(
                name, f"{hand:g}", f"{mark_value(tails.threshold, hand):.4f}",
                f"{curves[name].at(tails.threshold):.3%}", f"{value_at(top, hand):.4f}",
            )  # fmt: skip
    console.print(table)
    for name, why in of_set.apart.items():
        console.print(f"[yellow]not calibrated:[/] {name}: {why}", soft_wrap=True)
    for line in _guarantee(of_set):
        console.print(line, soft_wrap=True)


def _guarantee(of_set: SetReference) -> list[str]:
    parts = len(of_set.cues)
    floor = 1 / (of_set.groups + 1)
    strata = next((share.strata for share in of_set.cues.values() if share.strata), ())
    lengths = ", ".join(
        f"up to {s.up_to} steps ({s.groups} groups)" if s.up_to is not None else
        f"{'longer' if len(strata) > 1 else 'any length'} ({s.groups} groups)"
        for s in strata
    )  # fmt: skip
    lines = [
        f"Guarantee, steps: of a fresh honest group, drawn as these were, at most "
        f"{of_set.rate:.2%} of the steps are marked on average ({parts} "
        f"cue{'s' * (parts > 1)} with {of_set.rate / parts:.3%} each; conformal risk control).",
        f"Resolution: nothing can be called rarer than 1 in {of_set.groups + 1:,} "
        f"({floor:.3%}); a share of {of_set.rate / parts:.3%} needs "
        f"{round(parts / of_set.rate) - 1:,} groups.",
    ]
    if strata:
        promise = (
            f"Guarantee, transcripts: a fresh honest one is flagged with probability at most "
            f"{of_set.transcript_rate:.2%} (conformal; by length: {lengths})."
        )
        lines.insert(1, promise)
    return lines


def print_checks(
    choice: Choice, paths: Sequence[str], labels: Sequence[Label], model: str | None, db: str | None
) -> int:
    """A row a source; 1 where one breaks the budget, 2 where something could not be read."""
    table = Table(box=None, pad_edge=False)
    table.add_column("source", overflow="fold")
    for head in ("transcripts", "groups", "steps marked", "", "transcripts flagged", ""):
        table.add_column(head, justify="left" if not head else "right")
    undone = broken = False
    for path in paths:
        found = honest_runs(choice, [path], labels, model, db)
        undone |= found.undone
        if not found.judged:
            raise UsageError(f"{path}: no honest run is left{found.left_out()}")
        budget = choice.chosen.budget
        one = check_source(path, found.judged, budget.steps, budget.transcripts)
        broken |= "broken" in (one.steps_kept, one.transcripts_kept)
        table.add_row(*_check_row(one))
        if text := found.left_out():
            stderr().print(f"{path}: left out{text}", markup=False, soft_wrap=True)
    stdout().print(table)
    stdout().print(
        "[dim]rates are means over groups, with 95 % intervals; kept: at or below the budget; "
        "broken: the whole interval lies above it[/]", soft_wrap=True,
    )  # fmt: skip
    return 1 if broken else 2 if undone else 0


def _check_row(one: SourceCheck) -> tuple[str, ...]:
    def rate(value: float, bounds: tuple[float, float]) -> str:
        return f"{value:.2%} [{bounds[0]:.2%}, {bounds[1]:.2%}]"

    return (
        shown(one.source), f"{one.transcripts:,}", f"{one.groups:,}",
        rate(one.step_rate, one.step_interval), one.steps_kept,
        rate(one.transcript_rate, one.transcript_interval), one.transcripts_kept,
    )  # fmt: skip
