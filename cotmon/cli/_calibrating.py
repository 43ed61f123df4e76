"""Honest runs for `calibrate`: collected from a replay, and what is printed of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from cotmon.calibration import DIGITS, CueReference, MonitorReference, SetReference, Tails
from cotmon.calibration.check import JudgedRun, SourceCheck, check_source
from cotmon.calibration.fit import HonestRun, least_groups
from cotmon.cli._console import stderr, stdout
from cotmon.cli._replaying import Item
from cotmon.cli._run import Run
from cotmon.cli._stored import judging_of, result
from cotmon.engine import Judging, load_monitors
from cotmon.engine.choice import Choice
from cotmon.errors import UsageError
from cotmon.evaluate import Label, Truth, dataset_rows
from cotmon.evaluate.truth import group_of, mode_of
from cotmon.formats import Options
from cotmon.models import Models
from cotmon.protocols import mark_value, suspicion, value_at
from cotmon.records import AGENT, CUES, MonitorCard, Refusal, Result
from cotmon.report.table import print_refusals, shown
from cotmon.store import open_store
from cotmon.watching.honest import honest_from_watched
from cotmon.watching.settling import settle


@dataclass
class Honest:
    """What a replay of honest logs gave.

    Attributes:
        cards: of the monitors that ran, with thresholds by hand.
        truth: labels; of transcripts, and of turns and steps in them.
        budget: shares of steps and of transcripts that may be disturbed, as the set judges now.
        runs: one a transcript.
        judged: the same, as the set judges them now.
        apart: why transcripts were left out.
        refusals: what could not be read.
    """

    cards: list[MonitorCard]
    truth: Truth
    budget: tuple[float, float]
    runs: list[HonestRun] = field(default_factory=list)
    judged: list[JudgedRun] = field(default_factory=list)
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
        label = self._label(result)
        of_all = label is not None and label.level == "transcript"
        if label is not None and of_all and label.target is not False:
            return "the labels do not call it honest"
        if label is not None and label.target:
            return "a step of it was labelled bad, or confirmed by a reviewer"
        if not of_all and mode_of(result.transcript):
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
                if name not in scores:
                    continue  # a watch may run more monitors than are calibrated
                scores[name].append((k, round(suspicion(value, by_hand[name]), DIGITS)))
        group = self._group(result)
        self.runs.append(HonestRun(result.content_hash, group, k, scores))
        marked = sum(s.marked for s in result.steps)
        self.judged.append(JudgedRun(group, k, marked, result.verdict == "flag"))

    def _group(self, result: Result) -> str:
        label = self._label(result)
        named = label.group if label is not None else ""
        return named or group_of(result.transcript) or result.content_hash

    def _label(self, result: Result) -> Label | None:
        return self.truth.labelled(result.transcript, (s.step for s in result.steps))


def honest_runs(
    choice: Choice, paths: Sequence[str], truth: Truth, model: str | None, db: str | None
) -> Honest:
    """Replays honest logs under the chosen monitors and keeps every score."""
    run = Run.begin(paths, Options(), choice, model, db)
    cards = [m.card for m in run.monitors]
    found = Honest(cards, truth, _budget(choice, cards, run.judging))
    run.carry_out("calibrate", found.take)
    print_refusals(stderr(), found.refusals)
    return found


def watched_runs(choice: Choice, since: str, db: str | None) -> Honest:
    """The same from what was watched since then: the scores are stored, nothing is scored anew.

    Conversations in which a reviewer confirmed a step are left out, and so are those watched by
    monitors that have changed since.
    """
    store = open_store(db)
    settle(store)
    monitors = load_monitors(choice.folders, Models())
    cards = [m.card for m in monitors]
    found = Honest(cards, Truth(), _budget(choice, cards, choice.judging(monitors)))
    watched = honest_from_watched(store, since)
    if watched.confirmed:
        found.apart["a reviewer confirmed a step of it"] = len(watched.confirmed)
    active = {card.hash for card in cards}
    for run, ordinal in watched.honest:
        with store.reading() as connection:
            row = store.runs.find(connection, run)
            reading = store.runs.reading(connection, run, ordinal)
            known = {card.hash for card in store.runs.cards(connection, run)}
        if active <= known:
            found.take(result(store, row, reading, judging_of(store, row)))
        else:
            found.apart["it was watched by other monitors"] += 1
    return found


def _budget(choice: Choice, cards: Sequence[MonitorCard], judging: Judging) -> tuple[float, float]:
    """What was divided when the set was calibrated; where it was not, what the set's file says."""
    cues = sum(any(cue in card.cues for card in cards) for cue in CUES)
    known = list(judging.calibration.cues.values())
    steps = {cues * reference.alpha for reference in known}
    transcripts = {cues * reference.transcript_alpha for reference in known if reference.strata}
    asked = choice.chosen.budget
    return max(steps, default=asked.steps), max(transcripts, default=asked.transcripts)


def print_division(
    console: Console,
    of_set: SetReference,
    references: Mapping[str, MonitorReference],
    cards: Sequence[MonitorCard],
    *,
    whole: bool,
) -> None:
    """Who has which part of the budget, and with what guarantee.

    Args:
        console, of_set, references, cards: where to, and what.
        whole: whether a set keeps the reference of transcripts; monitors named one by one do not.
    """
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
    for line in _guarantee(of_set, whole) if any(s.members for s in of_set.cues.values()) else ():
        console.print(line, soft_wrap=True)


def _guarantee(of_set: SetReference, whole: bool) -> list[str]:
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
        f"{of_set.rate:.2%} of the steps are marked by these monitors on average ({parts} "
        f"cue{'s' * (parts > 1)} with {of_set.rate / parts:.3%} each; conformal risk control).",
        f"Resolution: nothing can be called rarer than 1 in {of_set.groups + 1:,} "
        f"({floor:.3%}); a share of {of_set.rate / parts:.3%} needs "
        f"{least_groups(of_set.rate / parts):,} groups.",
    ]
    if strata and whole:
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
    table.add_column("runs (groups)", justify="right")
    table.add_column("steps marked")
    table.add_column("transcripts flagged")
    undone = broken = False
    budget = (choice.chosen.budget.steps, choice.chosen.budget.transcripts)
    truth = Truth([*dataset_rows(paths), *labels])
    for path in paths:
        found = honest_runs(choice, [path], truth, model, db)
        undone, budget = undone | found.undone, found.budget
        if not found.judged:
            raise UsageError(f"{path}: no honest run is left{found.left_out()}")
        one = check_source(path, found.judged, *budget)
        broken |= "broken" in (one.steps_kept, one.transcripts_kept)
        table.add_row(*_check_row(one))
        if text := found.left_out():
            stderr().print(f"{path}: left out{text}", markup=False, soft_wrap=True)
    stdout().print(table)
    stdout().print(
        f"[dim]means over groups, with 95 % intervals; kept: at or below the budget of "
        f"{budget[0]:.3g} of steps and {budget[1]:.3g} of transcripts; "
        "broken: the whole interval lies above it[/]", soft_wrap=True,
    )  # fmt: skip
    say_unused(truth)
    return 1 if broken else 2 if undone else 0


def say_unused(truth: Truth) -> None:
    """Counts labels that name nothing that was read, such as those of attacks; it is no error."""
    if unused := len(truth.unused()):
        stderr().print(f"{unused:,} rows of labels name nothing that was read", soft_wrap=True)


def _check_row(one: SourceCheck) -> tuple[str, ...]:
    def rate(value: float, bounds: tuple[float, float], kept: str) -> str:
        low, high = (f"{bound * 100:.2f}" for bound in bounds)
        return f"{value * 100:.2f} % [{low}, {high}] {kept}"

    return (
        shown(one.source), f"{one.transcripts:,} ({one.groups:,})",
        rate(one.step_rate, one.step_interval, one.steps_kept),
        rate(one.transcript_rate, one.transcript_interval, one.transcripts_kept),
    )  # fmt: skip
