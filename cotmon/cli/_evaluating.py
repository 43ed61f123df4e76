"""From what was typed to an evaluation: replay, collect, evaluate."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cotmon.cli._console import Progress, stderr
from cotmon.cli._replaying import Item
from cotmon.cli._run import Run
from cotmon.cli._stored import run_info
from cotmon.engine import Judged, Judging, content_hash, result_of
from cotmon.engine.choice import Choice
from cotmon.engine.versions import versions
from cotmon.errors import UsageError
from cotmon.evaluate import (
    Collector,
    Evaluation,
    Label,
    Recorded,
    Spec,
    Truth,
    dataset_rows,
    evaluate,
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
        tables: the CSV files that labels and recorded scores come from.
    """

    paths: Sequence[str]
    honest: Sequence[str]
    attack: Sequence[str]
    choice: Choice | None
    model: str | None
    labels: Sequence[Label]
    recorded: Recorded
    tables: Sequence[Path]
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
    truth = Truth([*dataset_rows(asked.every), *asked.labels], _modes(asked))
    refusals: list[Refusal] = []
    if asked.choice is None:
        collector = Collector(spec, truth, asked.recorded, "", [])
        info = _read_only(asked, collector, refusals)
    else:
        collector, info = _replayed(asked, asked.choice, spec, truth, refusals)
    print_refusals(stderr(), refusals)
    if not (cases := collector.cases()).ids:
        raise UsageError(f"no case is left{_said(collector)}; see --labels, --honest, --attack")
    unknown = np.isnan(cases.inputs["attack_success"]).all()
    if unknown and spec.success != Spec.success:
        raise UsageError(f"no log says {spec.success!r}; --success names columns that logs have")
    found = evaluate(cases, spec)
    sources = {**info.pop("sources"), **_hashes(asked.tables)}
    unused = len(truth.unused()) + len(asked.recorded.unused())
    left_out = dict(sorted(collector.left_out.items()))
    if unused:
        left_out["rows of labels or scores that name nothing that was read"] = unused
    return replace(
        found, left_out=left_out, notes=(*found.notes, *sorted(collector.notes)),
        versions=versions(), sources=sources, **info,
    ), bool(refusals or unused)  # fmt: skip


def _modes(asked: Asked) -> dict[str, bool]:
    """File → whether it was named as attack."""
    real: dict[str, bool] = {}
    for paths, attack in ((asked.honest, False), (asked.attack, True)):
        for name in _names(paths):
            if real.setdefault(os.path.realpath(name), attack) is not attack:
                raise UsageError(f"{name} is named both as honest and as attack")
    every = {name: os.path.realpath(name) for name in _names(asked.every)}
    return {name: real[place] for name, place in every.items() if place in real}


def _names(paths: Sequence[str]) -> list[str]:
    """The files under these paths, as transcripts name them."""
    found = (file for file in find_files(paths) if not isinstance(file, Refusal))
    return ["-" if file is None else str(file) for file in found]


def _replayed(
    asked: Asked, choice: Choice, spec: Spec, truth: Truth, refusals: list[Refusal]
) -> tuple[Collector, dict[str, Any]]:
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


def _read_only(asked: Asked, collector: Collector, refusals: list[Refusal]) -> dict[str, Any]:
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
    files = [f for f in find_files(asked.every) if isinstance(f, Path)]
    return {"sources": _hashes(files)}


def _hashes(files: Iterable[Path]) -> dict[str, str]:
    """File → SHA-256 of its bytes."""
    found: dict[str, str] = {}
    for file in files:
        try:
            with file.open("rb") as data:
                name = str(file).encode("utf-8", "backslashreplace").decode()
                found[name] = hashlib.file_digest(data, "sha256").hexdigest()
        except OSError:
            continue  # reading it gave the refusal that says so
    return found


def _said(collector: Collector) -> str:
    return "".join(f"; {n:,}: {why}" for why, n in sorted(collector.left_out.items()))
