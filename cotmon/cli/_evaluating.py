"""From what was typed to an evaluation: replay, collect, evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cotmon.cli._choice import Choice
from cotmon.cli._console import Progress, stderr
from cotmon.cli._replaying import Item
from cotmon.cli._run import Run
from cotmon.cli._stored import run_info
from cotmon.cli._versions import versions
from cotmon.content import dataset_labels, is_dataset
from cotmon.engine import Judged, Judging, content_hash, result_of
from cotmon.errors import UsageError
from cotmon.evaluate import (
    Collector,
    Evaluation,
    Label,
    Recorded,
    Spec,
    Truth,
    evaluate,
    read_labels,
)
from cotmon.formats import Options, find_files, missing, read
from cotmon.records import Refusal, Result, Transcript
from cotmon.report.table import print_refusals
from cotmon.segmentation import steps_of


@dataclass(frozen=True)
class Asked:
    """Logs, answers and scorers of one evaluation.

    Attributes:
        paths, honest, attack: logs; the last two say the mode of all they name.
        choice: which monitors run; None runs none.
    """

    paths: Sequence[str]
    honest: Sequence[str]
    attack: Sequence[str]
    choice: Choice | None
    model: str | None
    labels: Sequence[Label]
    recorded: Recorded
    db: str | None

    @property
    def every(self) -> list[str]:
        """All logs, each once."""
        return list(dict.fromkeys([*self.paths, *self.honest, *self.attack]))


def evaluated(asked: Asked, spec: Spec) -> tuple[Evaluation, bool]:
    """The evaluation, and whether something that was asked for could not be done.

    Raises:
        UsageError: no log was named, one is not there, or no case is left.
    """
    if not asked.every:
        raise UsageError("name logs: PATHS that say their mode, or --honest A --attack B")
    gone = [path for path in asked.every if missing(path)]
    if gone:
        raise UsageError(f"there is no such file or folder: {', '.join(gone)}")
    truth = Truth([*_own_labels(asked), *asked.labels], _modes(asked))
    refusals: list[Refusal] = []
    if asked.choice is None:
        collector = Collector(spec, truth, asked.recorded, "", [])
        info = _read_only(asked, collector, refusals)
    else:
        collector, info = _replayed(asked, asked.choice, spec, truth, refusals)
    print_refusals(stderr(), refusals)
    if not (cases := collector.cases()).ids:
        raise UsageError(f"no case is left{_said(collector)}; see --labels, --honest, --attack")
    found = evaluate(cases, spec)
    unused = len(truth.unused()) + len(asked.recorded.unused())
    left_out = dict(sorted(collector.left_out.items()))
    if unused:
        left_out["rows of labels or scores that name nothing that was read"] = unused
    return replace(
        found, left_out=left_out, notes=(*found.notes, *sorted(collector.notes)),
        versions=versions(), **info,
    ), bool(refusals or unused)  # fmt: skip


def _own_labels(asked: Asked) -> list[Label]:
    """Labels that data set folders bring with them."""
    files = [dataset_labels(Path(p)) for p in asked.every if is_dataset(Path(p))]
    return [label for file in files if file is not None for label in read_labels(file)]


def _modes(asked: Asked) -> dict[str, bool]:
    """File → whether it was named as attack."""
    modes: dict[str, bool] = {}
    for paths, attack in ((asked.honest, False), (asked.attack, True)):
        for file in find_files(paths):
            if isinstance(file, Refusal):
                continue
            name = "-" if file is None else str(file)
            if modes.setdefault(name, attack) is not attack:
                raise UsageError(f"{name} is named both as honest and as attack")
    return modes


def _replayed(
    asked: Asked, choice: Choice, spec: Spec, truth: Truth, refusals: list[Refusal]
) -> tuple[Collector, dict[str, object]]:
    run = Run.begin(asked.every, Options(), choice, asked.model, asked.db)
    name = f"{choice.set_name} set" if choice.set_name is not None else "these monitors"
    collector = Collector(spec, truth, asked.recorded, name, run.cards)

    def take(item: Item) -> None:
        if isinstance(item, Refusal):
            refusals.append(item)
        elif isinstance(item, Result):
            collector.take(item)

    run.carry_out("evaluate", take)
    hashes = {card.name: card.hash for card in run.cards}
    inputs = run_info(run.store, run.row).inputs
    return collector, {"run": run.row.id, "monitors": hashes, "sources": inputs}


def _read_only(asked: Asked, collector: Collector, refusals: list[Refusal]) -> dict[str, object]:
    """Reads without scoring, for recorded scores alone."""
    judging = Judging(1.0)
    with Progress("reading") as progress:
        for item in read(asked.every):
            if isinstance(item, Transcript):
                judged = Judged(item, steps_of(item))
                progress.add(len(judged.steps))
                collector.take(result_of(judged, [], "", judging, content_hash(item)))
            else:
                refusals.append(item)
    return {}


def _said(collector: Collector) -> str:
    return "".join(f"; {n:,}: {why}" for why, n in sorted(collector.left_out.items()))
