"""`cotmon evaluate`: how well monitors tell attacks from honest work, and at what cost."""

from __future__ import annotations

import dataclasses
import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from cotmon.cli import _evaluations
from cotmon.cli._console import stderr, stdout
from cotmon.cli._evaluating import Asked, evaluated
from cotmon.cli._rates import parse_rate
from cotmon.engine.choice import DEFAULT_SET, choose
from cotmon.errors import UnknownNameError, UsageError
from cotmon.evaluate import Spec, read_labels, read_recorded
from cotmon.evaluate.control import PROTOCOLS
from cotmon.protocols.aggregation import AGGREGATIONS
from cotmon.protocols.control import check_assumptions
from cotmon.report.evaluation_table import print_evaluation
from cotmon.store import open_store


class Per(StrEnum):
    """What one case is."""

    step = "step"
    turn = "turn"
    transcript = "transcript"


class Shape(StrEnum):
    """What is printed on stdout."""

    table = "table"
    json = "json"


def command(
    paths: Annotated[
        list[str] | None, typer.Argument(help="Logs that say themselves which mode they are.")
    ] = None,
    honest: Annotated[list[str] | None, typer.Option(help="Honest logs; may be repeated.")] = None,
    attack: Annotated[list[str] | None, typer.Option(help="Attack logs; may be repeated.")] = None,
    labels: Annotated[
        Path | None, typer.Option(help="CSV: id,target[,level][,unit][,split][,group].")
    ] = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option(help="CSV of another monitor: id,monitor,score[,level]; may be repeated."),
    ] = None,
    monitor: Annotated[
        list[str] | None, typer.Option("-m", "--monitor", help="Run this one; may be repeated.")
    ] = None,
    set_name: Annotated[str, typer.Option("--set", help="Which set runs.")] = DEFAULT_SET,
    recorded_only: Annotated[
        bool, typer.Option("--recorded-only", help="Run no monitor; use recorded scores.")
    ] = False,
    model: Annotated[
        str | None, typer.Option(help="For judges: URL#name or recorded:FILE.")
    ] = None,
    per: Annotated[Per, typer.Option(help="What one case is.")] = Per.transcript,
    aggregate: Annotated[
        str, typer.Option(help=f"Steps to a case: {', '.join(AGGREGATIONS)}.")
    ] = Spec.aggregation,
    success: Annotated[
        str, typer.Option(help="Columns that make an attack a success, joined by +.")
    ] = Spec.success,
    assume: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE that protocols need; may be repeated.")
    ] = None,
    protocol: Annotated[
        list[str] | None, typer.Option(help=f"Also try: {', '.join(PROTOCOLS)}.")
    ] = None,
    attacker: Annotated[
        str, typer.Option(help="always, independent:RATE:ITEMS or selective:BELOW:CORRELATION.")
    ] = Spec.attacker,
    cascade: Annotated[
        list[str] | None,
        typer.Option(help="Ask this scorer only about the top 5 to 40 % of the first one."),
    ] = None,
    audits: Annotated[
        list[str] | None, typer.Option(help="Audit budget, as 1%; may be repeated.")
    ] = None,
    draws: Annotated[int, typer.Option(min=20, help="Bootstrap draws.")] = Spec.draws,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="Of everything that is drawn.")
    ] = Spec.seed,
    against: Annotated[
        str | None, typer.Option(help="Compare with this stored evaluation (id or `latest`).")
    ] = None,
    all_metrics: Annotated[
        bool, typer.Option("--all-metrics", help="Print every figure, not only the main ones.")
    ] = False,
    output: Annotated[Shape, typer.Option(help="What is printed on stdout.")] = Shape.table,
    report: Annotated[Path | None, typer.Option(help="Write an HTML report to this file.")] = None,
    db: Annotated[str | None, typer.Option(help="Database URL.")] = None,
) -> None:
    """Measures monitors on honest and attack transcripts, with intervals and baselines.

    The mode of a transcript comes from --labels, else from --honest and --attack, else from
    `mode` in the log. Unscored cases count as missed attacks and flagged honest runs in the
    pessimistic figures.
    """
    if aggregate not in AGGREGATIONS:
        raise UnknownNameError(aggregate, "aggregation", AGGREGATIONS)
    spec = Spec(
        per=per.value, aggregation=aggregate, draws=draws, seed=seed, success=success,
        assume=_assumed(assume or []),
        protocols=tuple(protocol or ()), cascades=tuple(cascade or ()), attacker=attacker,
        budgets=tuple(sorted({parse_rate(a, "--audits") for a in audits})) if audits
        else Spec.budgets,
    )  # fmt: skip
    if recorded_only and monitor:
        raise UsageError("--recorded-only runs no monitor; leave out -m")
    choice = None
    if not recorded_only:
        choice = choose(monitor or [], [], judges=model is not None, set_name=set_name)
    asked = Asked(
        paths=paths or [], honest=honest or [], attack=attack or [], choice=choice, model=model,
        labels=read_labels(labels) if labels is not None else [],
        recorded=read_recorded(list(scores or ())),
        tables=[*([labels] if labels is not None else []), *(scores or ())], db=db,
    )  # fmt: skip
    before = None
    if against is not None:
        before = _evaluations.load(open_store(db), against)
    found, undone = evaluated(asked, spec)
    name = _evaluations.save(open_store(db), found)
    if output is Shape.json:
        same = dataclasses.replace(found, run=None)  # a run has another name each time
        body = msgspec.json.format(msgspec.json.encode(dataclasses.asdict(same), order="sorted"))
        sys.stdout.buffer.write(body + b"\n")
    else:
        print_evaluation(stdout(), found, all_metrics=all_metrics, before=before)
    see = f"evaluation {name}; see: cotmon gate {name} --min-tpr 50% --at-fpr 1%"
    see += "" if db is None else f" --db {shlex.quote(db)}"
    stderr().print(see, soft_wrap=True)
    if report is not None:
        _evaluations.write_report(found, report, before)
    raise typer.Exit(2 if undone else 0)


def _assumed(words: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for word in words:
        name, _, value = word.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            raise UsageError(f"--assume takes NAME=VALUE, not {word!r}") from None
    check_assumptions(found)
    return found
